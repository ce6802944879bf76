// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/spd_flow_cache.h"

#include <gtest/gtest.h>

namespace penstock::ipsec {
namespace {

using policy::PolicyId;

policy::PolicyRule rule(std::uint64_t id, const char* local, const char* remote,
                        std::uint32_t priority = policy::kPriorityChild) {
  return {.id = PolicyId{id},
          .priority = priority,
          .action = policy::PolicyAction::kBypass,
          .vrf = {},
          .interface_id = {},
          .slot = {},
          .local_ts = {policy::TrafficSelector::of(*net::Prefix::parse(local))},
          .remote_ts = {policy::TrafficSelector::of(*net::Prefix::parse(remote))},
          .name = "rule"};
}

class SpdFlowCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    rcu_->enter(0);
    add(rule(1, "10.1.0.0/16", "10.2.0.0/16"));
  }
  void TearDown() override { rcu_->leave(0); }
  void add(const policy::PolicyRule& r) { ASSERT_TRUE(spd_.insert(r)); }

  std::uint64_t ask(const char* source, const char* destination) {
    const SpdKey key = SpdKey::of({.source = *net::IpAddress::parse(source),
                                   .destination = *net::IpAddress::parse(destination),
                                   .protocol = 17,
                                   .source_port = 1,
                                   .destination_port = 2});
    const SpdEntry* entry = nullptr;
    cache_.lookup_burst(policy::Direction::kOutbound, &key, &entry, 1);
    return entry != nullptr ? entry->id.value() : 0;
  }
  /// Answers, and tells whether the cache had it.
  std::pair<std::uint64_t, bool> ask_and_tell(const char* source, const char* destination) {
    const std::uint64_t before = cache_.statistics().hits;
    const std::uint64_t id = ask(source, destination);
    return {id, cache_.statistics().hits > before};
  }

  std::unique_ptr<dpdk::RcuDomain> rcu_ = *dpdk::RcuDomain::create(1);
  Spd spd_{{.policies = 256, .selectors_v4 = 256, .selectors_v6 = 1, .workers = 1}, 42, *rcu_};
  SpdFlowCache cache_{spd_, 1024, 0};
};

using Answer = std::pair<std::uint64_t, bool>;

TEST_F(SpdFlowCacheTest, AnswersASecondPacketByItself) {
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, false));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, true));
  EXPECT_EQ(ask_and_tell("10.9.0.1", "10.2.0.1"), Answer(0, false));
  EXPECT_EQ(ask_and_tell("10.9.0.1", "10.2.0.1"), Answer(0, true));
}

TEST_F(SpdFlowCacheTest, AChangeElsewhereLeavesItsVerdicts) {
  ASSERT_EQ(ask("10.1.0.1", "10.2.0.1"), 1U);
  add(rule(2, "10.3.0.0/16", "10.4.0.0/16", 1));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, true));
  ASSERT_TRUE(spd_.remove(PolicyId{2}));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, true));
}

TEST_F(SpdFlowCacheTest, ARuleBehindTheOneThatAnsweredLeavesTheVerdict) {
  ASSERT_EQ(ask("10.1.0.1", "10.2.0.1"), 1U);
  add(rule(2, "10.1.0.1/32", "10.2.0.1/32"));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, true));
  ASSERT_TRUE(spd_.remove(PolicyId{1}));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(2, false));
}

TEST_F(SpdFlowCacheTest, ARuleInFrontTakesOnlyItsOwnPackets) {
  ASSERT_EQ(ask("10.1.0.1", "10.2.0.1"), 1U);
  ASSERT_EQ(ask("10.1.0.2", "10.2.0.1"), 1U);
  add(rule(2, "10.1.0.1/32", "10.2.0.0/16", policy::kPriorityPassDrop));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(2, false));
  EXPECT_EQ(ask_and_tell("10.1.0.2", "10.2.0.1"), Answer(1, true));
}

TEST_F(SpdFlowCacheTest, NoVerdictIsTakenBackByARuleThatMatches) {
  ASSERT_EQ(ask("10.9.0.1", "10.2.0.1"), 0U);
  add(rule(2, "10.9.0.0/16", "0.0.0.0/0", policy::kPriorityTrap));
  EXPECT_EQ(ask_and_tell("10.9.0.1", "10.2.0.1"), Answer(2, false));
}

TEST_F(SpdFlowCacheTest, AVerdictOlderThanWhatIsRememberedIsAskedAgain) {
  ASSERT_EQ(ask("10.1.0.1", "10.2.0.1"), 1U);
  for (std::size_t n = 0; n < kSpdChanges / 2; ++n) {
    add(rule(2, "10.3.0.0/16", "10.4.0.0/16"));
    ASSERT_TRUE(spd_.remove(PolicyId{2}));
    rcu_->quiescent(0);
  }
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, true)) << "exactly kSpdChanges";
  for (std::size_t n = 0; n < kSpdChanges / 2; ++n) {
    add(rule(2, "10.3.0.0/16", "10.4.0.0/16"));
    ASSERT_TRUE(spd_.remove(PolicyId{2}));
    rcu_->quiescent(0);
  }
  add(rule(2, "10.3.0.0/16", "10.4.0.0/16"));
  EXPECT_EQ(ask_and_tell("10.1.0.1", "10.2.0.1"), Answer(1, false)) << "one more";
}

TEST_F(SpdFlowCacheTest, GoesPastItselfWhileShapesAreFew) {
  SpdFlowCache cache(spd_, 1024, 1);
  const SpdKey key{.source = {0x0a010001}, .destination = {0x0a020001}, .vrf = {}};
  const SpdEntry* entry = nullptr;
  cache.lookup_burst(policy::Direction::kOutbound, &key, &entry, 1);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(cache.statistics().misses, 0U);
  add(rule(2, "10.3.0.0/24", "10.4.0.0/24"));
  cache.lookup_burst(policy::Direction::kOutbound, &key, &entry, 1);
  EXPECT_EQ(cache.statistics().misses, 1U);
}

}  // namespace
}  // namespace penstock::ipsec
