// SPDX-License-Identifier: BSD-3-Clause
// Digital signatures: one row a scheme (RFC 7427, RFC 4754, RFC 8420), keys that sign and keys that
// verify. Certificates and chains are control/pki's.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "lib/base/secret.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

/// RSA keys outside of this are refused: weaker ones are weak, longer ones cost whoever verifies.
inline constexpr int kMinRsaBits = 2048;
inline constexpr int kMaxRsaBits = 8192;
inline constexpr int kMaxRsaExponentBits = 64;

/// DSA keys: their modulus.
inline constexpr int kMinDsaBits = 2048;
inline constexpr int kMaxDsaBits = 3072;

enum class KeyKind : std::uint8_t {
  kRsa,
  kEcdsaP256,
  kEcdsaP384,
  kEcdsaP521,
  kEd25519,
  kEd448,
  kDsa,  ///< signs for IKEv1 alone
};
[[nodiscard]] std::string_view name_of(KeyKind kind);

enum class SignatureFamily : std::uint8_t { kRsaPkcs1, kRsaPss, kEcdsa, kEd25519, kEd448 };

/// Hash algorithms of SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4, RFC 8420 §2).
enum class SignatureHash : std::uint16_t {
  kSha1 = 1,
  kSha256 = 2,
  kSha384 = 3,
  kSha512 = 4,
  kIdentity = 5,  ///< EdDSA hashes for itself
};

enum class SignatureScheme : std::uint8_t {
  kRsaPkcs1Sha1,  ///< only when asked for
  kRsaPkcs1Sha256,
  kRsaPkcs1Sha384,
  kRsaPkcs1Sha512,
  kRsaPssSha256,
  kRsaPssSha384,
  kRsaPssSha512,
  kEcdsaSha256,
  kEcdsaSha384,
  kEcdsaSha512,
  kEd25519,
  kEd448,
};

struct SignatureRow {
  SignatureScheme scheme;
  std::string_view name;
  SignatureFamily family;
  SignatureHash hash;
  const char* digest;       ///< OpenSSL's name; nullptr: the scheme hashes for itself
  std::string_view prefix;  ///< AlgorithmIdentifier, hexadecimal DER (RFC 7427 appendix A)
};

[[nodiscard]] std::span<const SignatureRow> signature_table();
[[nodiscard]] const SignatureRow& row_of(SignatureScheme scheme);
[[nodiscard]] bool can_make(KeyKind key, SignatureFamily family);

/// The AlgorithmIdentifier that goes before a signature of method 14.
[[nodiscard]] base::ByteVector algorithm_identifier(SignatureScheme scheme);
/// @param der  an AlgorithmIdentifier and nothing else; RSASSA-PSS has its parameters in it
/// @return kMalformed, kUnsupported
[[nodiscard]] base::Result<SignatureScheme> read_algorithm_identifier(base::Bytes der);

/// Names a public key: SHA-256 of its SubjectPublicKeyInfo.
using KeyId = std::array<std::byte, 32>;

/// A private key. It belongs to its context's thread.
class SigningKey {
 public:
  /// @param pkcs8  PrivateKeyInfo, DER, in clear
  /// @return kMalformed; kUnsupported for another kind or size of key
  [[nodiscard]] static base::Result<SigningKey> from_pkcs8(const CryptoContext& context,
                                                           base::Bytes pkcs8);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  [[nodiscard]] KeyKind kind() const;
  [[nodiscard]] const KeyId& id() const;
  /// @return the signature, ECDSA's as DER; kUnsupported if the key cannot make it
  [[nodiscard]] base::Result<base::ByteVector> sign(const CryptoContext& context,
                                                    SignatureScheme scheme,
                                                    base::Bytes octets) const;
  /// IKEv1's signature of a HASH, which is not hashed again: RSA by PKCS #1 block type 1 without
  /// the OID of a hash, DSA and ECDSA as r | s (RFC 2409 §5.1, RFC 4754 §7).
  /// @return kUnsupported for EdDSA
  [[nodiscard]] base::Result<base::ByteVector> sign_hash(const CryptoContext& context,
                                                         base::Bytes hash) const;

 private:
  friend EVP_PKEY* openssl_key(const SigningKey& key);
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A public key. It belongs to its context's thread.
class VerifyingKey {
 public:
  /// @param spki  SubjectPublicKeyInfo, DER
  /// @return kMalformed; kUnsupported for another kind or size of key, or an unnamed curve
  [[nodiscard]] static base::Result<VerifyingKey> from_spki(const CryptoContext& context,
                                                            base::Bytes spki);
  /// @param key  of a certificate; it is shared, not copied
  /// @return kUnsupported likewise
  [[nodiscard]] static base::Result<VerifyingKey> of(EVP_PKEY* key);
  VerifyingKey(VerifyingKey&&) noexcept;
  VerifyingKey& operator=(VerifyingKey&&) noexcept;
  ~VerifyingKey();

  [[nodiscard]] KeyKind kind() const;
  /// @param signature  ECDSA's as DER
  /// @return kAuthentication if it does not verify; kUnsupported if such a key makes none such
  [[nodiscard]] base::Result<void> verify(const CryptoContext& context, SignatureScheme scheme,
                                          base::Bytes octets, base::Bytes signature) const;
  /// What sign_hash() makes.
  /// @return kAuthentication, kMalformed for an r | s of another length, kUnsupported for EdDSA
  [[nodiscard]] base::Result<void> verify_hash(const CryptoContext& context, base::Bytes hash,
                                               base::Bytes signature) const;

 private:
  friend EVP_PKEY* openssl_key(const VerifyingKey& key);
  struct Impl;
  explicit VerifyingKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// ECDSA as r | s, each as long as the curve's order (RFC 4754 §7), and as DER.
/// @return kMalformed if it is neither, or too long for the curve
[[nodiscard]] base::Result<base::ByteVector> ecdsa_raw_of_der(KeyKind kind, base::Bytes der);
[[nodiscard]] base::Result<base::ByteVector> ecdsa_der_of_raw(KeyKind kind, base::Bytes raw);

}  // namespace penstock::crypto
