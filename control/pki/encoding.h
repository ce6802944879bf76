// SPDX-License-Identifier: BSD-3-Clause
// From what an operator's files hold (PEM, or one thing as DER) to plain DER, checked to be what it
// should be.
#pragma once

#include <vector>

#include "lib/base/secret.h"
#include "lib/crypto/signature.h"

namespace penstock::pki {

/// Of one certificate, also of a peer's.
inline constexpr std::size_t kMaxCertificateOctets = 16'384;
/// In one file of the operator's.
inline constexpr std::size_t kMaxPerFile = 256;

/// @return the certificates in their order; kNotFound if there is none
[[nodiscard]] base::Result<std::vector<base::ByteVector>> read_certificates(
    const crypto::CryptoContext& context, base::Bytes file);
[[nodiscard]] base::Result<std::vector<base::ByteVector>> read_crls(
    const crypto::CryptoContext& context, base::Bytes file);
/// An OCSPResponse (RFC 6960 §4.2.1), DER, with the status "successful".
[[nodiscard]] base::Result<base::ByteVector> read_ocsp_response(base::Bytes file);

struct PrivateKey {
  base::SecretBytes pkcs8;  ///< PrivateKeyInfo, DER, in clear
  crypto::KeyKind kind{};
  crypto::KeyId id{};
};
/// PKCS #8, also encrypted, or the older forms that OpenSSL reads.
/// @param passphrase  empty: none
/// @return kAuthentication if the passphrase is missing or wrong; kMalformed; kUnsupported
[[nodiscard]] base::Result<PrivateKey> read_private_key(const crypto::CryptoContext& context,
                                                        base::Bytes file, base::Bytes passphrase);

/// What configurations ask of a certificate.
struct CertificateFacts {
  std::string subject;           ///< RFC 4514 text, cut to be readable
  base::ByteVector subject_der;  ///< empty if the subject is empty
  base::ByteVector issuer_der;
  crypto::KeyKind kind{};
  bool may_encrypt = false;           ///< by its key usage, if it has one
  crypto::KeyId key{};                ///< of its public key
  std::array<std::byte, 20> sha1_id;  ///< SHA-1 of its SubjectPublicKeyInfo (RFC 7296 §3.7)
};
[[nodiscard]] base::Result<CertificateFacts> facts_of(const crypto::CryptoContext& context,
                                                      base::Bytes certificate);

}  // namespace penstock::pki
