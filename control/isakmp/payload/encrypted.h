// SPDX-License-Identifier: BSD-3-Clause
// Encrypted payload SK (RFC 7296 §3.14) and encrypted fragment SKF (RFC 7383 §2.5): opening one and
// reading what is in it.
#pragma once

#include <memory>
#include <string>

#include "control/isakmp/message_view.h"
#include "lib/base/secret.h"
#include "lib/crypto/sk_cipher.h"

namespace penstock::isakmp {

/// What was in an SK payload. The chain looks into the plaintext, which it owns.
class OpenedPayload {
 public:
  /// Verifies, deciphers and reads an SK payload (not a fragment: those are joined first).
  /// @return kNotFound if the message has no SK payload; kAuthentication if it does not verify;
  ///         what PayloadChain::parse() says of its content
  [[nodiscard]] static base::Result<OpenedPayload> open(const crypto::SkCipher& cipher,
                                                        const MessageView& message);

  [[nodiscard]] const PayloadChain& payloads() const { return chain_; }

 private:
  base::SecretBytes plaintext_;
  PayloadChain chain_;
};

/// "SK[84 octets]", "SKF[2 of 5, 500 octets]"
[[nodiscard]] std::string describe(const EncryptedView& payload);

}  // namespace penstock::isakmp
