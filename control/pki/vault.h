// SPDX-License-Identifier: BSD-3-Clause
// Vault: our private keys and whom we trust, as plain values. It is filled when the configuration
// is read and never changes; the threads of the job pool share it, each with OpenSSL objects of its
// own. The engine knows keys and trust by their names alone.
#pragma once

#include <map>
#include <vector>

#include "control/pki/encoding.h"

namespace penstock::pki {

/// How much must be known of whether a certificate was revoked.
enum class Revocation : std::uint8_t {
  kStrict,   ///< a CRL or OCSP response that is valid now must clear each certificate
  kRelaxed,  ///< what is known is believed; what is not is no fault
  kOff,      ///< nothing is looked at
};

/// Whom one connection, or many, accept certificates of.
struct TrustSet {
  std::vector<base::ByteVector> anchors;  ///< certificates, DER; self-signed or not
  std::vector<base::ByteVector> intermediates;
  std::vector<base::ByteVector> crls;
  std::vector<base::ByteVector> ocsp_responses;
  Revocation revocation = Revocation::kRelaxed;
};

/// Names a trust set: SHA-256 over all that is in it.
using TrustId = std::array<std::byte, 32>;
[[nodiscard]] TrustId id_of(const TrustSet& trust);

class Vault {
 public:
  void add_key(PrivateKey key) { keys_.insert_or_assign(key.id, std::move(key)); }
  /// @return its name
  TrustId add_trust(TrustSet trust);

  [[nodiscard]] const PrivateKey* key(const crypto::KeyId& id) const;
  [[nodiscard]] const TrustSet* trust(const TrustId& id) const;
  [[nodiscard]] bool empty() const { return keys_.empty() && trust_.empty(); }

 private:
  std::map<crypto::KeyId, PrivateKey> keys_;
  std::map<TrustId, TrustSet> trust_;
};

}  // namespace penstock::pki
