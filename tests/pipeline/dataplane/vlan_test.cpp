// SPDX-License-Identifier: BSD-3-Clause
// VLANs: interfaces of their own behind a port; frames with and without a tag (IEEE 802.1Q).
#include "lib/net/arp.h"
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;

constexpr unsigned kTrunk = 1;  // the port
constexpr unsigned kVlan = 2;   // the interfaces behind it
constexpr unsigned kOutsideVlan = 3;
constexpr std::size_t kTypeAt = 12;

ByteVector tagged(ByteVector frame, std::uint16_t control, std::uint16_t type = 0x8100) {
  const std::uint8_t tag[] = {
      static_cast<std::uint8_t>(type >> 8U), static_cast<std::uint8_t>(type),
      static_cast<std::uint8_t>(control >> 8U), static_cast<std::uint8_t>(control)};
  const auto octets = std::as_bytes(std::span(tag));
  frame.insert(frame.begin() + kTypeAt, octets.begin(), octets.end());
  return frame;
}
ByteVector to_us(const ByteVector& packet) {
  return frame(Gateway::mac(kTrunk), Gateway::peer_mac(kTrunk), net::kEtherTypeIpv4, packet);
}
std::uint16_t be16(const ByteVector& frame, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(frame[at]) << 8U |
                                    std::to_integer<unsigned>(frame[at + 1]));
}
ByteVector without_tag(ByteVector frame) {
  frame.erase(frame.begin() + kTypeAt, frame.begin() + kTypeAt + 4);
  return frame;
}

/// 10.1.0.0/24 on port 0; port 1 with 10.2.0.0/24 untagged, 10.7.0.0/24 in VLAN 7 (inside) and
/// 192.0.2.0/24 in VLAN 4094 (outside).
struct VlanTest : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}}}}};
  VlanTest() {
    add("b.7", 7, fib::Side::kInside, "10.7.0.1/24");
    add("b.4094", 4094, fib::Side::kOutside, "192.0.2.1/24");
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(kTrunk, "10.2.0.9");
    gateway.neighbour(kVlan, "10.7.0.9");
    gateway.neighbour(kOutsideVlan, "192.0.2.9");
  }
  void add(const char* name, std::uint16_t id, fib::Side side, const char* address) {
    ASSERT_TRUE(gateway.fib().add_interface(
        {.name = name,
         .side = side,
         .mtu = 1500,
         .vlan = id,
         .port = dpdk::InterfaceIndex{kTrunk},
         .addresses = {net::InterfaceAddress::parse(address).value()}}));
  }
  ByteVector only(unsigned port) {
    auto all = gateway.sent(port);
    EXPECT_EQ(all.size(), 1U);
    return all.size() == 1 ? all[0] : ByteVector(128);
  }
  void put(ByteVector frame) {
    gateway.put_frame(kTrunk, frame);
    gateway.step();
  }
  void expect_drop(DropReason reason, ByteVector frame) {
    put(std::move(frame));
    EXPECT_EQ(gateway.dropped(reason), 1U) << net::row_of(reason).name;
    EXPECT_EQ(gateway.dropped(), 1U);
  }
};

TEST_F(VlanTest, ATaggedFrameIsForwardedWithoutItsTag) {
  const ByteVector packet = udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64));
  put(tagged(to_us(packet), 0xa007));  // a priority of 5 beside VLAN 7
  const ByteVector out = only(0);
  EXPECT_EQ(ethernet_of(out).ether_type.get(), net::kEtherTypeIpv4);
  EXPECT_EQ(out.size(), 14 + packet.size());
  EXPECT_TRUE(is_sound(out));
}

TEST_F(VlanTest, WhatLeavesByAVlanHasItsTag) {
  gateway.send(0, udp("10.1.0.9", "10.7.0.9", 1, 2, pattern(64)));
  const ByteVector out = only(kTrunk);
  EXPECT_EQ(be16(out, kTypeAt), 0x8100);
  EXPECT_EQ(be16(out, kTypeAt + 2), 7);
  EXPECT_EQ(ethernet_of(out).destination, Gateway::peer_mac(kVlan));
  EXPECT_EQ(ethernet_of(out).source, Gateway::mac(kTrunk));
  EXPECT_TRUE(is_sound(without_tag(out)));
}

TEST_F(VlanTest, BetweenTwoVlansOfOnePortTheTagChanges) {
  // A BYPASS is not needed between inside and the port's own untagged network.
  put(tagged(to_us(udp("10.7.0.9", "10.2.0.9", 1, 2, pattern(64))), 7));
  EXPECT_EQ(be16(only(kTrunk), kTypeAt), net::kEtherTypeIpv4);
}

TEST_F(VlanTest, TheLargestPacketOfAVlanIsItsMtu) {
  gateway.send(0, udp("10.1.0.9", "10.7.0.9", 1, 2, pattern(1472)));
  EXPECT_EQ(only(kTrunk).size(), 1500U + 18U);
}

TEST_F(VlanTest, ArpIsAnsweredInItsVlan) {
  put(tagged(arp(net::kArpRequest, Gateway::peer_mac(kVlan), "10.7.0.9", {}, "10.7.0.1"), 7));
  const ByteVector out = only(kTrunk);
  EXPECT_EQ(be16(out, kTypeAt), 0x8100);
  EXPECT_EQ(be16(out, kTypeAt + 2), 7);
  EXPECT_EQ(be16(out, kTypeAt + 4), net::kEtherTypeArp);
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].interface, dpdk::InterfaceIndex{kVlan});
}

TEST_F(VlanTest, AnAddressOfAnotherVlanIsNotAnsweredFor) {
  put(tagged(arp(net::kArpRequest, Gateway::peer_mac(kVlan), "10.2.0.9", {}, "10.2.0.1"), 7));
  EXPECT_TRUE(gateway.sent(kTrunk).empty());
}

TEST_F(VlanTest, TheSideIsTheVlansAndNotThePorts) {
  // Port 1 is inside, VLAN 4094 of it outside: without a policy nothing passes (RFC 4301 §5.2).
  expect_drop(DropReason::kNoPolicy,
              tagged(to_us(udp("192.0.2.9", "10.1.0.9", 1, 2, pattern(64))), 4094));
}

TEST_F(VlanTest, APriorityWithoutAVlanBelongsToThePort) {
  put(tagged(to_us(udp("10.2.0.9", "10.1.0.9", 1, 2, pattern(64))), 0xe000));
  EXPECT_EQ(gateway.sent(0).size(), 1U);
}

TEST_F(VlanTest, AnUnknownVlanIsDropped) {
  expect_drop(DropReason::kUnknownVlan,
              tagged(to_us(udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64))), 8));
}

TEST_F(VlanTest, TheReservedNumberIsDropped) {
  expect_drop(DropReason::kUnknownVlan,
              tagged(to_us(udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64))), 4095));
}

TEST_F(VlanTest, TwoTagsAreDropped) {
  expect_drop(DropReason::kUnknownVlan,
              tagged(tagged(to_us(udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64))), 7), 7));
}

TEST_F(VlanTest, ATagOfAProviderIsDropped) {  // IEEE 802.1ad
  expect_drop(DropReason::kBadEtherType,
              tagged(to_us(udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64))), 7, 0x88a8));
}

TEST_F(VlanTest, AFrameThatEndsInItsTagIsTruncated) {
  ByteVector frame = tagged(to_us(udp("10.7.0.9", "10.1.0.9", 1, 2, pattern(64))), 7);
  frame.resize(17);
  expect_drop(DropReason::kTruncated, frame);
}

TEST_F(VlanTest, AVlanOnAPortWithoutVlansIsUnknown) {
  gateway.put_frame(0, tagged(frame(Gateway::mac(0), Gateway::peer_mac(0), net::kEtherTypeIpv4,
                                    udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(64))),
                              7));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kUnknownVlan), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
