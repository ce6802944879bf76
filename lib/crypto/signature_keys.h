// SPDX-License-Identifier: BSD-3-Clause
// What keys we take, as OpenSSL holds them: for the .cpp files of this room and of control/pki.
#pragma once

#include "lib/crypto/context_impl.h"
#include "lib/crypto/signature.h"

namespace penstock::crypto {

/// @return kUnsupported for another kind or size of key, or an unnamed curve
[[nodiscard]] base::Result<KeyKind> kind_of(EVP_PKEY* key);
/// SHA-256 of its SubjectPublicKeyInfo.
[[nodiscard]] base::Result<KeyId> id_of(EVP_PKEY* key);

struct SigningKey::Impl {
  PkeyPtr key;
  KeyKind kind;
  KeyId id;
};
struct VerifyingKey::Impl {
  PkeyPtr key;
  KeyKind kind;
};

/// Borrowed from the key.
[[nodiscard]] EVP_PKEY* openssl_key(const SigningKey& key);
[[nodiscard]] EVP_PKEY* openssl_key(const VerifyingKey& key);

/// Octets of r and of s; 0 if such a key has none.
[[nodiscard]] std::size_t scalar_octets(EVP_PKEY* key, KeyKind kind);
/// r | s of a DSA or ECDSA signature, each of so many octets, and back. @return kMalformed
[[nodiscard]] base::Result<base::ByteVector> raw_of_der(std::size_t scalar_octets, base::Bytes der);
[[nodiscard]] base::Result<base::ByteVector> der_of_raw(std::size_t scalar_octets, base::Bytes raw);

}  // namespace penstock::crypto
