// SPDX-License-Identifier: BSD-3-Clause
// The same for both IP versions: networks 1, 2, 3 … of each.
#include "lib/ipsec/spd_flow_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace penstock::ipsec {
namespace {

using policy::PolicyId;

template <class Address>
std::string host(unsigned network, unsigned number) {
  constexpr bool kV4 = Address::kBits == Ipv4Value::kBits;
  return kV4 ? fmt::format("10.{}.0.{}", network, number)
             : fmt::format("2001:db8:{:x}::{:x}", network, number);
}
template <class Address>
std::string network(unsigned number) {
  return host<Address>(number, 0) + (Address::kBits == Ipv4Value::kBits ? "/16" : "/48");
}
template <class Address>
std::string everybody() {
  return Address::kBits == Ipv4Value::kBits ? "0.0.0.0/0" : "::/0";
}
template <class Address>
std::string only(unsigned network, unsigned number) {
  return fmt::format("{}/{}", host<Address>(network, number), Address::kBits);
}

policy::PolicyRule rule(std::uint64_t id, const std::string& local, const std::string& remote,
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

using Answer = std::pair<std::uint64_t, bool>;

template <class Address>
class SpdFlowCacheTest : public testing::Test {
 protected:
  using Cache = SpdFlowCacheOf<Address>;

  void SetUp() override {
    rcu_->enter(0);
    add(rule(1, network<Address>(1), network<Address>(2)));
  }
  void TearDown() override { rcu_->leave(0); }
  void add(const policy::PolicyRule& r) { ASSERT_TRUE(spd_.insert(r)); }
  void remove(std::uint64_t id) { ASSERT_TRUE(spd_.remove(PolicyId{id})); }

  static std::uint64_t ask(Cache& cache, const std::string& source,
                           const std::string& destination) {
    const auto key = SpdKeyOf<Address>::of({.source = *net::IpAddress::parse(source),
                                            .destination = *net::IpAddress::parse(destination),
                                            .protocol = 17,
                                            .source_port = 1,
                                            .destination_port = 2});
    const SpdEntry* entry = nullptr;
    cache.lookup_burst(policy::Direction::kOutbound, &key, &entry, 1);
    return entry != nullptr ? entry->id.value() : 0;
  }
  /// From a host of `network` to 2's first.
  std::uint64_t ask(unsigned network, unsigned number = 1) {
    return ask(cache_, host<Address>(network, number), host<Address>(2, 1));
  }
  /// Answers, and tells whether the cache had it.
  Answer ask_and_tell(unsigned network, unsigned number = 1) {
    const std::uint64_t before = cache_.statistics().hits;
    const std::uint64_t id = ask(network, number);
    return {id, cache_.statistics().hits > before};
  }

  std::unique_ptr<dpdk::RcuDomain> rcu_ = *dpdk::RcuDomain::create(1);
  Spd spd_{{.policies = 256, .selectors_v4 = 256, .selectors_v6 = 256, .workers = 1}, 42, *rcu_};
  Cache cache_{spd_, 1024};
};

using Families = testing::Types<Ipv4Value, Ipv6Value>;
struct FamilyNames {
  template <class Address>
  static std::string GetName(int) {
    return Address::kBits == Ipv4Value::kBits ? "Ipv4" : "Ipv6";
  }
};
TYPED_TEST_SUITE(SpdFlowCacheTest, Families, FamilyNames);

TYPED_TEST(SpdFlowCacheTest, AnswersASecondPacketByItself) {
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, false));
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true));
  EXPECT_EQ(this->ask_and_tell(9), Answer(0, false));
  EXPECT_EQ(this->ask_and_tell(9), Answer(0, true));
}

TYPED_TEST(SpdFlowCacheTest, AChangeElsewhereLeavesItsVerdicts) {
  ASSERT_EQ(this->ask(1), 1U);
  this->add(rule(2, network<TypeParam>(3), network<TypeParam>(4), 1));
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true));
  this->remove(2);
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true));
}

TYPED_TEST(SpdFlowCacheTest, AChangeOfTheOtherIpVersionLeavesItsVerdicts) {
  using Other = std::conditional_t<TypeParam::kBits == 32, Ipv6Value, Ipv4Value>;
  ASSERT_EQ(this->ask(1), 1U);
  ASSERT_EQ(this->ask(9), 0U);
  this->add(rule(2, everybody<Other>(), everybody<Other>(), 1));
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true));
  EXPECT_EQ(this->ask_and_tell(9), Answer(0, true));
}

TYPED_TEST(SpdFlowCacheTest, ARuleBehindTheOneThatAnsweredLeavesTheVerdict) {
  ASSERT_EQ(this->ask(1), 1U);
  this->add(rule(2, only<TypeParam>(1, 1), only<TypeParam>(2, 1)));
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true));
  this->remove(1);
  EXPECT_EQ(this->ask_and_tell(1), Answer(2, false));
}

TYPED_TEST(SpdFlowCacheTest, ARuleInFrontTakesOnlyItsOwnPackets) {
  ASSERT_EQ(this->ask(1, 1), 1U);
  ASSERT_EQ(this->ask(1, 2), 1U);
  this->add(rule(2, only<TypeParam>(1, 1), network<TypeParam>(2), policy::kPriorityPassDrop));
  EXPECT_EQ(this->ask_and_tell(1, 1), Answer(2, false));
  EXPECT_EQ(this->ask_and_tell(1, 2), Answer(1, true));
}

TYPED_TEST(SpdFlowCacheTest, NoVerdictIsTakenBackByARuleThatMatches) {
  ASSERT_EQ(this->ask(9), 0U);
  this->add(rule(2, network<TypeParam>(9), everybody<TypeParam>(), policy::kPriorityTrap));
  EXPECT_EQ(this->ask_and_tell(9), Answer(2, false));
}

TYPED_TEST(SpdFlowCacheTest, AChangeOfManySelectorsIsTakenToMatchAll) {
  ASSERT_EQ(this->ask(1), 1U);
  policy::PolicyRule wide = rule(2, network<TypeParam>(3), network<TypeParam>(4), 1);
  for (unsigned n = 0; n < kSpdChangeSelectors; ++n)
    wide.local_ts.push_back(
        policy::TrafficSelector::of(*net::Prefix::parse(only<TypeParam>(5, n))));
  this->add(wide);
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, false));
}

TYPED_TEST(SpdFlowCacheTest, AVerdictOlderThanWhatIsRememberedIsAskedAgain) {
  ASSERT_EQ(this->ask(1), 1U);
  const auto elsewhere = rule(2, network<TypeParam>(3), network<TypeParam>(4));
  for (std::size_t n = 0; n < kSpdChanges / 2; ++n) {
    this->add(elsewhere);
    this->remove(2);
    this->rcu_->quiescent(0);
  }
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, true)) << "exactly kSpdChanges";
  for (std::size_t n = 0; n < kSpdChanges / 2; ++n) {
    this->add(elsewhere);
    this->remove(2);
    this->rcu_->quiescent(0);
  }
  this->add(elsewhere);
  EXPECT_EQ(this->ask_and_tell(1), Answer(1, false)) << "one more";
}

/// Whether the last of these pushes the first out of a small cache.
template <class Address>
class Crowd : public SpdFlowCacheTest<Address> {
 protected:
  static constexpr std::size_t kFlows = 64;  // 32 sets

  std::uint64_t hits_of_second_round(const Spd& spd, const std::vector<unsigned>& hosts) {
    SpdFlowCacheOf<Address> cache(spd, kFlows);
    for (int round = 0; round < 2; ++round)
      for (const unsigned n : hosts)
        (void)this->ask(cache, host<Address>(1, n), host<Address>(2, 1));
    return cache.statistics().hits;
  }
  /// Flows of one set, as somebody would find them who knew the hash.
  std::vector<unsigned> of_one_set(const Spd& spd) {
    for (unsigned a = 2; a < 250; ++a)
      for (unsigned b = 2; b < a; ++b) {
        if (hits_of_second_round(spd, {1, b, a}) != 0) continue;
        std::vector<unsigned> found{1, b, a};
        for (unsigned n = 2; n < 250; ++n)
          if (n != a && n != b && hits_of_second_round(spd, {1, b, n}) == 0) found.push_back(n);
        return found;
      }
    return {};
  }
};
TYPED_TEST_SUITE(Crowd, Families, FamilyNames);

TYPED_TEST(Crowd, WhatMeetsInOneSetMeetsNowhereAfterTheNextStart) {
  const std::vector<unsigned> flows = this->of_one_set(this->spd_);
  ASSERT_GE(flows.size(), 4U);
  EXPECT_EQ(this->hits_of_second_round(this->spd_, flows), 0U);
  Spd other({.policies = 1, .selectors_v4 = 1, .selectors_v6 = 1, .workers = 1}, 43, *this->rcu_);
  ASSERT_TRUE(other.insert(rule(1, network<TypeParam>(1), network<TypeParam>(2))));
  EXPECT_GE(this->hits_of_second_round(other, flows), flows.size() / 2);
}

}  // namespace
}  // namespace penstock::ipsec
