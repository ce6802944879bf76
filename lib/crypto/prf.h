// SPDX-License-Identifier: BSD-3-Clause
// Pseudo-random functions and their expansion (RFC 7296 §2.13), hashes and HMACs.
#pragma once

#include <initializer_list>

#include "lib/base/secret.h"
#include "lib/crypto/algorithms.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

/// prf(key, parts[0] | parts[1] | …)
/// @return row.output_octets octets
[[nodiscard]] base::SecretBytes prf(const CryptoContext& context, const PrfRow& row,
                                    base::Bytes key, std::initializer_list<base::Bytes> parts);

/// prf+(key, seed) = T1 | T2 | …, RFC 7296 §2.13.
/// @param octets  at most 255 * row.output_octets; more is a bug
[[nodiscard]] base::SecretBytes prf_plus(const CryptoContext& context, const PrfRow& row,
                                         base::Bytes key, std::initializer_list<base::Bytes> seed,
                                         std::size_t octets);

/// SHA-1 for NAT detection (RFC 7296 §2.23), or any digest by OpenSSL's name.
[[nodiscard]] base::ByteVector hash(const CryptoContext& context, std::string_view openssl_digest,
                                    std::initializer_list<base::Bytes> parts);

/// The truncated ICV of an integrity algorithm.
/// @return row.icv_octets octets
[[nodiscard]] base::ByteVector integrity(const CryptoContext& context, const IntegRow& row,
                                         base::Bytes key, std::initializer_list<base::Bytes> parts);

}  // namespace penstock::crypto
