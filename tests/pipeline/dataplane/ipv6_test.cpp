// SPDX-License-Identifier: BSD-3-Clause
// IPv6 through the pipeline: forwarding, extension headers, fragments, ICMPv6.
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;

constexpr std::string_view kHost = "2001:db8:1::9";
constexpr std::string_view kOther = "2001:db8:2::9";
constexpr std::string_view kUs = "2001:db8:1::1";

struct Ipv6 : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"2001:db8:1::1/64"}, .mtu = 1500},
                             {.name = "b", .addresses = {"2001:db8:2::1/64"}, .mtu = 1400}}}};
  Ipv6() {
    gateway.neighbour(0, kHost);
    gateway.neighbour(1, kOther);
    gateway.neighbour(1, "2001:db8:2::fe");
    gateway.route("2001:db8:ff00::/40", "2001:db8:2::fe", 1);
  }
  ByteVector sample(Ipv6Spec spec = {}) {
    return udp6(kHost, kOther, 1000, 2000, pattern(64), spec);
  }
  void expect_drop(DropReason reason, Bytes packet) {
    const auto before = gateway.dropped(reason);
    gateway.send6(0, packet);
    EXPECT_EQ(gateway.dropped(reason), before + 1) << net::row_of(reason).name;
    EXPECT_TRUE(gateway.sent(1).empty());
  }
  /// The ICMPv6 message that the sender of `packet` is told with.
  void expect_error(std::uint8_t type, std::uint8_t code, std::uint32_t rest, Bytes packet,
                    DropReason reason) {
    expect_drop(reason, packet);
    const auto sent = gateway.sent(0);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(is_sound6(sent[0]));
    EXPECT_EQ(ip6_of(sent[0]).source, ip6(kUs));
    EXPECT_EQ(ip6_of(sent[0]).destination, ip6(kHost));
    EXPECT_EQ(icmp6_of(sent[0]).type, type);
    EXPECT_EQ(icmp6_of(sent[0]).code, code);
    EXPECT_EQ(icmp6_of(sent[0]).rest.get(), rest);
    auto quoted = base::to_vector(payload6_of(sent[0]).subspan(sizeof(net::IcmpHeader)));
    quoted[7] = packet[7];  // the hop limit may be lower already
    EXPECT_EQ(quoted, base::to_vector(packet.first(quoted.size())));
  }
  static ByteVector join(std::initializer_list<ByteVector> parts) {
    ByteVector out;
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
  }
  /// Options of one octet kind, padded: hop-by-hop or destination options.
  static ByteVector options(std::uint8_t next, std::uint8_t type = 1) {
    ByteVector out(8);
    out[0] = std::byte{next};
    out[2] = std::byte{type};
    out[3] = std::byte{4};
    return out;
  }
};

// ---- forwarding ----

TEST_F(Ipv6, ForwardsAndLowersTheHopLimit) {
  gateway.send6(0, sample());
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ethernet_of(sent[0]).ether_type.get(), net::kEtherTypeIpv6);
  EXPECT_EQ(ethernet_of(sent[0]).destination, Gateway::peer_mac(1));
  EXPECT_EQ(ethernet_of(sent[0]).source, Gateway::mac(1));
  EXPECT_TRUE(is_sound6(sent[0]));
  auto expected = sample();
  expected[7] = std::byte{63};
  EXPECT_EQ(base::to_vector(packet_of(sent[0])), expected);
}
TEST_F(Ipv6, FollowsTheLongestRoute) {
  gateway.send6(0, udp6(kHost, "2001:db8:ff12::7", 1, 2, pattern(8)));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Ipv6, ABurstMayHoldBothVersions) {
  gateway.put6(0, sample());
  gateway.put(0, udp("10.1.0.9", "10.9.0.1", 1, 2, pattern(8)));
  gateway.put6(0, sample());
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 2U);
  EXPECT_EQ(gateway.dropped(DropReason::kNoRoute), 1U);
}
TEST_F(Ipv6, CutsPaddingBehindThePacket) {
  auto padded = udp6(kHost, kOther, 1, 2, pattern(4));
  const auto size = padded.size();
  padded.resize(size + 9);
  gateway.send6(0, padded);
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(packet_of(sent[0]).size(), size);
}
TEST_F(Ipv6, DropsTruncatedPackets) {
  expect_drop(DropReason::kTruncated, Bytes(sample()).first(39));
  expect_drop(DropReason::kBadIpTotalLength, Bytes(sample()).first(100));
}
TEST_F(Ipv6, DropsAnotherVersion) {
  auto p = sample();
  p[0] = std::byte{0x45};
  expect_drop(DropReason::kBadIpVersion, p);
}
TEST_F(Ipv6, DropsMartians) {
  expect_drop(DropReason::kMartianSource, udp6("::1", kOther, 1, 2, pattern(8)));
  expect_drop(DropReason::kMartianSource, udp6("::", kOther, 1, 2, pattern(8)));
  expect_drop(DropReason::kMartianSource, udp6("ff02::9", kOther, 1, 2, pattern(8)));
  expect_drop(DropReason::kMartianSource, udp6("::ffff:10.0.0.1", kOther, 1, 2, pattern(8)));
  expect_drop(DropReason::kMartianDestination, udp6(kHost, "::1", 1, 2, pattern(8)));
  expect_drop(DropReason::kMulticast, udp6(kHost, "ff0e::1", 1, 2, pattern(8)));
  expect_drop(DropReason::kLinkLocal, udp6("fe80::9", kOther, 1, 2, pattern(8)));
  expect_drop(DropReason::kLinkLocal, udp6(kHost, "fe80::9", 1, 2, pattern(8)));
}
TEST_F(Ipv6, TellsThatTheHopLimitRanOut) {
  expect_error(net::kIcmp6TimeExceeded, 0, 0, sample({.hop_limit = 1}), DropReason::kTtlExpired);
}
TEST_F(Ipv6, TellsThatThereIsNoRoute) {
  expect_error(net::kIcmp6Unreachable, net::kIcmp6NoRoute, 0,
               udp6(kHost, "2001:db9::1", 1, 2, pattern(8)), DropReason::kNoRoute);
}
TEST_F(Ipv6, TellsTheMtuOfTheNextLink) {
  expect_error(net::kIcmp6PacketTooBig, 0, 1400, udp6(kHost, kOther, 1, 2, pattern(1353)),
               DropReason::kFragmentNeeded);
  gateway.send6(0, udp6(kHost, kOther, 1, 2, pattern(1352)));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Ipv6, SendsNoErrorAboutAnError) {
  expect_drop(DropReason::kNoRoute,
              icmp6(kHost, "2001:db9::1", net::kIcmp6Unreachable, 0, 0, sample()));
  expect_drop(DropReason::kNoRoute, icmp6(kHost, "2001:db9::1", net::kIcmp6Redirect, 0, 0, {}));
  EXPECT_TRUE(gateway.sent(0).empty());
}

// ---- extension headers ----

TEST_F(Ipv6, ForwardsAChainOfExtensionHeaders) {
  gateway.send6(0, sample({.next_header = net::kExtensionHopByHop,
                           .extensions = join({options(net::kExtensionDestination),
                                               options(net::kProtocolUdp)})}));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Ipv6, HopByHopOptionsComeFirst) {
  expect_drop(
      DropReason::kExtensionHeaders,
      sample({.next_header = net::kExtensionDestination,
              .extensions = join({options(net::kExtensionHopByHop), options(net::kProtocolUdp)})}));
}
TEST_F(Ipv6, OptionsEndWithTheirHeader) {
  auto broken = options(net::kProtocolUdp);
  broken[3] = std::byte{5};
  expect_drop(DropReason::kExtensionHeaders,
              sample({.next_header = net::kExtensionDestination, .extensions = broken}));
}
TEST_F(Ipv6, AChainEndsWithinThePacket) {
  auto broken = options(net::kProtocolUdp);
  broken[1] = std::byte{20};
  expect_drop(DropReason::kExtensionHeaders,
              sample({.next_header = net::kExtensionDestination, .extensions = broken}));
}
TEST_F(Ipv6, AChainHasALimit) {
  ByteVector chain;
  for (unsigned i = 0; i < net::kMaxExtensionHeaders; ++i)
    chain = join({chain, options(net::kExtensionDestination)});
  expect_drop(DropReason::kExtensionHeaders,
              sample({.next_header = net::kExtensionDestination,
                      .extensions = join({chain, options(net::kProtocolUdp)})}));
  chain[chain.size() - 8] = std::byte{net::kProtocolUdp};
  gateway.send6(0, sample({.next_header = net::kExtensionDestination, .extensions = chain}));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Ipv6, ARouteOfTheSenderIsNotFollowed) {
  auto routing = options(net::kProtocolUdp, 0);
  routing[3] = std::byte{1};
  expect_drop(DropReason::kSourceRoute,
              sample({.next_header = net::kExtensionRouting, .extensions = routing}));
}
TEST_F(Ipv6, AFirstFragmentHoldsTheWholeChain) {
  expect_drop(DropReason::kExtensionHeaders,
              ipv6({.source = kHost,
                    .destination = kOther,
                    .next_header = net::kExtensionFragment,
                    .extensions = fragment_header(net::kExtensionDestination, 0, true, 7)},
                   {}));
}

// ---- for us ----

TEST_F(Ipv6, AnswersAnEcho) {
  gateway.send6(0, icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 0x12340001, pattern(56)));
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(is_sound6(sent[0]));
  EXPECT_EQ(base::to_vector(packet_of(sent[0])),
            icmp6(kUs, kHost, net::kIcmp6EchoReply, 0, 0x12340001, pattern(56)));
}
TEST_F(Ipv6, AnswersWithoutTheOptionsOfTheRequest) {
  gateway.send6(0, icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 9, pattern(8),
                         {.next_header = net::kExtensionDestination,
                          .extensions = options(net::kProtocolIcmpv6)}));
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(base::to_vector(packet_of(sent[0])),
            icmp6(kUs, kHost, net::kIcmp6EchoReply, 0, 9, pattern(8)));
}
TEST_F(Ipv6, AnOptionThatForbidsToGoOn) {
  expect_drop(DropReason::kExtensionHeaders,
              icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 9, pattern(8),
                    {.next_header = net::kExtensionDestination,
                     .extensions = options(net::kProtocolIcmpv6, 0x7e)}));
}
TEST_F(Ipv6, AWrongChecksumIsNotAnswered) {
  auto p = icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 9, pattern(8));
  p.back() ^= std::byte{1};
  expect_drop(DropReason::kBadIcmp, p);
}
TEST_F(Ipv6, TellsThatNobodyListens) {
  expect_error(net::kIcmp6Unreachable, net::kIcmp6PortUnreachable, 0,
               udp6(kHost, kUs, 1, 2, pattern(8)), DropReason::kNotLocalService);
  expect_error(net::kIcmp6ParameterProblem, net::kIcmp6UnknownNextHeader, 6,
               ipv6({.source = kHost, .destination = kUs, .next_header = 253}, pattern(8)),
               DropReason::kNotLocalService);
}
TEST_F(Ipv6, WhatAnErrorTellsUsIsNotActedOn) {
  expect_drop(DropReason::kIcmpErrorIgnored,
              icmp6(kHost, kUs, net::kIcmp6PacketTooBig, 0, 1280, pattern(48)));
}
TEST_F(Ipv6, IkeIsPunted) {
  Gateway outside{
      {.ports = {{.name = "o", .side = fib::Side::kOutside, .addresses = {"2001:db8:1::1/64"}}}}};
  outside.send6(0, udp6(kHost, kUs, 500, 500, ByteVector(28)));
  const auto punted = outside.punted();
  ASSERT_EQ(punted.size(), 1U);
  EXPECT_EQ(punted[0].packet, udp6(kHost, kUs, 500, 500, ByteVector(28)));
}
TEST_F(Ipv6, IkeHasAChecksum) {
  Gateway outside{
      {.ports = {{.name = "o", .side = fib::Side::kOutside, .addresses = {"2001:db8:1::1/64"}}}}};
  auto p = udp6(kHost, kUs, 500, 500, ByteVector(28));
  p[46] = p[47] = std::byte{0};
  outside.send6(0, p);
  p[46] = std::byte{1};
  outside.send6(0, p);
  EXPECT_EQ(outside.dropped(DropReason::kBadUdpChecksum), 2U);
}

// ---- fragments ----

struct Ipv6Fragments : Ipv6 {
  ByteVector whole = icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 5, pattern(1592));
  ByteVector piece(unsigned begin, unsigned end, std::string_view to = kUs, std::uint32_t id = 77) {
    const Bytes payload = Bytes(whole).subspan(40);
    return ipv6(
        {.source = kHost,
         .destination = to,
         .next_header = net::kExtensionFragment,
         .extensions = fragment_header(net::kProtocolIcmpv6, begin, end != payload.size(), id)},
        payload.subspan(begin, end - begin));
  }
};

TEST_F(Ipv6Fragments, AreMadeWholeAndTheAnswerIsCut) {
  gateway.send6(0, piece(1208, 1600));
  gateway.send6(0, piece(0, 1208));
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 2U);
  ByteVector payload;
  std::uint32_t identification = 0;
  for (const auto& frame : sent) {
    EXPECT_TRUE(is_sound6(frame));
    EXPECT_LE(packet_of(frame).size(), 1500U);
    EXPECT_EQ(ip6_of(frame).next_header, net::kExtensionFragment);
    const auto& header =
        *reinterpret_cast<const net::Ipv6FragmentHeader*>(payload6_of(frame).data());
    EXPECT_EQ(header.next_header, net::kProtocolIcmpv6);
    EXPECT_EQ(header.offset_flags.get() & net::kIpv6OffsetMask, payload.size());
    EXPECT_EQ((header.offset_flags.get() & 1U) != 0, &frame == &sent.front());
    if (&frame != &sent.front()) {
      EXPECT_EQ(header.identification.get(), identification);
    }
    identification = header.identification.get();
    payload = join({payload, base::to_vector(payload6_of(frame).subspan(8))});
  }
  EXPECT_EQ(payload,
            base::to_vector(
                Bytes(icmp6(kUs, kHost, net::kIcmp6EchoReply, 0, 5, pattern(1592))).subspan(40)));
}
TEST_F(Ipv6Fragments, AnAtomicOneIsAWholePacket) {
  whole = icmp6(kHost, kUs, net::kIcmp6EchoRequest, 0, 5, pattern(16));
  gateway.send6(0, piece(0, 24));
  EXPECT_EQ(gateway.sent(0).size(), 1U);
}
TEST_F(Ipv6Fragments, ForOthersAreForwarded) {
  gateway.send6(0, piece(0, 1208, kOther));
  gateway.send6(0, piece(1208, 1600, kOther));
  EXPECT_EQ(gateway.sent(1).size(), 2U);
}
TEST_F(Ipv6Fragments, ThatOverlapEndThePacket) {
  gateway.send6(0, piece(0, 1208));
  gateway.send6(0, piece(1200, 1600));
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentOverlap), 2U);
  expect_drop(DropReason::kFragmentOverlap, piece(1208, 1600));
}
TEST_F(Ipv6Fragments, OfDifferentPacketsStayApart) {
  gateway.send6(0, piece(0, 1208));
  gateway.send6(0, piece(1208, 1600, kUs, 78));
  EXPECT_TRUE(gateway.sent(0).empty());
  gateway.send6(0, piece(1208, 1600));
  EXPECT_EQ(gateway.sent(0).size(), 2U);
}
TEST_F(Ipv6Fragments, AreNotWaitedForLong) {
  gateway.send6(0, piece(0, 1208));
  gateway.advance(base::seconds{16});
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTimeout), 1U);
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp6_of(sent[0]).type, net::kIcmp6TimeExceeded);
  EXPECT_EQ(icmp6_of(sent[0]).code, 1);
}
TEST_F(Ipv6Fragments, EndWithinTheLargestPacket) {
  const auto p = ipv6({.source = kHost,
                       .destination = kUs,
                       .next_header = net::kExtensionFragment,
                       .extensions = fragment_header(net::kProtocolIcmpv6, 65528, false, 1)},
                      pattern(16));
  expect_drop(DropReason::kFragmentTooLong, p);
}

}  // namespace
}  // namespace penstock::pipeline
