// SPDX-License-Identifier: BSD-3-Clause
// Packets in: the peer's ESP in, SA and policy, the inner packet or why it was dropped.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::PolicyAction;
using policy::SaEventKind;

const net::Ipv4Header& header(const ByteVector& packet) {
  return *reinterpret_cast<const net::Ipv4Header*>(packet.data());
}

struct Inbound : testing::Test {
  IpsecGateway g;
  std::uint64_t next = 1;

  void expect_opened(Bytes inner, const PeerOptions& options) {
    g.gateway.send(1, peer_seal(inner, options));
    EXPECT_EQ(g.only(0), forwarded(base::to_vector(inner)));
  }
  /// It ends by this reason, and the next good packet still passes.
  void expect_drop(DropReason reason, Bytes packet) {
    g.gateway.send(1, packet);
    g.expect_drop(reason);
    EXPECT_TRUE(g.gateway.sent(0).empty());
  }
};

TEST_F(Inbound, OpensTunnelModeOfAnyLength) {
  g.protect();
  for (std::size_t octets : {0U, 1U, 2U, 3U, 100U, 1400U})
    expect_opened(inbound_packet(octets), {.sequence = next++});
  EXPECT_EQ(g.counters_in().packets, 6U);
  EXPECT_EQ(g.counters_in().sequence, 6U);
  EXPECT_EQ(g.counters_in().bytes, 6 * 28U + 1506U);
}

TEST_F(Inbound, OpensEspInUdp) {
  g.protect({}, false, true);
  expect_opened(inbound_packet(), {.encap = true});
}

TEST_F(Inbound, OpensABurst) {
  g.protect();
  for (std::uint64_t i = 1; i <= 150; ++i)
    g.gateway.put(1, peer_seal(inbound_packet(i), {.sequence = i}));
  for (int i = 0; i < 3; ++i) g.gateway.step();
  EXPECT_EQ(g.gateway.sent(0).size(), 150U);
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Inbound, FollowsExtendedNumbersAcrossASubspace) {
  g.protect({}, true);
  expect_opened(inbound_packet(), {.sequence = 0xf0000000, .esn = true});
  expect_opened(inbound_packet(), {.sequence = 0xfffffff0, .esn = true});
  expect_opened(inbound_packet(), {.sequence = 0x1'0000'0005, .esn = true});
  expect_opened(inbound_packet(), {.sequence = 0xfffffff5, .esn = true});
  g.gateway.send(1, peer_seal(inbound_packet(), {.sequence = 0xfffffff5, .esn = true}));
  g.expect_drop(DropReason::kReplay);
}

// ---- the drop reasons, in the order of the path ----

TEST_F(Inbound, NoSaForTheSpi) {
  g.protect();
  expect_drop(DropReason::kNoSa, peer_seal(inbound_packet(), {.spi = 0x7777}));
  const auto events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kUnknownSpi);
  EXPECT_EQ(events[0].spi.value(), 0x7777U);
  EXPECT_EQ(events[0].remote.address, net::IpAddress::v4(ip("192.0.2.9")));
}

TEST_F(Inbound, ReservedSpisAreNoSasThatAreYetToCome) {
  for (const std::uint32_t spi : {0U, 1U, 255U})
    g.gateway.send(1, peer_seal(inbound_packet(), {.spi = spi}));
  g.expect_drop(DropReason::kNoSa, 3);
}

TEST_F(Inbound, TellsOfUnknownSpisAtALimitedRate) {
  for (int i = 0; i < 50; ++i) g.gateway.put(1, peer_seal(inbound_packet(), {.spi = 0x7777}));
  g.gateway.step();
  EXPECT_EQ(g.events().size(), dataplane::kUnknownSpiEventBurst);
  g.expect_drop(DropReason::kNoSa, 50);
}

TEST_F(Inbound, TooShortForAnEspHeader) {
  expect_drop(DropReason::kEspTruncated, ipv4({.source = ip("192.0.2.9"),
                                               .destination = ip("192.0.2.1"),
                                               .protocol = net::kProtocolEsp},
                                              pattern(7)));
}

TEST_F(Inbound, TooShortForIvAndIcv) {
  g.protect();
  ByteVector esp = peer_seal({}, {});
  esp.resize(20 + 8 + 8 + 16);
  auto& ip_header = *reinterpret_cast<net::Ipv4Header*>(esp.data());
  ip_header.total_length.set(static_cast<std::uint16_t>(esp.size()));
  net::set_checksum(ip_header);
  expect_drop(DropReason::kEspTruncated, esp);
  EXPECT_EQ(g.counters_in().errors, 1U);
}

TEST_F(Inbound, NoMultipleOfTheBlock) {
  g.protect();
  expect_drop(DropReason::kEspBadLength,
              peer_seal(inbound_packet(), {.padding = ByteVector(3), .pad_length = 3}));
}

TEST_F(Inbound, AnotherOuterDestination) {
  g.protect();
  const auto spec = [] {
    auto s = make_spec({.direction = policy::Direction::kInbound, .spi = 0x4004});
    s.local = net::IpAddress::parse("198.51.100.1").value();
    return s;
  }();
  g.must_install(spec);
  expect_drop(DropReason::kSaAddressMismatch, peer_seal(inbound_packet(), {.spi = 0x4004}));
}

TEST_F(Inbound, InUdpForAnSaWithoutIt) {
  g.protect();
  expect_drop(DropReason::kEncapMismatch, peer_seal(inbound_packet(), {.encap = true}));
}

TEST_F(Inbound, WithoutUdpForAnSaWithIt) {
  g.protect({}, false, true);
  expect_drop(DropReason::kEncapMismatch, peer_seal(inbound_packet()));
}

TEST_F(Inbound, ADuplicate) {
  g.protect();
  expect_opened(inbound_packet(), {.sequence = 9});
  expect_drop(DropReason::kReplay, peer_seal(inbound_packet(), {.sequence = 9}));
  EXPECT_EQ(g.counters_in().replays, 1U);
}

TEST_F(Inbound, ADuplicateInTheSameBurst) {
  g.protect();
  const ByteVector packet = peer_seal(inbound_packet());
  for (int i = 0; i < 3; ++i) g.gateway.put(1, packet);
  g.gateway.step();
  EXPECT_EQ(g.gateway.sent(0).size(), 1U);
  g.expect_drop(DropReason::kReplay, 2);
}

TEST_F(Inbound, LeftOfTheWindow) {
  g.protect();
  expect_opened(inbound_packet(), {.sequence = 100});
  expect_opened(inbound_packet(), {.sequence = 37});
  expect_drop(DropReason::kReplay, peer_seal(inbound_packet(), {.sequence = 36}));
}

TEST_F(Inbound, AWindowLargerThanTheRecordHolds) {
  auto spec =
      make_spec({.direction = policy::Direction::kInbound, .spi = kSpiIn, .replay_window = 4096});
  g.must_install(spec);
  expect_opened(inbound_packet(), {.sequence = 5000});
  expect_opened(inbound_packet(), {.sequence = 905});
  expect_drop(DropReason::kReplay, peer_seal(inbound_packet(), {.sequence = 904}));
}

TEST_F(Inbound, WithoutAWindowADuplicatePasses) {
  g.must_install(
      make_spec({.direction = policy::Direction::kInbound, .spi = kSpiIn, .replay_window = 0}));
  expect_opened(inbound_packet(), {.sequence = 5});
  expect_opened(inbound_packet(), {.sequence = 5});
}

TEST_F(Inbound, SequenceNumberZero) {
  g.protect();
  expect_drop(DropReason::kSequenceZero, peer_seal(inbound_packet(), {.sequence = 0}));
}

// RFC 4303 §3.4.4.1
TEST_F(Inbound, TellsOfWrongIcvsAtALimitedRate) {
  g.protect();
  ByteVector bad = peer_seal(inbound_packet(), {.sequence = 7});
  bad.back() ^= std::byte{1};
  for (int i = 0; i < 50; ++i) g.gateway.send(1, bad);
  g.expect_drop(DropReason::kIcvMismatch, 50);
  const auto events = g.events();
  ASSERT_EQ(events.size(), dataplane::kIcvEventBurst);
  EXPECT_EQ(events[0].kind, SaEventKind::kIcvFailed);
  EXPECT_EQ(events[0].spi.value(), kSpiIn);
  EXPECT_EQ(events[0].sequence, 7U);
  EXPECT_EQ(events[0].remote.address, net::IpAddress::v4(ip("192.0.2.9")));
  EXPECT_EQ(events[0].local.address, net::IpAddress::v4(ip("192.0.2.1")));
}

TEST_F(Inbound, AWrongIcvMovesNoWindow) {
  g.protect();
  ByteVector bad = peer_seal(inbound_packet(), {.sequence = 1000});
  bad.back() ^= std::byte{1};
  expect_drop(DropReason::kIcvMismatch, bad);
  EXPECT_EQ(g.counters_in().icv_failures, 1U);
  EXPECT_EQ(g.counters_in().packets, 0U);
  EXPECT_EQ(g.events().size(), 1U);  // for the audit log
  expect_opened(inbound_packet(), {.sequence = 1});
}

TEST_F(Inbound, PaddingLongerThanThePayload) {
  g.protect();
  expect_drop(DropReason::kBadPadding, peer_seal(inbound_packet(2), {.pad_length = 250}));
}

TEST_F(Inbound, PaddingThatIsNotOneTwoThree) {
  g.protect();
  ByteVector padding{std::byte{1}, std::byte{3}, std::byte{2}, std::byte{4}};
  expect_drop(DropReason::kBadPadding, peer_seal(inbound_packet(2), {.padding = padding}));
}

TEST_F(Inbound, PaddingOf255Octets) {
  g.protect();
  ByteVector padding;
  for (int i = 1; i <= 254; ++i) padding.push_back(static_cast<std::byte>(i));
  expect_opened(inbound_packet(4), {.padding = padding});
}

TEST_F(Inbound, TrafficFlowConfidentialityPaddingIsCutOff) {
  g.protect();
  expect_opened(inbound_packet(), {.tfc = 400});
}

TEST_F(Inbound, ADummyIsConsumed) {
  g.protect();
  g.gateway.send(1, peer_seal(pattern(60), {.next_header = net::kProtocolNone}));
  EXPECT_EQ(g.gateway.dropped(), 0U);
  EXPECT_EQ(g.gateway.totals().consumed[static_cast<std::size_t>(channel::Consumed::kDummy)], 1U);
  g.gateway.send(1, peer_seal(pattern(60), {.next_header = net::kProtocolNone}));
  g.expect_drop(DropReason::kReplay);  // it counted in the window
}

TEST_F(Inbound, ANextHeaderThatTunnelModeHasNot) {
  g.protect();
  expect_drop(DropReason::kBadNextHeader,
              peer_seal(pattern(60), {.next_header = net::kProtocolTcp}));
}

TEST_F(Inbound, NoIpv6PacketInside) {
  g.protect();
  expect_drop(DropReason::kInnerMalformed,
              peer_seal(pattern(60), {.next_header = net::kProtocolIpv6}));
}

TEST_F(Inbound, NoIpPacketInside) {
  g.protect();
  expect_drop(DropReason::kInnerMalformed, peer_seal(pattern(60)));
}

TEST_F(Inbound, AnInnerHeaderWithAWrongChecksum) {
  g.protect();
  ByteVector inner = inbound_packet();
  inner[10] ^= std::byte{1};
  expect_drop(DropReason::kInnerMalformed, peer_seal(inner));
}

TEST_F(Inbound, AnInnerTotalLengthBeyondThePayload) {
  g.protect();
  ByteVector inner = inbound_packet();
  auto& h = *reinterpret_cast<net::Ipv4Header*>(inner.data());
  h.total_length.set(static_cast<std::uint16_t>(inner.size() + 1));
  net::set_checksum(h);
  expect_drop(DropReason::kInnerMalformed, peer_seal(inner));
}

TEST_F(Inbound, AnInnerMartian) {
  g.protect();
  expect_drop(DropReason::kMartianSource,
              peer_seal(udp("127.0.0.1", "10.1.0.9", 1, 2, pattern(8))));
}

TEST_F(Inbound, CongestionOutsideOnWhatIsNotEcnCapable) {
  g.protect();
  expect_drop(DropReason::kEcnIllegal, peer_seal(inbound_packet(), {.outer_tos = 3}));
}

TEST_F(Inbound, CongestionOutsideComesIn) {
  g.protect();
  for (std::uint8_t inner = 1; inner <= 3; ++inner) {
    ByteVector expected = forwarded(inbound_packet(64, {.tos = 0x63}));
    g.gateway.send(1,
                   peer_seal(inbound_packet(64, {.tos = static_cast<std::uint8_t>(0x60 | inner)}),
                             {.sequence = next++, .outer_tos = 3}));
    EXPECT_EQ(g.only(0), expected);
  }
}

TEST_F(Inbound, TheOuterDscpStaysOutside) {
  g.protect();
  g.gateway.send(1, peer_seal(inbound_packet(64, {.tos = 0x20}), {.outer_tos = 0xb8}));
  EXPECT_EQ(header(g.only(0)).tos, 0x20);
}

TEST_F(Inbound, AnInnerSourceThatTheSaDoesNotCover) {
  g.protect();
  expect_drop(DropReason::kInboundPolicyMismatch,
              peer_seal(udp("10.3.0.7", "10.1.0.9", 1, 2, pattern(8))));
  EXPECT_EQ(g.counters_in().errors, 1U);
}

TEST_F(Inbound, AnInnerDestinationThatTheSaDoesNotCover) {
  g.protect();
  expect_drop(DropReason::kInboundPolicyMismatch,
              peer_seal(udp("10.2.0.7", "10.4.0.9", 1, 2, pattern(8))));
}

TEST_F(Inbound, PortsThatTheSaDoesNotCover) {
  g.must_install(make_spec({.direction = policy::Direction::kInbound,
                            .spi = kSpiIn,
                            .local_ts = "10.1.0.0/16[udp/1000-1001]"}));
  expect_opened(inbound_packet(), {.sequence = 1});
  expect_drop(DropReason::kInboundPolicyMismatch,
              peer_seal(udp("10.2.0.7", "10.1.0.9", 2000, 1002, pattern(8)), {.sequence = 2}));
}

TEST_F(Inbound, AFragmentWithoutPortsWhereTheSaNamesThem) {
  g.must_install(make_spec({.direction = policy::Direction::kInbound,
                            .spi = kSpiIn,
                            .local_ts = "10.1.0.0/16[udp/1000]"}));
  expect_drop(
      DropReason::kInboundPolicyMismatch,
      peer_seal(ipv4({.source = ip("10.2.0.7"), .destination = ip("10.1.0.9"), .fragment = 10},
                     pattern(64))));
}

TEST_F(Inbound, AFragmentWithoutPortsWhereTheSaAsksForNone) {
  g.protect();
  expect_opened(
      ipv4({.source = ip("10.2.0.7"), .destination = ip("10.1.0.9"), .fragment = 10}, pattern(64)),
      {});
}

// RFC 4301 §5.2: what is in clear completes nothing that came out of an SA.
TEST_F(Inbound, FragmentsInClearAndOutOfAnSaDoNotMix) {
  g.protect();
  const ByteVector echo = icmp("10.2.0.9", "10.1.0.1", 8, 0, 1, pattern(56));
  const Bytes message = Bytes(echo).subspan(sizeof(net::Ipv4Header));
  const Ipv4Spec spec{
      .source = ip("10.2.0.9"), .destination = ip("10.1.0.1"), .protocol = net::kProtocolIcmp};
  Ipv4Spec first = spec;
  first.fragment = net::kIpv4MoreFragments;
  Ipv4Spec second = spec;
  second.fragment = 4;
  g.gateway.send(1, peer_seal(ipv4(first, message.first(32)), {.sequence = 1}));
  g.gateway.send(1, ipv4(second, message.subspan(32)));
  EXPECT_EQ(g.gateway.totals().held_total(), 2U) << "two packets that are not whole";
  EXPECT_TRUE(g.gateway.sent(1).empty());
  g.gateway.send(1, peer_seal(ipv4(second, message.subspan(32)), {.sequence = 2}));
  EXPECT_EQ(g.gateway.totals().held_total(), 1U);
  EXPECT_EQ(g.gateway.sent(1).size(), 1U) << "the reply, sealed";
}

TEST_F(Inbound, ManySelectorsLieOutsideTheRecord) {
  auto spec = make_spec({.direction = policy::Direction::kInbound, .spi = kSpiIn});
  for (int i = 0; i < 9; ++i)
    spec.remote_ts.push_back(
        policy::TrafficSelector::parse("10." + std::to_string(100 + i) + ".0.0/16").value());
  g.must_install(spec);
  expect_opened(udp("10.108.0.7", "10.1.0.9", 1, 2, pattern(8)), {});
  expect_drop(DropReason::kInboundPolicyMismatch,
              peer_seal(udp("10.109.0.7", "10.1.0.9", 1, 2, pattern(8)), {.sequence = 2}));
}

/// An engine that cannot.
class BrokenEngine final : public burst_crypto::Engine {
 public:
  [[nodiscard]] std::string_view name() const override { return "broken"; }
  std::size_t process(std::span<burst_crypto::Job> jobs) override {
    for (auto& job : jobs) job.status = burst_crypto::JobStatus::kFailed;
    return jobs.size();
  }
};

TEST_F(Inbound, AnEngineThatFailedToOpen) {
  g.protect();
  g.state->engine = std::make_unique<BrokenEngine>();
  expect_drop(DropReason::kDecryptFailed, peer_seal(inbound_packet()));
  EXPECT_EQ(g.counters_in().errors, 1U);
}

TEST_F(Inbound, AnEngineThatFailedToSeal) {
  g.protect();
  g.state->engine = std::make_unique<BrokenEngine>();
  g.gateway.send(0, outbound_packet());
  g.expect_drop(DropReason::kEncryptFailed);
  EXPECT_EQ(g.counters_out().errors, 1U);
}

// ---- events and lifetimes ----

TEST_F(Inbound, TheFirstPacketIsToldOnce) {
  g.protect();
  expect_opened(inbound_packet(), {.sequence = 1});
  expect_opened(inbound_packet(), {.sequence = 2});
  const auto events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kFirstPacket);
  EXPECT_EQ(events[0].direction, policy::Direction::kInbound);
  EXPECT_EQ(events[0].spi.value(), kSpiIn);
  EXPECT_EQ(events[0].slot.value(), kSlot);
}

TEST_F(Inbound, LifetimesOfPackets) {
  auto spec = make_spec({.direction = policy::Direction::kInbound, .spi = kSpiIn});
  spec.lifetime = {.soft_packets = 2, .hard_packets = 3};
  g.must_install(spec);
  for (std::uint64_t i = 1; i <= 3; ++i) expect_opened(inbound_packet(), {.sequence = i});
  expect_drop(DropReason::kSaHardExpired, peer_seal(inbound_packet(), {.sequence = 4}));
  const auto events = g.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].kind, SaEventKind::kSoftExpiry);
  EXPECT_EQ(events[2].kind, SaEventKind::kHardExpiry);
}

TEST_F(Inbound, APeerThatMovedIsToldOnlyAfterItsIcvWasRightAndNotTooOften) {
  g.protect({}, false, true);
  ByteVector forged = peer_seal(inbound_packet(), {.encap = true, .source_port = 9999});
  forged.back() ^= std::byte{1};
  g.gateway.send(1, forged);
  auto events = g.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, SaEventKind::kIcvFailed);
  for (std::uint64_t i = 1; i <= 3; ++i)
    expect_opened(inbound_packet(), {.sequence = i, .encap = true, .source_port = 61000});
  events = g.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, SaEventKind::kFirstPacket);
  EXPECT_EQ(events[1].kind, SaEventKind::kPeerMoved);
  EXPECT_EQ(events[1].remote.port.value(), 61000);
  g.gateway.advance(base::seconds{1});
  expect_opened(inbound_packet(), {.sequence = 4, .encap = true, .source_port = 61000});
  EXPECT_EQ(g.events().size(), 1U);
  // Once it is known where it is, there is nothing to tell.
  ASSERT_TRUE(g.writer->move({policy::Direction::kInbound, net::Spi{kSpiIn}, {}},
                             {net::IpAddress::v4(ip("192.0.2.9")), net::Port{61000}}));
  g.gateway.advance(base::seconds{2});
  expect_opened(inbound_packet(), {.sequence = 5, .encap = true, .source_port = 61000});
  EXPECT_TRUE(g.events().empty());
}

// ---- in clear ----

TEST_F(Inbound, InClearWherePolicyAsksForIpsec) {
  g.protect();
  expect_drop(DropReason::kProtectedInClear, inbound_packet());
}

TEST_F(Inbound, InClearWithoutAPolicy) {
  g.protect();
  expect_drop(DropReason::kNoPolicy, udp("10.3.0.7", "10.1.0.9", 1, 2, pattern(8)));
}

TEST_F(Inbound, InClearAgainstADiscard) {
  g.policy(PolicyAction::kDiscard, "10.1.0.0/16", "10.2.0.0/16");
  expect_drop(DropReason::kPolicyDiscard, inbound_packet());
}

TEST_F(Inbound, InClearByABypass) {
  g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.2.0.0/16");
  const ByteVector in = inbound_packet();
  g.gateway.send(1, in);
  EXPECT_EQ(g.only(0), forwarded(in));
}

// ---- packets before their SA (design §4.5) ----

struct Larval : Inbound {
  std::uint32_t spi = g.writer->allocate_spis(1).value()[0].value();
  ByteVector packet(std::uint64_t sequence) {
    return peer_seal(inbound_packet(), {.spi = spi, .sequence = sequence});
  }
  std::uint64_t held() {
    return g.gateway.totals().held[static_cast<std::size_t>(channel::Held::kLarval)];
  }
};

TEST_F(Larval, PacketsWaitForTheirSaAndKeepTheirOrder) {
  for (std::uint64_t i = 1; i <= 3; ++i) g.gateway.send(1, packet(i));
  EXPECT_EQ(held(), 3U);
  g.must_install(make_spec({.direction = policy::Direction::kInbound, .spi = spi}));
  g.gateway.advance(base::milliseconds{2});
  g.gateway.step();
  EXPECT_EQ(g.gateway.sent(0).size(), 3U);
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Larval, EightWaitForOneSpi) {
  for (std::uint64_t i = 1; i <= 10; ++i) g.gateway.put(1, packet(i));
  g.gateway.step();
  EXPECT_EQ(held(), dataplane::kLarvalPerSpi);
  g.expect_drop(DropReason::kLarvalSa, 2);
}

TEST_F(Larval, OneSecondIsTooLong) {
  g.gateway.send(1, packet(1));
  g.gateway.advance(base::milliseconds{1001});
  g.gateway.step();
  EXPECT_EQ(held(), 0U);
  g.expect_drop(DropReason::kLarvalSa);
}

TEST_F(Larval, AReturnedSpiIsUnknownAgain) {
  g.gateway.send(1, packet(1));
  g.writer->return_spis({net::Spi{spi}});
  g.gateway.advance(base::milliseconds{2});
  g.gateway.step();
  EXPECT_EQ(held(), 0U);
  g.expect_drop(DropReason::kNoSa);
}

// ---- a hub (design §1) ----

/// A second spoke at 192.0.2.10 with 10.3.0.0/16; both spokes' SAs cover each other.
struct Hub : Inbound {
  Hub() {
    g.must_install(make_spec(
        {.direction = policy::Direction::kInbound, .spi = kSpiIn, .local_ts = "10.0.0.0/8"}));
    g.must_install(make_spec({.spi = kSpiOut,
                              .slot = 7,
                              .remote = "192.0.2.10",
                              .local_ts = "10.0.0.0/8",
                              .remote_ts = "10.3.0.0/16"}));
    g.policy(PolicyAction::kProtect, "10.0.0.0/8", "10.3.0.0/16", 7);
  }
  ByteVector inner = udp("10.2.0.7", "10.3.0.7", 1, 2, pattern(64));
};

TEST_F(Hub, WhatIsForAnotherSpokeIsSealedAgain) {
  g.gateway.send(1, peer_seal(inner));
  const ByteVector out = g.only(1);
  EXPECT_EQ(header(out).destination.get(), ip("192.0.2.10"));
  const ByteVector text = peer_open(Bytes(out).subspan(20), kSpiOut, 0, false);
  ASSERT_GT(text.size(), inner.size());
  EXPECT_EQ(ByteVector(text.begin(), text.begin() + static_cast<long>(inner.size())),
            forwarded(inner));
}

TEST_F(Hub, NothingLeavesInClearWithoutASa) {
  ASSERT_TRUE(g.writer->retire(
      {policy::Direction::kOutbound, net::Spi{kSpiOut}, net::IpAddress::v4(ip("192.0.2.10"))}));
  g.gateway.send(1, peer_seal(inner));
  g.expect_drop(DropReason::kNoOutboundSa);
  EXPECT_TRUE(g.gateway.sent(1).empty());
}

TEST_F(Hub, NestingEnds) {
  // ESP within ESP for us: opened twice, and what is inside is for another spoke: a third time.
  g.must_install(make_spec({.direction = policy::Direction::kInbound,
                            .spi = 0x5005,
                            .slot = 9,
                            .local_ts = "0.0.0.0/0",
                            .remote_ts = "0.0.0.0/0"}));
  const ByteVector once = peer_seal(inner);
  expect_drop(DropReason::kNesting, peer_seal(once, {.spi = 0x5005}));
}

TEST_F(Hub, ThreeTimesInsideIsNotOpened) {
  for (const std::uint32_t spi : {0x5005U, 0x6006U})
    g.must_install(make_spec({.direction = policy::Direction::kInbound,
                              .spi = spi,
                              .slot = 9,
                              .local_ts = "0.0.0.0/0",
                              .remote_ts = "0.0.0.0/0"}));
  const ByteVector twice = peer_seal(peer_seal(inner), {.spi = 0x5005});
  expect_drop(DropReason::kNesting, peer_seal(twice, {.spi = 0x6006}));
}

}  // namespace
}  // namespace penstock::pipeline
