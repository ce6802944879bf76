// SPDX-License-Identifier: BSD-3-Clause
// SaInstaller: what it refuses, what it says of that, and the rules that it remembers.
#include "tests/pipeline/bridge/control_core.h"

namespace penstock::pipeline {
namespace {

using base::ErrorCode;

struct SaInstallerTest : testing::Test {
  IpsecGateway g;
  RecordingLog log;
  bridge::SaInstaller installer{*g.writer, g.gateway.rcu(), log};

  static policy::PolicyRule rule(std::uint64_t id, std::uint32_t priority) {
    policy::PolicyRule out;
    out.id = policy::PolicyId{id};
    out.priority = priority;
    out.action = policy::PolicyAction::kBypass;
    out.local_ts = {policy::TrafficSelector::parse("10.1.0.0/16").value()};
    out.remote_ts = {policy::TrafficSelector::parse("10.2.0.0/16").value()};
    return out;
  }
  /// The ids in pages of `page` rules.
  [[nodiscard]] std::vector<std::uint64_t> ids(std::size_t page = 64) const {
    std::vector<std::uint64_t> out;
    std::optional<bridge::SaInstaller::PolicyCursor> after;
    for (;;) {
      const auto part = installer.list_policies(after, page);
      for (const auto& [cursor, one] : part) out.push_back(one.id.value());
      if (part.size() < page) return out;
      after = part.back().first;
    }
  }
};

TEST_F(SaInstallerTest, GrantsAsManySpisAsThereAre) {
  EXPECT_EQ(installer.allocate_spis(200).size(), 200U);  // of 256
  EXPECT_EQ(installer.allocate_spis(200).size(), 50U);
  EXPECT_EQ(installer.allocate_spis(200).size(), 6U);
  EXPECT_EQ(log.count("no inbound SPI left"), 0U);
  EXPECT_TRUE(installer.allocate_spis(200).empty());
  EXPECT_EQ(log.count("no inbound SPI left"), 1U);
}

TEST_F(SaInstallerTest, SaysThatAnSaToRetireIsNotThere) {
  ASSERT_TRUE(installer.switch_outbound(make_spec({})));
  const ike::RetireSa retire{policy::Direction::kOutbound, net::Spi{kSpiOut},
                             policy::ChildSlot{kSlot}, net::IpAddress::v4(ip("192.0.2.9"))};
  installer.retire(retire);
  EXPECT_EQ(log.count("an SA to retire is not there"), 0U);
  installer.retire(retire);
  EXPECT_EQ(log.count("an SA to retire is not there"), 1U);
}

TEST_F(SaInstallerTest, TellsWhatStillRetires) {
  ASSERT_TRUE(installer.switch_outbound(make_spec({})));
  g.gateway.rcu().quiescent(0);
  installer.tend();
  installer.retire({policy::Direction::kOutbound, net::Spi{kSpiOut}, policy::ChildSlot{kSlot},
                    net::IpAddress::v4(ip("192.0.2.9"))});
  EXPECT_GT(installer.tend(), 0U);
  g.gateway.rcu().quiescent(0);
  EXPECT_EQ(installer.tend(), 0U);
}

TEST_F(SaInstallerTest, ListsRulesInTheOrderInWhichTheyAreLookedAt) {
  for (const auto& [id, priority] : {std::pair{1, 30}, {2, 10}, {3, 20}, {4, 10}, {5, 30}})
    ASSERT_TRUE(installer.install_policy(
        rule(static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(priority))));
  const std::vector<std::uint64_t> order{2, 4, 3, 1, 5};
  EXPECT_EQ(ids(), order);
  EXPECT_EQ(ids(2), order);
  EXPECT_EQ(ids(1), order);
}

TEST_F(SaInstallerTest, KeepsNoRuleThatTheTableRefused) {
  const std::uint32_t limit = g.writer->limits().policies;
  for (std::uint32_t i = 1; i <= limit; ++i) ASSERT_TRUE(installer.install_policy(rule(i, i)));
  const auto refused = installer.install_policy(rule(limit + 1, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_EQ(ids().size(), limit);
}

TEST_F(SaInstallerTest, RemovesARuleOnce) {
  ASSERT_TRUE(installer.install_policy(rule(1, 10)));
  ASSERT_TRUE(installer.install_policy(rule(2, 10)));
  installer.remove_policy(policy::PolicyId{1});
  EXPECT_EQ(ids(), std::vector<std::uint64_t>{2});
  EXPECT_EQ(log.count("a policy to remove is not there"), 0U);
  installer.remove_policy(policy::PolicyId{1});
  EXPECT_EQ(ids(), std::vector<std::uint64_t>{2});
  EXPECT_EQ(log.count("a policy to remove is not there"), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
