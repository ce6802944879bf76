// SPDX-License-Identifier: BSD-3-Clause
// Authentication by pre-shared key, and what is signed where a signature takes its place. Called by
// IKE_AUTH once the identities are known; the comparison of AUTH values is the caller's, in
// constant time.
#include "control/session/authentication.h"

#include <algorithm>
#include <optional>

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

int score_of(const SharedSecret& secret, const policy::Identity& local,
             const policy::Identity& remote) {
  constexpr int kRemoteWeight = 4;
  if (secret.ids.empty()) return 1;
  return kRemoteWeight * best_of(secret, remote) + best_of(secret, local);
}

/// Equal for the identities that a name matches: host names and mail addresses have no case (RFC
/// 4945 §3.1.2, §3.1.3).
std::string key_of(const policy::Identity& identity) {
  const bool text =
      identity.type == policy::IdType::kFqdn || identity.type == policy::IdType::kRfc822Addr;
  std::string key(1, static_cast<char>(identity.type));
  for (const char c : base::as_text(identity.data))
    key += text && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return key;
}

/// Of a pattern that names one identity, unless it is a distinguished name: those are compared with
/// care (RFC 5280 §7.1).
std::optional<std::string> key_of(const policy::IdentityPattern& pattern) {
  if (pattern.is_any() || pattern.text.find('*') != std::string::npos) return std::nullopt;
  const auto identity = policy::Identity::parse(pattern.text);
  if (!identity || identity->type == policy::IdType::kDerAsn1Dn) return std::nullopt;
  return key_of(*identity);
}

}  // namespace

SecretStore::SecretStore(std::vector<SharedSecret> secrets) : secrets_(std::move(secrets)) {
  for (std::uint32_t i = 0; i < secrets_.size(); ++i) {
    bool loose = secrets_[i].ids.empty();
    for (const policy::IdentityPattern& pattern : secrets_[i].ids) {
      const auto key = key_of(pattern);
      loose = loose || !key;
      if (key) by_name_[*key].push_back(i);
    }
    if (loose) loose_.push_back(i);
  }
}

const SecretStore::Indices& SecretStore::named(const policy::Identity& identity) const {
  static const Indices kNone;
  const auto found = by_name_.find(key_of(identity));
  return found == by_name_.end() ? kNone : found->second;
}

const SharedSecret* SecretStore::find(const policy::Identity& local,
                                      const policy::Identity& remote) const {
  int best_score = 0;
  std::uint32_t best = 0;
  const auto consider = [&](std::uint32_t index) {
    const int score = score_of(secrets_[index], local, remote);
    if (score < best_score || (score == best_score && index >= best)) return;
    best_score = score;
    best = index;
  };
  // Those that only have names are of three kinds: of both, of the peer, of us; and the first of
  // each kind is as good as the others of it.
  const Indices& of_peer = named(remote);
  const Indices& of_us = named(local);
  const auto [few, many] = std::minmax(
      of_peer, of_us, [](const Indices& a, const Indices& b) { return a.size() < b.size(); });
  const auto both = std::ranges::find_if(
      few, [&m = many](std::uint32_t index) { return std::ranges::binary_search(m, index); });
  if (both != few.end()) consider(*both);
  for (const Indices* list : {&of_peer, &of_us})
    if (!list->empty()) consider(list->front());
  std::ranges::for_each(loose_, consider);
  return best_score == 0 ? nullptr : &secrets_[best];
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
