// SPDX-License-Identifier: BSD-3-Clause
// Packets for the gateway itself: echo, IKE and its classes, keepalives, ESP without an SA.
#include "dataplane/icmp.h"
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using channel::Consumed;
using channel::PuntClass;
using net::DropReason;

struct Local : testing::Test {
  Gateway gateway{
      {.ports = {{.name = "lan", .addresses = {"10.1.0.1/24"}},
                 {.name = "wan", .side = fib::Side::kOutside, .addresses = {"192.0.2.1/24"}}}}};
  Local() {
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(1, "192.0.2.9");
  }
  std::uint64_t consumed(Consumed kind) {
    return gateway.totals().consumed[static_cast<std::size_t>(kind)];
  }
  static ByteVector ike(std::uint8_t responder, std::size_t size = 28) {
    ByteVector message(size);
    message[0] = std::byte{0x11};
    message[15] = static_cast<std::byte>(responder);
    return message;
  }
  static ByteVector marked(Bytes message) {
    ByteVector all(4 + message.size());
    std::copy(message.begin(), message.end(), all.begin() + 4);
    return all;
  }
  void from_outside(std::uint16_t port, Bytes payload) {
    gateway.send(1, udp("192.0.2.9", "192.0.2.1", port, port, payload));
  }
};

TEST_F(Local, AnswersEcho) {
  const auto request = icmp("10.1.0.9", "10.1.0.1", net::kIcmpEchoRequest, 0, 0x12345678,
                            pattern(56), {.ttl = 3, .tos = 0x20});
  gateway.send(0, request);
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(is_sound(sent[0]));
  EXPECT_EQ(ip_of(sent[0]).source.get(), ip("10.1.0.1"));
  EXPECT_EQ(ip_of(sent[0]).destination.get(), ip("10.1.0.9"));
  EXPECT_EQ(ip_of(sent[0]).ttl, 64);
  EXPECT_EQ(ip_of(sent[0]).tos, 0x20) << "RFC 1122 §3.2.2.6 leaves it as it was";
  EXPECT_EQ(icmp_of(sent[0]).type, net::kIcmpEchoReply);
  EXPECT_EQ(icmp_of(sent[0]).rest.get(), 0x12345678U);
  EXPECT_TRUE(std::equal(request.begin() + 28, request.end(), sent[0].begin() + 14 + 28));
}
TEST_F(Local, AnswersEchoForItsOtherAddress) {
  gateway.send(0, icmp("10.1.0.9", "192.0.2.1", net::kIcmpEchoRequest, 0, 1, pattern(8)));
  EXPECT_EQ(gateway.sent(0).size(), 1U);
}
TEST_F(Local, DoesNotAnswerEchoFromOutsideWithoutAPolicy) {
  gateway.send(1, icmp("192.0.2.9", "192.0.2.1", net::kIcmpEchoRequest, 0, 1, pattern(8)));
  EXPECT_EQ(gateway.dropped(DropReason::kNoPolicy), 1U);
  EXPECT_TRUE(gateway.sent(1).empty());
}
TEST_F(Local, DropsEchoWithAWrongChecksum) {
  auto request = icmp("10.1.0.9", "10.1.0.1", net::kIcmpEchoRequest, 0, 1, pattern(8));
  request.back() ^= std::byte{1};
  gateway.send(0, request);
  EXPECT_EQ(gateway.dropped(DropReason::kBadIcmp), 1U);
}
TEST_F(Local, DropsAnIcmpMessageWithoutAHeader) {
  gateway.send(0, ipv4({.source = ip("10.1.0.9"), .destination = ip("10.1.0.1"), .protocol = 1},
                       pattern(7)));
  EXPECT_EQ(gateway.dropped(DropReason::kBadIcmp), 1U);
}
TEST_F(Local, LimitsTheRateOfEchoReplies) {
  for (unsigned i = 0; i < 20; ++i) {
    for (unsigned k = 0; k < 60; ++k)
      gateway.put(0, icmp("10.1.0.9", "10.1.0.1", net::kIcmpEchoRequest, 0, 1, pattern(8)));
    gateway.step();
  }
  EXPECT_EQ(gateway.sent(0).size(), dataplane::kEchoReplyBurst);
  EXPECT_EQ(gateway.dropped(DropReason::kIcmpRate), 200U);
}
TEST_F(Local, RefusesAPortThatNothingListensOn) {
  gateway.send(0, udp("10.1.0.9", "10.1.0.1", 1, 53, pattern(8)));
  EXPECT_EQ(gateway.dropped(DropReason::kNotLocalService), 1U);
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp_of(sent[0]).code, net::kIcmpPortUnreachable);
}
TEST_F(Local, RefusesAProtocolThatNothingSpeaks) {
  gateway.send(0, ipv4({.source = ip("10.1.0.9"), .destination = ip("10.1.0.1"), .protocol = 89},
                       pattern(8)));
  const auto sent = gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp_of(sent[0]).code, net::kIcmpProtocolUnreachable);
}

TEST_F(Local, PuntsIkeInTwoClassesOnBothPorts) {
  from_outside(500, ike(0));
  from_outside(500, ike(1));
  from_outside(4500, marked(ike(0)));
  from_outside(4500, marked(ike(1)));
  const auto punted = gateway.punted();
  ASSERT_EQ(punted.size(), 4U);
  // Known SPIs are served before first messages.
  EXPECT_EQ(punted[0].punt_class, PuntClass::kIkeKnown);
  EXPECT_EQ(punted[1].punt_class, PuntClass::kIkeKnown);
  EXPECT_EQ(punted[2].punt_class, PuntClass::kIkeFirst);
  EXPECT_EQ(punted[3].punt_class, PuntClass::kIkeFirst);
  EXPECT_EQ(punted[2].packet.size(), 20U + 8U + 28U) << "the IP packet, from its header on";
  EXPECT_EQ(gateway.totals().punted, 4U);
}
TEST_F(Local, IkeForSomebodyElseIsNotPunted) {
  gateway.send(1, udp("192.0.2.9", "10.1.0.77", 500, 500, ike(0)));
  EXPECT_TRUE(gateway.punted().empty());
}
// design §1: SAs end at outside ports.
TEST_F(Local, TakesNeitherIkeNorEspFromInside) {
  gateway.send(0, udp("10.1.0.9", "192.0.2.1", 500, 500, ike(0)));
  gateway.send(0, udp("10.1.0.9", "10.1.0.1", 4500, 4500, marked(ike(1))));
  gateway.send(0, udp("10.1.0.9", "192.0.2.1", 4500, 4500,
                      base::from_hex("00001001 00000001 0011223344556677").value()));
  gateway.send(0, ipv4({.source = ip("10.1.0.9"), .destination = ip("192.0.2.1"), .protocol = 50},
                       pattern(64)));
  EXPECT_EQ(gateway.dropped(DropReason::kIpsecFromInside), 4U);
  EXPECT_EQ(gateway.dropped(), 4U);
  EXPECT_TRUE(gateway.punted().empty());
}
// RFC 4301 §6.1.1: nothing unauthenticated is acted on.
TEST_F(Local, NamesAnIcmpErrorForUs) {
  const auto about = udp("192.0.2.1", "192.0.2.9", 500, 500, ike(1));
  for (const std::uint8_t type : {net::kIcmpUnreachable, net::kIcmpTimeExceeded})
    gateway.send(1, icmp("192.0.2.9", "192.0.2.1", type, 0, 0, Bytes(about).first(28)));
  gateway.send(0, icmp("10.1.0.9", "10.1.0.1", net::kIcmpRedirect, 0, 0, Bytes(about).first(28)));
  EXPECT_EQ(gateway.dropped(DropReason::kIcmpErrorIgnored), 3U);
  EXPECT_EQ(gateway.dropped(), 3U);
  EXPECT_TRUE(gateway.sent(0).empty());
  EXPECT_TRUE(gateway.sent(1).empty());
}
TEST_F(Local, DropsIkeWithAWrongChecksum) {
  auto packet = udp("192.0.2.9", "192.0.2.1", 500, 500, ike(1));
  packet.back() ^= std::byte{1};
  gateway.send(1, packet);
  EXPECT_EQ(gateway.dropped(DropReason::kBadUdpChecksum), 1U);
}
TEST_F(Local, TakesIkeWithoutAChecksum) {
  auto packet = udp("192.0.2.9", "192.0.2.1", 500, 500, ike(1));
  packet[26] = packet[27] = std::byte{0};
  gateway.send(1, packet);
  EXPECT_EQ(gateway.punted().size(), 1U);
}
TEST_F(Local, DropsImpossibleUdpLengths) {
  for (const unsigned length : {0U, 7U, 37U}) {
    auto packet = udp("192.0.2.9", "192.0.2.1", 500, 500, ike(1));
    packet[24] = std::byte{0};
    packet[25] = static_cast<std::byte>(length);
    gateway.send(1, packet);
  }
  from_outside(500, pattern(27));
  from_outside(4500, pattern(3));
  gateway.send(1, ipv4({.source = ip("192.0.2.9"), .destination = ip("192.0.2.1")},
                       base::from_hex("11941194").value()));
  EXPECT_EQ(gateway.dropped(DropReason::kBadUdpLength), 6U);
}
TEST_F(Local, ConsumesKeepalives) {
  from_outside(4500, ByteVector{std::byte{0xff}});
  EXPECT_EQ(consumed(Consumed::kKeepalive), 1U);
  EXPECT_EQ(gateway.dropped(), 0U);
}
TEST_F(Local, EspWithoutAnSaIsDroppedRawAndInUdp) {
  gateway.send(1, ipv4({.source = ip("192.0.2.9"), .destination = ip("192.0.2.1"), .protocol = 50},
                       pattern(64)));
  from_outside(4500, base::from_hex("00001001 00000001 0011223344556677").value());
  EXPECT_EQ(gateway.dropped(DropReason::kNoSa), 2U);
}
TEST_F(Local, AFullPuntRingIsNamed) {
  for (unsigned i = 0; i < 600; ++i) {
    gateway.put(1, udp("192.0.2.9", "192.0.2.1", 500, 500, ike(0)));
    if (i % 50 == 49) {
      gateway.advance(base::milliseconds{10});
      gateway.step();
    }
  }
  EXPECT_EQ(gateway.punted().size(), 511U);
  EXPECT_EQ(gateway.dropped(DropReason::kPuntIkeFirstFull), 89U);
}
TEST_F(Local, AFullPuntRingOfKnownSessionsIsAnother) {
  for (unsigned i = 0; i < 1100; ++i) {
    gateway.put(1, udp("192.0.2.9", "192.0.2.1", 500, 500, ike(9)));
    if (i % 50 == 49) {
      gateway.advance(base::milliseconds{10});
      gateway.step();
    }
  }
  EXPECT_EQ(gateway.dropped(DropReason::kPuntIkeKnownFull), 1100U - 1023U);
  from_outside(500, ike(0));
  const auto punted = gateway.punted();
  ASSERT_EQ(punted.size(), 1024U) << "a first message has places of its own";
  EXPECT_EQ(punted.back().punt_class, PuntClass::kIkeFirst);
}
TEST_F(Local, APuntClassHasARate) {
  unsigned punted = 0;
  for (unsigned i = 0; i < 20; ++i) {
    for (unsigned k = 0; k < 50; ++k)
      gateway.put(1, udp("192.0.2.9", "192.0.2.1", 500, 500, ike(0)));
    gateway.step();
    punted += static_cast<unsigned>(gateway.punted().size());
  }
  EXPECT_EQ(punted, 512U) << "the burst of the class, and time stood still";
  EXPECT_EQ(gateway.dropped(DropReason::kPuntRate), 1000U - 512U);
}

// ---- what the control core sends ----

TEST_F(Local, SendsOurOwnIkePastThePolicies) {
  const auto local = net::Endpoint{net::IpAddress::v4(ip("192.0.2.1")), net::Port{500}};
  const auto remote = net::Endpoint{net::IpAddress::v4(ip("192.0.2.9")), net::Port{500}};
  ASSERT_TRUE(gateway.channel().inject.put_udp(local, remote, {}, ike(1), gateway.pool()));
  gateway.step();
  const auto sent = gateway.sent(1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(is_sound(sent[0]));
  EXPECT_EQ(payload_of(sent[0]).size(), 8U + 28U);
  EXPECT_EQ(gateway.totals().injected, 1U);
}
TEST_F(Local, CutsALongIkeMessage) {
  const auto local = net::Endpoint{net::IpAddress::v4(ip("192.0.2.1")), net::Port{500}};
  const auto remote = net::Endpoint{net::IpAddress::v4(ip("192.0.2.9")), net::Port{500}};
  ASSERT_TRUE(gateway.channel().inject.put_udp(local, remote, {}, pattern(1900), gateway.pool()));
  gateway.step();
  EXPECT_EQ(gateway.sent(1).size(), 2U);
}
TEST_F(Local, AnythingElseOfOursNeedsAPolicyToLeaveOutside) {
  gateway.send(0, udp("10.1.0.9", "192.0.2.9", 1, 2, pattern(4)));
  EXPECT_EQ(gateway.dropped(DropReason::kNoPolicy), 1U);
  EXPECT_TRUE(gateway.sent(1).empty());
}
TEST_F(Local, ABadInjectedPacketIsNamed) {
  ASSERT_TRUE(gateway.channel().inject.put_ip(pattern(40), gateway.pool()));
  gateway.step();
  EXPECT_EQ(gateway.dropped(DropReason::kInjectBad), 1U);
}
TEST_F(Local, AFrameForAPortThatIsNotThereIsNamed) {
  const auto frame = arp(net::kArpRequest, Gateway::mac(0), "10.1.0.1", {}, "10.1.0.7");
  ASSERT_TRUE(gateway.channel().inject.put_frame(dpdk::InterfaceIndex{0}, frame, gateway.pool()));
  ASSERT_TRUE(gateway.channel().inject.put_frame(dpdk::InterfaceIndex{2}, frame, gateway.pool()));
  gateway.step();
  EXPECT_EQ(gateway.sent(0).size(), 1U);
  EXPECT_EQ(gateway.dropped(DropReason::kInjectBad), 1U);
}
TEST_F(Local, NoErrorIsSentAboutASealedPacket) {
  auto& ctx = gateway.context();
  const auto octets = udp("10.1.0.9", "10.1.0.77", 1, 2, pattern(8));
  dpdk::Packet* packet = ctx.make_packet();
  ASSERT_NE(packet, nullptr);
  std::copy(octets.begin(), octets.end(), dpdk::data(packet));
  dpdk::resize(packet, static_cast<unsigned>(octets.size()));
  dpdk::meta(packet).ingress = dpdk::InterfaceIndex{0};
  for (const std::uint32_t flags : {std::uint32_t{dpdk::kSealed}, std::uint32_t{dpdk::kMadeHere}}) {
    dpdk::meta(packet).flags = flags;
    dataplane::send_error(ctx, packet, dataplane::Complaint::kHostUnreachable);
    EXPECT_TRUE(ctx.made.empty());
  }
  dpdk::meta(packet).flags = 0;
  dataplane::send_error(ctx, packet, dataplane::Complaint::kHostUnreachable);
  EXPECT_EQ(ctx.made.size(), 1U);
  ctx.drop(packet, DropReason::kNeighbourTimeout);
  gateway.step();
  EXPECT_EQ(gateway.sent(0).size(), 1U);
}
TEST_F(Local, InjectRefusesWhatDoesNotFitAPacket) {
  EXPECT_FALSE(gateway.channel().inject.put_ip(pattern(9000), gateway.pool()));
}

}  // namespace
}  // namespace penstock::pipeline
