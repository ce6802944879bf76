// SPDX-License-Identifier: BSD-3-Clause
// Fragments for us: put together in any order, and every way to abuse that. The whole packet is an
// IKE message, which is punted when it is complete.
#include "dataplane/reassemble.h"

#include <algorithm>
#include <random>

#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using dataplane::kFragmentsPerPacket;
using dataplane::kReassembliesPerSource;
using net::DropReason;

struct Reassemble : testing::Test {
  Gateway gateway{
      {.ports = {{.name = "wan", .side = fib::Side::kOutside, .addresses = {"10.1.0.1/24"}}}}};
  Reassemble() { gateway.neighbour(0, "10.1.0.9"); }

  ByteVector whole = udp("10.1.0.9", "10.1.0.1", 500, 500, pattern(1200));

  /// Octets [begin, end) of the payload of `whole`.
  ByteVector piece(unsigned begin, unsigned end, bool more, std::uint16_t identification = 7,
                   std::uint8_t tos = 0) const {
    Ipv4Spec spec{.source = ip("10.1.0.9"), .destination = ip("10.1.0.1"), .tos = tos};
    spec.identification = identification;
    spec.fragment = static_cast<std::uint16_t>(begin / 8 | (more ? net::kIpv4MoreFragments : 0U));
    return ipv4(spec, Bytes(whole).subspan(20 + begin, end - begin));
  }
  unsigned total() const { return static_cast<unsigned>(whole.size()) - 20; }
  std::uint64_t held() const {
    return gateway.totals().held[static_cast<std::size_t>(channel::Held::kReassembly)];
  }
  void expect_whole() {
    const auto punted = gateway.punted();
    ASSERT_EQ(punted.size(), 1U);
    const Bytes got = punted[0].packet;
    EXPECT_EQ(net::internet_checksum(got.first(20)), 0);
    EXPECT_EQ(base::to_hex(got.subspan(20)), base::to_hex(Bytes(whole).subspan(20)));
  }
};

TEST_F(Reassemble, TwoInOrder) {
  gateway.send(0, piece(0, 800, true));
  EXPECT_EQ(held(), 1U);
  gateway.send(0, piece(800, total(), false));
  expect_whole();
  EXPECT_EQ(gateway.totals().consumed_total(), 1U) << "merged";
  EXPECT_EQ(held(), 0U);
}
TEST_F(Reassemble, TwoInReverse) {
  gateway.send(0, piece(800, total(), false));
  gateway.send(0, piece(0, 800, true));
  expect_whole();
}
TEST_F(Reassemble, AnyOrderOfMany) {
  std::mt19937 random(5);
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<ByteVector> pieces;
    for (unsigned at = 0; at < total(); at += 88)
      pieces.push_back(piece(at, std::min(at + 88, total()), at + 88 < total(),
                             static_cast<std::uint16_t>(round)));
    ASSERT_LE(pieces.size(), kFragmentsPerPacket);
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (const auto& p : pieces) gateway.put(0, p);
    gateway.step();
    expect_whole();
  }
}
TEST_F(Reassemble, TwoPacketsAtOnceDoNotMix) {
  gateway.send(0, piece(0, 800, true, 1));
  gateway.send(0, piece(800, total(), false, 2));
  EXPECT_EQ(held(), 2U);
  gateway.send(0, piece(800, total(), false, 1));
  expect_whole();
  EXPECT_EQ(held(), 1U);
}
TEST_F(Reassemble, CongestionOfAFragmentIsKept) {
  gateway.send(0, piece(0, 800, true, 7, 2));
  gateway.send(0, piece(800, total(), false, 7, 3));
  const auto punted = gateway.punted();
  ASSERT_EQ(punted.size(), 1U);
  EXPECT_EQ(std::to_integer<int>(punted[0].packet[1]) & 3, 3);
}
TEST_F(Reassemble, ForwardedFragmentsAreLeftAlone) {
  Gateway other{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                           {.name = "b", .addresses = {"10.2.0.1/24"}}}}};
  other.neighbour(1, "10.2.0.9");
  other.send(0,
             udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(80), {.fragment = net::kIpv4MoreFragments}));
  EXPECT_EQ(other.sent(1).size(), 1U);
}

// ---- attacks ----

TEST_F(Reassemble, OverlapEndsThePacketForGood) {
  gateway.send(0, piece(0, 800, true));
  gateway.send(0, piece(792, total(), false));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 2U);
  EXPECT_EQ(held(), 0U);
  // RFC 5722 §4: what follows of the same packet goes too.
  gateway.send(0, piece(0, 800, true));
  gateway.send(0, piece(800, total(), false));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 4U);
  EXPECT_TRUE(gateway.punted().empty());
}
TEST_F(Reassemble, OneInsideAnotherIsAnOverlap) {
  gateway.send(0, piece(0, 800, true));
  gateway.send(0, piece(80, 160, true));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 2U);
}
TEST_F(Reassemble, TheFirstOfTwoCopiesCounts) {
  gateway.send(0, piece(0, 800, true));
  auto copy = piece(0, 800, true);
  copy[100] ^= std::byte{0xff};
  gateway.send(0, copy);
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 1U);
  gateway.send(0, piece(800, total(), false));
  expect_whole();
}
TEST_F(Reassemble, ASecondEndIsAnOverlap) {
  gateway.send(0, piece(800, total(), false));
  gateway.send(0, piece(400, 440, false));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 2U);
}
TEST_F(Reassemble, NothingLiesBeyondTheEnd) {
  gateway.send(0, piece(800, 880, true));
  gateway.send(0, piece(400, 480, false));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 2U);
}
TEST_F(Reassemble, EmptyAndCrookedFragmentsAreRefused) {
  gateway.send(0, piece(80, 80, true));
  gateway.send(0, piece(80, 89, true));
  EXPECT_EQ(gateway.dropped(DropReason::kBadIpTotalLength), 2U);
}
TEST_F(Reassemble, PingOfDeath) {
  Ipv4Spec spec{.source = ip("10.1.0.9"), .destination = ip("10.1.0.1"), .protocol = 1};
  spec.fragment = 8189;  // at 65,512
  gateway.send(0, ipv4(spec, pattern(100)));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTooLong), 1U);
}
TEST_F(Reassemble, WhatOnePacketCannotHoldIsRefused) {
  Ipv4Spec spec{.source = ip("10.1.0.9"), .destination = ip("10.1.0.1"), .protocol = 17};
  spec.fragment = 3000 / 8;
  gateway.send(0, ipv4(spec, pattern(80)));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTooLong), 1U);
}
TEST_F(Reassemble, TooManyFragmentsOfOnePacket) {
  for (unsigned i = 0; i <= kFragmentsPerPacket; ++i)
    gateway.send(0, piece(i * 8, i * 8 + 8, true));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTableFull), kFragmentsPerPacket + 1U);
  EXPECT_EQ(held(), 0U);
}
TEST_F(Reassemble, OneSourceCannotFillTheTable) {
  for (unsigned i = 0; i < kReassembliesPerSource + 3; ++i)
    gateway.send(0, piece(0, 8, true, static_cast<std::uint16_t>(i)));
  EXPECT_EQ(held(), kReassembliesPerSource);
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentEvicted), 3U);
  // Another source's packets stay, and its new ones pass.
  Ipv4Spec other{.source = ip("10.1.0.10"), .destination = ip("10.1.0.1")};
  whole = udp("10.1.0.10", "10.1.0.1", 500, 500, pattern(1200));
  other.fragment = net::kIpv4MoreFragments;
  gateway.send(0, ipv4(other, Bytes(whole).subspan(20, 800)));
  other.fragment = 100;
  gateway.send(0, ipv4(other, Bytes(whole).subspan(820)));
  EXPECT_EQ(gateway.punted().size(), 1U);
}
TEST_F(Reassemble, ForgedFragmentsOfASourceDoNotKeepItsOwnOut) {
  for (unsigned i = 0; i < 2 * kReassembliesPerSource; ++i)
    gateway.send(0, piece(0, 8, true, static_cast<std::uint16_t>(100 + i)));
  gateway.send(0, piece(0, 800, true));
  gateway.send(0, piece(800, total(), false));
  expect_whole();
}
TEST_F(Reassemble, TheEarliestOfAFullTableMakesRoom) {
  const auto forge = [&](unsigned source, unsigned id) {
    gateway.send(0, ipv4({.source = ip("10.1.0.20") + source,
                          .destination = ip("10.1.0.1"),
                          .identification = static_cast<std::uint16_t>(id),
                          .fragment = net::kIpv4MoreFragments},
                         pattern(8)));
    gateway.advance(base::milliseconds{1});
  };
  for (unsigned source = 0; source < 40; ++source)
    for (unsigned i = 0; i < 8; ++i) forge(source, i);
  EXPECT_EQ(held(), dataplane::kReassemblies);
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentEvicted), 320U - dataplane::kReassemblies);
  // An honest packet passes while the forging goes on.
  gateway.send(0, piece(0, 800, true));
  for (unsigned source = 0; source < 30; ++source) forge(source, 99);
  gateway.send(0, piece(800, total(), false));
  expect_whole();
}
TEST_F(Reassemble, FragmentsInAllAreBoundedAndTheEarliestPacketMakesRoom) {
  for (unsigned source = 0; source < 100; ++source)
    for (unsigned i = 0; i < 15; ++i) {
      const std::uint16_t offset = static_cast<std::uint16_t>(i + 1);
      gateway.put(0,
                  ipv4({.source = ip("10.1.0.20") + source,
                        .destination = ip("10.1.0.1"),
                        .fragment = static_cast<std::uint16_t>(net::kIpv4MoreFragments | offset)},
                       pattern(8)));
      if (i == 14) gateway.step();
    }
  EXPECT_LE(held(), dataplane::kFragmentsHeld);
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentEvicted) + held(), 1'500U);
  gateway.send(0, piece(0, 800, true));
  gateway.send(0, piece(800, total(), false));
  expect_whole();
}
TEST(ReassembleInside, WhatIsNotCompletedInTimeIsDroppedAndTold) {
  Gateway gateway{{.ports = {{.name = "lan", .addresses = {"10.1.0.1/24"}}}}};
  gateway.neighbour(0, "10.1.0.9");
  const auto held = [&] {
    return gateway.totals().held[static_cast<std::size_t>(channel::Held::kReassembly)];
  };
  const auto piece = [](std::size_t octets, std::uint16_t identification) {
    return ipv4({.source = ip("10.1.0.9"),
                 .destination = ip("10.1.0.1"),
                 .identification = identification,
                 .fragment = net::kIpv4MoreFragments},
                pattern(octets));
  };
  gateway.send(0, piece(800, 7));
  gateway.send(0, piece(8, 9));
  gateway.advance(base::milliseconds{14'900});
  gateway.step();
  EXPECT_EQ(held(), 2U);
  gateway.advance(base::milliseconds{300});
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTimeout), 2U);
  EXPECT_EQ(held(), 0U);
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(icmp_of(sent[0]).type, net::kIcmpTimeExceeded);
  EXPECT_EQ(icmp_of(sent[0]).code, 1);
}
TEST_F(Reassemble, WithoutTheFirstFragmentNobodyIsTold) {
  gateway.send(0, piece(800, total(), false));
  gateway.advance(base::seconds{16});
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTimeout), 1U);
  EXPECT_TRUE(gateway.sent(0).empty());
}

}  // namespace
}  // namespace penstock::pipeline
