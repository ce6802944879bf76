// SPDX-License-Identifier: BSD-3-Clause
// IPv6 neighbour discovery beside parse, and packets that wait for a neighbour.
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using channel::NeighbourEventKind;
using net::DropReason;

constexpr std::string_view kUs = "2001:db8:2::1";
constexpr std::string_view kPeer = "2001:db8:2::7";

struct Discovery : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"2001:db8:1::1/64"}},
                             {.name = "b", .addresses = {"2001:db8:2::1/64"}}}}};
  net::MacAddress peer = Gateway::peer_mac(1);

  static ByteVector octets(const net::NdFrame& frame) {
    return base::to_vector(base::bytes_of(frame));
  }
  ByteVector solicitation(std::string_view source, std::string_view target) {
    return octets(net::neighbour_solicitation(peer, ip6(source), ip6(target), std::nullopt));
  }
  void set_state(std::string_view address, fib::AddressState state) {
    ASSERT_TRUE(gateway.fib().set_address_state(dpdk::InterfaceIndex{1},
                                                net::IpAddress::v6(ip6(address)), state));
  }
  static const net::NdFrame& nd_of(const ByteVector& sent) {
    return *reinterpret_cast<const net::NdFrame*>(sent.data());
  }
  void put(ByteVector frame) {
    gateway.put_frame(1, frame);
    gateway.step();
  }
  void expect_bad(ByteVector frame) {
    const auto before = gateway.dropped(DropReason::kBadNd);
    put(std::move(frame));
    EXPECT_EQ(gateway.dropped(DropReason::kBadNd), before + 1);
    EXPECT_TRUE(gateway.sent(1).empty());
    EXPECT_TRUE(gateway.neighbour_events().empty());
  }
  /// A message with the checksum that belongs to it, whatever else is wrong.
  static ByteVector mended(net::NdFrame frame) {
    frame.nd.checksum.set(0);
    frame.nd.checksum.set(net::upper_checksum(
        frame.ip, net::kProtocolIcmpv6, base::bytes_of(frame).subspan(offsetof(net::NdFrame, nd))));
    return octets(frame);
  }
};

// RFC 6980 §5: nothing is learned from fragments, be it the only one of its packet.
TEST_F(Discovery, BehindAFragmentHeaderIsNotListenedTo) {
  for (const bool more : {false, true}) {
    ByteVector frame = solicitation(kPeer, kUs);
    auto& ip = *reinterpret_cast<net::Ipv6Header*>(frame.data() + sizeof(net::EthernetHeader));
    ip.next_header = net::kExtensionFragment;
    ip.payload_length.set(static_cast<std::uint16_t>(ip.payload_length.get() + 8));
    const ByteVector header = fragment_header(net::kProtocolIcmpv6, 0, more, 7);
    const auto behind = static_cast<std::ptrdiff_t>(sizeof(net::EthernetHeader) + sizeof(ip));
    frame.insert(frame.begin() + behind, header.begin(), header.end());
    expect_bad(frame);
  }
}

TEST_F(Discovery, AnswersWhoAsksForUsAndReportsHim) {
  put(solicitation(kPeer, kUs));
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(is_sound6(sent[0]));
  const net::NdFrame& answer = nd_of(sent[0]);
  EXPECT_EQ(answer.ethernet.destination, peer);
  EXPECT_EQ(answer.ip.hop_limit, 255);
  EXPECT_EQ(answer.ip.source, ip6(kUs));
  EXPECT_EQ(answer.ip.destination, ip6(kPeer));
  EXPECT_EQ(answer.nd.type, net::kIcmp6NeighbourAdvertisement);
  EXPECT_EQ(answer.nd.flags.get(), net::kNdRouter | net::kNdSolicited | net::kNdOverride);
  EXPECT_EQ(answer.nd.target, ip6(kUs));
  EXPECT_EQ(answer.option.type, net::kNdTargetLinkAddress);
  EXPECT_EQ(answer.option.mac, Gateway::mac(1));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kHeard);
  EXPECT_EQ(events[0].address.octets(), ip6(kPeer));
  EXPECT_EQ(events[0].mac, peer);
  EXPECT_FALSE(events[0].reply);
}
TEST_F(Discovery, OurLinkLocalAddressComesFromTheMac) {
  put(solicitation("fe80::7", "fe80::ff:fe00:2"));  // 02:00:00:00:00:02
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Discovery, WhoLooksForDuplicatesIsAnsweredBeforeAll) {
  put(base::to_vector(base::bytes_of(net::neighbour_probe(peer, ip6(kUs)))));
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(nd_of(sent[0]).ip.destination, net::kAllNodes);
  EXPECT_EQ(nd_of(sent[0]).ethernet.destination, (net::MacAddress{0x33, 0x33, 0, 0, 0, 1}));
  EXPECT_EQ(nd_of(sent[0]).nd.flags.get(), net::kNdRouter | net::kNdOverride);
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Discovery, SolicitationsForOthersAreConsumed) {
  put(solicitation(kPeer, "2001:db8:2::8"));
  put(solicitation(kPeer, "2001:db8:1::1"));  // another port's
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_TRUE(gateway.neighbour_events().empty());
  EXPECT_EQ(gateway.totals().consumed_total(), 2U);
}
TEST_F(Discovery, AnAdvertisementIsReported) {
  put(octets(net::neighbour_advertisement(peer, ip6(kPeer), ip6(kUs), Gateway::mac(1))));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(events[0].reply);
  EXPECT_EQ(events[0].address.octets(), ip6(kPeer));
}
TEST_F(Discovery, AnAdvertisementThatNobodyAskedForTeachesNothing) {
  put(octets(net::neighbour_advertisement(peer, ip6(kPeer), {}, {})));
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Discovery, ALinkLocalGatewaySaysThatItChanged) {  // RFC 4861 §7.2.6
  put(octets(net::neighbour_advertisement(peer, ip6("fe80::7"), {}, {})));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(events[0].reply);
  EXPECT_FALSE(events[0].solicited);
  EXPECT_TRUE(events[0].overrides);
}
TEST_F(Discovery, NobodySpeaksForOurAddresses) {
  put(solicitation(kUs, kUs));
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Discovery, WhoAdvertisesAnAddressOfOursIsTold) {  // RFC 4862 §5.4.4
  put(octets(net::neighbour_advertisement(peer, ip6(kUs), {}, {})));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kClaimed);
  EXPECT_EQ(events[0].address.octets(), ip6(kUs));
  EXPECT_EQ(events[0].mac, peer);
}
TEST_F(Discovery, ATentativeAddressIsNotAnsweredFor) {  // RFC 4862 §5.4.3
  set_state(kUs, fib::AddressState::kTentative);
  put(solicitation(kPeer, kUs));
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_TRUE(gateway.neighbour_events().empty());
  put(solicitation("fe80::7", "fe80::ff:fe00:2"));
  EXPECT_EQ(gateway.sent(1).size(), 1U) << "another address of the interface";
}
TEST_F(Discovery, WhoProbesForATentativeAddressClaimsIt) {  // RFC 4862 §5.4.3
  set_state(kUs, fib::AddressState::kTentative);
  const auto probe = net::neighbour_probe(peer, ip6(kUs));
  put(base::to_vector(base::bytes_of(probe)));
  EXPECT_TRUE(gateway.sent(1).empty());
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kClaimed);
  EXPECT_EQ(events[0].address.octets(), ip6(kUs));
  EXPECT_EQ(events[0].mac, peer);
}
TEST_F(Discovery, OurOwnProbeThatComesBackIsNoClaim) {
  set_state(kUs, fib::AddressState::kTentative);
  const auto probe = net::neighbour_probe(Gateway::mac(1), ip6(kUs));
  put(base::to_vector(base::bytes_of(probe)));
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Discovery, ADuplicateAddressIsSomebodyElses) {  // RFC 4862 §5.4.5
  set_state(kUs, fib::AddressState::kDuplicate);
  put(solicitation(kPeer, kUs));
  put(base::to_vector(base::bytes_of(net::neighbour_probe(peer, ip6(kUs)))));
  put(octets(net::neighbour_advertisement(peer, ip6(kUs), {}, {})));
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
/// As scapy builds it: version 2, for all groups, answers within 10 s.
ByteVector mld_query() {
  return base::from_hex(
             "6000000000240001fe80000000000000000000fffe000009ff020000000000000000000000000001"
             "3a0005020000010082005a0b2710000000000000000000000000000000000000"
             "00000000")
      .value();
}
TEST_F(Discovery, WhoAsksForListenersIsTold) {  // RFC 3810 §6.2
  const net::MacAddress all_nodes{0x33, 0x33, 0, 0, 0, 1};
  put(frame(all_nodes, peer, net::kEtherTypeIpv6, mld_query()));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kMldQuery);
  EXPECT_FALSE(events[0].version1);
  EXPECT_EQ(events[0].delay_ms, 10'000U);
  EXPECT_EQ(events[0].address.octets(), net::Ipv6Octets{});
  EXPECT_EQ(gateway.totals().consumed[static_cast<std::size_t>(channel::Consumed::kMld)], 1U);
}
TEST_F(Discovery, AQueryForListenersThatIsDamagedIsNotTaken) {
  ByteVector damaged = mld_query();
  damaged.back() ^= std::byte{1};
  put(frame({0x33, 0x33, 0, 0, 0, 1}, peer, net::kEtherTypeIpv6, damaged));
  EXPECT_TRUE(gateway.neighbour_events().empty());
  EXPECT_EQ(gateway.dropped(DropReason::kMulticast), 1U);
}
TEST_F(Discovery, RoutersAreConfiguredNotHeard) {
  put(frame(Gateway::mac(1), peer, net::kEtherTypeIpv6,
            icmp6("fe80::7", "ff02::1", net::kIcmp6RouterAdvertisement, 0, 0, pattern(8),
                  {.hop_limit = 255})));
  put(frame(Gateway::mac(1), peer, net::kEtherTypeIpv6,
            icmp6("fe80::7", kUs, net::kIcmp6Redirect, 0, 0, pattern(32), {.hop_limit = 255})));
  EXPECT_EQ(gateway.totals().consumed_total(), 2U);
}
TEST_F(Discovery, WhatIsNotFromThisLinkIsRefused) {
  auto bad = net::neighbour_solicitation(peer, ip6(kPeer), ip6(kUs), std::nullopt);
  bad.ip.hop_limit = 254;
  expect_bad(octets(bad));
}
TEST_F(Discovery, MalformedMessagesAreRefused) {
  const auto good = net::neighbour_solicitation(peer, ip6(kPeer), ip6(kUs), std::nullopt);
  auto bad = good;
  bad.nd.checksum.set(static_cast<std::uint16_t>(bad.nd.checksum.get() + 1));
  expect_bad(octets(bad));
  bad = good;
  bad.nd.code = 1;
  expect_bad(mended(bad));
  bad = good;
  bad.nd.target = ip6("ff02::1");
  expect_bad(mended(bad));
  bad = good;
  bad.option.length = 0;
  expect_bad(mended(bad));
  bad = good;
  bad.option.length = 2;
  expect_bad(mended(bad));
  bad = good;
  bad.ip.source = {};  // a probe with a link-layer address
  expect_bad(mended(bad));
  bad = net::neighbour_advertisement(peer, ip6(kPeer), {}, {});
  bad.nd.flags.set(net::kNdSolicited);  // to all nodes
  expect_bad(mended(bad));
}
TEST_F(Discovery, APacketWaitsAndGoesWhenTheNeighbourIsKnown) {
  gateway.send6(0, udp6("2001:db8:1::9", kPeer, 1, 2, pattern(20)));
  EXPECT_TRUE(gateway.sent(1).empty());
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kNeeded);
  EXPECT_EQ(events[0].address.octets(), ip6(kPeer));
  ASSERT_TRUE(gateway.fib().set_neighbour(dpdk::InterfaceIndex{1}, events[0].address,
                                          {peer, fib::NeighbourState::kReachable}));
  gateway.step();
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ethernet_of(sent[0]).destination, peer);
}
TEST_F(Discovery, TheSenderIsToldThatNobodyAnswers) {
  gateway.neighbour(0, "2001:db8:1::9");
  gateway.send6(0, udp6("2001:db8:1::9", kPeer, 1, 2, pattern(20)));
  gateway.advance(base::seconds{4});
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kNeighbourTimeout), 1U);
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp6_of(sent[0]).type, net::kIcmp6Unreachable);
  EXPECT_EQ(icmp6_of(sent[0]).code, net::kIcmp6AddressUnreachable);
}
TEST_F(Discovery, AGatewayMayBeLinkLocal) {
  gateway.neighbour(1, "fe80::fe");
  gateway.route("2001:db8:7::/48", "fe80::fe", 1);
  gateway.send6(0, udp6("2001:db8:1::9", "2001:db8:7::1", 1, 2, pattern(20)));
  ASSERT_EQ(gateway.sent(1).size(), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
