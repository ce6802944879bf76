// SPDX-License-Identifier: BSD-3-Clause
#include "control/bridge/neighbours.h"

#include <gtest/gtest.h>

namespace penstock::bridge {
namespace {

using base::milliseconds;
using base::MonoTime;
using base::seconds;

constexpr dpdk::InterfaceIndex kWan{0};
constexpr net::MacAddress kOurMac{0x02, 0, 0, 0, 0, 1};
constexpr net::MacAddress kMac{0x02, 0, 0, 0, 0, 9};
constexpr net::MacAddress kOtherMac{0x02, 0, 0, 0, 0, 10};
constexpr net::MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

class NeighboursTest : public testing::Test {
 protected:
  void SetUp() override { make({}); }
  void make(NeighbourLimits limits) {
    table.emplace(
        limits,
        std::vector<OwnAddress>{{kWan, kOurMac, *net::InterfaceAddress::parse("192.0.2.1/24")}},
        [this](const NeighbourKey&) { return used; });
  }
  void request(MonoTime now, const NeighbourKey& key, const net::MacAddress& mac = kMac) {
    table->heard(now, key, {.mac = mac, .adds = true});
  }
  void reply(MonoTime now, const NeighbourKey& key, const net::MacAddress& mac = kMac) {
    table->heard(now, key, {.mac = mac, .adds = true, .answers = true});
  }
  /// Asked and answered.
  void meet(MonoTime now, const NeighbourKey& key) {
    ASSERT_TRUE(table->wanted(now, key));
    reply(now, key);
  }
  /// The outputs since the last call.
  std::vector<NeighbourOutput> outputs() {
    std::vector<NeighbourOutput> out;
    while (auto one = table->poll_output()) out.push_back(std::move(*one));
    return out;
  }
  template <class T>
  std::vector<T> only() {
    std::vector<T> out;
    for (const auto& one : outputs())
      if (const T* it = std::get_if<T>(&one)) out.push_back(*it);
    return out;
  }
  /// Deadline after deadline until `to`.
  void run(base::Duration to) {
    while (table->next_deadline() && *table->next_deadline() <= MonoTime{to})
      table->tick(*table->next_deadline());
  }
  NeighbourState state() { return table->list(MonoTime{}, {}, 1).at(0).state; }

  const NeighbourKey peer{kWan, ip("192.0.2.9")};
  bool used = false;
  std::optional<Neighbours> table;
};

TEST_F(NeighboursTest, AsksByBroadcastAndPublishesTheAnswer) {
  ASSERT_TRUE(table->wanted(MonoTime{}, peer));
  const auto asked = only<AskNeighbour>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, kBroadcast);
  EXPECT_EQ(asked[0].sender_mac, kOurMac);
  EXPECT_EQ(asked[0].sender, ip("192.0.2.1"));
  EXPECT_EQ(asked[0].target, peer.address);
  reply(MonoTime{milliseconds{3}}, peer);
  const auto published = only<PublishNeighbour>();
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].key, peer);
  EXPECT_EQ(published[0].mac, kMac);
  EXPECT_EQ(state(), NeighbourState::kReachable);
}

TEST_F(NeighboursTest, AsksNoMoreThanOnceASecond) {  // RFC 1122 §2.3.2.1
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(table->wanted(MonoTime{milliseconds{i * 5}}, peer));
  run(milliseconds{999});
  EXPECT_EQ(only<AskNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, FailsAfterItsTriesAndIsForgottenWhenNobodyWantsIt) {
  ASSERT_TRUE(table->wanted(MonoTime{}, peer));
  run(seconds{3});
  auto out = outputs();
  EXPECT_EQ(out.size(), 4U);  // three questions and the failure
  EXPECT_TRUE(std::holds_alternative<FailNeighbour>(out.back()));
  EXPECT_EQ(state(), NeighbourState::kFailed);
  run(seconds{5});
  EXPECT_EQ(only<ForgetNeighbour>().size(), 1U);
  EXPECT_EQ(table->size(), 0U);
}

TEST_F(NeighboursTest, BacksOffWhileAPacketStillWantsWhatDoesNotAnswer) {
  ASSERT_TRUE(table->wanted(MonoTime{}, peer));
  std::vector<base::Duration> failed_at;
  for (base::Duration t{}; t < seconds{60}; t += milliseconds{100}) {
    run(t);
    if (!only<FailNeighbour>().empty()) failed_at.push_back(t);
    ASSERT_TRUE(table->wanted(MonoTime{t}, peer));
  }
  // 3 s of tries each; hold-downs of 2, 4, 8, 16 s between them.
  const std::vector<base::Duration> expected{seconds{3}, seconds{8}, seconds{15}, seconds{26},
                                             seconds{45}};
  EXPECT_EQ(failed_at, expected);
}

TEST_F(NeighboursTest, AnAnswerDuringTheHoldDownEndsIt) {
  ASSERT_TRUE(table->wanted(MonoTime{}, peer));
  run(seconds{3});
  outputs();
  reply(MonoTime{seconds{3}}, peer);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, ProbesByUnicastWhatIsUsed) {  // RFC 1122 §2.3.2.1 (2)
  meet(MonoTime{}, peer);
  outputs();
  used = true;
  run(seconds{60});
  auto probes = only<AskNeighbour>();
  ASSERT_EQ(probes.size(), 1U);
  EXPECT_EQ(probes[0].to, kMac);
  EXPECT_EQ(state(), NeighbourState::kProbing);
  reply(MonoTime{seconds{60}}, peer);
  EXPECT_EQ(state(), NeighbourState::kReachable);
  EXPECT_TRUE(only<PublishNeighbour>().empty()) << "nothing changed for the workers";
}

TEST_F(NeighboursTest, ForgetsAUsedOneThatNoLongerAnswers) {
  meet(MonoTime{}, peer);
  used = true;
  run(seconds{62});
  EXPECT_TRUE(only<ForgetNeighbour>().empty())
      << "workers go on with the address while it is asked";
  run(seconds{63});
  EXPECT_EQ(only<ForgetNeighbour>().size(), 1U);
  EXPECT_EQ(table->size(), 0U);
}

TEST_F(NeighboursTest, LeavesAnUnusedOneInPeaceUntilItIsOld) {
  meet(MonoTime{}, peer);
  outputs();
  run(seconds{1190});
  EXPECT_TRUE(outputs().empty());
  EXPECT_EQ(state(), NeighbourState::kStale);
  run(seconds{1200});
  EXPECT_EQ(only<ForgetNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, AStaleOneIsProbedWhenItIsUsedAgain) {
  meet(MonoTime{}, peer);
  run(seconds{300});
  outputs();
  used = true;
  run(seconds{305});
  EXPECT_EQ(only<AskNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, AChangedAddressIsPublished) {
  meet(MonoTime{}, peer);
  outputs();
  request(MonoTime{seconds{1}}, peer, kOtherMac);  // gratuitous: RFC 826 merge
  const auto published = only<PublishNeighbour>();
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].mac, kOtherMac);
  EXPECT_EQ(state(), NeighbourState::kStale);
}

TEST_F(NeighboursTest,
       AStrangersAnnouncementAddsNothing) {  // RFC 826: add only if we are the target
  table->heard(MonoTime{}, peer, {.mac = kMac});
  EXPECT_EQ(table->size(), 0U);
}

TEST_F(NeighboursTest, LearnsNeitherOursNorOffLinkNorProbesNorGroups) {
  request(MonoTime{}, {kWan, ip("192.0.2.1")});
  request(MonoTime{}, {kWan, ip("198.51.100.1")});
  request(MonoTime{}, {kWan, ip("0.0.0.0")});
  request(MonoTime{}, peer, kBroadcast);
  EXPECT_EQ(table->size(), 0U);
  EXPECT_TRUE(outputs().empty());
}

TEST_F(NeighboursTest, AStaticOneIsNeverAskedNorChanged) {
  table->add_static(peer, kMac);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
  request(MonoTime{}, peer, kOtherMac);
  run(seconds{3600});
  EXPECT_TRUE(outputs().empty());
  EXPECT_EQ(state(), NeighbourState::kStatic);
}

TEST_F(NeighboursTest, AScanTakesAtMostHalfOfTheTable) {
  make({.entries = 8});
  for (std::uint32_t i = 0; i < 100; ++i)
    static_cast<void>(table->wanted(MonoTime{}, {kWan, net::IpAddress::v4(0xc0000264 + i)}));
  EXPECT_EQ(table->size(), 4U);
  request(MonoTime{}, peer);
  EXPECT_EQ(table->size(), 5U);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, AScanKeepsNoNewOneOut) {
  make({.entries = 8});
  for (std::uint32_t i = 0; i < 20; ++i)
    ASSERT_TRUE(
        table->wanted(MonoTime{milliseconds{i}}, {kWan, net::IpAddress::v4(0xc0000264 + i)}));
  outputs();
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{20}}, peer));
  EXPECT_EQ(only<AskNeighbour>().size(), 1U);
  EXPECT_EQ(table->size(), 4U);
  request(MonoTime{milliseconds{21}}, peer);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
}

TEST_F(NeighboursTest, WhoWasAskedFirstMakesRoomForANewOne) {
  make({.entries = 4});
  ASSERT_TRUE(table->wanted(MonoTime{}, peer));
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{1}}, {kWan, ip("192.0.2.10")}));
  outputs();
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{2}}, {kWan, ip("192.0.2.11")}));
  const auto forgotten = only<ForgetNeighbour>();
  ASSERT_EQ(forgotten.size(), 1U);
  EXPECT_EQ(forgotten[0].key, peer);
  EXPECT_EQ(table->size(), 2U);
}

TEST_F(NeighboursTest, AFullTableForgetsAnIdleOneForOneThatIsWanted) {
  make({.entries = 4});
  for (std::uint32_t i = 0; i < 4; ++i)
    meet(MonoTime{}, {kWan, net::IpAddress::v4(0xc0000264 + i)});
  EXPECT_EQ(table->wanted(MonoTime{seconds{1}}, peer).error().code, base::ErrorCode::kLimit)
      << "all have answered just now";
  run(seconds{61});
  outputs();
  request(MonoTime{seconds{61}}, peer);
  EXPECT_EQ(only<PublishNeighbour>().size(), 0U) << "who only speaks to us pushes nobody out";
  EXPECT_TRUE(table->wanted(MonoTime{seconds{61}}, peer));
  EXPECT_EQ(only<ForgetNeighbour>().size(), 1U);
  EXPECT_EQ(table->size(), 4U);
}

// ---- what nobody asked for (RFC 4861 §7.2.3, §7.2.5) ----

TEST_F(NeighboursTest, WhoAsksIsUsableAndNotConfirmed) {
  request(MonoTime{}, peer);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
  EXPECT_EQ(state(), NeighbourState::kStale);
  reply(MonoTime{seconds{1}}, peer);
  EXPECT_EQ(state(), NeighbourState::kStale) << "nobody had asked him";
  used = true;
  run(seconds{5});
  EXPECT_EQ(only<AskNeighbour>().size(), 1U);
  request(MonoTime{seconds{5}}, peer);
  EXPECT_EQ(state(), NeighbourState::kProbing) << "a question is no answer";
  reply(MonoTime{seconds{5}}, peer);
  EXPECT_EQ(state(), NeighbourState::kReachable);
}

TEST_F(NeighboursTest, AQuestionLeavesAConfirmedOneConfirmed) {
  meet(MonoTime{}, peer);
  request(MonoTime{seconds{1}}, peer);
  EXPECT_EQ(state(), NeighbourState::kReachable);
}

TEST_F(NeighboursTest, WithoutTheOverrideFlagNoMacIsReplaced) {  // RFC 4861 §7.2.5
  meet(MonoTime{}, peer);
  outputs();
  const Heard other{.mac = kOtherMac, .answers = true, .overrides = false};
  table->heard(MonoTime{seconds{1}}, peer, other);
  EXPECT_EQ(state(), NeighbourState::kStale);
  used = true;
  run(seconds{6});
  EXPECT_EQ(only<AskNeighbour>().at(0).to, kMac);
  table->heard(MonoTime{seconds{6}}, peer, other);
  EXPECT_EQ(state(), NeighbourState::kProbing);
  EXPECT_TRUE(only<PublishNeighbour>().empty());
}

TEST_F(NeighboursTest, AFloodOfQuestionsKeepsNoWantedOneOut) {
  make({.entries = 64});
  for (std::uint32_t i = 0; i < 100; ++i)
    request(MonoTime{}, {kWan, net::IpAddress::v4(0xc0000264 + i)});
  EXPECT_EQ(table->size(), 64U);
  outputs();
  const NeighbourKey second{kWan, ip("192.0.2.10")};
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{1}}, peer));
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{1}}, second));
  for (std::uint32_t i = 0; i < 100; ++i)
    request(MonoTime{milliseconds{2}}, {kWan, net::IpAddress::v4(0xc0000264 + i)});
  for (const ForgetNeighbour& one : only<ForgetNeighbour>()) {
    EXPECT_NE(one.key, peer);
    EXPECT_NE(one.key, second);
  }
  reply(MonoTime{milliseconds{3}}, peer);
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
}

struct TwoLinks : NeighboursTest {
  static constexpr dpdk::InterfaceIndex kLan{1};
  void SetUp() override {
    table.emplace(
        NeighbourLimits{.entries = 16},
        std::vector<OwnAddress>{{kWan, kOurMac, *net::InterfaceAddress::parse("192.0.2.1/24")},
                                {kLan, kOurMac, *net::InterfaceAddress::parse("10.1.0.1/24")}},
        [this](const NeighbourKey&) { return used; });
  }
  static NeighbourKey on_lan(std::uint32_t i) { return {kLan, net::IpAddress::v4(0x0a010064 + i)}; }
};

TEST_F(TwoLinks, OneThatAllAnswerOnLeavesTheOtherItsShare) {  // RFC 6583 §7.1
  for (std::uint32_t i = 0; i < 16; ++i)
    meet(MonoTime{}, {kWan, net::IpAddress::v4(0xc0000264 + i)});
  for (std::uint32_t i = 0; i < 8; ++i) meet(MonoTime{milliseconds{1}}, on_lan(i));
  EXPECT_EQ(table->size(), 16U);
  EXPECT_FALSE(table->wanted(MonoTime{milliseconds{2}}, on_lan(8)));
  EXPECT_FALSE(table->wanted(MonoTime{milliseconds{2}}, peer));
}

TEST_F(TwoLinks, AFloodGivesBackItsOwn) {
  for (std::uint32_t i = 0; i < 3; ++i) request(MonoTime{}, on_lan(i));
  for (std::uint32_t i = 0; i < 50; ++i)
    request(MonoTime{milliseconds{1}}, {kWan, net::IpAddress::v4(0xc0000264 + i)});
  EXPECT_EQ(table->size(), 16U);
  outputs();
  for (std::uint32_t i = 3; i < 8; ++i) request(MonoTime{milliseconds{2}}, on_lan(i));
  ASSERT_TRUE(table->wanted(MonoTime{milliseconds{2}}, peer));
  const auto forgotten = only<ForgetNeighbour>();
  EXPECT_EQ(forgotten.size(), 6U);
  for (const ForgetNeighbour& one : forgotten) EXPECT_EQ(one.key.interface, kWan);
}

TEST_F(NeighboursTest, AnnouncesItsAddressesTwice) {  // RFC 5227 §2.3
  table->start(MonoTime{});
  run(seconds{10});
  const auto announced = only<AskNeighbour>();
  ASSERT_EQ(announced.size(), 2U);
  EXPECT_EQ(announced[0].sender, ip("192.0.2.1"));
  EXPECT_EQ(announced[0].target, ip("192.0.2.1"));
  EXPECT_EQ(announced[0].to, kBroadcast);
}

TEST_F(NeighboursTest, ListsFromACursorOn) {
  for (const char* a : {"192.0.2.20", "192.0.2.3", "192.0.2.11"})
    request(MonoTime{}, {kWan, ip(a)});
  auto first = table->list(MonoTime{seconds{2}}, {}, 2);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[1].key.address, ip("192.0.2.11"));
  EXPECT_EQ(first[1].age, seconds{2});
  const auto rest = table->list(MonoTime{}, first[1].key, 2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].key.address, ip("192.0.2.20"));
}

// ---- addresses that detection has not passed (RFC 4862 §5.4) ----

class OwnStatesTest : public NeighboursTest {
 protected:
  OwnStatesTest() {
    const auto own = [](const char* text) {
      return OwnAddress{kWan, kOurMac, *net::InterfaceAddress::parse(text)};
    };
    table.emplace(NeighbourLimits{},
                  std::vector{own("192.0.2.1/24"), own("2001:db8::1/64"), own("fe80::1/64")},
                  [this](const NeighbourKey&) { return used; });
  }
  void SetUp() override {}
  void set(MonoTime now, const char* address, fib::AddressState state) {
    table->set_own(now, {kWan, ip(address)}, state);
  }
  std::vector<net::IpAddress> announced() {
    std::vector<net::IpAddress> out;
    for (const auto& asked : only<AskNeighbour>())
      if (asked.sender == asked.target) out.push_back(asked.target);
    return out;
  }
  const NeighbourKey peer6{kWan, ip("2001:db8::9")};
};

TEST_F(OwnStatesTest, WhatIsTentativeIsNotAnnouncedUntilItIsAssigned) {
  table->start(MonoTime{});
  run(seconds{9});
  EXPECT_EQ(announced(), (std::vector{ip("192.0.2.1"), ip("192.0.2.1")}));
  set(MonoTime{seconds{10}}, "2001:db8::1", fib::AddressState::kAssigned);
  run(seconds{19});
  EXPECT_EQ(announced(), (std::vector{ip("2001:db8::1"), ip("2001:db8::1")}));
  EXPECT_EQ(table->next_deadline(), std::nullopt);
}

TEST_F(OwnStatesTest, WhatTurnsTentativeAgainIsAnnouncedNoMore) {
  set(MonoTime{}, "2001:db8::1", fib::AddressState::kAssigned);
  set(MonoTime{seconds{1}}, "2001:db8::1", fib::AddressState::kTentative);
  EXPECT_EQ(announced().size(), 1U);
  run(seconds{9});
  EXPECT_TRUE(announced().empty());
  EXPECT_EQ(table->next_deadline(), std::nullopt);
}

TEST_F(OwnStatesTest, ANeighbourIsAskedForAsSoonAsThereIsAnAddressToAskBy) {
  ASSERT_TRUE(table->wanted(MonoTime{}, peer6));
  run(seconds{3});
  EXPECT_TRUE(only<AskNeighbour>().empty());
  EXPECT_EQ(state(), NeighbourState::kIncomplete) << "and does not count as silent";
  set(MonoTime{seconds{3}}, "fe80::1", fib::AddressState::kAssigned);
  run(base::milliseconds{3100});
  const auto asked = only<AskNeighbour>();
  ASSERT_GE(asked.size(), 1U);
  EXPECT_EQ(asked.back().target, peer6.address);
  EXPECT_EQ(asked.back().sender, ip("fe80::1"));
}

TEST_F(OwnStatesTest, ANeighbourIsAskedForByAnAddressOfItsNetworkIfThereIsOne) {
  set(MonoTime{}, "fe80::1", fib::AddressState::kAssigned);
  set(MonoTime{}, "2001:db8::1", fib::AddressState::kAssigned);
  (void)outputs();
  ASSERT_TRUE(table->wanted(MonoTime{}, peer6));
  EXPECT_EQ(only<AskNeighbour>().at(0).sender, ip("2001:db8::1"));
}

TEST_F(OwnStatesTest, WithDuplicatesAloneNobodyIsAskedAndItFails) {
  set(MonoTime{}, "fe80::1", fib::AddressState::kDuplicate);
  set(MonoTime{}, "2001:db8::1", fib::AddressState::kDuplicate);
  ASSERT_TRUE(table->wanted(MonoTime{}, peer6));
  table->tick(MonoTime{seconds{1}});
  EXPECT_TRUE(only<AskNeighbour>().empty());
  EXPECT_EQ(state(), NeighbourState::kFailed);
}

TEST_F(OwnStatesTest, WhoHasAnAddressThatIsADuplicateIsANeighbour) {
  set(MonoTime{}, "2001:db8::1", fib::AddressState::kDuplicate);
  set(MonoTime{}, "fe80::1", fib::AddressState::kAssigned);
  (void)outputs();
  meet(MonoTime{}, {kWan, ip("2001:db8::1")});
  EXPECT_EQ(only<PublishNeighbour>().size(), 1U);
}

}  // namespace
}  // namespace penstock::bridge
