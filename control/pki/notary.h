// SPDX-License-Identifier: BSD-3-Clause
// Notary: signs with our keys and judges a peer's proof, for both IKE versions. One for each thread
// of the job pool; nothing in it is shared but the vault.
#pragma once

#include <list>
#include <memory>
#include <optional>

#include "control/pki/names.h"
#include "control/pki/vault.h"
#include "lib/base/time.h"
#include "lib/crypto/rsa_encryption.h"

namespace penstock::pki {

/// Certificates that one peer may send.
inline constexpr std::size_t kMaxPeerCertificates = 10;
/// Verified chains remembered by one notary, and for how long at most.
inline constexpr std::size_t kMaxRemembered = 256;
inline constexpr base::seconds kRememberedTime{300};

/// A peer's proof of who it is.
struct PeerProof {
  std::vector<base::ByteVector> certificates;  ///< DER, the end entity first
  PeerName name;
  TrustId trust{};
  base::ByteVector octets;     ///< what was signed
  base::ByteVector signature;  ///< ECDSA's as DER
  /// Any of these may have made it: the method leaves the hash open.
  std::vector<crypto::SignatureScheme> schemes;
  /// `octets` is a HASH, signed as it is (IKEv1), ECDSA's signature r | s; no scheme counts.
  bool of_hash = false;
  std::optional<crypto::KeyKind> kind;  ///< nothing: any that can
  base::UtcTime now{};
};

/// Whom it proved to be.
struct ProvedPeer {
  std::string subject;
  crypto::SignatureScheme scheme{};  ///< unless of a HASH
};

class Notary {
 public:
  Notary(const crypto::CryptoContext& context, std::shared_ptr<const Vault> vault);
  ~Notary();
  Notary(const Notary&) = delete;
  Notary& operator=(const Notary&) = delete;

  /// @return the signature, ECDSA's as DER; kNotFound if the vault has no such key
  [[nodiscard]] base::Result<base::ByteVector> sign(const crypto::KeyId& key,
                                                    crypto::SignatureScheme scheme,
                                                    base::Bytes octets);
  /// Of a HASH as it is: ECDSA's as r | s.
  [[nodiscard]] base::Result<base::ByteVector> sign_hash(const crypto::KeyId& key,
                                                         base::Bytes hash);
  /// For whom a certificate is that the operator named: it is not judged.
  /// @return kMalformed, kUnsupported if its key is no RSA key, kLimit if the plaintext is too long
  [[nodiscard]] base::Result<base::ByteVector> encrypt(base::Bytes certificate,
                                                       base::Bytes plaintext);
  /// As crypto::rsa_decrypt(). @return kNotFound if the vault has no such key
  [[nodiscard]] base::Result<base::SecretBytes> decrypt(const crypto::KeyId& key,
                                                        base::Bytes ciphertext,
                                                        const crypto::PlaintextOctets& octets);
  /// Chain, revocation, name and signature.
  /// @return kRefused, kAuthentication, kMalformed, kUnsupported or kLimit, with the certificate
  /// and
  ///         why
  [[nodiscard]] base::Result<ProvedPeer> verify(const PeerProof& proof);
  [[nodiscard]] std::size_t remembered() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::pki
