// SPDX-License-Identifier: BSD-3-Clause
// Chains and proofs: whom a notary believes, and which certificate it names when it does not.
#include "tests/unit/pki/proof.h"

namespace penstock::pki {
namespace {

TEST(Chain, WithItsIntermediateIsAccepted) {
  House h;
  const auto verdict = h.judge(h.proof(h.peer()));
  ASSERT_TRUE(verdict.has_value()) << verdict.error().text;
  EXPECT_EQ(verdict->subject, "CN=peer");
  EXPECT_EQ(verdict->scheme, SignatureScheme::kEcdsaSha256);
}

TEST(Chain, OfEachKindOfKeyIsAccepted) {
  House h;
  const std::pair<const char*, SignatureScheme> kinds[] = {
      {"RSA-2048", SignatureScheme::kRsaPssSha256}, {"P-384", SignatureScheme::kEcdsaSha384},
      {"P-521", SignatureScheme::kEcdsaSha512},     {"ED25519", SignatureScheme::kEd25519},
      {"ED448", SignatureScheme::kEd448},
  };
  for (const auto& [key, scheme] : kinds) {
    const auto verdict = h.judge(h.proof(h.peer({.key = key}), scheme));
    EXPECT_TRUE(verdict.has_value()) << key << ": " << verdict.error().text;
  }
}

TEST(Chain, WithoutItsIntermediateIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.certificates.pop_back();
  EXPECT_TRUE(refused(h.judge(p), "CN=peer", "unable to get local issuer"));
}

TEST(Chain, TakesAnIntermediateOfTheOperator) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.certificates.pop_back();
  TrustSet trust = h.trust();
  trust.intermediates = {h.middle.certificate};
  EXPECT_TRUE(h.judge(p, trust).has_value());
}

TEST(Chain, MayEndAtAnAnchorThatDidNotSignItself) {
  House h;
  TrustSet trust;
  trust.anchors = {h.middle.certificate};
  EXPECT_TRUE(h.judge(h.proof(h.peer()), trust).has_value());
}

TEST(Chain, ToAnotherRootIsRefused) {
  House h;
  TrustSet trust;
  trust.anchors = {h.authority.issue({.name = "other", .authority = true}).certificate};
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer()), trust), "CN=", "issuer"));
}

TEST(Chain, ARootThatThePeerSendsIsNotTrusted) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.certificates.push_back(h.root.certificate);
  TrustSet trust;
  trust.anchors = {h.authority.issue({.name = "other", .authority = true}).certificate};
  EXPECT_FALSE(h.judge(p, trust).has_value());
}

TEST(Chain, OutOfItsTimeIsRefused) {
  House h;
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer({.until = kNow - days{1}}))), "CN=peer", "expired"));
  EXPECT_TRUE(
      refused(h.judge(h.proof(h.peer({.from = kNow + days{1}}))), "CN=peer", "not yet valid"));
}

TEST(Chain, UnderWhoIsNoAuthorityIsRefused) {
  House h;
  h.middle = h.authority.issue({.name = "middle", .issuer = &h.root});
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer())), "CN=middle", ""));
}

TEST(Chain, DeeperThanTheLimitIsRefused) {
  House h;
  std::vector<Entity> line{h.middle};
  for (std::size_t i = 0; i + 2 < kMaxPeerCertificates; ++i) {
    const Entity above = line.back();
    line.push_back(h.authority.issue(
        {.name = "deeper" + std::to_string(i), .issuer = &above, .authority = true}));
  }
  const Entity peer = h.peer({.issuer = &line.back()});
  PeerProof p = h.proof(peer);
  p.certificates = {peer.certificate};
  for (const Entity& one : line) p.certificates.push_back(one.certificate);
  ASSERT_LE(p.certificates.size(), kMaxPeerCertificates);
  EXPECT_FALSE(h.judge(p).has_value());
}

TEST(Chain, UsageThatForbidsSignaturesIsRefused) {
  House h;
  EXPECT_TRUE(
      refused(h.judge(h.proof(h.peer({.key_usage = "keyEncipherment"}))), "CN=peer", "key usage"));
  EXPECT_TRUE(h.judge(h.proof(h.peer({.key_usage = "digitalSignature"}))).has_value());
  EXPECT_TRUE(h.judge(h.proof(h.peer({.key_usage = "nonRepudiation"}))).has_value());
}

TEST(Chain, ExtendedUsageWithoutIkeIsRefused) {
  House h;
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer({.extended_key_usage = "serverAuth"}))), "CN=peer",
                      "extended key usage"));
  EXPECT_TRUE(h.judge(h.proof(h.peer({.extended_key_usage = "1.3.6.1.5.5.7.3.17"}))).has_value());
  EXPECT_TRUE(h.judge(h.proof(h.peer({.extended_key_usage = "anyExtendedKeyUsage"}))).has_value());
}

TEST(Chain, OutsideOfItsAuthoritysNameConstraintsIsRefused) {
  House h;
  h.middle = h.authority.issue({.name = "middle",
                                .issuer = &h.root,
                                .authority = true,
                                .name_constraints = "permitted;DNS:elsewhere"});
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer())), "CN=", "permitted subtree"));
}

TEST(Chain, SignedWithAWeakKeyIsRefused) {
  House h;
  h.middle = h.authority.issue(
      {.name = "middle", .key = "RSA-1024", .issuer = &h.root, .authority = true});
  EXPECT_TRUE(refused(h.judge(h.proof(h.peer())), "CN=middle", "1024 bits"));
}

TEST(Proof, OfAnotherKeyIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.certificates.front() = h.peer().certificate;
  const auto verdict = h.judge(p);
  EXPECT_TRUE(refused(verdict, "CN=peer", "signature is wrong"));
  EXPECT_EQ(verdict.error().code, base::ErrorCode::kAuthentication);
}

TEST(Proof, OverOtherOctetsIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.octets.back() ^= std::byte{1};
  EXPECT_TRUE(refused(h.judge(p), "CN=peer", "signature is wrong"));
}

TEST(Proof, ByASchemeThatIsNotAcceptedIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.schemes = {SignatureScheme::kRsaPssSha256, SignatureScheme::kEcdsaSha384};
  EXPECT_FALSE(h.judge(p).has_value());
  p.schemes = {};
  EXPECT_FALSE(h.judge(p).has_value());
}

TEST(Proof, OnAnotherCurveThanItsMethodSaysIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  p.kind = crypto::KeyKind::kEcdsaP384;
  EXPECT_TRUE(refused(h.judge(p), "CN=peer", "not of ECDSA P-384"));
}

TEST(Proof, WithTooManyCertificatesIsRefusedUnread) {
  House h;
  PeerProof p = h.proof(h.peer());
  while (p.certificates.size() <= kMaxPeerCertificates) p.certificates.push_back({});
  EXPECT_EQ(h.judge(p).error().code, base::ErrorCode::kLimit);
}

TEST(Proof, WithRubbishAmongItsCertificatesIsRefused) {
  House h;
  PeerProof p = h.proof(h.peer());
  base::ByteVector& extra = p.certificates.emplace_back(h.root.certificate);
  extra.push_back(std::byte{0});
  EXPECT_EQ(h.judge(p).error().code, base::ErrorCode::kMalformed);
  extra.assign(kMaxCertificateOctets + 1, std::byte{0x30});
  EXPECT_EQ(h.judge(p).error().code, base::ErrorCode::kLimit);
}

TEST(Proof, TruncatedAnywhereIsRefusedAndNeverCrashes) {
  House h;
  const Entity peer = h.peer();
  PeerProof p = h.proof(peer);
  for (std::size_t n = 0; n < peer.certificate.size(); n += 7) {
    p.certificates.front().assign(peer.certificate.begin(),
                                  peer.certificate.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(h.judge(p).has_value()) << n;
  }
}

struct Memory {
  House h;
  Vault vault;
  TrustId trust = vault.add_trust(h.trust());
  Notary notary{h.context, std::make_shared<const Vault>(std::move(vault))};

  PeerProof proof(const Entity& peer) {
    PeerProof p = h.proof(peer);
    p.trust = trust;
    return p;
  }
};

TEST(Memory, OfAChainDoesNotSpareSignatureOrName) {
  Memory m;
  const Entity peer = m.h.peer();
  ASSERT_TRUE(m.notary.verify(m.proof(peer)).has_value());
  EXPECT_EQ(m.notary.remembered(), 1U);
  PeerProof forged = m.proof(peer);
  forged.signature.back() ^= std::byte{1};
  EXPECT_FALSE(m.notary.verify(forged).has_value());
  PeerProof other = m.proof(peer);
  other.name = fqdn("other.example");
  EXPECT_FALSE(m.notary.verify(other).has_value());
}

TEST(Memory, OfAChainEndsWithTheChain) {
  Memory m;
  PeerProof p = m.proof(m.h.peer({.until = kNow + std::chrono::seconds{10}}));
  ASSERT_TRUE(m.notary.verify(p).has_value());
  p.now += std::chrono::seconds{11};
  EXPECT_TRUE(refused(m.notary.verify(p), "CN=peer", "expired"));
  EXPECT_EQ(m.notary.remembered(), 0U);
}

TEST(Memory, HoldsNoRefusedChain) {
  Memory m;
  EXPECT_FALSE(m.notary.verify(m.proof(m.h.peer({.until = kNow - days{1}}))).has_value());
  EXPECT_EQ(m.notary.remembered(), 0U);
}

TEST(Memory, IsBounded) {
  Memory m;
  const Entity peer = m.h.peer();
  PeerProof p = m.proof(peer);
  // A further certificate that the chain does not need makes another chain of it.
  for (std::size_t i = 0; i < kMaxRemembered + 5; ++i) {
    p.certificates.resize(2);
    p.certificates.push_back(
        m.h.authority.issue({.name = "n" + std::to_string(i), .key = "ED25519"}).certificate);
    ASSERT_TRUE(m.notary.verify(p).has_value());
  }
  EXPECT_EQ(m.notary.remembered(), kMaxRemembered);
}

TEST(Notary, SignsWithTheKeyOfItsName) {
  House h;
  const Entity peer = h.peer();
  auto key = read_private_key(h.context, peer.pkcs8, {});
  ASSERT_TRUE(key.has_value()) << key.error().text;
  const crypto::KeyId id = key->id;
  Vault vault;
  vault.add_key(*std::move(key));
  Notary notary(h.context, std::make_shared<const Vault>(std::move(vault)));
  PeerProof p = h.proof(peer);
  const auto signature = notary.sign(id, SignatureScheme::kEcdsaSha256, p.octets);
  ASSERT_TRUE(signature.has_value());
  p.signature = *signature;
  EXPECT_TRUE(h.judge(p).has_value());
  EXPECT_EQ(notary.sign({}, SignatureScheme::kEcdsaSha256, p.octets).error().code,
            base::ErrorCode::kNotFound);
  EXPECT_EQ(notary.sign(id, SignatureScheme::kRsaPssSha256, p.octets).error().code,
            base::ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace penstock::pki
