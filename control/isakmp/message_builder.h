// SPDX-License-Identifier: BSD-3-Clause
// MessageBuilder: a message payload by payload. It links the payloads and sets the lengths; the
// result is sent, and kept to be retransmitted octet for octet (RFC 7296 §2.1). A message may be
// sent in fragments (RFC 7383), each of them a message with a header of its own.
#pragma once

#include "control/isakmp/header.h"
#include "control/isakmp/message_view.h"
#include "lib/base/byte_io.h"
#include "lib/base/random.h"
#include "lib/crypto/sk_cipher.h"

namespace penstock::isakmp {

/// Use: construct, append_…(builder, …) for each payload, then finish() or seal() once.
class MessageBuilder {
 public:
  /// `header.next_payload` and `header.length` are set by finish() and seal().
  explicit MessageBuilder(const Header& header);

  /// A payload with this body. More than 65531 octets is a bug of the caller.
  void append(PayloadType type, base::Bytes body, bool critical = false);
  /// A payload whose body is written through the returned writer until end().
  [[nodiscard]] base::ByteWriter& begin(PayloadType type, bool critical = false);
  void end();

  /// Are there no payloads yet? (An empty INFORMATIONAL is legal: RFC 7296 §1.4.)
  [[nodiscard]] bool empty() const { return payloads_.size() == 0; }
  /// Octets of all payloads so far, generic headers included.
  [[nodiscard]] std::size_t payload_octets() const { return payloads_.size(); }

  /// Header and payloads in clear. The builder is empty afterwards.
  [[nodiscard]] base::ByteVector finish();
  /// Header and one SK payload that holds all payloads (RFC 7296 §3.14). The builder is empty
  /// afterwards.
  /// @param message_counter  never the same twice under one key: it is the IV of counter modes
  [[nodiscard]] base::ByteVector seal(const crypto::SkCipher& cipher, std::uint64_t message_counter,
                                      base::RandomSource& iv_source);
  /// Octets of the message that seal() makes.
  [[nodiscard]] std::size_t sealed_octets(const crypto::SkCipher& cipher) const;
  /// The same content cut into SKF payloads, a message each (RFC 7383 §2.5), one after another:
  /// next_message() takes them apart. The builder is empty afterwards.
  /// @param sealed  messages under this key so far; each fragment is one more, and has its own IV
  /// @param most_octets  of one of these messages; they are longer if there would be more than
  ///                     kMaxFragments
  [[nodiscard]] base::ByteVector seal_fragments(const crypto::SkCipher& cipher,
                                                std::uint64_t& sealed,
                                                base::RandomSource& iv_source,
                                                std::size_t most_octets);

 private:
  /// Empties the builder.
  [[nodiscard]] base::ByteVector take_payloads();

  Header header_;
  PayloadType first_ = PayloadType::kNone;
  std::size_t last_ = 0;  ///< offset of the last generic header
  bool open_ = false;
  base::ByteWriter payloads_;
};

/// The first of messages that stand one after another, by the length in its header; they are ours.
[[nodiscard]] base::Bytes next_message(base::Bytes messages);

}  // namespace penstock::isakmp
