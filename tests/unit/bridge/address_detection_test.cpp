// SPDX-License-Identifier: BSD-3-Clause
#include "control/bridge/address_detection.h"

#include <gtest/gtest.h>

#include <map>

namespace penstock::bridge {
namespace {

using base::MonoTime;
using base::seconds;
using fib::AddressState;

constexpr dpdk::InterfaceIndex kWan{0};
constexpr dpdk::InterfaceIndex kLan{1};
constexpr net::MacAddress kMac{0x02, 0, 0, 0, 0, 1};

class AddressDetectionTest : public testing::Test {
 protected:
  void SetUp() override { make({}); }
  void make(const DetectionOptions& options) {
    const auto own = [](dpdk::InterfaceIndex interface, const char* text) {
      return OwnAddress{interface, kMac, *net::InterfaceAddress::parse(text)};
    };
    detection.emplace(options,
                      std::vector{own(kWan, "192.0.2.1/24"), own(kWan, "2001:db8::1/64"),
                                  own(kWan, "fe80::1/64"), own(kLan, "2001:db8:1::1/64")},
                      random);
  }
  static NeighbourKey key(const char* address, dpdk::InterfaceIndex interface = kWan) {
    return {interface, *net::IpAddress::parse(address)};
  }
  template <class T>
  std::vector<T> only() {
    std::vector<T> out;
    while (auto one = detection->poll_output())
      if (const T* it = std::get_if<T>(&*one)) out.push_back(*it);
    return out;
  }
  /// Deadline after deadline until `to`.
  void run(base::Duration to) {
    while (detection->next_deadline() && *detection->next_deadline() <= MonoTime{to})
      detection->tick(*detection->next_deadline());
  }
  /// Addresses in the state that they were last told to be in.
  std::map<net::IpAddress, AddressState> states() {
    std::map<net::IpAddress, AddressState> out;
    for (const auto& change : only<AddressChanged>()) out[change.key.address] = change.state;
    return out;
  }

  base::SeededRandom random{1};
  std::optional<AddressDetection> detection;
};

TEST_F(AddressDetectionTest, ProbesOnceForEachIpv6AddressAndAssignsItAfterASecond) {
  detection->link_up(MonoTime{}, kWan);
  EXPECT_EQ(states(), (std::map<net::IpAddress, AddressState>{
                          {key("2001:db8::1").address, AddressState::kTentative},
                          {key("fe80::1").address, AddressState::kTentative}}));
  const MonoTime first = *detection->next_deadline();
  EXPECT_LE(first, MonoTime{seconds{1}});
  detection->tick(first);
  const auto probes = only<ProbeAddress>();
  ASSERT_EQ(probes.size(), 2U);
  EXPECT_EQ(probes[0].target, key("2001:db8::1").address);
  EXPECT_EQ(probes[0].mac, kMac);
  EXPECT_EQ(probes[1].target, key("fe80::1").address);
  EXPECT_EQ(detection->next_deadline(), first + seconds{1});
  detection->tick(first + seconds{1});
  EXPECT_EQ(states(), (std::map<net::IpAddress, AddressState>{
                          {key("2001:db8::1").address, AddressState::kAssigned},
                          {key("fe80::1").address, AddressState::kAssigned}}));
  EXPECT_EQ(detection->next_deadline(), std::nullopt);
}

TEST_F(AddressDetectionTest, StartsAtRandomTimes) {  // RFC 4862 §5.4.2
  std::set<MonoTime> starts;
  for (int n = 0; n < 16; ++n) {
    detection->link_up(MonoTime{}, kWan);
    starts.insert(*detection->next_deadline());
  }
  EXPECT_GT(starts.size(), 10U);
}

TEST_F(AddressDetectionTest, AnAddressThatIsClaimedIsADuplicateAndTheOthersAreNot) {
  detection->link_up(MonoTime{}, kWan);
  EXPECT_TRUE(detection->claimed(key("2001:db8::1")));
  EXPECT_FALSE(detection->claimed(key("2001:db8::1"))) << "once";
  EXPECT_FALSE(detection->claimed(key("2001:db8::9")));
  run(seconds{9});
  EXPECT_EQ(states(), (std::map<net::IpAddress, AddressState>{
                          {key("2001:db8::1").address, AddressState::kDuplicate},
                          {key("fe80::1").address, AddressState::kAssigned}}));
}

TEST_F(AddressDetectionTest, AClaimOfAnotherLinkIsNone) {
  detection->link_up(MonoTime{}, kWan);
  EXPECT_FALSE(detection->claimed(key("2001:db8::1", kLan)));
}

TEST_F(AddressDetectionTest, WhatIsAssignedIsNotTakenAway) {  // RFC 4862 §5.4.4
  detection->link_up(MonoTime{}, kWan);
  run(seconds{9});
  EXPECT_FALSE(detection->claimed(key("2001:db8::1")));
}

TEST_F(AddressDetectionTest, ALinkThatComesUpAnewIsAskedAnew) {
  detection->link_up(MonoTime{}, kWan);
  (void)detection->claimed(key("2001:db8::1"));
  run(seconds{9});
  (void)states();
  detection->link_up(MonoTime{seconds{10}}, kWan);
  EXPECT_EQ(states().at(key("2001:db8::1").address), AddressState::kTentative);
  run(seconds{20});
  EXPECT_EQ(states().at(key("2001:db8::1").address), AddressState::kAssigned);
}

TEST_F(AddressDetectionTest, ALinkThatFlapsIsAskedOnceMoreAndNotTwice) {
  detection->link_up(MonoTime{}, kWan);
  detection->link_up(MonoTime{}, kWan);
  run(seconds{9});
  EXPECT_EQ(only<ProbeAddress>().size(), 2U);
}

TEST_F(AddressDetectionTest, ProbesAsOftenAsItIsTold) {
  make({.transmits = 3});
  detection->link_up(MonoTime{}, kLan);
  run(seconds{9});
  EXPECT_EQ(only<ProbeAddress>().size(), 3U);
}

TEST_F(AddressDetectionTest, SwitchedOffItAssignsAtOnceAndAsksNobody) {
  make({.enabled = false});
  detection->link_up(MonoTime{}, kWan);
  EXPECT_EQ(detection->next_deadline(), std::nullopt);
  EXPECT_EQ(states().at(key("2001:db8::1").address), AddressState::kAssigned);
  EXPECT_FALSE(detection->claimed(key("2001:db8::1")));
}

}  // namespace
}  // namespace penstock::bridge
