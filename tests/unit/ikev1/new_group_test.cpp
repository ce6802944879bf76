// SPDX-License-Identifier: BSD-3-Clause
// New Group Mode (RFC 2409 §5.6) between two machines: private groups for PFS, and what is refused.
#include <gtest/gtest.h>

#include "control/ikev1/private_groups.h"
#include "tests/lib/dh_parameters.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using base::ByteVector;
using crypto::DhGroupId;
using isakmp::ExchangeType;
using isakmp::V1Attribute;
using session::ConnectionConfig;
using test::Ikev1End;
using test::Ikev1Pair;

constexpr std::size_t kExchangeOffset = 18;
constexpr std::uint32_t kMessageId = 0x5151'5151;
constexpr std::uint16_t kNumber = 32770;
constexpr DhGroupId kPrivate{kNumber};

const crypto::PrivateGroup& the_group() {
  static const crypto::CryptoContext kContext;
  static const crypto::PrivateGroup kGroup =
      crypto::read_private_group(kContext, std::as_bytes(std::span(test::kDhParameters))).value();
  return kGroup;
}

/// @param esp  of the child at both ends
void with_group(ConnectionConfig& c, std::string_view esp, bool proposes, bool accepts) {
  c.children.front().esp_proposals = crypto::parse_proposals(crypto::ProtocolId::kEsp, esp).value();
  if (proposes) c.private_groups.push_back({"own", kNumber, {}, the_group()});
  c.accept_private_groups = accepts;
}
bool is_a(const ConnectionConfig& c) {
  return c.local_addrs.front() == net::IpAddress::parse("192.0.2.1").value();
}
/// A proposes its group, B takes it or not.
Ikev1Pair pair_with(std::string_view esp, bool b_accepts) {
  return Ikev1Pair(
      31, [=](ConnectionConfig& c) { with_group(c, esp, is_a(c), !is_a(c) && b_accepts); });
}

DhGroupId group_of_child(Ikev1End& end) {
  return end.sa()->children.empty() ? DhGroupId::kNone : end.sa()->children.front()->agreed.group;
}

std::size_t new_group_messages(Ikev1Pair& pair) {
  std::size_t n = 0;
  pair.run([&](Ikev1End&, const session::Datagram& d, std::size_t) {
    const auto exchange = ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
    if (exchange == ExchangeType::kV1NewGroupMode) ++n;
  });
  return n;
}

TEST(NewGroupMode, QuickModeUsesTheGroupThatWasAgreed) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770", true);
  pair.a.begin();
  EXPECT_EQ(new_group_messages(pair), 2U);
  EXPECT_TRUE(pair.is_up());
  EXPECT_EQ(group_of_child(pair.a), kPrivate);
  EXPECT_EQ(group_of_child(pair.b), kPrivate);
  EXPECT_TRUE(pair.b.said("private32770 is agreed: MODP of 2048 bits"));
  EXPECT_EQ(pair.b.sa()->group_tests, 1U);
}

TEST(NewGroupMode, WhatBothHaveConfiguredIsNotTested) {
  Ikev1Pair pair(
      32, [](ConnectionConfig& c) { with_group(c, "aes128-sha1-private32770", true, false); });
  pair.a.begin();
  EXPECT_EQ(new_group_messages(pair), 2U);
  EXPECT_TRUE(pair.is_up());
  EXPECT_EQ(pair.b.sa()->group_tests, 0U);
}

TEST(NewGroupMode, AGroupIsAgreedOnceForAllChildrenAndRekeys) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770", true);
  pair.a.begin();
  pair.run();
  pair.a.advance(base::seconds{1});
  session::Task task;
  task.kind = session::Task::Kind::kRekeyChild;
  task.child = &pair.a.connection.config.children.front();
  task.spi = pair.a.sa()->children.front()->spi_in;
  pair.a.input([&] { static_cast<void>(pair.a.machine.add_task(*pair.a.sa(), std::move(task))); });
  EXPECT_EQ(new_group_messages(pair), 0U);
  EXPECT_TRUE(pair.a.said("child net installed"));
  EXPECT_EQ(pair.a.sa()->children.back()->agreed.group, kPrivate);
  EXPECT_EQ(pair.a.sa()->children.size(), 2U);
}

TEST(NewGroupMode, IsRefusedWhereTheConnectionTakesNone) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770", false);
  pair.a.begin();
  EXPECT_EQ(new_group_messages(pair), 1U);
  EXPECT_FALSE(pair.is_up());
  EXPECT_TRUE(pair.b.said("ATTRIBUTES_NOT_SUPPORTED: the connection takes none of the peer's"));
  EXPECT_TRUE(pair.a.said("the peer notifies ATTRIBUTES_NOT_SUPPORTED"));
  EXPECT_TRUE(pair.a.said("private32770 is not agreed with the peer"));
  EXPECT_EQ(pair.b.services.drops.get(session::IkeDrop::kNoProposal), 1U);
}

TEST(NewGroupMode, AnotherGroupOfTheListIsTakenWhereThePrivateOneIsRefused) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770-ecp256", false);
  pair.a.begin();
  pair.run();
  EXPECT_TRUE(pair.is_up());
  EXPECT_EQ(group_of_child(pair.a), DhGroupId::kEcp256);
}

TEST(NewGroupMode, QuickModeInAGroupThatWasNotAgreedIsRefused) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770", true);
  pair.a.begin();
  pair.run([&](Ikev1End& to, const session::Datagram& d, std::size_t) {
    const auto exchange = ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
    if (&to == &pair.b && exchange == ExchangeType::kV1QuickMode) pair.b.sa()->groups.clear();
  });
  EXPECT_FALSE(pair.is_up());
  EXPECT_TRUE(pair.b.said("NO_PROPOSAL_CHOSEN: private32770 is not agreed"));
}

TEST(NewGroupMode, TheAnswerIsRepeatedOnADuplicateAndTheTestIsNot) {
  Ikev1Pair pair = pair_with("aes128-sha1-private32770", true);
  pair.a.begin();
  std::size_t repeated = 0;
  pair.run([&](Ikev1End& to, const session::Datagram& d, std::size_t) {
    const auto exchange = ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
    if (&to != &pair.b || exchange != ExchangeType::kV1NewGroupMode || repeated != 0) return;
    ++repeated;
    to.receive(d);
  });
  EXPECT_EQ(repeated, 1U);
  EXPECT_TRUE(pair.is_up());
  EXPECT_EQ(pair.b.sa()->group_tests, 1U);
}

/// What a peer with the keys proposes: B's answer, or why it refuses.
class Proposed : public testing::Test {
 protected:
  void SetUp() override {
    pair_.a.begin();
    pair_.run();
    ASSERT_TRUE(pair_.is_up());
  }
  void propose(const isakmp::V1SaPayload& payload, std::uint32_t message_id = kMessageId) {
    pair_.a.input([&] {
      IsakmpSa& sa = *pair_.a.sa();
      isakmp::MessageBuilder builder =
          pair_.a.machine.hashed_message(sa, ExchangeType::kV1NewGroupMode, message_id);
      isakmp::append_v1_sa(builder, payload);
      ByteVector iv = phase2_iv(pair_.a.services.crypto, sa.algorithms, sa.iv, message_id);
      pair_.a.machine.transmit(sa, pair_.a.machine.seal_phase2(sa, builder, message_id, {}, iv));
    });
    pair_.run();
  }
  void expect_refused(const isakmp::V1SaPayload& payload, std::string_view why,
                      unsigned tests = 0) {
    const unsigned before = pair_.b.sa()->group_tests;
    propose(payload, ++message_id_);
    EXPECT_TRUE(pair_.b.said(why)) << pair_.b.reports.back().text;
    EXPECT_TRUE(pair_.b.sa()->groups.empty());
    EXPECT_EQ(pair_.b.sa()->group_tests - before, tests) << why;
  }
  static isakmp::V1SaPayload of(const crypto::PrivateGroup& group, std::uint16_t id = kNumber) {
    return group_offer(DhGroupId{id}, group);
  }
  std::vector<V1Attribute>& attributes(isakmp::V1SaPayload& payload) {
    return payload.proposals.front().transforms.front().attributes;
  }

  std::uint32_t message_id_ = kMessageId;
  Ikev1Pair pair_ = pair_with("aes128-sha1-ecp256", true);
};

TEST_F(Proposed, ASafePrimeIsTaken) {
  propose(of(the_group()));
  ASSERT_TRUE(pair_.b.sa()->groups.contains(kPrivate));
  EXPECT_EQ(pair_.b.sa()->groups.at(kPrivate), the_group());
}

TEST_F(Proposed, EllipticCurvesOverTwoAreRefusedByName) {
  auto payload = of(the_group());
  attributes(payload)[1].value = 3;
  expect_refused(payload, "a group of type EC2N");
  attributes(payload)[1].value = 2;
  expect_refused(payload, "a private group of type ECP");
}

TEST_F(Proposed, ANumberThatIsNotPrivateIsRefused) {
  expect_refused(of(the_group(), 14), "a number that is not of the private range");
  expect_refused(of(the_group(), 32767), "a number that is not of the private range");
}

TEST_F(Proposed, SizesAreRefusedBeforeAnyTest) {
  crypto::PrivateGroup small = the_group();
  small.prime.resize(128);
  expect_refused(of(small), "a prime of 1024 bits is below 2048");
  crypto::PrivateGroup large = the_group();
  large.prime.resize(513, std::byte{1});
  expect_refused(of(large), "more than 4096 bits");
}

TEST_F(Proposed, APrimeThatIsNoneIsRefusedAfterTheTest) {
  crypto::PrivateGroup composite = the_group();
  composite.prime[100] ^= std::byte{1};
  expect_refused(of(composite), "its prime is none", 1);
}

TEST_F(Proposed, AttributesOfOtherThingsAreRefused) {
  auto payload = of(the_group());
  attributes(payload).push_back(V1Attribute::of(11, 1));
  expect_refused(payload, "an attribute that describes no MODP group");
  payload = of(the_group());
  attributes(payload).push_back(attributes(payload)[0]);
  expect_refused(payload, "an attribute that describes no MODP group");
  payload = of(the_group());
  attributes(payload).pop_back();
  expect_refused(payload, "the generator is not between 1 and p-1");
}

TEST_F(Proposed, TheFirstTransformThatCanBeIsTaken) {
  auto payload = of(the_group());
  auto& transforms = payload.proposals.front().transforms;
  transforms.push_back(transforms.front());
  transforms.back().number = 2;
  transforms.front().attributes[1].value = 3;
  propose(payload);
  EXPECT_TRUE(pair_.b.sa()->groups.contains(kPrivate));
}

TEST_F(Proposed, ANumberKeepsItsGroup) {
  propose(of(the_group()));
  propose(of(the_group()), kMessageId + 1);
  EXPECT_FALSE(pair_.b.said("refused"));
  crypto::PrivateGroup other = the_group();
  other.generator = {std::byte{3}};
  propose(of(other), kMessageId + 2);
  EXPECT_TRUE(pair_.b.said("its number stands for another group"));
  EXPECT_EQ(pair_.b.sa()->groups.at(kPrivate), the_group());
}

TEST_F(Proposed, TestsAndGroupsAreLimited) {
  crypto::PrivateGroup composite = the_group();
  composite.prime[100] ^= std::byte{1};
  for (unsigned n = 0; n < kMaxGroupTests; ++n) expect_refused(of(composite), "is none", 1);
  expect_refused(of(the_group()), "too many were tested");
}

}  // namespace
}  // namespace penstock::ikev1
