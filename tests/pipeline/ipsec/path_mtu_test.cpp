// SPDX-License-Identifier: BSD-3-Clause
// Path MTU by SA (RFC 4301 §8.2): ICMP about a packet that left, what is learned, and what becomes
// of the next packet.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using channel::Consumed;
using net::DropReason;
using policy::SaEventKind;

constexpr std::string_view kRouter = "203.0.113.1";
constexpr std::string_view kRouter6 = "2001:db8:77::1";

struct PathMtu : testing::Test {
  IpsecGateway g;
  base::MonoTime now{base::seconds{1000}};

  /// An SA with IPv6 outside; of IPv4 there is protect().
  void protect6(bool encap) {
    g.must_install(
        make_spec({.encap = encap, .local = "2001:db8:f::1", .remote = "2001:db8:f::9"}));
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  }
  /// AH in tunnel mode.
  void protect_ah(bool v6) {
    SpecOptions options{.protocol = policy::IpsecProtocol::kAh};
    options.suite.integ = crypto::IntegId::kHmacSha256_128;
    if (v6) options.local = "2001:db8:f::1", options.remote = "2001:db8:f::9";
    g.must_install(make_spec(options));
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  }
  /// One packet leaves; what of it an error quotes.
  ByteVector sent_outside(std::size_t octets = 1000) {
    g.gateway.send(0, outbound_packet(octets));
    return g.only(1);
  }
  /// As IPv4 routers tell it (RFC 1191 §4), quoting so much.
  void tell(const ByteVector& about, std::uint32_t mtu, std::size_t quoted = 28) {
    g.gateway.send(1, icmp(kRouter, "192.0.2.1", net::kIcmpUnreachable,
                           net::kIcmpFragmentationNeeded, mtu, Bytes(about).first(quoted)));
  }
  void tell6(const ByteVector& about, std::uint32_t mtu) {
    g.gateway.send6(1, icmp6(kRouter6, "2001:db8:f::1", net::kIcmp6PacketTooBig, 0, mtu,
                             Bytes(about).first(100)));
  }
  /// What the control core does with it. @return what it learned; 0: nothing
  unsigned learn() {
    unsigned learned = 0;
    for (const policy::SaEvent& event : g.events())
      if (event.kind == SaEventKind::kPathMtu)
        learned = std::max<unsigned>(learned, g.writer->learn_path_mtu(event, now));
    return learned;
  }
  [[nodiscard]] unsigned known() const {
    return g.writer->outbound_of(policy::ChildSlot{kSlot})->path_mtu;
  }
  [[nodiscard]] std::uint64_t consumed() const {
    return g.gateway.totals().consumed[static_cast<std::size_t>(Consumed::kPathMtu)];
  }
};

TEST_F(PathMtu, IsLearnedFromWhatARouterQuotes) {
  g.protect();
  tell(sent_outside(), 1000);
  EXPECT_EQ(consumed(), 1U);
  EXPECT_EQ(learn(), 1000U);
  EXPECT_EQ(known(), 1000U);
}

TEST_F(PathMtu, OfEspInUdpNeedsMoreThanTheUdpHeaderToBeQuoted) {
  g.protect({}, false, true);
  const ByteVector out = sent_outside();
  tell(out, 1000, 28);  // RFC 792: eight octets, and they are UDP's
  EXPECT_EQ(learn(), 0U);
  g.expect_drop(DropReason::kIcmpErrorIgnored);
  tell(out, 1000, 36);
  EXPECT_EQ(learn(), 1000U);
}

TEST_F(PathMtu, OverIpv6InUdpOrNot) {
  protect6(false);
  tell6(sent_outside(), 1300);
  EXPECT_EQ(learn(), 1300U);
}
TEST_F(PathMtu, OverIpv6InUdp) {
  protect6(true);
  tell6(sent_outside(), 1280);
  EXPECT_EQ(learn(), 1280U);
}

TEST_F(PathMtu, OfAhNeedsItsNumberToBeQuoted) {
  protect_ah(false);
  const ByteVector out = sent_outside();
  tell(out, 1000, 28);  // RFC 792: eight octets end with the SPI
  EXPECT_EQ(learn(), 0U);
  g.expect_drop(DropReason::kIcmpErrorIgnored);
  tell(out, 1000, 32);
  EXPECT_EQ(learn(), 1000U);
  // AH 28 and IPv4 20 octets go around.
  g.gateway.send(0, outbound_packet(952 - 28, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(g.only(1).size(), 1000U);
  g.gateway.send(0, outbound_packet(953 - 28, {.fragment = net::kIpv4DontFragment}));
  const auto told = g.gateway.sent(0);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(icmp_of(told[0]).rest.get(), 952U);
}
TEST_F(PathMtu, OfAhOverIpv6) {
  protect_ah(true);
  tell6(sent_outside(), 1300);
  EXPECT_EQ(learn(), 1300U);
}

TEST_F(PathMtu, OfAhAndOfEspAreToldApart) {
  protect_ah(false);
  const ByteVector out = sent_outside();
  const auto altered = [&](std::size_t place, std::uint8_t value) {
    ByteVector other = out;
    other[place] = static_cast<std::byte>(value);
    tell(other, 1000, 40);
    EXPECT_EQ(learn(), 0U) << "octet " << place;
  };
  altered(27, 0x02);  // SPI
  altered(19, 10);    // destination
  altered(28, 1);     // sequence: of the future
  altered(31, 0);
  // ESP of this SPI and number, which this SA did not send.
  ByteVector esp(out.begin(), out.begin() + 20);
  esp[9] = std::byte{net::kProtocolEsp};
  esp.insert(esp.end(), out.begin() + 24, out.begin() + 64);
  tell(esp, 1000, 40);
  EXPECT_EQ(learn(), 0U);
  EXPECT_EQ(known(), 0U);
  tell(out, 1000, 40);
  EXPECT_EQ(learn(), 1000U);
}

TEST_F(PathMtu, SendersOfWhatDoesNotFitAreToldTheInnerMtu) {
  g.protect();
  tell(sent_outside(), 1000);
  ASSERT_EQ(learn(), 1000U);
  g.gateway.send(0, outbound_packet(1000, {.fragment = net::kIpv4DontFragment}));
  const auto told = g.gateway.sent(0);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(is_sound(told[0]));
  EXPECT_EQ(icmp_of(told[0]).code, net::kIcmpFragmentationNeeded);
  // RFC 4303 §2: 1000 less IPv4 20, ESP 8, IV 8, ICV 16; 948 in words of 4 less the trailer.
  EXPECT_EQ(icmp_of(told[0]).rest.get(), 946U);
  g.expect_drop(DropReason::kTooBig);
  // What it was told fits, and nothing larger does.
  g.gateway.send(0, outbound_packet(946 - 28, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(g.only(1).size(), 1000U);
  g.gateway.send(0, outbound_packet(947 - 28, {.fragment = net::kIpv4DontFragment}));
  g.expect_drop(DropReason::kTooBig, 2);
}

TEST_F(PathMtu, WhatMayBeCutIsCutToIt) {
  g.protect();
  tell(sent_outside(), 800);
  ASSERT_EQ(learn(), 800U);
  const ByteVector in = outbound_packet(1200);
  g.gateway.send(0, in);
  const auto frames = g.gateway.sent(1);
  ASSERT_EQ(frames.size(), 2U);
  std::vector<ByteVector> pieces;
  for (const ByteVector& frame : frames) {
    EXPECT_LE(packet_of(frame).size(), 800U);
    pieces.push_back(frame);
  }
  EXPECT_EQ(inner_of(joined(pieces)), forwarded(in));
}

TEST_F(PathMtu, OverIpv6TheSourceCuts) {
  protect6(false);
  tell6(sent_outside(), 1280);
  ASSERT_EQ(learn(), 1280U);
  g.gateway.send(0, outbound_packet(1300));
  const auto frames = g.gateway.sent(1);
  ASSERT_EQ(frames.size(), 2U);
  for (const ByteVector& frame : frames) {
    EXPECT_LE(packet_of(frame).size(), 1280U);
    EXPECT_EQ(ip6_of(frame).next_header, net::kExtensionFragment);
  }
}

TEST_F(PathMtu, OnlyLowers) {
  g.protect();
  const ByteVector out = sent_outside();
  tell(out, 1000);
  EXPECT_EQ(learn(), 1000U);
  tell(out, 1400);
  EXPECT_EQ(learn(), 0U);
  tell(out, 1000);
  EXPECT_EQ(learn(), 0U);
  tell(out, 900);
  EXPECT_EQ(learn(), 900U);
  EXPECT_EQ(known(), 900U);
}

TEST_F(PathMtu, HasAFloor) {
  g.protect();
  tell(sent_outside(), 68);
  EXPECT_EQ(learn(), 576U);
}

// RFC 8201 §4: such a message is discarded.
TEST_F(PathMtu, LessThanIpv6NeedsIsNotBelieved) {
  protect6(false);
  tell6(sent_outside(), 1279);
  EXPECT_EQ(learn(), 0U);
  EXPECT_EQ(known(), 0U);
}

// RFC 1191 §5, §7.1: 1054 octets were too big, and the next plateau is 1006.
TEST_F(PathMtu, AnOldRouterTellsNoMtu) {
  g.protect();
  tell(sent_outside(), 0);
  EXPECT_EQ(learn(), 1006U);
}

TEST_F(PathMtu, IsForgottenAfterItsTime) {
  g.protect();
  const ByteVector out = sent_outside();
  tell(out, 1000);
  EXPECT_EQ(learn(), 1000U);
  now += base::seconds{599};
  g.writer->age_path_mtus(now);
  EXPECT_EQ(known(), 1000U);
  tell(out, 900);
  EXPECT_EQ(learn(), 900U);
  now += base::seconds{1};  // the first one's time is over, and the second one's is not
  g.writer->age_path_mtus(now);
  EXPECT_EQ(known(), 900U);
  now += base::seconds{599};
  g.writer->age_path_mtus(now);
  EXPECT_EQ(known(), 0U);
  EXPECT_EQ(sent_outside(1400).size(), 20U + 16 + 16 + 1432);
}

TEST_F(PathMtu, WhatWeCannotHaveSentIsNotBelieved) {
  g.protect();
  const ByteVector out = sent_outside();
  const auto altered = [&](std::size_t place, std::uint8_t value) {
    ByteVector other = out;
    other[place] = static_cast<std::byte>(value);
    tell(other, 1000);
    EXPECT_EQ(learn(), 0U) << "octet " << place;
  };
  altered(23, 0x02);  // SPI
  altered(19, 10);    // destination
  altered(9, net::kProtocolTcp);
  altered(24, 1);  // sequence: of the future
  altered(27, 2);
  altered(27, 0);
  EXPECT_EQ(known(), 0U);
  tell(out, 1000);
  EXPECT_EQ(learn(), 1000U);
}

TEST_F(PathMtu, ALaterSequenceNumberOfAnOldPacketIsNotRecent) {
  g.protect();
  const ByteVector first = sent_outside();
  // As if many packets had left meanwhile.
  const_cast<ipsec::OutboundSa*>(g.writer->tables().outbound_of(kSlot))
      ->sequence.restart(ipsec::kRecentPackets + 1);
  tell(first, 1000);
  EXPECT_EQ(learn(), 0U);
}

TEST_F(PathMtu, DamagedAndForeignErrorsAreIgnored) {
  g.protect();
  const ByteVector out = sent_outside();
  ByteVector damaged = icmp(kRouter, "192.0.2.1", net::kIcmpUnreachable,
                            net::kIcmpFragmentationNeeded, 1000, Bytes(out).first(28));
  damaged.back() ^= std::byte{1};
  g.gateway.send(1, damaged);
  tell(out, 1000, 27);
  tell(out, 1000, 10);
  g.gateway.send(1, icmp(kRouter, "192.0.2.1", net::kIcmpUnreachable, net::kIcmpHostUnreachable,
                         1000, Bytes(out).first(28)));
  // From inside.
  g.gateway.send(0, icmp("10.1.0.9", "10.1.0.1", net::kIcmpUnreachable,
                         net::kIcmpFragmentationNeeded, 1000, Bytes(out).first(28)));
  g.expect_drop(DropReason::kIcmpErrorIgnored, 5);
  EXPECT_EQ(learn(), 0U);
}

TEST_F(PathMtu, AFloodIsLimited) {
  g.protect();
  const ByteVector out = sent_outside();
  for (int i = 0; i < 50; ++i) tell(out, 1000);
  EXPECT_EQ(consumed(), dataplane::kPathMtuEventBurst);
  g.expect_drop(DropReason::kIcmpRate, 50 - dataplane::kPathMtuEventBurst);
}

TEST_F(PathMtu, NothingIsLearnedWhereItIsNotWanted) {
  auto limits = IpsecGateway::small_limits();
  limits.path_mtu_time = base::Duration{};
  IpsecGateway deaf(limits);
  deaf.protect();
  deaf.gateway.send(0, outbound_packet(1000));
  const ByteVector out = deaf.only(1);
  deaf.gateway.send(1, icmp(kRouter, "192.0.2.1", net::kIcmpUnreachable,
                            net::kIcmpFragmentationNeeded, 1000, Bytes(out).first(28)));
  const auto events = deaf.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(deaf.writer->learn_path_mtu(events[0], now), 0U);
}

}  // namespace
}  // namespace penstock::pipeline
