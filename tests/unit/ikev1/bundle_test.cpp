// SPDX-License-Identifier: BSD-3-Clause
// AH and ESP agreed on together (RFC 2408 §4.2, RFC 2409 §5.5): a bundle, both or nothing.
#include <gtest/gtest.h>

#include "control/ikev1/proposals.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using crypto::DhGroupId;
using crypto::ProtocolId;
using isakmp::V1SaPayload;
using session::ChildConfig;
using session::ConnectionConfig;
using test::Ikev1Pair;

ChildConfig bundle(std::string_view esp, std::string_view ah) {
  ChildConfig c;
  c.bundle = true;
  c.esp_proposals = crypto::parse_proposals(ProtocolId::kEsp, esp).value();
  c.ah_proposals = crypto::parse_proposals(ProtocolId::kAh, ah).value();
  return c;
}

constexpr OwnSpis kSpis{net::Spi{0x1001}, net::Spi{0x1002}};

V1SaPayload offer_of(const ChildConfig& c, DhGroupId group = DhGroupId::kNone) {
  return phase2_offer(c, kSpis, Encapsulation::kTunnel, group);
}

base::Result<Choice> choose(const ChildConfig& c, const V1SaPayload& theirs,
                            DhGroupId group = DhGroupId::kNone) {
  return choose_for(c, Encapsulation::kTunnel, group, theirs);
}

TEST(Bundle, IsOfferedAsTwoProposalsOfOneNumber) {
  const V1SaPayload sa = offer_of(bundle("aes128-sha256", "sha256"));
  ASSERT_EQ(sa.proposals.size(), 2U);
  EXPECT_EQ(sa.proposals[0].protocol, ProtocolId::kAh);
  EXPECT_EQ(sa.proposals[1].protocol, ProtocolId::kEsp);
  EXPECT_EQ(sa.proposals[0].number, sa.proposals[1].number);
  EXPECT_EQ(base::to_hex(sa.proposals[0].spi), "00001002");
  EXPECT_EQ(base::to_hex(sa.proposals[1].spi), "00001001");
}

TEST(Bundle, EachPairHasANumberOfItsOwn) {
  const V1SaPayload sa = offer_of(bundle("aes128-sha256,aes256-sha256", "sha256,sha1"));
  std::vector<int> numbers;
  for (const auto& p : sa.proposals) numbers.push_back(p.number);
  EXPECT_EQ(numbers, (std::vector<int>{1, 1, 2, 2, 3, 3, 4, 4}));
}

TEST(Bundle, IsChosenWholeAndAnsweredInTheOrderOfTheOffer) {
  const ChildConfig ours = bundle("aes256-sha256,aes128-sha256", "sha1");
  V1SaPayload theirs = offer_of(bundle("aes128-sha256", "sha256,sha1"));
  for (const bool esp_first : {false, true}) {
    if (esp_first)
      for (std::size_t i = 0; i < theirs.proposals.size(); i += 2)
        std::swap(theirs.proposals[i], theirs.proposals[i + 1]);
    const auto choice = choose(ours, theirs);
    ASSERT_TRUE(choice.has_value()) << choice.error().text;
    EXPECT_EQ(choice->agreed.to_string(), "aes128-sha256-noesn");
    ASSERT_TRUE(choice->outer.has_value());
    EXPECT_EQ(choice->outer->agreed.integ, crypto::IntegId::kHmacSha1_96);
    EXPECT_EQ(choice->spi, kSpis.inner);
    EXPECT_EQ(choice->outer->spi, kSpis.outer);
    const V1SaPayload answer = phase2_answer(*choice, {net::Spi{0x2001}, net::Spi{0x2002}}, {});
    ASSERT_EQ(answer.proposals.size(), 2U);
    EXPECT_EQ(answer.proposals[0].protocol, esp_first ? ProtocolId::kEsp : ProtocolId::kAh);
    EXPECT_EQ(answer.proposals[0].number, 2);
    EXPECT_EQ(answer.proposals[1].number, 2);
    EXPECT_EQ(base::to_hex(answer.proposals[esp_first ? 0 : 1].spi), "00002001");
    EXPECT_EQ(base::to_hex(answer.proposals[esp_first ? 1 : 0].spi), "00002002");
    EXPECT_TRUE(check_single(answer, true));
    EXPECT_FALSE(check_single(answer));
  }
}

TEST(Bundle, HalfOfOneIsRefused) {
  const ChildConfig ours = bundle("aes128-sha256", "sha256");
  V1SaPayload esp = offer_of(ours);
  esp.proposals.erase(esp.proposals.begin());
  EXPECT_FALSE(choose(ours, esp)) << "ESP alone";
  V1SaPayload apart = offer_of(ours);
  apart.proposals[1].number = 2;
  EXPECT_FALSE(choose(ours, apart)) << "one or the other";
  V1SaPayload three = offer_of(ours);
  three.proposals.push_back({1, isakmp::kV1Ipcomp, base::from_hex("1234").value(), {{1, 2, {}}}});
  EXPECT_FALSE(choose(ours, three)) << "with IPComp";
  EXPECT_FALSE(choose(bundle("aes128-sha256", "sha512"), offer_of(ours))) << "another AH";
  EXPECT_FALSE(choose(bundle("aes256-sha256", "sha256"), offer_of(ours))) << "another ESP";
  ChildConfig alternatives = ours;
  alternatives.bundle = false;
  EXPECT_FALSE(choose(alternatives, offer_of(ours))) << "a child without bundle";
}

TEST(Bundle, HasOneGroupThatBothName) {
  const ChildConfig ours = bundle("aes128-sha256-ecp256", "sha256");
  V1SaPayload theirs = offer_of(ours, DhGroupId::kEcp256);
  EXPECT_TRUE(choose(ours, theirs, DhGroupId::kEcp256));
  std::erase_if(theirs.proposals[0].transforms[0].attributes,
                [](const isakmp::V1Attribute& a) { return a.type == 3; });
  EXPECT_FALSE(choose(ours, theirs, DhGroupId::kEcp256)) << "AH without it";
}

TEST(Bundle, AhInTransportModeAroundTheTunnelIsTheSame) {
  const ChildConfig ours = bundle("aes128-sha256", "sha256");
  V1SaPayload theirs = offer_of(ours);
  for (auto& a : theirs.proposals[0].transforms[0].attributes)
    if (a.type == 4) a.value = 2;
  EXPECT_TRUE(choose(ours, theirs));
  for (auto& a : theirs.proposals[1].transforms[0].attributes)
    if (a.type == 4) a.value = 2;
  EXPECT_FALSE(choose(ours, theirs)) << "ESP in transport mode, for a child in tunnel mode";
}

TEST(Bundle, OfTwoMachinesHasKeysOfItsOwnForEachSa) {
  for (const bool transport : {false, true}) {
    Ikev1Pair pair(41, [&](ConnectionConfig& c) {
      ChildConfig& child = c.children[0];
      const ChildConfig made = bundle("aes128-sha256", "sha512");
      child.bundle = true;
      child.esp_proposals = made.esp_proposals;
      child.ah_proposals = made.ah_proposals;
      if (transport) child.mode = session::ChildMode::kTransport;
      if (transport) child.local_ts = child.remote_ts = {};
    });
    pair.a.begin();
    pair.run();
    ASSERT_TRUE(pair.is_up());
    const session::ChildSa& a = *pair.a.sa()->children.front();
    const session::ChildSa& b = *pair.b.sa()->children.front();
    ASSERT_TRUE(a.outer != nullptr && b.outer != nullptr);
    EXPECT_EQ(a.outer->spi_in, b.outer->spi_out);
    EXPECT_EQ(a.outer->spi_out, b.outer->spi_in);
    EXPECT_TRUE(a.outer->inbound_there && a.outer->outbound_there);
    EXPECT_TRUE(b.outer->inbound_there && b.outer->outbound_there);
    EXPECT_TRUE(pair.a.said("AH around it: in "));
    // Deleted by either of its SPIs, it is gone as a whole.
    pair.a.input([&] {
      pair.a.machine.request_child_delete(*pair.a.sa(), a.spi_in, session::EndReason::kRequested);
    });
    pair.run();
    EXPECT_TRUE(pair.a.sa()->children.empty());
    EXPECT_TRUE(pair.b.sa()->children.empty());
    EXPECT_EQ(pair.b.services.slots.size(), 0U);
  }
}

}  // namespace
}  // namespace penstock::ikev1
