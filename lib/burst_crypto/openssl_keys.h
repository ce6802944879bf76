// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of the openssl engine share: what lies in a session's KeyMaterial.
#pragma once

#include <cstddef>
#include <cstdint>

// HMAC is done with the digests' own functions: EVP copies its contexts with an allocation each.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "lib/burst_crypto/session.h"

namespace penstock::burst_crypto {

union DigestState {
  MD5_CTX md5;
  SHA_CTX sha1;
  SHA256_CTX sha256;
  SHA512_CTX sha512;  ///< and SHA-384
};

/// One digest as plain data: a state is copied, not made.
struct DigestRow {
  crypto::IntegId id;
  std::size_t block_octets;
  std::size_t digest_octets;
  void (*init)(DigestState&);
  void (*update)(DigestState&, const void*, std::size_t);
  void (*final)(DigestState&, std::uint8_t*);
};

struct OpensslKeys {
  /// One a worker, keyed already, for the session's direction; nullptr where nothing is ciphered.
  EVP_CIPHER_CTX** cipher;
  /// Likewise, AES-CBC as a MAC's chain: AES-XCBC (under K1), AES-CMAC, AES-CCM; else nullptr.
  EVP_CIPHER_CTX** cbc_mac;
  std::uint32_t workers;
  std::uint8_t whole_block[16];  ///< XOR of the last block: RFC 3566 §4 K2, RFC 4493 §2.4 K1
  std::uint8_t part_block[16];   ///< if it had to be padded
  const DigestRow* digest;       ///< HMAC, else nullptr
  DigestState inner;             ///< after the inner and the outer pad (RFC 2104 §4)
  DigestState outer;
};
static_assert(sizeof(OpensslKeys) <= kKeyMaterialOctets);
static_assert(alignof(OpensslKeys) <= alignof(KeyMaterial));

[[nodiscard]] inline OpensslKeys& openssl_keys(KeyMaterial& keys) {
  return *reinterpret_cast<OpensslKeys*>(keys.octets);
}
[[nodiscard]] inline const OpensslKeys& openssl_keys(const Session& session) {
  return *reinterpret_cast<const OpensslKeys*>(session.keys->octets);
}

}  // namespace penstock::burst_crypto
