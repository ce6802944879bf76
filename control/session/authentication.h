// SPDX-License-Identifier: BSD-3-Clause
// Authentication: which shared secret is for a pair of identities, and the AUTH value of RFC 7296
// §2.15.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "control/session/connection_config.h"
#include "lib/crypto/prf.h"

namespace penstock::session {

/// The configuration's shared secrets, found by whom they are for; those with names cost the same
/// at 10 and at 100,000.
class SecretStore {
 public:
  SecretStore() = default;
  explicit SecretStore(std::vector<SharedSecret> secrets);

  /// The secret for these two identities, the most specific first: one that names the peer before
  /// one that names us before one for anyone; an exact name before a pattern; of equals the first.
  /// @return nullptr if there is none; it lives as long as the store
  [[nodiscard]] const SharedSecret* find(const policy::Identity& local,
                                         const policy::Identity& remote) const;

 private:
  using Indices = std::vector<std::uint32_t>;  ///< ascending
  [[nodiscard]] const Indices& named(const policy::Identity& identity) const;

  std::vector<SharedSecret> secrets_;
  std::unordered_map<std::string, Indices> by_name_;
  Indices loose_;  ///< for anyone, or by a wildcard or a distinguished name: looked at one by one
};

/// What one side signs: its first message, the other's nonce, its identity.
struct SignedOctets {
  base::Bytes first_message;  ///< IKE_SA_INIT request or response, from the header on
  base::Bytes other_nonce;    ///< the nonce's data alone
  base::Bytes identity_body;  ///< RestOfInitIDPayload: without the generic header
  base::Bytes sk_p;           ///< SK_pi or SK_pr, whose identity it is
};

/// <SignedOctets> themselves: first message | other's nonce | prf(SK_p, identity) (§2.15).
[[nodiscard]] base::ByteVector signed_octets(const crypto::CryptoContext& context,
                                             const crypto::PrfRow& prf, const SignedOctets& octets);

/// AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets>)
[[nodiscard]] base::SecretBytes psk_auth(const crypto::CryptoContext& context,
                                         const crypto::PrfRow& prf, base::Bytes secret,
                                         const SignedOctets& octets);

}  // namespace penstock::session
