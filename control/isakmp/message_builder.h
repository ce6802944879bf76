// SPDX-License-Identifier: BSD-3-Clause
// MessageBuilder: a message payload by payload. It links the payloads and sets the lengths; the
// result is sent, and kept to be retransmitted octet for octet (RFC 7296 §2.1).
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

 private:
  Header header_;
  PayloadType first_ = PayloadType::kNone;
  std::size_t last_ = 0;  ///< offset of the last generic header
  bool open_ = false;
  base::ByteWriter payloads_;
};

}  // namespace penstock::isakmp
