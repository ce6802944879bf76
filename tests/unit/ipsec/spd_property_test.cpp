// SPDX-License-Identifier: BSD-3-Clause
// The classifier against the list that it stands for: random rule sets, changed between lookups
// while removed rules wait for their grace periods or have just passed them.
#include <gtest/gtest.h>

#include <set>

#include "lib/ipsec/spd.h"
#include "lib/ipsec/spd_flow_cache.h"
#include "tests/unit/ipsec/spd_model.h"

namespace penstock::ipsec {
namespace {

using test::ModelPacket;
using test::ModelSpd;
using test::World;

constexpr std::uint64_t kRuleSets = 1500;
constexpr SpdLimits kLimits{
    .policies = 256, .selectors_v4 = 2048, .selectors_v6 = 2048, .workers = 1};

/// `lookup` is the SPD, or a cache in front of it.
template <class Key>
void compare_burst(auto&& lookup, const ModelSpd& model, World& world) {
  const policy::Direction direction = world.direction();
  const std::size_t n = 1 + world.below(world.below(8) == 0 ? 150 : 12);
  std::vector<ModelPacket> packets;
  std::vector<Key> keys;
  for (std::size_t k = 0; k < n; ++k) {
    packets.push_back(world.packet());
    keys.push_back(Key::of(packets.back().selectors, packets.back().vrf));
  }
  std::vector<const SpdEntry*> results(n);
  lookup(direction, keys.data(), results.data(), n);
  for (std::size_t k = 0; k < n; ++k) {
    const auto expected = model.lookup(direction, packets[k]);
    const auto got = results[k] != nullptr ? std::optional(results[k]->id) : std::nullopt;
    ASSERT_EQ(got, expected) << "packet " << k;
  }
}

template <class Key>
void run_rule_set(std::uint64_t seed, net::Family family) {
  World world(seed, family);
  auto rcu = dpdk::RcuDomain::create(1);
  ASSERT_TRUE(rcu);
  (*rcu)->enter(0);
  Spd spd(kLimits, seed, **rcu);
  // One that holds every flow, one that always pushes some out.
  using Cache = SpdFlowCacheOf<decltype(Key::source)>;
  Cache caches[] = {Cache(spd, 4096), Cache(spd, 16)};
  ModelSpd model;
  std::set<policy::PolicyId> known;
  std::uint64_t next_id = 1;
  for (std::uint32_t step = 20 + world.below(60); step > 0; --step) {
    if (model.rules().empty() || (world.below(3) != 0 && model.rules().size() < 60)) {
      const policy::PolicyRule rule = world.rule(next_id++);
      const auto inserted = spd.insert(rule);
      // Refused as fitting no packet (OPAQUE against a port): the list must never answer it either.
      ASSERT_TRUE(inserted || inserted.error().code == base::ErrorCode::kMalformed)
          << inserted.error().text;
      if (inserted) known.insert(rule.id);
      model.insert(rule);
    } else {
      const auto& rules = model.rules();
      const auto id = rules[world.below(static_cast<std::uint32_t>(rules.size()))].id;
      EXPECT_EQ(spd.remove(id).has_value(), known.erase(id) == 1);
      model.remove(id);
    }
    if (world.below(4) == 0) (*rcu)->quiescent(0);
    if (world.below(4) == 0) {
      (void)spd.poll();
      (void)(*rcu)->poll();
    }
    compare_burst<Key>([&](auto... a) { spd.lookup_burst(a...); }, model, world);
    for (auto& cache : caches)
      compare_burst<Key>([&](auto... a) { cache.lookup_burst(a...); }, model, world);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_EQ(spd.size(), known.size());
  (*rcu)->leave(0);
}

TEST(SpdProperty, AnswersAsTheOrderedListDoesForIpv4) {
  for (std::uint64_t seed = 1; seed <= kRuleSets && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    run_rule_set<SpdKey>(seed, net::Family::kIpv4);
  }
}

TEST(SpdProperty, AnswersAsTheOrderedListDoesForIpv6) {
  for (std::uint64_t seed = 1; seed <= kRuleSets / 3 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    run_rule_set<SpdKey6>(seed, net::Family::kIpv6);
  }
}

TEST(SpdProperty, GivesEverythingBackAfterAnyHistory) {
  World world(7, net::Family::kIpv4);
  auto rcu = dpdk::RcuDomain::create(1);
  ASSERT_TRUE(rcu);
  (*rcu)->enter(0);
  Spd spd(kLimits, 1, **rcu);
  std::uint64_t next_id = 1;
  // Many times what fits: works only if all of it is taken back.
  for (int round = 0; round < 40; ++round) {
    std::vector<policy::PolicyId> ids;
    for (int n = 0; n < 150; ++n) {
      const policy::PolicyRule rule = world.rule(next_id++);
      const auto inserted = spd.insert(rule);
      ASSERT_TRUE(inserted || inserted.error().code == base::ErrorCode::kMalformed)
          << inserted.error().text;
      if (inserted) ids.push_back(rule.id);
    }
    for (const auto id : ids) ASSERT_TRUE(spd.remove(id));
    for (int n = 0; n < 2; ++n) {
      (*rcu)->quiescent(0);
      (void)spd.poll();
    }
    ASSERT_EQ(spd.poll(), 0U);
  }
  (*rcu)->leave(0);
}

}  // namespace
}  // namespace penstock::ipsec
