// SPDX-License-Identifier: BSD-3-Clause
// Arithmetic of MODP groups (RFC 2409 §6, RFC 3526), for the groups of the table and for private
// ones alike. For the .cpp files of this room.
#pragma once

#include "lib/crypto/context_impl.h"
#include "lib/crypto/dh.h"

namespace penstock::crypto {

/// For secrets: computed with in constant time.
[[nodiscard]] BnPtr number(base::Bytes big_endian);
/// Zeros in front. @return false if it does not fit
[[nodiscard]] bool write_padded(const BIGNUM* value, base::MutableBytes out);

/// What an exponentiation wants prepared.
/// @param prime  odd
[[nodiscard]] ModpGroup modp_group_of(CryptoContext::Impl& impl, BnPtr prime);
/// Its `group` is kNone.
[[nodiscard]] base::Result<DhKeyPair> modp_key_pair(CryptoContext::Impl& impl,
                                                    const ModpGroup& group, const BIGNUM* generator,
                                                    std::size_t exponent_octets);
/// @return kMalformed if the peer's value is not between 1 and p-1 (RFC 6989 §2.1)
[[nodiscard]] base::Result<base::SecretBytes> modp_shared_secret(CryptoContext::Impl& impl,
                                                                 const ModpGroup& group,
                                                                 base::Bytes private_value,
                                                                 base::Bytes peer_public);

}  // namespace penstock::crypto
