// SPDX-License-Identifier: BSD-3-Clause
// A block cipher in CBC mode over whole blocks, without padding and integrity: what IKEv1 protects
// its messages with, which chains the IVs itself (RFC 2409 appendix B).
#pragma once

#include "lib/base/secret.h"
#include "lib/crypto/algorithms.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

/// Enciphers in place.
/// @param encr  a row of kind kBlock
/// @param key  key_bits / 8 octets; @param iv  and `data` whole blocks: anything else is a bug
void cbc_encrypt(const CryptoContext& context, const EncrRow& encr, base::Bytes key, base::Bytes iv,
                 base::MutableBytes data);
/// Deciphers in place. Whatever comes out: nothing here can tell whether it is right.
void cbc_decrypt(const CryptoContext& context, const EncrRow& encr, base::Bytes key, base::Bytes iv,
                 base::MutableBytes data);

}  // namespace penstock::crypto
