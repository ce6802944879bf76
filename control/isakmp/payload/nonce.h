// SPDX-License-Identifier: BSD-3-Clause
// Nonce payload (RFC 7296 §3.9).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMinNonceOctets = 16;
inline constexpr std::size_t kMaxNonceOctets = 256;
/// Ours: at least half the key size of the PRF (RFC 7296 §2.10); enough for SHA-512.
inline constexpr std::size_t kOwnNonceOctets = 32;

struct NoncePayload {
  base::Bytes data;  ///< kMinNonceOctets to kMaxNonceOctets
};

/// @return kMalformed outside the limits of §3.9
[[nodiscard]] base::Result<NoncePayload> parse_nonce(base::Bytes body);
void append_nonce(MessageBuilder& builder, base::Bytes data);
[[nodiscard]] std::string describe(const NoncePayload& payload);  ///< "No[32 octets]"

}  // namespace penstock::isakmp
