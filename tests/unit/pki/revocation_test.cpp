// SPDX-License-Identifier: BSD-3-Clause
// CRLs and OCSP responses from files, in each mode.
#include "tests/unit/pki/proof.h"

namespace penstock::pki {
namespace {

using enum Revocation;

struct Revoking : testing::Test {
  House h;
  Entity peer = h.peer();
  PeerProof proof = h.proof(peer);

  base::Result<ProvedPeer> with(Revocation mode, std::vector<base::ByteVector> crls,
                                std::vector<base::ByteVector> ocsp = {}) {
    TrustSet trust = h.trust(mode);
    trust.crls = std::move(crls);
    trust.ocsp_responses = std::move(ocsp);
    return h.judge(proof, trust);
  }
  base::ByteVector clean(const Entity& issuer) { return h.authority.revoke(issuer, {}); }
};

TEST_F(Revoking, ACrlRefusesWhomItLists) {
  const auto crl = h.authority.revoke(h.middle, {peer});
  EXPECT_TRUE(refused(with(kRelaxed, {crl}), "CN=peer", "revoked"));
  EXPECT_TRUE(refused(with(kStrict, {crl, clean(h.root)}), "CN=peer", "revoked"));
  EXPECT_TRUE(with(kOff, {crl}).has_value());
}

TEST_F(Revoking, ACrlRefusesAnAuthorityToo) {
  EXPECT_TRUE(
      refused(with(kRelaxed, {h.authority.revoke(h.root, {h.middle})}), "CN=middle", "revoked"));
}

TEST_F(Revoking, StrictWantsACrlOfEachIssuer) {
  EXPECT_TRUE(with(kStrict, {clean(h.middle), clean(h.root)}).has_value());
  EXPECT_TRUE(refused(with(kStrict, {clean(h.middle)}), "CN=middle", "neither a CRL"));
  EXPECT_TRUE(refused(with(kStrict, {}), "CN=peer", "neither a CRL"));
}

TEST_F(Revoking, RelaxedTakesWhatThereIs) {
  EXPECT_TRUE(with(kRelaxed, {}).has_value());
  EXPECT_TRUE(with(kRelaxed, {clean(h.root)}).has_value());
}

TEST_F(Revoking, AnOldCrlClearsNobodyAndStillRefuses) {
  const auto old = [&](const std::vector<Entity>& who) {
    return h.authority.revoke(h.middle, who, kNow - days{9}, kNow - days{2});
  };
  EXPECT_TRUE(refused(with(kStrict, {old({}), clean(h.root)}), "CN=peer", "neither a CRL"));
  EXPECT_TRUE(with(kRelaxed, {old({}), clean(h.root)}).has_value());
  EXPECT_TRUE(refused(with(kRelaxed, {old({peer})}), "CN=peer", "revoked"));
}

TEST_F(Revoking, ACrlOfAnotherSignerCounts0) {
  Entity liar = h.authority.issue({.name = "middle", .authority = true});
  EXPECT_TRUE(refused(with(kStrict, {h.authority.revoke(liar, {}), clean(h.root)}), "CN=peer",
                      "neither a CRL"));
}

TEST_F(Revoking, ACrlOfAnotherAuthorityOfTheSameNameIsNotMistakenForOurs) {
  const Entity other = h.authority.issue({.name = "middle", .issuer = &h.root, .authority = true});
  // Newer ones are preferred: each of both in turn.
  for (const days age : {days{2}, days{0}}) {
    const auto theirs = h.authority.revoke(other, {}, kNow - age, kNow + days{3});
    const auto ours = clean(h.middle);
    EXPECT_TRUE(with(kStrict, {theirs, ours, clean(h.root)}).has_value());
    EXPECT_TRUE(with(kStrict, {ours, theirs, clean(h.root)}).has_value());
    const auto revoking = h.authority.revoke(h.middle, {peer});
    EXPECT_TRUE(refused(with(kRelaxed, {theirs, revoking}), "CN=peer", "revoked"));
    EXPECT_TRUE(
        refused(with(kStrict, {theirs, theirs, clean(h.root)}), "CN=peer", "neither a CRL"));
    // What the other one revokes is none of ours, whatever its number.
    const auto of_another = h.authority.revoke(other, {peer}, kNow - age, kNow + days{3});
    EXPECT_TRUE(with(kRelaxed, {of_another, ours}).has_value());
  }
}

TEST_F(Revoking, OcspClearsInPlaceOfACrl) {
  const auto good = h.authority.answer(h.middle, peer, false, h.middle);
  EXPECT_TRUE(with(kStrict, {clean(h.root)}, {good}).has_value());
  const auto of_middle = h.authority.answer(h.root, h.middle, false, h.root);
  EXPECT_TRUE(with(kStrict, {}, {good, of_middle}).has_value());
}

TEST_F(Revoking, OcspRefusesWhomItRevokes) {
  const auto bad = h.authority.answer(h.middle, peer, true, h.middle);
  EXPECT_TRUE(refused(with(kRelaxed, {}, {bad}), "CN=peer", "OCSP"));
  EXPECT_TRUE(with(kOff, {}, {bad}).has_value());
}

TEST_F(Revoking, OldAndForeignOcspResponsesClearNobody) {
  const auto old =
      h.authority.answer(h.middle, peer, false, h.middle, kNow - days{9}, kNow - days{2});
  EXPECT_TRUE(refused(with(kStrict, {clean(h.root)}, {old}), "CN=peer", "neither a CRL"));
  // Whoever has a certificate of the same authority is no responder.
  const auto foreign = h.authority.answer(h.middle, peer, false, h.peer({.name = "other"}));
  EXPECT_TRUE(refused(with(kStrict, {clean(h.root)}, {foreign}), "CN=peer", "neither a CRL"));
}

TEST_F(Revoking, OcspOfADelegateClears) {
  const Entity delegate = h.peer({.name = "responder", .extended_key_usage = "OCSPSigning"});
  const auto good = h.authority.answer(h.middle, peer, false, delegate);
  const auto verdict = with(kStrict, {clean(h.root)}, {good});
  EXPECT_TRUE(verdict.has_value()) << verdict.error().text;
}

}  // namespace
}  // namespace penstock::pki
