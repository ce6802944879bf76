// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/spd.h"

#include <gtest/gtest.h>

namespace penstock::ipsec {
namespace {

using base::ErrorCode;
using policy::PolicyAction;
using policy::PolicyId;
using policy::PolicyRule;
using policy::TrafficSelector;

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kGre = 47;

TrafficSelector range(const char* first, const char* last, std::uint8_t protocol = 0,
                      std::uint16_t first_port = 0, std::uint16_t last_port = 0xffff) {
  return {.first = *net::IpAddress::parse(first),
          .last = *net::IpAddress::parse(last),
          .protocol = protocol,
          .first_port = first_port,
          .last_port = last_port};
}
TrafficSelector opaque(const char* first, const char* last, std::uint8_t protocol) {
  return range(first, last, protocol, 0xffff, 0);
}

PolicyRule rule(std::uint64_t id, policy::TrafficSelectors local, policy::TrafficSelectors remote,
                std::uint32_t priority = policy::kPriorityChild,
                PolicyAction action = PolicyAction::kProtect) {
  return {.id = PolicyId{id},
          .priority = priority,
          .action = action,
          .vrf = {},
          .interface_id = {},
          .slot = policy::ChildSlot{static_cast<std::uint32_t>(id + 100)},
          .local_ts = std::move(local),
          .remote_ts = std::move(remote),
          .name = "rule"};
}

SpdKey key(const char* source, const char* destination, std::uint8_t protocol = kTcp,
           std::uint16_t source_port = 1000, std::uint16_t destination_port = 80,
           bool has_ports = true) {
  return SpdKey::of({.source = *net::IpAddress::parse(source),
                     .destination = *net::IpAddress::parse(destination),
                     .protocol = protocol,
                     .source_port = source_port,
                     .destination_port = destination_port,
                     .has_ports = has_ports});
}
SpdKey fragment(const char* source, const char* destination, std::uint8_t protocol = kTcp) {
  return key(source, destination, protocol, 0, 0, false);
}

class SpdTest : public testing::Test {
 protected:
  static constexpr unsigned kWorkers = 2;

  void SetUp() override {
    reset({.policies = 1024, .selectors_v4 = 4096, .selectors_v6 = 64, .workers = kWorkers});
  }
  void TearDown() override { rcu_->leave(0); }

  void reset(const SpdLimits& limits) {
    if (rcu_) rcu_->leave(0);
    spd_.reset();
    rcu_ = *dpdk::RcuDomain::create(1);
    rcu_->enter(0);
    spd_ = std::make_unique<Spd>(limits, 42, *rcu_);
  }
  void add(const PolicyRule& r) {
    const auto inserted = spd_->insert(r);
    ASSERT_TRUE(inserted) << inserted.error().text;
  }
  std::uint64_t out(const SpdKey& k) { return id_of(spd_->lookup_outbound(k)); }
  std::uint64_t in(const SpdKey& k) { return id_of(spd_->lookup_inbound(k)); }
  static std::uint64_t id_of(const SpdEntry* e) { return e != nullptr ? e->id.value() : 0; }
  void pass_grace_periods() {
    for (int n = 0; n < 2; ++n) {
      rcu_->quiescent(0);
      (void)spd_->poll();
    }
  }

  std::unique_ptr<dpdk::RcuDomain> rcu_;
  std::unique_ptr<Spd> spd_;
};

TEST_F(SpdTest, AnswersNothingWhenItIsEmpty) {
  EXPECT_EQ(spd_->lookup_outbound(key("10.1.0.1", "10.2.0.1")), nullptr);
  EXPECT_EQ(spd_->lookup_inbound(key("10.2.0.1", "10.1.0.1")), nullptr);
}

TEST_F(SpdTest, MatchesLocalToRemoteOutboundAndMirroredInbound) {
  add(rule(1, {range("10.1.0.0", "10.1.255.255")}, {range("10.2.0.0", "10.2.255.255")}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 1U);
  EXPECT_EQ(in(key("10.2.0.1", "10.1.0.1")), 1U);
  EXPECT_EQ(out(key("10.2.0.1", "10.1.0.1")), 0U);
  EXPECT_EQ(in(key("10.1.0.1", "10.2.0.1")), 0U);
}

TEST_F(SpdTest, TellsActionSlotAndId) {
  PolicyRule r = rule(7, {range("10.1.0.0", "10.1.255.255")}, {range("0.0.0.0", "255.255.255.255")},
                      policy::kPriorityPassDrop, PolicyAction::kBypass);
  r.interface_id = policy::InterfaceId{9};
  add(r);
  const SpdEntry* e = spd_->lookup_outbound(key("10.1.2.3", "192.0.2.1"));
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->id, PolicyId{7});
  EXPECT_EQ(e->action, PolicyAction::kBypass);
  EXPECT_EQ(e->slot, policy::ChildSlot{107});
  EXPECT_EQ(e->interface_id, policy::InterfaceId{9});
  EXPECT_EQ(e->priority, policy::kPriorityPassDrop);
}

TEST_F(SpdTest, EndsOfARangeMatchAndTheirNeighboursDoNot) {
  add(rule(1, {range("10.1.0.5", "10.1.1.3")}, {range("10.2.0.7", "10.2.0.7")}));
  EXPECT_EQ(out(key("10.1.0.4", "10.2.0.7")), 0U);
  EXPECT_EQ(out(key("10.1.0.5", "10.2.0.7")), 1U);
  EXPECT_EQ(out(key("10.1.0.255", "10.2.0.7")), 1U);
  EXPECT_EQ(out(key("10.1.1.0", "10.2.0.7")), 1U);
  EXPECT_EQ(out(key("10.1.1.3", "10.2.0.7")), 1U);
  EXPECT_EQ(out(key("10.1.1.4", "10.2.0.7")), 0U);
  EXPECT_EQ(out(key("10.1.0.5", "10.2.0.6")), 0U);
  EXPECT_EQ(out(key("10.1.0.5", "10.2.0.8")), 0U);
}

TEST_F(SpdTest, TheWholeAddressSpaceIsARangeToo) {
  add(rule(1, {range("0.0.0.0", "255.255.255.255")}, {range("0.0.0.0", "255.255.255.255")}));
  EXPECT_EQ(out(key("0.0.0.0", "255.255.255.255")), 1U);
  EXPECT_EQ(out(key("255.255.255.255", "0.0.0.0")), 1U);
  EXPECT_EQ(out(key("127.255.255.255", "128.0.0.0", kGre)), 1U);
}

TEST_F(SpdTest, LowerPriorityNumberWinsWhateverTheOrderAndTheLengths) {
  add(rule(1, {range("10.1.0.1", "10.1.0.1")}, {range("10.2.0.1", "10.2.0.1")}, 2000));
  add(rule(2, {range("10.0.0.0", "10.255.255.255")}, {range("0.0.0.0", "255.255.255.255")}, 1000));
  add(rule(3, {range("10.1.0.0", "10.1.255.255")}, {range("10.2.0.0", "10.2.255.255")}, 3000));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 2U);
  ASSERT_TRUE(spd_->remove(PolicyId{2}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 1U);
  ASSERT_TRUE(spd_->remove(PolicyId{1}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 3U);
}

TEST_F(SpdTest, EqualPrioritiesGoByInsertion) {
  const auto all = [] { return range("0.0.0.0", "255.255.255.255"); };
  add(rule(1, {range("10.1.0.0", "10.1.255.255")}, {all()}));
  add(rule(2, {range("10.1.0.1", "10.1.0.1")}, {all()}));
  add(rule(3, {range("10.1.0.0", "10.1.255.255")}, {all()}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 1U);
  ASSERT_TRUE(spd_->remove(PolicyId{1}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 2U);
  add(rule(1, {range("10.1.0.0", "10.1.255.255")}, {all()}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 2U);
  ASSERT_TRUE(spd_->remove(PolicyId{2}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 3U) << "the rule that came back is the last now";
}

TEST_F(SpdTest, CoversEveryPairOfSelectors) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255"), range("10.3.0.0", "10.3.0.255")},
           {range("10.2.0.0", "10.2.0.255"), range("10.4.0.0", "10.4.0.255")}));
  for (const char* local : {"10.1.0.9", "10.3.0.9"})
    for (const char* remote : {"10.2.0.9", "10.4.0.9"}) {
      EXPECT_EQ(out(key(local, remote)), 1U);
      EXPECT_EQ(in(key(remote, local)), 1U);
    }
  EXPECT_EQ(out(key("10.1.0.9", "10.3.0.9")), 0U);
}

TEST_F(SpdTest, ProtocolOfEitherSideHolds) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255", kTcp)}, {range("10.2.0.0", "10.2.0.255")}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp)), 1U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kUdp)), 0U);
  add(rule(2, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255", kUdp)}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kUdp)), 2U);
}

TEST_F(SpdTest, SelectorsThatNoPacketFitsAreRefused) {
  const auto inserted = spd_->insert(
      rule(1, {range("10.1.0.0", "10.1.0.255", kTcp)}, {range("10.2.0.0", "10.2.0.255", kUdp)}));
  ASSERT_FALSE(inserted);
  EXPECT_EQ(inserted.error().code, ErrorCode::kMalformed);
  EXPECT_FALSE(spd_->insert(rule(2, {}, {range("10.2.0.0", "10.2.0.255")})));
  EXPECT_FALSE(
      spd_->insert(rule(3, {range("10.1.0.9", "10.1.0.8")}, {range("0.0.0.0", "1.0.0.0")})));
}

TEST_F(SpdTest, PortRangesMatchOnTheRightSide) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255", kTcp)},
           {range("10.2.0.0", "10.2.0.255", kTcp, 1023, 1025)}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 5, 1022)), 0U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 5, 1023)), 1U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 5, 1025)), 1U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 5, 1026)), 0U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 1024, 5)), 0U);
  EXPECT_EQ(in(key("10.2.0.1", "10.1.0.1", kTcp, 1024, 5)), 1U);
  EXPECT_EQ(in(key("10.2.0.1", "10.1.0.1", kTcp, 5, 1024)), 0U);
}

// RFC 4301 §7: a rule with ports does not match a fragment that shows none; ANY and OPAQUE do.
TEST_F(SpdTest, FragmentsWithoutPortsMatchOnlyAnyAndOpaque) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255", kTcp)},
           {range("10.2.0.0", "10.2.0.255", kTcp, 80, 80)}));
  add(rule(2, {range("10.1.0.0", "10.1.0.255", kTcp)},
           {range("10.2.0.0", "10.2.0.255", kTcp, 1, 65535)}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 1U);
  EXPECT_EQ(out(fragment("10.1.0.1", "10.2.0.1")), 0U);
  add(rule(3, {opaque("10.1.0.0", "10.1.0.255", kTcp)}, {opaque("10.2.0.0", "10.2.0.255", kTcp)}));
  EXPECT_EQ(out(fragment("10.1.0.1", "10.2.0.1")), 3U);
  EXPECT_EQ(in(fragment("10.2.0.1", "10.1.0.1")), 3U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kTcp, 0, 0)), 0U) << "OPAQUE is for what is not shown";
  add(rule(4, {range("10.1.0.0", "10.1.0.255", kUdp)}, {range("10.2.0.0", "10.2.0.255", kUdp)}));
  EXPECT_EQ(out(fragment("10.1.0.1", "10.2.0.1", kUdp)), 4U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kUdp)), 4U);
}

// RFC 4301 §4.4.1.3 C: willing to send this type, not to receive it; D: the other way round.
TEST_F(SpdTest, IcmpTypesAreComparedWithTheSendersSide) {
  constexpr std::uint16_t kEchoRequest = 8 * 256;
  add(rule(1, {range("10.1.0.0", "10.1.0.255", kIcmp, kEchoRequest, kEchoRequest + 255)},
           {opaque("10.2.0.0", "10.2.0.255", kIcmp)}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kIcmp, 0, kEchoRequest)), 1U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kIcmp, 0, kEchoRequest + 3)), 1U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kIcmp, 0, 0)), 0U);
  EXPECT_EQ(in(key("10.2.0.1", "10.1.0.1", kIcmp, 0, kEchoRequest)), 0U);
  EXPECT_EQ(in(fragment("10.2.0.1", "10.1.0.1", kIcmp)), 0U) << "the other side asks for a type";
  add(rule(2, {opaque("10.1.0.0", "10.1.0.255", kIcmp)},
           {range("10.2.0.0", "10.2.0.255", kIcmp, 0, 0)}));
  EXPECT_EQ(in(key("10.2.0.1", "10.1.0.1", kIcmp, 0, 0)), 2U);
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kIcmp, 0, 0)), 0U);
}

TEST(SpdKey, OfAPacketsMetaIsThatOfItsSelectors) {
  dpdk::PacketMeta meta{};
  meta.source = 0x0a010001;
  meta.destination = 0x0a020001;
  meta.protocol = kIcmp;
  meta.destination_port = 8 * 256;
  meta.flags = dpdk::kHasPorts;
  meta.vrf = 3;
  const SpdKey icmp = spd_key(meta);
  EXPECT_EQ(icmp.source.value, 0x0a010001U);
  EXPECT_EQ(icmp.destination.value, 0x0a020001U);
  EXPECT_EQ(icmp.source_port, 8 * 256) << "the type is compared with the sender's side";
  EXPECT_TRUE(icmp.has_ports);
  EXPECT_EQ(icmp.vrf, net::Vrf{3});
  meta.protocol = kTcp;
  meta.source_port = 4711;
  meta.destination_port = 80;
  EXPECT_EQ(spd_key(meta).source_port, 4711);
  EXPECT_EQ(spd_key(meta).destination_port, 80);
  meta.flags = dpdk::kFragment;
  EXPECT_FALSE(spd_key(meta).has_ports);
}

// RFC 4301 appendix D.2.
TEST_F(SpdTest, PortsAreRefusedWhereTheProtocolHasNone) {
  for (const std::uint8_t protocol : {std::uint8_t{0}, kGre}) {
    const auto inserted = spd_->insert(rule(1, {range("10.1.0.0", "10.1.0.255", protocol, 80, 80)},
                                            {range("10.2.0.0", "10.2.0.255", protocol)}));
    ASSERT_FALSE(inserted);
    EXPECT_EQ(inserted.error().code, ErrorCode::kMalformed);
  }
  add(rule(1, {range("10.1.0.0", "10.1.0.255", kGre)}, {range("10.2.0.0", "10.2.0.255", kGre)}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1", kGre)), 1U);
}

TEST_F(SpdTest, VrfsAreApart) {
  PolicyRule r = rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")});
  r.vrf = net::Vrf{5};
  add(r);
  SpdKey k = key("10.1.0.1", "10.2.0.1");
  EXPECT_EQ(out(k), 0U);
  k.vrf = net::Vrf{5};
  EXPECT_EQ(out(k), 1U);
}

TEST_F(SpdTest, Ipv6RulesMatchIpv6PacketsAlone) {
  add(rule(1, {range("2001:db8::", "2001:db8::ffff")},
           {range("2001:db8:1::", "2001:db8:1::ffff")}));
  const auto k = SpdKey6::of({.source = *net::IpAddress::parse("2001:db8::1"),
                              .destination = *net::IpAddress::parse("2001:db8:1::1"),
                              .protocol = kTcp,
                              .source_port = 1,
                              .destination_port = 2});
  const SpdEntry* result = nullptr;
  spd_->lookup_burst(policy::Direction::kOutbound, &k, &result, 1);
  EXPECT_EQ(id_of(result), 1U);
  spd_->lookup_burst(policy::Direction::kInbound, &k, &result, 1);
  EXPECT_EQ(id_of(result), 0U);
}

TEST_F(SpdTest, IdsAreUniqueAndMustExistToBeRemoved) {
  const PolicyRule r =
      rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")});
  add(r);
  const auto again = spd_->insert(r);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kExists);
  EXPECT_EQ(spd_->remove(PolicyId{2}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(spd_->remove(PolicyId{1}));
  EXPECT_EQ(spd_->remove(PolicyId{1}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(spd_->size(), 0U);
}

TEST_F(SpdTest, ARemovedRuleIsGoneAtOnceAndItsEntryStaysReadable) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  const SpdEntry* before = spd_->lookup_outbound(key("10.1.0.1", "10.2.0.1"));
  ASSERT_TRUE(spd_->remove(PolicyId{1}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 0U);
  add(rule(2, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  EXPECT_EQ(before->id, PolicyId{1}) << "no grace period has passed: the worker may still read it";
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), 2U);
}

TEST_F(SpdTest, MemoryComesBackAfterTwoGracePeriods) {
  reset({.policies = 1, .selectors_v4 = 1, .selectors_v6 = 1, .workers = 1});
  const auto one = [](std::uint64_t id) {
    return rule(id, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")});
  };
  add(one(1));
  ASSERT_TRUE(spd_->remove(PolicyId{1}));
  EXPECT_EQ(spd_->insert(one(2)).error().code, ErrorCode::kLimit);
  rcu_->quiescent(0);
  EXPECT_EQ(spd_->insert(one(2)).error().code, ErrorCode::kLimit);
  EXPECT_EQ(spd_->poll(), 1U);
  rcu_->quiescent(0);
  add(one(2));
  EXPECT_EQ(spd_->poll(), 0U);
}

TEST_F(SpdTest, EveryLimitIsAnErrorThatNamesItAndChangesNothing) {
  reset({.policies = 2, .selectors_v4 = 3, .selectors_v6 = 1, .workers = 1});
  add(rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  const auto selectors =
      spd_->insert(rule(2, {range("10.1.0.0", "10.1.0.255"), range("10.3.0.0", "10.3.0.255")},
                        {range("10.2.0.0", "10.2.0.255"), range("10.4.0.0", "10.4.0.255")}));
  ASSERT_FALSE(selectors);
  EXPECT_EQ(selectors.error().code, ErrorCode::kLimit);
  EXPECT_NE(selectors.error().text.find("3"), std::string::npos);
  EXPECT_EQ(out(key("10.3.0.1", "10.4.0.1")), 0U);
  add(rule(2, {range("10.1.1.0", "10.1.1.255")}, {range("10.2.0.0", "10.2.0.255")}));
  const auto policies =
      spd_->insert(rule(3, {range("10.1.2.0", "10.1.2.255")}, {range("10.2.0.0", "10.2.0.255")}));
  ASSERT_FALSE(policies);
  EXPECT_EQ(policies.error().code, ErrorCode::kLimit);
}

TEST_F(SpdTest, OverlapIsLimitedAndTheLastOneStillWorks) {
  std::uint64_t id = 1;
  for (; id <= kSpdOverlap; ++id)
    add(rule(id, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  const auto one_more =
      spd_->insert(rule(id, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code, ErrorCode::kLimit);
  for (id = 1; id < kSpdOverlap; ++id) ASSERT_TRUE(spd_->remove(PolicyId{id}));
  EXPECT_EQ(out(key("10.1.0.1", "10.2.0.1")), kSpdOverlap);
}

TEST_F(SpdTest, ShapesAreLimited) {
  std::uint64_t id = 1;
  base::Result<void> last{};
  for (unsigned l = 1; l <= 32 && last; ++l)
    for (unsigned r = 1; r <= 32 && last; ++r) {
      const net::Prefix local{net::IpAddress::v4(l == 32 ? 1 : 0), static_cast<std::uint8_t>(l)};
      const net::Prefix remote{net::IpAddress::v4(0), static_cast<std::uint8_t>(r)};
      last = spd_->insert(rule(id++, {{.first = local.first(), .last = local.last()}},
                               {{.first = remote.first(), .last = remote.last()}}));
    }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::kLimit);
  EXPECT_EQ(spd_->size(), kSpdShapes);
  EXPECT_EQ(out(key("0.0.0.0", "0.0.0.0")), 1U);
}

TEST_F(SpdTest, CountersAreOfTheRuleAndSumTheWorkers) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}));
  const SpdEntry* e = spd_->lookup_outbound(key("10.1.0.1", "10.2.0.1"));
  ASSERT_NE(e, nullptr);
  spd_->count(0, *e, 3, 300);
  spd_->count(1, *e, 1, 40);
  const auto status = spd_->find(PolicyId{1});
  ASSERT_TRUE(status);
  EXPECT_EQ(status->counters.packets, 4U);
  EXPECT_EQ(status->counters.bytes, 340U);
  EXPECT_FALSE(spd_->find(PolicyId{2}));
}

TEST_F(SpdTest, ARuleInAnUsedPlaceStartsAtZero) {
  reset({.policies = 1, .selectors_v4 = 1, .selectors_v6 = 1, .workers = 1});
  const auto one = [](std::uint64_t id) {
    return rule(id, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")});
  };
  add(one(1));
  spd_->count(0, *spd_->lookup_outbound(key("10.1.0.1", "10.2.0.1")), 3, 300);
  ASSERT_TRUE(spd_->remove(PolicyId{1}));
  pass_grace_periods();
  add(one(2));
  EXPECT_EQ(spd_->find(PolicyId{2})->counters.packets, 0U);
}

TEST_F(SpdTest, ListsInOrderAndInPieces) {
  add(rule(1, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}, 3000));
  add(rule(2, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}, 1000));
  add(rule(3, {range("10.1.0.0", "10.1.0.255")}, {range("10.2.0.0", "10.2.0.255")}, 1000));
  std::vector<SpdStatus> all;
  const auto next = spd_->list(std::nullopt, 2, all);
  ASSERT_TRUE(next);
  EXPECT_FALSE(spd_->list(next, 2, all));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].rule.id, PolicyId{2});
  EXPECT_EQ(all[1].rule.id, PolicyId{3});
  EXPECT_EQ(all[2].rule.id, PolicyId{1});
}

}  // namespace
}  // namespace penstock::ipsec
