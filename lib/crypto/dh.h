// SPDX-License-Identifier: BSD-3-Clause
// Diffie-Hellman groups: key pairs and shared secrets. OpenSSL draws the private value itself, so
// both functions run as jobs (design §4.1), never inside the engine.
#pragma once

#include "lib/base/secret.h"
#include "lib/crypto/algorithms.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

/// A plain value, so that it can wait inside the engine while the peer answers.
struct DhKeyPair {
  DhGroupId group = DhGroupId::kNone;
  base::SecretBytes private_value;  ///< in the form that dh_shared_secret() reads
  base::ByteVector public_value;  ///< as in the KE payload (RFC 7296 §3.4, RFC 5903 §7, RFC 8031)
};

/// @return kUnsupported for a group that we do not have; kSystem if OpenSSL fails
[[nodiscard]] base::Result<DhKeyPair> dh_generate(const CryptoContext& context, DhGroupId group);

/// Checks the peer's value by RFC 6989 §2 (range for MODP, on the curve for ECP, not all zero for
/// X25519 and X448: RFC 8031 §2) before it computes.
/// @return kMalformed if the peer's value does not pass
[[nodiscard]] base::Result<base::SecretBytes> dh_shared_secret(const CryptoContext& context,
                                                               const DhKeyPair& own,
                                                               base::Bytes peer_public);

}  // namespace penstock::crypto
