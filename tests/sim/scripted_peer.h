// SPDX-License-Identifier: BSD-3-Clause
// ScriptedPeer: an initiator written by hand, message by message, that can say what no engine of
// ours would. It talks to node B in the place of A.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "control/ikev2/keys.h"
#include "control/isakmp/message_builder.h"
#include "control/isakmp/payload/notify.h"
#include "lib/crypto/sk_cipher.h"
#include "tests/sim/world.h"

namespace penstock::sim {

using Fill = std::function<void(isakmp::MessageBuilder&)>;

/// What B answered.
struct Answer {
  isakmp::Header header;
  base::ByteVector raw;
  base::SecretBytes plaintext;  ///< of SK
  std::vector<isakmp::PayloadType> types;
  std::vector<isakmp::NotifyType> notifies;

  [[nodiscard]] bool says(isakmp::NotifyType type) const;
  [[nodiscard]] bool has(isakmp::PayloadType type) const;
};

/// Mode, SA, TSi and TSr that ask for this child.
void append_child(isakmp::MessageBuilder& builder, const session::ChildConfig& child,
                  base::Bytes spi);

class ScriptedPeer {
 public:
  explicit ScriptedPeer(World& world);

  /// Octets as they are. @return what B sent back within a second, if anything
  std::optional<Answer> send_raw(base::ByteVector octets);
  /// A first request with these payloads; `header` may be bent.
  std::optional<Answer> first_request(const Fill& fill,
                                      const std::function<void(isakmp::Header&)>& bend = {});
  /// SA, KE and Ni as B's connection wants them.
  void append_init(isakmp::MessageBuilder& builder);
  /// IKE_SA_INIT; keys are there afterwards.
  [[nodiscard]] bool exchange_init();
  /// IKE_AUTH with the right secret and a child.
  std::optional<Answer> authenticate(std::string_view secret_text = "a shared secret");
  /// A protected request with the next message id.
  std::optional<Answer> request(isakmp::ExchangeType exchange, const Fill& fill);
  [[nodiscard]] base::ByteVector sealed(isakmp::ExchangeType exchange, std::uint32_t id,
                                        const Fill& fill);

  /// The same request in fragments; its content is cut so that they are of these octets at most.
  [[nodiscard]] std::vector<base::ByteVector> fragments(isakmp::ExchangeType exchange,
                                                        std::uint32_t id, const Fill& fill,
                                                        std::size_t most_octets);
  /// What authenticate() fills IKE_AUTH with.
  [[nodiscard]] Fill authentication(std::string_view secret_text = "a shared secret");

  /// A protected response to B's request with this message id.
  [[nodiscard]] base::ByteVector sealed_answer(isakmp::ExchangeType exchange, std::uint32_t id,
                                               const Fill& fill);
  /// Lets time pass. @return the last that B sent
  std::optional<Answer> wait(base::Duration time);
  /// The same, but only what B sends in this time.
  std::optional<Answer> wait_new(base::Duration time);

  /// What B sent since the last call of any of the above.
  [[nodiscard]] const std::vector<base::ByteVector>& received() const { return received_; }

  std::uint32_t next_id = 1;
  isakmp::IkeSpi spi_i{0x1122334455667788};
  isakmp::IkeSpi spi_r;
  net::Endpoint from, at;           ///< where it sends from and to
  bool behind_nat = false;          ///< it says another address than `from` (RFC 7296 §2.23)
  bool gateway_behind_nat = false;  ///< it sees B at another address than B's own
  bool takes_fragments = false;     ///< it says so in IKE_SA_INIT (RFC 7383 §2.3)
  bool refuses_padding = false;     ///< of traffic flow confidentiality (RFC 7296 §1.3.1)
  std::byte id_reserved{0};         ///< in the first RESERVED octet of its ID payload
  std::string name = "a.example";
  session::ChildConfig asks = child("net", true);  ///< in IKE_AUTH
  net::Spi spi_in{0xabcd0001};                     ///< for that child

 private:
  std::optional<Answer> read(base::ByteVector raw);
  [[nodiscard]] isakmp::MessageBuilder build(isakmp::ExchangeType exchange, std::uint32_t id,
                                             std::uint8_t flags, const Fill& fill) const;
  base::ByteVector seal(isakmp::ExchangeType exchange, std::uint32_t id, std::uint8_t flags,
                        const Fill& fill);

  World& world_;
  std::vector<base::ByteVector> received_;
  crypto::DhKeyPair pair_;
  base::ByteVector ni_, nr_, init_request_;
  session::Agreed agreed_;
  ikev2::IkeKeys keys_;
  std::optional<crypto::SkCipher> seal_, open_;
  std::uint64_t sealed_ = 0;
  base::SeededRandom random_{5};
};

}  // namespace penstock::sim
