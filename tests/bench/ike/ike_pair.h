// SPDX-License-Identifier: BSD-3-Clause
// IkePair: a hub and its spokes, two engines with real cryptography and nothing between them. What
// each end computes is clocked and weighed apart: engine, jobs and answers, as one control core
// does it all; sockets and the data plane are not there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/ike/engine.h"
#include "control/pki/notary.h"
#include "control/pki/vault.h"

namespace penstock::bench {

/// How both ends prove who they are, and with which group they agree on a key.
struct Method {
  std::string_view name;
  std::string_view auth;   ///< as in the JSON: psk, rsa2048, ecdsa256
  std::string_view group;  ///< as in a proposal: x25519
  const char* key;         ///< of the certificates; nullptr: PSK
  session::AuthMethod how;
  bool own_certificates;  ///< each spoke has its own, which the hub has not seen before
  bool own_secrets;       ///< each spoke has a secret of its own
  session::IkeVersion version = session::IkeVersion::kIkev2;

  /// With one certificate for all the spokes are one peer that comes again.
  [[nodiscard]] bool one_identity() const { return key != nullptr && !own_certificates; }
};

/// What one end has spent so far.
struct Spent {
  std::int64_t cpu_ns = 0;
  std::int64_t heap_octets = 0;
};

/// Datagrams on their way one way. Room is reserved beforehand, so that neither end pays for it.
struct Wire {
  struct Entry {
    net::Endpoint from, to;
    std::size_t at = 0, octets = 0;
  };
  std::vector<Entry> entries;
  base::ByteVector octets;

  void reserve(std::size_t datagrams);
  void add(const ike::Datagram& datagram);
  [[nodiscard]] ike::Datagram received(const Entry& entry) const;
  void clear();
};

/// One end: an engine with a job pool of no threads and a data plane that agrees to everything.
class End {
 public:
  explicit End(std::vector<net::IpAddress> addresses, std::shared_ptr<const pki::Vault> vault);

  void configure(ike::ConfigChange change);
  void up(const std::string& connection);
  /// Everything that waits for this end, and what follows from it.
  void work(base::MonoTime time, const Wire& arrived, Wire& sent);

  Spent spent;
  std::uint64_t answered = 0;  ///< commands
  std::uint64_t refused = 0;
  std::uint64_t jobs = 0;
  std::uint64_t datagrams = 0;
  std::string last_report;  ///< of a refusal
  [[nodiscard]] ike::Engine& engine() { return *engine_; }

 private:
  void drain(Wire& sent);
  void carry_out(ike::Output output, Wire& sent);

  crypto::CryptoContext context_;
  crypto::SystemRandom random_;
  std::shared_ptr<const pki::Vault> vault_;
  pki::Notary notary_;
  std::unique_ptr<ike::Engine> engine_;
  base::Now now_{};
  std::vector<ike::StartJob> todo_;
  std::vector<ike::SaToken> tokens_;
  std::vector<std::string> dials_;
  std::uint32_t wanted_spis_ = 0;
  std::uint32_t last_spi_ = 0x1000;
  std::uint64_t last_command_ = 0;
};

/// The hub has one connection for all; each spoke has an address and a connection of its own.
class IkePair {
 public:
  IkePair(const Method& method, std::size_t tunnels);

  /// Brings `count` more tunnels up, `flight` at a time.
  /// @return false if one was refused or none moves any more
  [[nodiscard]] bool bring_up(std::size_t count, std::size_t flight);

  /// The hub's CPU time so far, and the waiting.
  [[nodiscard]] base::MonoTime time() const { return time_; }
  [[nodiscard]] End& hub() { return *hub_; }
  [[nodiscard]] End& spokes() { return *spokes_; }

 private:
  void wave();
  /// Nothing is under way: until somebody repeats itself.
  void wait();

  std::size_t dialled_ = 0;
  base::Duration waited_{};
  base::MonoTime time_{};
  Wire to_hub_, to_spokes_;
  std::unique_ptr<End> hub_, spokes_;
};

/// The name of a spoke's connection.
[[nodiscard]] std::string spoke_name(std::size_t index);

}  // namespace penstock::bench
