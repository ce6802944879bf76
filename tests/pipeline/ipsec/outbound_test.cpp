// SPDX-License-Identifier: BSD-3-Clause
// Packets out: packet in, policy and SA, what the peer opens or why it was dropped.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::PolicyAction;
using policy::SaEventKind;

const net::Ipv4Header& header(const ByteVector& packet) {
  return *reinterpret_cast<const net::Ipv4Header*>(packet.data());
}
struct Outbound : testing::Test {
  IpsecGateway g;
};

TEST_F(Outbound, SealsInTunnelMode) {
  g.protect();
  for (std::size_t octets : {0U, 1U, 2U, 3U, 4U, 100U, 1300U}) {
    const ByteVector in = outbound_packet(octets, {.ttl = 9});
    g.gateway.send(0, in);
    const ByteVector out = g.only(1);
    ASSERT_GT(out.size(), 20U);
    EXPECT_EQ(header(out).protocol, net::kProtocolEsp);
    EXPECT_EQ(header(out).source.get(), ip("192.0.2.1"));
    EXPECT_EQ(header(out).destination.get(), ip("192.0.2.9"));
    EXPECT_EQ(header(out).ttl, 64);
    EXPECT_EQ(net::internet_checksum(Bytes(out).first(20)), 0);
    EXPECT_EQ(header(out).total_length.get(), out.size());
    EXPECT_EQ(inner_of(out), forwarded(in));
  }
  EXPECT_EQ(g.counters_out().packets, 7U);
  EXPECT_EQ(g.counters_out().sequence, 7U);
  EXPECT_EQ(g.counters_out().bytes, 7 * 28U + 1410U);
}

TEST_F(Outbound, SealsInUdpWithoutAChecksum) {
  g.protect({}, false, true);
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).protocol, net::kProtocolUdp);
  const auto& udp = *reinterpret_cast<const net::UdpHeader*>(out.data() + 20);
  EXPECT_EQ(udp.source_port.get(), 4500);
  EXPECT_EQ(udp.destination_port.get(), 4500);
  EXPECT_EQ(udp.length.get(), out.size() - 20);
  EXPECT_EQ(udp.checksum.get(), 0);  // RFC 3948 §2.1
  EXPECT_EQ(inner_of(out, 28), forwarded(in));
}

// RFC 7296 §2.23: the peer's NAT gives it another address and port.
TEST_F(Outbound, FollowsAPeerThatMoved) {
  g.protect({}, false, true);
  const ipsec::SaName name{policy::Direction::kOutbound, net::Spi{kSpiOut},
                           net::IpAddress::v4(ip("192.0.2.9"))};
  g.gateway.send(0, outbound_packet());
  EXPECT_FALSE(g.only(1).empty());
  g.gateway.neighbour(1, "192.0.2.77");
  ASSERT_TRUE(g.writer->move(name, {net::IpAddress::v4(ip("192.0.2.77")), net::Port{61000}}));
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).destination.get(), ip("192.0.2.77"));
  EXPECT_EQ(header(out).source.get(), ip("192.0.2.1"));
  EXPECT_EQ(net::internet_checksum(Bytes(out).first(20)), 0);
  const auto& udp = *reinterpret_cast<const net::UdpHeader*>(out.data() + 20);
  EXPECT_EQ(udp.source_port.get(), 4500);
  EXPECT_EQ(udp.destination_port.get(), 61000);
  const auto& esp = *reinterpret_cast<const net::EspHeader*>(out.data() + 28);
  EXPECT_EQ(esp.spi.get(), kSpiOut);
  EXPECT_EQ(esp.sequence.get(), 2U);  // the same SA: its numbers go on
  EXPECT_EQ(inner_of(out, 28), forwarded(in));
}

TEST_F(Outbound, FollowsAPeerThatMovedWithoutUdp) {
  g.protect();
  const ipsec::SaName name{policy::Direction::kOutbound, net::Spi{kSpiOut},
                           net::IpAddress::v4(ip("192.0.2.9"))};
  g.gateway.neighbour(1, "192.0.2.77");
  ASSERT_TRUE(g.writer->move(name, {net::IpAddress::v4(ip("192.0.2.77")), net::Port{61000}}));
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).destination.get(), ip("192.0.2.77"));
  EXPECT_EQ(net::internet_checksum(Bytes(out).first(20)), 0);
  EXPECT_EQ(inner_of(out), forwarded(in));
}

TEST_F(Outbound, NumbersABurstOneByOneAndNeverTwice) {
  g.protect();
  for (int i = 0; i < 100; ++i) g.gateway.put(0, outbound_packet(32));
  for (int i = 0; i < 3; ++i) g.gateway.step();
  std::uint32_t expected = 1;
  for (const ByteVector& frame : g.gateway.sent(1)) {
    const auto& esp = *reinterpret_cast<const net::EspHeader*>(payload_of(frame).data());
    EXPECT_EQ(esp.sequence.get(), expected++);
  }
  EXPECT_EQ(expected, 101U);
}

TEST_F(Outbound, CountsTheUpperHalfOfAnExtendedNumber) {
  g.protect({}, true);
  auto* sa = g.writer->tables().outbound_of(kSlot);
  sa->sequence.restart(0xffffffff);
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  const ByteVector out = g.only(1);
  EXPECT_EQ(inner_of(out, 20, 1, true), forwarded(in));
  EXPECT_TRUE(inner_of(out, 20, 0, true).empty());
  const auto& esp = *reinterpret_cast<const net::EspHeader*>(out.data() + 20);
  EXPECT_EQ(esp.sequence.get(), 0U);  // of 2^32
}

// RFC 4106 §3.1: a key that comes again after a restart needs IVs that do not.
TEST_F(Outbound, CountsIvsFromWhereTheSaSays) {
  auto spec = make_spec({});
  spec.iv_start = 0x1122334455667788;
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  const ByteVector in = outbound_packet();
  for (std::uint32_t number = 1; number <= 2; ++number) {
    g.gateway.send(0, in);
    const ByteVector out = g.only(1);
    const auto& esp = *reinterpret_cast<const net::EspHeader*>(out.data() + 20);
    EXPECT_EQ(esp.sequence.get(), number);
    const auto& iv = *reinterpret_cast<const base::Be64*>(out.data() + 28);
    EXPECT_EQ(iv.get(), spec.iv_start + number);
    EXPECT_EQ(inner_of(out), forwarded(in));
  }
}

TEST_F(Outbound, CopiesWhatTheTunnelHeaderCopies) {
  g.protect();
  g.gateway.send(0, outbound_packet(64, {.tos = 0xb9, .fragment = net::kIpv4DontFragment}));
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).tos, 0xb9);
  EXPECT_TRUE(header(out).dont_fragment());
  g.gateway.send(0, outbound_packet(64));
  EXPECT_FALSE(header(g.only(1)).dont_fragment());
}

TEST_F(Outbound, SetsWhatTheTunnelHeaderSets) {
  auto spec = make_spec({});
  spec.tunnel_header = {
      .df = policy::DfBit::kSet, .copy_dscp = false, .copy_ecn = false, .dscp = 10, .ttl = 200};
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet(64, {.tos = 0xbb}));
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).tos, 10 << 2);  // RFC 6040 §4.1 compatibility mode: Not-ECT
  EXPECT_TRUE(header(out).dont_fragment());
  EXPECT_EQ(header(out).ttl, 200);
  EXPECT_EQ(net::internet_checksum(Bytes(out).first(20)), 0);
}

TEST_F(Outbound, ClearsDf) {
  auto spec = make_spec({});
  spec.tunnel_header.df = policy::DfBit::kClear;
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet(64, {.fragment = net::kIpv4DontFragment}));
  EXPECT_FALSE(header(g.only(1)).dont_fragment());
}

TEST_F(Outbound, TellsTheSenderTheMtuOfTheTunnel) {
  g.protect();
  // 1500 - 20 - 8 - 8 - 16 = 1448 under the cipher, 1446 without the trailer.
  g.gateway.send(0, outbound_packet(1446 - 28, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(g.only(1).size(), 1500U);
  g.gateway.send(0, outbound_packet(1447 - 28, {.fragment = net::kIpv4DontFragment}));
  g.expect_drop(DropReason::kTooBig);
  const auto sent = g.gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(is_sound(sent[0]));
  EXPECT_EQ(ip_of(sent[0]).destination.get(), ip("10.1.0.9"));
  EXPECT_EQ(icmp_of(sent[0]).type, 3);
  EXPECT_EQ(icmp_of(sent[0]).code, 4);
  EXPECT_EQ(icmp_of(sent[0]).rest.get(), 1446U);
}

TEST_F(Outbound, TellsTheMtuOfACipherInBlocksAndUdp) {
  g.protect({"", crypto::EncrId::kAesCbc, 256, crypto::IntegId::kHmacSha512_256}, false, true);
  // 1500 - 28 - 8 - 16 - 32 = 1416, of which 1408 are whole blocks, 1406 without the trailer.
  g.gateway.send(0, outbound_packet(1406 - 28, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(g.only(1).size(), 1492U);
  g.gateway.send(0, outbound_packet(1407 - 28, {.fragment = net::kIpv4DontFragment}));
  const auto sent = g.gateway.sent(0);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(icmp_of(sent[0]).rest.get(), 1406U);
}

TEST_F(Outbound, FragmentsAfterSealingWithoutDf) {
  g.protect();
  const ByteVector in = outbound_packet(1472);
  g.gateway.send(0, in);
  const auto sent = g.gateway.sent(1);
  ASSERT_EQ(sent.size(), 2U);
  ByteVector whole(20);
  for (const ByteVector& part : sent) {
    EXPECT_TRUE(is_sound(part));
    EXPECT_LE(packet_of(part).size(), 1500U);
    EXPECT_EQ(ip_of(part).fragment_offset(), whole.size() - 20);
    const Bytes payload = payload_of(part);
    whole.insert(whole.end(), payload.begin(), payload.end());
  }
  EXPECT_EQ(inner_of(whole), forwarded(in));
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Outbound, DfSetGivesWayToAPacketThatMayBeFragmented) {
  auto spec = make_spec({});
  spec.tunnel_header.df = policy::DfBit::kSet;
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet(1472));
  EXPECT_EQ(g.gateway.sent(1).size(), 2U);
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Outbound, AsksForAnSaOnceAndDropsByName) {
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet());
  g.gateway.send(0, outbound_packet());
  g.expect_drop(DropReason::kNoOutboundSa, 2);
  const auto events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kAcquire);
  EXPECT_EQ(events[0].slot.value(), kSlot);
  EXPECT_EQ(events[0].packet.source, net::IpAddress::v4(ip("10.1.0.9")));
  EXPECT_EQ(events[0].packet.destination, net::IpAddress::v4(ip("10.2.0.7")));
  EXPECT_EQ(events[0].packet.destination_port, 2000);
  g.gateway.advance(base::seconds{1});
  g.gateway.send(0, outbound_packet());
  EXPECT_EQ(g.events().size(), 1U);
}

TEST_F(Outbound, DropsByPolicyAndWithoutOne) {
  g.policy(PolicyAction::kDiscard, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet());
  g.expect_drop(DropReason::kPolicyDiscard);
  g.gateway.send(0, udp("10.1.0.9", "10.3.0.7", 1, 2, pattern(8)));
  EXPECT_EQ(g.gateway.dropped(DropReason::kNoPolicy), 1U);
  EXPECT_TRUE(g.gateway.sent(1).empty());
}

TEST_F(Outbound, PassesBypassInClear) {
  g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.2.0.0/16");
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  EXPECT_EQ(g.only(1), forwarded(in));
}

// RFC 4301 §4.4.1.1: the protocols that have ports.
TEST_F(Outbound, FindsThePortsOfEveryProtocolThatHasThem) {
  for (const std::string protocol : {"6", "17", "33", "132", "136"})
    g.policy(PolicyAction::kBypass, "10.1.0.0/16[" + protocol + "/1000]", "10.2.0.0/16");
  unsigned dropped = 0;
  for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}, std::uint8_t{33},
                                      std::uint8_t{132}, std::uint8_t{136}}) {
    ByteVector packet = outbound_packet();
    packet[9] = std::byte{protocol};
    net::set_checksum(*reinterpret_cast<net::Ipv4Header*>(packet.data()));
    g.gateway.send(0, packet);
    EXPECT_EQ(g.gateway.sent(1).size(), 1U) << unsigned{protocol};
    packet[21] ^= std::byte{1};  // another source port
    g.gateway.send(0, packet);
    g.expect_drop(DropReason::kNoPolicy, ++dropped);
  }
}

TEST_F(Outbound, ABypassCutsAHoleIntoAProtect) {
  g.protect();
  g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.2.0.7/32", 0, policy::kPriorityPassDrop);
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  EXPECT_EQ(g.only(1), forwarded(in));
}

TEST_F(Outbound, StopsBeforeASequenceNumberRepeats) {
  g.protect();
  g.writer->tables().outbound_of(kSlot)->sequence.restart(0xffffffff - 2);
  for (int i = 0; i < 4; ++i) g.gateway.put(0, outbound_packet(20));
  g.gateway.step();
  EXPECT_EQ(g.gateway.sent(1).size(), 2U);
  g.expect_drop(DropReason::kSequenceExhausted, 2);
  g.gateway.send(0, outbound_packet(20));
  g.expect_drop(DropReason::kSequenceExhausted, 3);
  const auto events = g.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, SaEventKind::kSoftExpiry);
  EXPECT_EQ(events[1].kind, SaEventKind::kHardExpiry);
  EXPECT_EQ(g.counters_out().sequence, 0xffffffffU);
}

TEST_F(Outbound, AsksForARekeyInTimeAndStopsAtTheHardLimitOfPackets) {
  auto spec = make_spec({});
  spec.lifetime = {.soft_packets = 3, .hard_packets = 5};
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  for (int i = 0; i < 2; ++i) g.gateway.send(0, outbound_packet(20));
  EXPECT_TRUE(g.events().empty());
  g.gateway.send(0, outbound_packet(20));
  auto events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kSoftExpiry);
  EXPECT_EQ(events[0].spi.value(), kSpiOut);
  for (int i = 0; i < 4; ++i) g.gateway.send(0, outbound_packet(20));
  EXPECT_EQ(g.gateway.sent(1).size(), 5U);
  g.expect_drop(DropReason::kSaHardExpired, 2);
  events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kHardExpiry);
}

TEST_F(Outbound, StopsAtTheHardLimitOfBytes) {
  auto spec = make_spec({});
  spec.lifetime = {.soft_bytes = 100, .hard_bytes = 200};
  g.must_install(spec);
  g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  for (int i = 0; i < 5; ++i) g.gateway.send(0, outbound_packet(72));  // 100 octets each
  EXPECT_EQ(g.gateway.sent(1).size(), 2U);
  g.expect_drop(DropReason::kSaHardExpired, 3);
  EXPECT_EQ(g.events().size(), 2U);
}

TEST_F(Outbound, SwitchesASlotToTheNewSaAtOnce) {
  g.protect();
  g.gateway.send(0, outbound_packet());
  g.must_install(make_spec({.spi = 0x3003}));
  g.gateway.send(0, outbound_packet());
  const auto sent = g.gateway.sent(1);
  ASSERT_EQ(sent.size(), 2U);
  const auto spi = [&](const ByteVector& f) {
    return reinterpret_cast<const net::EspHeader*>(payload_of(f).data())->spi.get();
  };
  EXPECT_EQ(spi(sent[0]), kSpiOut);
  EXPECT_EQ(spi(sent[1]), 0x3003U);
}

// RFC 4301 §5.1: whatever leaves by an outside port, also after it has waited for another one.
TEST_F(Outbound, PolicyIsAskedAgainWhenTheWayOfAWaitingPacketMovesOutside) {
  g.protect();
  g.gateway.send(0, udp("10.1.0.9", "10.1.0.77", 1, 2, pattern(8)));
  ASSERT_EQ(g.gateway.totals().held_total(), 1U);
  g.gateway.route("10.1.0.77/32", "192.0.2.9", 1);
  g.gateway.advance(base::milliseconds{100});
  g.gateway.step();
  EXPECT_TRUE(g.gateway.sent(1).empty());
  g.expect_drop(DropReason::kNoPolicy);
}

TEST_F(Outbound, OurOwnIkePassesByABuiltInRule) {
  const ByteVector ike = udp("192.0.2.1", "192.0.2.9", 500, 500, pattern(60));
  ASSERT_TRUE(g.gateway.channel().inject.put_ip(ike, g.gateway.pool()));
  g.gateway.step();
  EXPECT_EQ(g.only(1), ike);
}

TEST_F(Outbound, RefusesAPacketWithoutRoomInFront) {
  g.protect();
  rte_mbuf* packet = rte_pktmbuf_alloc(g.gateway.pool().get());
  const ByteVector in = outbound_packet();
  packet->data_off = 20;
  std::memcpy(dpdk::data(packet), in.data(), in.size());
  dpdk::resize(packet, static_cast<unsigned>(in.size()));
  dpdk::meta(packet) = {};
  dpdk::meta(packet).flags = dpdk::kMadeHere;
  g.gateway.context().counters->generated.add();
  g.gateway.context().made.push(packet);
  g.gateway.step();
  g.expect_drop(DropReason::kNoHeadroom);
  EXPECT_EQ(g.counters_out().errors, 1U);
}

}  // namespace
}  // namespace penstock::pipeline
