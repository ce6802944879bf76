// SPDX-License-Identifier: BSD-3-Clause
// Two machines of IKEv1 without engine and network: outputs are carried out at once, datagrams wait
// until the test hands them over, and the test may look at keys: so it can say things behind the
// decryption that no honest peer says.
#pragma once

#include <deque>
#include <functional>

#include "control/ike/engine_io.h"
#include "control/ikev1/machine.h"
#include "control/pki/notary.h"
#include "lib/base/random.h"

namespace penstock::test {

class Ikev1End {
 public:
  Ikev1End(std::uint64_t seed, net::Endpoint local, session::ConnectionConfig config,
           std::shared_ptr<const pki::Vault> vault = {});

  /// Dials, and asks for the first children.
  void begin(std::size_t children = 1);
  void receive(const session::Datagram& datagram);
  void advance(base::Duration by);
  /// What a call of the machine puts out is carried out.
  void input(const std::function<void()>& call);

  /// The youngest ISAKMP SA; nullptr if there is none.
  [[nodiscard]] ikev1::IsakmpSa* sa();
  [[nodiscard]] std::size_t children();
  [[nodiscard]] bool said(std::string_view words) const;

 private:
  void carry_out(session::Output output);

  base::SeededRandom random_;
  crypto::CryptoContext context_;
  pki::Notary notary_;

 public:
  session::Services services;
  ikev1::Machine machine;
  session::Connection& connection;
  std::deque<session::Datagram> sent;  ///< as they arrive: `local` is the receiver's
  std::vector<session::Report> reports;
  std::vector<std::size_t> jobs;  ///< kinds of those that were started, as session::Job has them
};

struct Ikev1Pair {
  /// @param edit  of both ends' configuration
  /// @param vault  with the keys of both
  explicit Ikev1Pair(std::uint64_t seed,
                     const std::function<void(session::ConnectionConfig&)>& edit = {},
                     const std::shared_ptr<const pki::Vault>& vault = {});

  /// Hands over what waits until nobody says anything more.
  /// @param before  sees each datagram first, with its receiver and the number of the datagram
  void run(
      const std::function<void(Ikev1End& to, const session::Datagram&, std::size_t)>& before = {});
  [[nodiscard]] bool is_up();

  Ikev1End a;  ///< the initiator
  Ikev1End b;
};

/// An enciphered message of phase 2 to this end, deciphered with its own keys.
/// @return with padding; empty if it is none that it could read
[[nodiscard]] base::ByteVector open_phase2(Ikev1End& to, base::Bytes message);
/// The same, enciphered again under another message id, with the HASH that belongs to it.
/// @param inside  payloads, HASH in front, of right length
[[nodiscard]] session::Datagram seal_phase2(Ikev1End& to, const session::Datagram& model,
                                            base::ByteVector inside, std::uint32_t message_id);

/// A message of a Quick Mode, as seal_phase2() makes it, with its SA payloads changed.
[[nodiscard]] session::Datagram with_v1_sas(
    Ikev1End& to, const session::Datagram& model,
    const std::function<void(std::vector<isakmp::V1SaPayload>&)>& edit);
/// The same of one with a single SA payload.
[[nodiscard]] session::Datagram with_v1_sa(Ikev1End& to, const session::Datagram& model,
                                           const std::function<void(isakmp::V1SaPayload&)>& edit);

}  // namespace penstock::test
