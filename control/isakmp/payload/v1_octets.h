// SPDX-License-Identifier: BSD-3-Clause
// Payloads of IKEv1 that are octets alone: KE, HASH, SIG, NONCE, NAT-D (RFC 2408 §3.7, §3.11 to
// §3.13, RFC 3947 §3.2). How many there are is the group's, the hash's or the key's affair.
#pragma once

#include "control/isakmp/v1_rules.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMinV1NonceOctets = 8;  ///< RFC 2409 §5
inline constexpr std::size_t kMaxV1NonceOctets = 256;
inline constexpr std::size_t kMaxV1HashOctets = 64;  ///< of SHA2-512

/// The octets of the body.
/// @return kKeyInformation, kHashInformation, kSignature, kNonce or kNat outside their limits
[[nodiscard]] V1Result<base::Bytes> read_v1_octets(const PayloadView& payload);

}  // namespace penstock::isakmp
