// SPDX-License-Identifier: BSD-3-Clause
#include "control/bridge/multicast_listener.h"

#include <gtest/gtest.h>

namespace penstock::bridge {
namespace {

using base::milliseconds;
using base::MonoTime;
using base::seconds;
using net::MldRecord;

constexpr dpdk::InterfaceIndex kWan{0};
constexpr dpdk::InterfaceIndex kLan{1};
constexpr net::MacAddress kMac{0x02, 0, 0, 0, 0, 1};

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

class MulticastListenerTest : public testing::Test {
 protected:
  MulticastListenerTest() {
    const auto own = [](dpdk::InterfaceIndex interface, const char* text) {
      return OwnAddress{interface, kMac, *net::InterfaceAddress::parse(text)};
    };
    // The second has the first one's group.
    listener.emplace(
        std::vector{own(kWan, "192.0.2.1/24"), own(kWan, "2001:db8::1/64"), own(kWan, "fe80::1/64"),
                    own(kWan, "2001:db8::2/64"), own(kLan, "192.0.3.1/24")},
        random);
  }
  std::vector<ReportGroups> reports() {
    std::vector<ReportGroups> out;
    while (auto one = listener->poll_output()) out.push_back(*one);
    return out;
  }
  /// Deadline after deadline until `to`.
  std::vector<ReportGroups> run(MonoTime to) {
    while (listener->next_deadline() && *listener->next_deadline() <= to)
      listener->tick(*listener->next_deadline());
    return reports();
  }
  void settled_by(MonoTime when) {
    listener->link_up(MonoTime{}, kWan);
    (void)run(when);
  }
  static net::MldQuery ask(const char* group, base::Duration longest = seconds{10}) {
    return {.longest_delay = longest, .group = ip(group).octets()};
  }

  base::SeededRandom random{1};
  std::optional<MulticastListener> listener;
  const net::Ipv6Octets first = ip("ff02::1:ff00:1").octets();
  const net::Ipv6Octets second = ip("ff02::1:ff00:2").octets();
};

TEST_F(MulticastListenerTest, SaysAtOnceWhatItListensToAndOnceMore) {  // RFC 3810 §6.1
  listener->link_up(MonoTime{}, kWan);
  const auto at_once = reports();
  ASSERT_EQ(at_once.size(), 1U);
  EXPECT_EQ(at_once[0].record, MldRecord::kChangeToExclude);
  EXPECT_EQ(at_once[0].groups, (std::vector{first, second}));
  EXPECT_EQ(at_once[0].source, net::Ipv6Octets{}) << "RFC 3590 §4";
  EXPECT_FALSE(at_once[0].version1);
  EXPECT_EQ(run(MonoTime{seconds{1}}).size(), 1U);
  EXPECT_EQ(listener->next_deadline(), std::nullopt);
}

TEST_F(MulticastListenerTest, ALinkWithoutIpv6IsSilent) {
  listener->link_up(MonoTime{}, kLan);
  listener->query(MonoTime{}, kLan, ask("::"));
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(listener->next_deadline(), std::nullopt);
}

TEST_F(MulticastListenerTest, SaysItAgainFromItsLinkLocalAddress) {  // RFC 3590 §5
  settled_by(MonoTime{seconds{2}});
  listener->set_own(MonoTime{seconds{2}}, {kWan, ip("2001:db8::1")}, true);
  EXPECT_TRUE(reports().empty());
  listener->set_own(MonoTime{seconds{2}}, {kWan, ip("fe80::1")}, true);
  const auto again = reports();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].source, ip("fe80::1").octets());
  listener->set_own(MonoTime{seconds{9}}, {kWan, ip("fe80::1")}, false);
  listener->link_up(MonoTime{seconds{9}}, kWan);
  EXPECT_EQ(reports().back().source, net::Ipv6Octets{});
}

TEST_F(MulticastListenerTest, AnswersAGeneralQueryWithAllGroupsAtARandomTime) {
  settled_by(MonoTime{seconds{2}});
  std::set<base::Duration> delays;
  for (int n = 0; n < 16; ++n) {
    const MonoTime now{seconds{100 * (n + 1)}};
    listener->query(now, kWan, ask("::"));
    delays.insert(*listener->next_deadline() - now);
    const auto answers = run(now + seconds{10});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].record, MldRecord::kIsExclude);
    EXPECT_EQ(answers[0].groups, (std::vector{first, second}));
  }
  EXPECT_GT(delays.size(), 10U);
  EXPECT_LT(*delays.rbegin(), seconds{10});
}

TEST_F(MulticastListenerTest, AnswersAQueryForAGroupWithThatGroup) {
  settled_by(MonoTime{seconds{2}});
  listener->query(MonoTime{seconds{2}}, kWan, ask("ff02::1:ff00:2"));
  const auto answers = run(MonoTime{seconds{12}});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].groups, std::vector{second});
  listener->query(MonoTime{seconds{20}}, kWan, ask("ff02::1:ff00:9"));
  EXPECT_TRUE(run(MonoTime{seconds{99}}).empty()) << "not ours";
}

TEST_F(MulticastListenerTest, OneAnswerServesAllWhoAskMeanwhile) {  // RFC 3810 §6.2
  settled_by(MonoTime{seconds{2}});
  for (int n = 0; n < 1000; ++n) {
    listener->query(MonoTime{seconds{2}}, kWan, ask("::"));
    listener->query(MonoTime{seconds{2}}, kWan, ask("ff02::1:ff00:1"));
  }
  std::size_t groups = 0;
  for (const auto& answer : run(MonoTime{seconds{12}})) groups += answer.groups.size();
  EXPECT_LE(groups, 3U);
}

TEST_F(MulticastListenerTest, WhoAsksForHasteGetsTenAnswersASecondAtMost) {
  settled_by(MonoTime{seconds{2}});
  std::size_t answers = 0;
  for (int n = 0; n < 10'000; ++n) {
    const MonoTime now{seconds{2} + std::chrono::microseconds{100} * n};
    listener->query(now, kWan, ask("::", milliseconds{0}));
    listener->tick(now);
    answers += reports().size();
  }
  EXPECT_LE(answers, 11U);
  EXPECT_GE(answers, 9U);
}

TEST_F(MulticastListenerTest, SpeaksVersion1AsLongAsAQuerierOfThatIsThere) {  // RFC 3810 §8.2.1
  settled_by(MonoTime{seconds{2}});
  net::MldQuery old = ask("::");
  old.version1 = true;
  listener->query(MonoTime{seconds{2}}, kWan, old);
  auto answers = run(MonoTime{seconds{12}});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].version1);
  listener->query(MonoTime{seconds{200}}, kWan, ask("::"));
  answers = run(MonoTime{seconds{210}});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].version1) << "the other one is there still";
  listener->query(MonoTime{seconds{2 + 260}}, kWan, ask("::"));
  answers = run(MonoTime{seconds{300}});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_FALSE(answers[0].version1);
}

}  // namespace
}  // namespace penstock::bridge
