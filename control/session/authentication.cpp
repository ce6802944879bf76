// SPDX-License-Identifier: BSD-3-Clause
// Authentication by pre-shared key, and what is signed where a signature takes its place. Called by
// IKE_AUTH once the identities are known; the comparison of AUTH values is the caller's, in
// constant time.
#include "control/session/authentication.h"

#include <algorithm>

namespace penstock::session {
namespace {

/// How well a pattern names an identity: 0 not at all, 1 anyone, 2 by a wildcard, 3 by name.
int specificity(const policy::IdentityPattern& pattern, const policy::Identity& identity) {
  if (pattern.is_any()) return 1;
  if (!pattern.matches(identity)) return 0;
  return pattern.text.find('*') == std::string::npos ? 3 : 2;
}

int best_of(const SharedSecret& secret, const policy::Identity& identity) {
  int best = 0;
  for (const policy::IdentityPattern& p : secret.ids)
    best = std::max(best, specificity(p, identity));
  return best;
}

}  // namespace

const SharedSecret* find_secret(std::span<const SharedSecret> secrets,
                                const policy::Identity& local, const policy::Identity& remote) {
  constexpr int kRemoteWeight = 4;
  const SharedSecret* best = nullptr;
  int best_score = 0;
  for (const SharedSecret& s : secrets) {
    const int score = s.ids.empty() ? 1 : kRemoteWeight * best_of(s, remote) + best_of(s, local);
    if (score > best_score) {
      best_score = score;
      best = &s;
    }
  }
  return best;
}

base::ByteVector signed_octets(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                               const SignedOctets& octets) {
  const base::SecretBytes maced_id = crypto::prf(context, prf, octets.sk_p, {octets.identity_body});
  base::ByteVector all;
  for (const base::Bytes part : {octets.first_message, octets.other_nonce, maced_id.bytes()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

base::SecretBytes psk_auth(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                           base::Bytes secret, const SignedOctets& octets) {
  // RFC 7296 §2.15: the pad keeps the secret itself out of places where it could be tried offline.
  const base::SecretBytes key =
      crypto::prf(context, prf, secret, {base::as_bytes("Key Pad for IKEv2")});
  const base::SecretBytes maced_id = crypto::prf(context, prf, octets.sk_p, {octets.identity_body});
  return crypto::prf(context, prf, key.bytes(),
                     {octets.first_message, octets.other_nonce, maced_id.bytes()});
}

}  // namespace penstock::session
