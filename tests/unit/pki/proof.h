// SPDX-License-Identifier: BSD-3-Clause
// What the tests of this room share: a root, an authority under it, and proofs of peers under that.
#pragma once

#include <gtest/gtest.h>

#include "control/pki/notary.h"
#include "tests/lib/authority.h"

namespace penstock::pki {

using crypto::SignatureScheme;
using test::Authority;
using test::days;
using test::Entity;
using test::kNow;
using test::Wish;

inline PeerName fqdn(std::string_view name) { return {2, base::to_vector(base::as_bytes(name))}; }

struct House {
  Authority authority;
  Entity root = authority.issue({.name = "root", .authority = true});
  Entity middle = authority.issue({.name = "middle", .issuer = &root, .authority = true});
  crypto::CryptoContext context{7};

  Entity peer(Wish wish = {}) {
    if (wish.issuer == nullptr) wish.issuer = &middle;
    if (wish.alternatives.empty()) wish.alternatives = "DNS:peer.example";
    return authority.issue(wish);
  }

  /// The peer signs "octets" and sends itself and the authority.
  PeerProof proof(const Entity& peer, SignatureScheme scheme = SignatureScheme::kEcdsaSha256) {
    PeerProof p;
    p.certificates = {peer.certificate, middle.certificate};
    p.name = fqdn("peer.example");
    p.octets = base::to_vector(base::as_bytes("octets"));
    auto key = crypto::SigningKey::from_pkcs8(context, peer.pkcs8);
    EXPECT_TRUE(key.has_value());
    auto signature = key->sign(context, scheme, p.octets);
    EXPECT_TRUE(signature.has_value());
    if (signature) p.signature = *std::move(signature);
    p.schemes = {scheme};
    p.now = kNow;
    return p;
  }

  base::Result<ProvedPeer> judge(PeerProof p, TrustSet trust) {
    Vault vault;
    p.trust = vault.add_trust(std::move(trust));
    return Notary(context, std::make_shared<const Vault>(std::move(vault))).verify(p);
  }
  base::Result<ProvedPeer> judge(PeerProof p) { return judge(std::move(p), trust()); }

  TrustSet trust(Revocation revocation = Revocation::kRelaxed) const {
    TrustSet t;
    t.anchors = {root.certificate};
    t.revocation = revocation;
    return t;
  }
};

inline testing::AssertionResult refused(const base::Result<ProvedPeer>& verdict,
                                        std::string_view who, std::string_view why) {
  if (verdict) return testing::AssertionFailure() << "accepted " << verdict->subject;
  const std::string& text = verdict.error().text;
  if (text.find(who) == std::string::npos || text.find(why) == std::string::npos)
    return testing::AssertionFailure() << "the reason is: " << text;
  return testing::AssertionSuccess();
}

}  // namespace penstock::pki
