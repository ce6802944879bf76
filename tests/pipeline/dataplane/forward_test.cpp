// SPDX-License-Identifier: BSD-3-Clause
// Forwarding between two inside ports: packet in, packet out or drop reason.
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;

/// 10.1.0.0/24 on port 0, 10.2.0.0/24 on port 1, 10.3.0.0/16 behind 10.2.0.9.
struct Forward : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}}}}};
  Forward() {
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(1, "10.2.0.9");
    gateway.route("10.3.0.0/16", "10.2.0.9", 1);
  }
  /// The only packet that left by the port.
  ByteVector only(unsigned port) {
    auto all = gateway.sent(port);
    EXPECT_EQ(all.size(), 1U);
    return all.size() == 1 ? all[0] : ByteVector(64);
  }
  ByteVector sample(Ipv4Spec rest = {}) {
    return udp("10.1.0.9", "10.3.4.5", 1000, 2000, pattern(64), rest);
  }
  /// The packet ends by this reason, and nothing else happens to it.
  void expect_drop(DropReason reason, Bytes packet) {
    gateway.send(0, packet);
    EXPECT_EQ(gateway.dropped(reason), 1U) << net::row_of(reason).name;
    EXPECT_EQ(gateway.dropped(), 1U);
    EXPECT_TRUE(gateway.sent(1).empty());
  }
};

TEST_F(Forward, SendsToTheGatewayOfTheRouteWithOneLessToLive) {
  const ByteVector in = sample();
  gateway.send(0, in);
  const ByteVector out = only(1);
  EXPECT_EQ(ethernet_of(out).destination, Gateway::peer_mac(1));
  EXPECT_EQ(ethernet_of(out).source, Gateway::mac(1));
  EXPECT_EQ(ip_of(out).ttl, 63);
  EXPECT_TRUE(is_sound(out));
  EXPECT_EQ(out.size(), 14 + in.size());
  EXPECT_TRUE(std::equal(in.begin() + 20, in.end(), out.begin() + 34));
}

TEST_F(Forward, SendsToAHostOnTheLink) {
  gateway.send(1, udp("10.2.0.9", "10.1.0.9", 1, 2, pattern(1)));
  EXPECT_EQ(ethernet_of(only(0)).destination, Gateway::peer_mac(0));
}

TEST_F(Forward, CutsOffWhatLiesBehindTheTotalLength) {
  ByteVector padded = sample();
  const std::size_t length = padded.size();
  padded.resize(length + 7);
  gateway.send(0, padded);
  EXPECT_EQ(only(1).size(), 14 + length);
}

TEST_F(Forward, MovesAWholeBurstAndMore) {
  for (unsigned i = 0; i < 200; ++i) gateway.put(0, sample());
  for (unsigned i = 0; i < 4; ++i) gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 200U);
  EXPECT_EQ(gateway.totals().received, 200U);
  EXPECT_EQ(gateway.totals().transmitted, 200U);
}

TEST_F(Forward, KeepsOptionsThatAreNoSourceRoute) {
  const auto record_route = base::from_hex("07070400000000 00").value();
  gateway.send(0, sample({.options = record_route}));
  const ByteVector out = only(1);
  EXPECT_EQ(ip_of(out).header_length(), 28U);
  EXPECT_TRUE(is_sound(out));
}

// ---- each way to be lost ----

TEST_F(Forward, DropsAFrameShorterThanItsHeader) {
  gateway.put_frame(0, ByteVector(13));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kTruncated), 1U);
}
TEST_F(Forward, DropsAPacketShorterThanItsHeader) {
  expect_drop(DropReason::kTruncated, Bytes(sample()).first(19));
}
TEST_F(Forward, DropsAnotherMac) {
  gateway.put_frame(0, frame(Gateway::mac(1), Gateway::peer_mac(0), net::kEtherTypeIpv4, sample()));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kNotForUsMac), 1U);
}
TEST_F(Forward, DropsUnknownEtherTypes) {
  gateway.put_frame(0, frame(Gateway::mac(0), Gateway::peer_mac(0), 0x88cc, sample()));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kBadEtherType), 1U);
}
TEST_F(Forward, DropsAWrongVersion) {
  auto p = sample();
  p[0] = std::byte{0x65};
  expect_drop(DropReason::kBadIpVersion, p);
}
TEST_F(Forward, DropsAHeaderLengthBelowFiveWords) {
  auto p = sample();
  p[0] = std::byte{0x44};
  expect_drop(DropReason::kBadIpHeaderLength, p);
}
TEST_F(Forward, DropsAHeaderLongerThanThePacket) {
  auto p = sample();
  p[0] = std::byte{0x4f};
  expect_drop(DropReason::kBadIpHeaderLength, Bytes(p).first(59));
}
TEST_F(Forward, DropsATotalLengthBelowTheHeader) {
  auto p = sample();
  p[2] = std::byte{0};
  p[3] = std::byte{19};
  expect_drop(DropReason::kBadIpTotalLength, p);
}
TEST_F(Forward, DropsATotalLengthBeyondTheFrame) {
  const auto p = sample();
  expect_drop(DropReason::kBadIpTotalLength, Bytes(p).first(p.size() - 1));
}
TEST_F(Forward, DropsAWrongHeaderChecksum) {
  auto p = sample();
  p[10] ^= std::byte{1};
  expect_drop(DropReason::kBadIpChecksum, p);
}
TEST_F(Forward, DropsSourceRoutesAndUnreadableOptions) {
  for (const auto* options :
       {"8307040a020009 00", "8907040a020009 00", "07010000", "07ff0000", "01010107"})
    gateway.send(0, sample({.options = base::from_hex(options).value()}));
  EXPECT_EQ(gateway.dropped(DropReason::kIpOptions), 5U);
  EXPECT_EQ(gateway.dropped(), 5U);
}
TEST_F(Forward, DropsMartianSources) {
  for (const auto* source :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"})
    gateway.send(0, udp(source, "10.3.4.5", 1, 2, pattern(4)));
  EXPECT_EQ(gateway.dropped(DropReason::kMartianSource), 6U);
  EXPECT_TRUE(gateway.sent(0).empty());
}
TEST_F(Forward, DropsMartianDestinations) {
  for (const auto* to : {"0.0.0.0", "127.0.0.1", "240.0.0.1"})
    gateway.send(0, udp("10.1.0.9", to, 1, 2, pattern(4)));
  EXPECT_EQ(gateway.dropped(DropReason::kMartianDestination), 3U);
}
TEST_F(Forward, DropsMulticastAndEveryBroadcast) {
  for (const auto* to : {"224.0.0.251", "255.255.255.255", "10.2.0.255", "10.2.0.0"})
    gateway.send(0, udp("10.1.0.9", to, 1, 2, pattern(4)));
  gateway.put_frame(0,
                    frame(net::kBroadcastMac, Gateway::peer_mac(0), net::kEtherTypeIpv4, sample()));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kMulticast), 5U);
  EXPECT_TRUE(gateway.sent(0).empty()) << "no ICMP about broadcasts";
}
TEST_F(Forward, DropsWhenThePortIsDown) {
  gateway.fib().set_up(dpdk::InterfaceIndex{1}, false);
  expect_drop(DropReason::kPortDown, sample());
  gateway.fib().set_up(dpdk::InterfaceIndex{1}, true);
  gateway.send(0, sample());
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Forward, MakesOneOfSegmentsThatFitAndDropsOthers) {
  const ByteVector in = frame(Gateway::mac(0), Gateway::peer_mac(0), net::kEtherTypeIpv4, sample());
  for (const std::size_t first : {std::size_t{1}, std::size_t{14}, in.size() - 1}) {
    gateway.put_segments(0, in, first, in.size() - first);
    gateway.step();
    const auto sent = gateway.sent(1);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(is_sound(sent[0]));
    gateway.put_segments(0, in, first, in.size() - first - 1);
    gateway.step();
  }
  EXPECT_EQ(gateway.dropped(DropReason::kChainedMbuf), 3U);
}
TEST_F(Forward, DropsWhatThePortDoesNotTake) {
  for (unsigned i = 0; i < 2; ++i) {
    for (unsigned k = 0; k < 1000; ++k) gateway.put(0, sample());
    for (unsigned k = 0; k < 20; ++k) gateway.step();
  }
  EXPECT_EQ(gateway.dropped(DropReason::kTxFull), 2000U - 1023U);
}

// ---- ICMP errors ----

TEST_F(Forward, TellsTheSenderThatTimeRanOut) {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    const auto in = sample({.ttl = ttl});
    gateway.send(0, in);
    const auto out = only(0);
    EXPECT_TRUE(is_sound(out));
    EXPECT_EQ(ip_of(out).source.get(), ip("10.1.0.1"));
    EXPECT_EQ(ip_of(out).destination.get(), ip("10.1.0.9"));
    EXPECT_EQ(icmp_of(out).type, net::kIcmpTimeExceeded);
    EXPECT_EQ(icmp_of(out).code, 0);
    EXPECT_TRUE(std::equal(in.begin(), in.end(), out.begin() + 14 + 28));
  }
  EXPECT_EQ(gateway.dropped(DropReason::kTtlExpired), 2U);
  EXPECT_EQ(gateway.totals().generated, 2U);
}
TEST_F(Forward, TellsTheSenderThatThereIsNoRoute) {
  gateway.send(0, udp("10.1.0.9", "172.16.0.1", 1, 2, pattern(4)));
  EXPECT_EQ(gateway.dropped(DropReason::kNoRoute), 1U);
  const auto out = only(0);
  EXPECT_EQ(icmp_of(out).type, net::kIcmpUnreachable);
  EXPECT_EQ(icmp_of(out).code, net::kIcmpNetUnreachable);
}
TEST_F(Forward, UsesTheDefaultRouteForTheRest) {
  gateway.route("0.0.0.0/0", "10.2.0.9", 1);
  gateway.send(0, udp("10.1.0.9", "172.16.0.1", 1, 2, pattern(4)));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
  ASSERT_TRUE(gateway.fib().remove_route(net::Prefix::parse("0.0.0.0/0").value()));
  gateway.send(0, udp("10.1.0.9", "172.16.0.1", 1, 2, pattern(4)));
  EXPECT_EQ(gateway.dropped(DropReason::kNoRoute), 1U);
}
TEST_F(Forward, NeverTellsAboutErrorsAndLaterFragments) {
  gateway.send(0, icmp("10.1.0.9", "172.16.0.1", net::kIcmpUnreachable, 1, 0, pattern(28)));
  gateway.send(0, sample({.ttl = 1, .fragment = 4}));
  EXPECT_EQ(gateway.dropped(), 2U);
  EXPECT_TRUE(gateway.sent(0).empty());
}
TEST_F(Forward, LimitsTheRateOfErrors) {
  for (unsigned i = 0; i < 500; ++i) {
    gateway.put(0, sample({.ttl = 1}));
    if (i % 50 == 49) gateway.step();
  }
  EXPECT_EQ(gateway.sent(0).size(), dataplane::kIcmpErrorBurst);
  gateway.advance(base::milliseconds{10});
  for (unsigned i = 0; i < 50; ++i) gateway.put(0, sample({.ttl = 1}));
  gateway.step();
  EXPECT_EQ(gateway.sent(0).size(), 10U);
}

}  // namespace
}  // namespace penstock::pipeline
