// SPDX-License-Identifier: BSD-3-Clause
// ARP, and packets that wait for a neighbour.
#include "dataplane/wait_table.h"
#include "lib/net/icmp.h"
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using channel::NeighbourEventKind;
using net::DropReason;

struct Neighbour : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}}}}};
  Neighbour() { gateway.neighbour(0, "10.1.0.9"); }

  static const net::ArpPacket& arp_of(const ByteVector& sent) {
    return *reinterpret_cast<const net::ArpPacket*>(sent.data() + sizeof(net::EthernetHeader));
  }
  void learn(std::string_view address) {
    ASSERT_TRUE(
        gateway.fib().set_neighbour(dpdk::InterfaceIndex{1}, net::IpAddress::v4(ip(address)),
                                    {Gateway::peer_mac(1), fib::NeighbourState::kReachable}));
  }
  void send_to(std::string_view address) {
    gateway.send(0, udp("10.1.0.9", address, 1, 2, pattern(20)));
  }
  std::uint64_t held() {
    return gateway.totals().held[static_cast<std::size_t>(channel::Held::kNeighbour)];
  }
};

TEST_F(Neighbour, AFullRingOfReportsIsNamedAndWhoAsksIsAnswered) {
  const auto reply =
      arp(net::kArpReply, Gateway::peer_mac(1), "10.2.0.7", Gateway::mac(1), "10.2.0.1");
  for (unsigned i = 0; i < 300; ++i) {
    gateway.put_frame(1, reply);
    gateway.advance(base::milliseconds{1});
    if (i % 50 == 49) gateway.step();
  }
  EXPECT_EQ(gateway.dropped(DropReason::kPuntNeighbourFull), 300U - 255U);
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.2.0.1"));
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}

TEST_F(Neighbour, AnswersWhoAsksForUsAndReportsHim) {
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.2.0.1"));
  gateway.step();
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ethernet_of(sent[0]).destination, Gateway::peer_mac(1));
  EXPECT_EQ(ethernet_of(sent[0]).source, Gateway::mac(1));
  EXPECT_EQ(arp_of(sent[0]).operation.get(), net::kArpReply);
  EXPECT_EQ(arp_of(sent[0]).sender_mac, Gateway::mac(1));
  EXPECT_EQ(arp_of(sent[0]).sender_ip.get(), ip("10.2.0.1"));
  EXPECT_EQ(arp_of(sent[0]).target_mac, Gateway::peer_mac(1));
  EXPECT_EQ(arp_of(sent[0]).target_ip.get(), ip("10.2.0.7"));
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kHeard);
  EXPECT_FALSE(events[0].reply);
  EXPECT_EQ(events[0].address, net::IpAddress::v4(ip("10.2.0.7")));
  EXPECT_EQ(events[0].mac, Gateway::peer_mac(1));
}
TEST_F(Neighbour, AProbeIsAnsweredAndTeachesNothing) {
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "0.0.0.0", {}, "10.2.0.1"));
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 1U);
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Neighbour, RequestsForOthersAreConsumed) {
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.2.0.8"));
  // The address of another port of ours is not answered on this link.
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.1.0.1"));
  gateway.step();
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_TRUE(gateway.neighbour_events().empty());
  EXPECT_EQ(gateway.totals().consumed_total(), 2U);
}
TEST_F(Neighbour, AReplyIsReported) {
  gateway.put_frame(
      1, arp(net::kArpReply, Gateway::peer_mac(1), "10.2.0.7", Gateway::mac(1), "10.2.0.1"));
  gateway.step();
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(events[0].reply);
  EXPECT_EQ(gateway.totals().consumed_total(), 1U);
}
TEST_F(Neighbour, AnAnnouncementOfAKnownNeighbourIsReported) {
  learn("10.2.0.7");
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(0), "10.2.0.7", {}, "10.2.0.7"));
  gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(0), "10.2.0.8", {}, "10.2.0.8"));
  gateway.step();
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].address, net::IpAddress::v4(ip("10.2.0.7")));
}
TEST_F(Neighbour, AFloodOfRequestsDrownsNeitherAnswersNorQuestions) {
  for (unsigned i = 0; i < 200; ++i) {
    gateway.put_frame(1, arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.2.0.1"));
    gateway.step();
    static_cast<void>(gateway.sent(1));
  }
  EXPECT_LE(gateway.neighbour_events().size(), 64U);
  gateway.put_frame(
      1, arp(net::kArpReply, Gateway::peer_mac(1), "10.2.0.8", Gateway::mac(1), "10.2.0.1"));
  send_to("10.2.0.9");
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(events, [](const auto& one) { return one.solicited; }));
}
TEST_F(Neighbour, NobodySpeaksForOurAddress) {
  gateway.put_frame(
      1, arp(net::kArpReply, Gateway::peer_mac(1), "10.2.0.1", Gateway::mac(1), "10.2.0.1"));
  gateway.step();
  EXPECT_TRUE(gateway.neighbour_events().empty());
}
TEST_F(Neighbour, DropsMalformedArp) {
  const auto good = arp(net::kArpRequest, Gateway::peer_mac(1), "10.2.0.7", {}, "10.2.0.1");
  gateway.put_frame(1, Bytes(good).first(41));
  // hardware type, protocol type, sizes, operation, a group as sender
  for (const std::size_t at : {15U, 16U, 18U, 19U, 21U, 22U}) {
    auto bad = good;
    bad[at] ^= std::byte{0x41};
    gateway.put_frame(1, bad);
  }
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kBadArp), 7U);
}

TEST_F(Neighbour, PacketsWaitAndLeaveInTheirOrder) {
  for (unsigned i = 0; i < 3; ++i) send_to("10.2.0.7");
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_EQ(held(), 3U);
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U) << "one question for all";
  EXPECT_EQ(events[0].kind, NeighbourEventKind::kNeeded);
  EXPECT_EQ(events[0].address, net::IpAddress::v4(ip("10.2.0.7")));
  EXPECT_EQ(events[0].interface, dpdk::InterfaceIndex{1});
  learn("10.2.0.7");
  gateway.step();
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(ethernet_of(sent[0]).destination, Gateway::peer_mac(1));
  EXPECT_EQ(held(), 0U);
}
TEST_F(Neighbour, PacketsWaitForTheGatewayOfARoute) {
  gateway.route("10.3.0.0/16", "10.2.0.7", 1);
  send_to("10.3.0.1");
  send_to("10.3.0.2");
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].address, net::IpAddress::v4(ip("10.2.0.7")));
  learn("10.2.0.7");
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 2U);
}
TEST_F(Neighbour, TheOldestGoesWhenTooManyWait) {
  for (unsigned i = 0; i < dataplane::kWaitPerNeighbour + 2; ++i)
    gateway.send(0, udp("10.1.0.9", "10.2.0.7", static_cast<std::uint16_t>(i), 2, pattern(20)));
  EXPECT_EQ(gateway.dropped(DropReason::kNeighbourQueueFull), 2U);
  EXPECT_EQ(held(), dataplane::kWaitPerNeighbour);
  learn("10.2.0.7");
  gateway.step();
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), dataplane::kWaitPerNeighbour);
  EXPECT_EQ(payload_of(sent[0])[1], std::byte{2}) << "0 and 1 made room";
}
TEST_F(Neighbour, OnlySoManyNeighboursAreWaitedForAndTheNextIsAskedForToo) {
  for (unsigned i = 0; i < dataplane::kWaitNeighbours; ++i) {
    send_to("10.2.0." + std::to_string(10 + i));
    gateway.advance(base::milliseconds{1});
  }
  send_to("10.2.0.10");
  EXPECT_EQ(gateway.neighbour_events().size(), dataplane::kWaitNeighbours);
  send_to("10.2.0.200");
  EXPECT_EQ(gateway.dropped(DropReason::kNeighbourQueueFull), 2U)
      << "both packets of who was asked for first";
  EXPECT_EQ(held(), dataplane::kWaitNeighbours);
  const auto events = gateway.neighbour_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].address, net::IpAddress::v4(ip("10.2.0.200")));
  learn("10.2.0.200");
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Neighbour, WhoDoesNotAnswerIsUnreachable) {
  send_to("10.2.0.7");
  send_to("10.2.0.7");
  gateway.advance(base::milliseconds{1001});
  gateway.step();
  EXPECT_EQ(gateway.neighbour_events().size(), 2U) << "asked again after a second";
  gateway.advance(base::seconds{2});
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kNeighbourTimeout), 2U);
  EXPECT_EQ(held(), 0U);
  gateway.step();
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp_of(sent[0]).code, net::kIcmpHostUnreachable);
}
TEST_F(Neighbour, ANewMacIsUsedAtOnceAndUseIsNoticed) {
  learn("10.2.0.7");
  const auto address = net::IpAddress::v4(ip("10.2.0.7"));
  EXPECT_FALSE(gateway.fib().take_used(dpdk::InterfaceIndex{1}, address));
  send_to("10.2.0.7");
  EXPECT_TRUE(gateway.fib().take_used(dpdk::InterfaceIndex{1}, address));
  EXPECT_FALSE(gateway.fib().take_used(dpdk::InterfaceIndex{1}, address));
  ASSERT_TRUE(gateway.fib().set_neighbour(dpdk::InterfaceIndex{1}, address,
                                          {Gateway::peer_mac(7), fib::NeighbourState::kStale}));
  send_to("10.2.0.7");
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(ethernet_of(sent[1]).destination, Gateway::peer_mac(7));
}
TEST_F(Neighbour, AForgottenNeighbourIsAskedForAgain) {
  learn("10.2.0.7");
  send_to("10.2.0.7");
  EXPECT_EQ(gateway.sent(1).size(), 1U);
  ASSERT_TRUE(
      gateway.fib().remove_neighbour(dpdk::InterfaceIndex{1}, net::IpAddress::v4(ip("10.2.0.7"))));
  send_to("10.2.0.7");
  EXPECT_EQ(held(), 1U);
  EXPECT_EQ(gateway.neighbour_events().size(), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
