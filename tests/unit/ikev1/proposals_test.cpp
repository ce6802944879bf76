// SPDX-License-Identifier: BSD-3-Clause
// Proposals of both phases and the tables of transitions, without messages.
#include "control/ikev1/proposals.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/ikev1/transitions.h"

namespace penstock::ikev1 {
namespace {

using crypto::DhGroupId;
using isakmp::V1Attribute;
using isakmp::V1SaPayload;
using isakmp::V1Transform;

crypto::Proposals ike(std::string_view text) {
  return crypto::parse_proposals(crypto::ProtocolId::kIke, text).value();
}
crypto::Proposals esp(std::string_view text) {
  return crypto::parse_proposals(crypto::ProtocolId::kEsp, text).value();
}
constexpr AuthMethod kByPsk[] = {AuthMethod::kPsk};

V1SaPayload offer_of(std::string_view text) {
  return phase1_offer(ike(text), kByPsk, DhGroupId::kNone, {});
}
std::uint64_t value_of(const V1Transform& t, std::uint16_t type) {
  const V1Attribute* a = t.find(type);
  return a == nullptr ? 0 : a->value;
}

TEST(Phase1Offer, HasTheAttributesOfRfc2409) {
  const V1SaPayload sa =
      phase1_offer(ike("aes256-sha384-ecp384"), kByPsk, DhGroupId::kNone, base::seconds{86400});
  ASSERT_EQ(sa.proposals.size(), 1U);
  ASSERT_EQ(sa.proposals[0].transforms.size(), 1U);
  const V1Transform& t = sa.proposals[0].transforms[0];
  EXPECT_EQ(sa.proposals[0].protocol, isakmp::ProtocolId::kIke);
  EXPECT_EQ(t.id, 1);                // KEY_IKE
  EXPECT_EQ(value_of(t, 1), 7U);     // AES-CBC
  EXPECT_EQ(value_of(t, 14), 256U);  // key length
  EXPECT_EQ(value_of(t, 2), 5U);     // SHA2-384
  EXPECT_EQ(value_of(t, 3), 1U);     // pre-shared key
  EXPECT_EQ(value_of(t, 4), 20U);    // P-384
  EXPECT_EQ(value_of(t, 11), 1U);    // seconds
  EXPECT_EQ(value_of(t, 12), 86400U);
  EXPECT_FALSE(t.find(12)->basic) << "more than 16 bits";
}

TEST(Phase1Offer, IsATransformForEachCombinationAndMethod) {
  constexpr AuthMethod kTwo[] = {AuthMethod::kRsaSignature, AuthMethod::kEcdsa256};
  const V1SaPayload sa =
      phase1_offer(ike("aes128-aes256-sha256-sha1-modp2048-ecp256"), kTwo, DhGroupId::kNone, {});
  // A hash and the PRF on it go together.
  EXPECT_EQ(sa.proposals[0].transforms.size(), 2U * 2U * 2U * 2U);
  const V1SaPayload one = phase1_offer(ike("aes128-aes256-sha256-sha1-modp2048-ecp256"), kByPsk,
                                       DhGroupId::kEcp256, {});
  EXPECT_EQ(one.proposals[0].transforms.size(), 4U) << "Aggressive Mode has one group";
}

TEST(Phase1Offer, OfAnAeadCannotBeSaid) {
  EXPECT_TRUE(offer_of("aes128gcm16-prfsha256-x25519").proposals.empty());
  EXPECT_FALSE(can_be_said(ike("aes128gcm16-prfsha256-x25519").front()));
  EXPECT_TRUE(can_be_said(ike("aes128-sha256-x25519").front()));
}

TEST(Phase1Choice, TakesOurOrderNotTheirs) {
  const auto choice =
      choose_phase1(ike("aes256-sha256-modp2048,aes128-sha1-modp2048"), kByPsk, DhGroupId::kNone,
                    offer_of("aes128-sha1-modp2048,aes256-sha256-modp2048"));
  ASSERT_TRUE(choice.has_value()) << choice.error().text;
  EXPECT_EQ(choice->agreed.encr.key_bits, 256);
  EXPECT_EQ(choice->auth, AuthMethod::kPsk);
  ASSERT_EQ(choice->answer.transforms.size(), 1U);
  EXPECT_EQ(choice->answer.transforms[0].number, 2) << "as it was offered (RFC 2408 §4.2)";
}

TEST(Phase1Choice, RefusesWhatIsNotWhollyUnderstood) {
  const auto refused = [](const std::function<void(V1Transform&)>& edit) {
    V1SaPayload sa = offer_of("aes128-sha256-modp2048");
    edit(sa.proposals[0].transforms[0]);
    return !choose_phase1(ike("aes128-sha256-modp2048"), kByPsk, DhGroupId::kNone, sa);
  };
  EXPECT_FALSE(refused([](V1Transform&) {}));
  EXPECT_TRUE(refused([](V1Transform& t) { t.attributes.push_back(V1Attribute::of(5, 1)); }))
      << "a group type";
  EXPECT_TRUE(refused([](V1Transform& t) { t.attributes.push_back(t.attributes.front()); }))
      << "an attribute twice";
  EXPECT_TRUE(refused([](V1Transform& t) { t.id = 2; }));
  const auto set = [](std::uint16_t type, std::uint16_t value) {
    return [=](V1Transform& t) {
      for (V1Attribute& a : t.attributes)
        if (a.type == type) a = V1Attribute::of(type, value);
    };
  };
  EXPECT_TRUE(refused(set(1, 1))) << "DES";
  EXPECT_TRUE(refused(set(2, 3))) << "TIGER";
  EXPECT_TRUE(refused(set(3, 2))) << "DSS";
  EXPECT_TRUE(refused(set(3, 65001))) << "XAUTH";
  EXPECT_TRUE(refused(set(4, 3))) << "EC2N";
  EXPECT_TRUE(refused(set(14, 120))) << "a key of 120 bits";
}

TEST(Phase1Choice, RefusesProposalsThatAreOfferedTogether) {
  V1SaPayload sa = offer_of("aes128-sha256-modp2048");
  sa.proposals.push_back(sa.proposals.front());
  EXPECT_FALSE(choose_phase1(ike("aes128-sha256-modp2048"), kByPsk, DhGroupId::kNone, sa));
}

TEST(Phase1Choice, KeepsTheLifetimeThatIsAskedFor) {
  V1SaPayload sa =
      phase1_offer(ike("aes128-sha256-modp2048"), kByPsk, DhGroupId::kNone, base::seconds{600});
  const auto choice = choose_phase1(ike("aes128-sha256-modp2048"), kByPsk, DhGroupId::kNone, sa);
  EXPECT_EQ(choice->lives.life, base::Duration{base::seconds{600}});
}

session::ChildConfig child(std::string_view proposals) {
  session::ChildConfig c;
  c.esp_proposals = esp(proposals);
  c.life_time = base::seconds{3600};
  c.life_bytes = 10'240'000;
  return c;
}

TEST(Phase2Offer, HasTheAttributesOfRfc2407) {
  const V1SaPayload sa = phase2_offer(child("aes128-sha256-modp2048"), {net::Spi{0x1234}, {}},
                                      Encapsulation::kUdpTunnel, DhGroupId::kModp2048);
  ASSERT_EQ(sa.proposals.size(), 1U);
  const V1Transform& t = sa.proposals[0].transforms.at(0);
  EXPECT_EQ(sa.proposals[0].spi.size(), 4U);
  EXPECT_EQ(t.id, 12);              // ESP_AES
  EXPECT_EQ(value_of(t, 6), 128U);  // key length
  EXPECT_EQ(value_of(t, 5), 5U);    // HMAC-SHA2-256
  EXPECT_EQ(value_of(t, 4), 3U);    // UDP-Encapsulated-Tunnel (RFC 3947 §5.1)
  EXPECT_EQ(value_of(t, 3), 14U);   // group of PFS
  // Seconds and kilobytes, each duration behind its type.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lives;
  for (std::size_t i = 0; i + 1 < t.attributes.size(); ++i)
    if (t.attributes[i].type == 1)
      lives.emplace_back(t.attributes[i].value, t.attributes[i + 1].value);
  EXPECT_EQ(lives, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{1, 3600}, {2, 10000}}));
  EXPECT_EQ(phase2_group(sa), DhGroupId::kModp2048);
}

TEST(Phase2Choice, TakesModeAndGroupAsTheyAre) {
  const V1SaPayload sa = phase2_offer(child("aes128-sha256-modp2048"), {net::Spi{0x1234}, {}},
                                      Encapsulation::kTunnel, DhGroupId::kModp2048);
  const auto choose = [&](Encapsulation encapsulation, DhGroupId group) {
    return choose_phase2(esp("aes128-sha256-modp2048"), encapsulation, group, sa);
  };
  const auto choice = choose(Encapsulation::kTunnel, DhGroupId::kModp2048);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->spi, net::Spi{0x1234});
  EXPECT_EQ(choice->lives.life_kb, 10000U);
  EXPECT_FALSE(choose(Encapsulation::kUdpTunnel, DhGroupId::kModp2048));
  EXPECT_FALSE(choose(Encapsulation::kTunnel, DhGroupId::kNone));
  EXPECT_FALSE(choose(Encapsulation::kTunnel, DhGroupId::kModp3072));
}

TEST(Phase2Choice, WithoutAModeItIsATunnel) {
  V1SaPayload sa = phase2_offer(child("aes128-sha256"), {net::Spi{0x1234}, {}},
                                Encapsulation::kTunnel, DhGroupId::kNone);
  std::erase_if(sa.proposals[0].transforms[0].attributes,
                [](const V1Attribute& a) { return a.type == 4; });
  EXPECT_TRUE(choose_phase2(esp("aes128-sha256"), Encapsulation::kTunnel, DhGroupId::kNone, sa));
  EXPECT_FALSE(
      choose_phase2(esp("aes128-sha256"), Encapsulation::kUdpTunnel, DhGroupId::kNone, sa));
}

TEST(Phase2Choice, OfAhSaysTheAlgorithmTwice) {
  session::ChildConfig c;
  c.ah_proposals = crypto::parse_proposals(crypto::ProtocolId::kAh, "sha256").value();
  V1SaPayload sa =
      phase2_offer(c, {net::Spi{0x1234}, {}}, Encapsulation::kTransport, DhGroupId::kNone);
  ASSERT_EQ(sa.proposals.size(), 1U);
  V1Transform& t = sa.proposals[0].transforms.at(0);
  EXPECT_EQ(sa.proposals[0].protocol, isakmp::ProtocolId::kAh);
  EXPECT_EQ(t.id, 5);             // AH_SHA2-256
  EXPECT_EQ(value_of(t, 5), 5U);  // HMAC-SHA2-256
  EXPECT_EQ(value_of(t, 4), 2U);  // transport
  const auto choose = [&] {
    return choose_phase2(c.ah_proposals, Encapsulation::kTransport, DhGroupId::kNone, sa);
  };
  EXPECT_TRUE(choose());
  t.id = 3;
  EXPECT_FALSE(choose()) << "AH_SHA with HMAC-SHA2-256 (RFC 2407 §4.4.3)";
}

TEST(Phase2Choice, RefusesIpcomp) {
  V1SaPayload sa = phase2_offer(child("aes128-sha256"), {net::Spi{0x1234}, {}},
                                Encapsulation::kTunnel, DhGroupId::kNone);
  sa.proposals[0].protocol = isakmp::ProtocolId{4};
  EXPECT_FALSE(choose_phase2(esp("aes128-sha256"), Encapsulation::kTunnel, DhGroupId::kNone, sa));
}

TEST(CheckSingle, AnAnswerIsOneProposalWithOneTransform) {
  V1SaPayload sa = offer_of("aes128-sha256-modp2048");
  EXPECT_TRUE(check_single(sa));
  EXPECT_FALSE(check_single(offer_of("aes128-aes256-sha256-modp2048")));
  sa.proposals.push_back(sa.proposals[0]);
  EXPECT_FALSE(check_single(sa));
}

TEST(ResponderLifetime, IsReadAsItIsWritten) {
  for (const std::uint8_t protocol : {std::uint8_t{1}, std::uint8_t{3}}) {
    // Both encodings: a duration of four octets, one of two.
    const Lifetimes lives{base::seconds{70000}, 1000};
    const auto data = responder_lifetime_of(protocol, lives);
    EXPECT_EQ(responder_lifetime(protocol, data), lives);
    EXPECT_FALSE(responder_lifetime(protocol == 1 ? 3 : 1, data).any()) << "the numbers differ";
  }
  EXPECT_EQ(responder_lifetime_of(3, {base::seconds{70000}, {}}),
            base::from_hex("800100010002000400011170").value());
  EXPECT_FALSE(responder_lifetime(3, base::from_hex("80010001").value()).any());
}

TEST(ResponderLifetime, TellsWhatIsShorterAlone) {
  const Lifetimes offered{base::seconds{3600}, 1000};
  EXPECT_FALSE(to_be_told({base::seconds{3600}, {}}, offered).any());
  EXPECT_EQ(to_be_told({base::seconds{3000}, 2000}, offered), (Lifetimes{base::seconds{3000}, {}}));
  EXPECT_EQ(to_be_told({{}, 999}, offered), (Lifetimes{{}, 999}));
  EXPECT_FALSE(to_be_told({base::seconds{3000}, 999}, {}).any()) << "nothing was offered";
  EXPECT_EQ(shorter({base::seconds{5}, {}}, {base::seconds{6}, 7}),
            (Lifetimes{base::seconds{5}, 7}));
}

TEST(Transitions, NoRowIsTakenInAnotherStateOrWithoutItsPayloads) {
  for (const Phase1Table& table : phase1_tables())
    for (const Phase1Transition& row : table.rows) {
      EXPECT_EQ(find_phase1(table.exchange, row.proof, row.state, row.sealed, row.required), &row)
          << row.text;
      EXPECT_EQ(find_phase1(table.exchange, row.proof, row.state, row.sealed, {}), nullptr)
          << row.text;
      EXPECT_EQ(
          find_phase1(table.exchange, row.proof, State::kEstablished, row.sealed, row.required),
          nullptr);
      EXPECT_TRUE(is_legal(row.state, row.next)) << row.text;
      EXPECT_FALSE(is_legal(row.next, row.state)) << row.text;
      if (row.proof == Proof::kSignature) {
        EXPECT_EQ(find_phase1(table.exchange, Proof::kHash, row.state, row.sealed, row.required),
                  nullptr)
            << "a signature where a HASH was agreed";
      }
    }
}

}  // namespace
}  // namespace penstock::ikev1
