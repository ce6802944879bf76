// SPDX-License-Identifier: BSD-3-Clause
// ChainVerifier: one trust set made ready, and the validation of a peer's chain against it (RFC
// 5280 §6, RFC 4945 §5.1). What a stranger can make it do is bounded.
#pragma once

#include "control/pki/openssl.h"
#include "control/pki/vault.h"
#include "lib/base/time.h"

namespace penstock::pki {

/// Certificates between the peer's and the trust anchor.
inline constexpr int kMaxDepth = 6;
/// OpenSSL's level 2: 112 bits, so no SHA-1 and no short keys in a chain.
inline constexpr int kSecurityLevel = 2;

class ChainVerifier {
 public:
  /// @return what is wrong with the set's files
  [[nodiscard]] static base::Result<ChainVerifier> create(const crypto::CryptoContext& context,
                                                          const TrustSet& trust);

  /// @param certificates  the peer's, the end entity first; the others in any order
  /// @return until when what was looked at stays true; kRefused with the certificate and why
  [[nodiscard]] base::Result<base::UtcTime> verify(const crypto::CryptoContext& context,
                                                   std::span<const X509Ptr> certificates,
                                                   base::UtcTime now);

 private:
  StorePtr store_;
  std::vector<X509Ptr> intermediates_;
  std::vector<OcspBasicPtr> ocsp_;
  Revocation revocation_ = Revocation::kRelaxed;
  bool has_crls_ = false;
};

}  // namespace penstock::pki
