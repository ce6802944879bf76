// SPDX-License-Identifier: BSD-3-Clause
// What must fit the tunnel and may be made to: TCP segments by their MSS (RFC 9293 §3.7.1), IPv4
// packets by fragments before encapsulation (RFC 4301 §8.2.1).
#include "dataplane/parse.h"
#include "dataplane/stages.h"
#include "lib/net/tcp.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using policy::Direction;

/// The largest inner packet of an AES-GCM tunnel over IPv4 and 1,500 octets: 1500 less IPv4 20, ESP
/// 8, IV 8 and ICV 16, in words of 4 less the trailer (RFC 4303 §2).
constexpr unsigned kInner = 1446;

struct Segments : testing::Test {
  IpsecGateway g;

  void protect(const policy::TunnelHeader& header, std::string_view local_ts = "10.1.0.0/16") {
    for (const Direction direction : {Direction::kOutbound, Direction::kInbound}) {
      auto spec = make_spec({.direction = direction,
                             .spi = direction == Direction::kOutbound ? kSpiOut : kSpiIn,
                             .local_ts = std::string(local_ts)});
      spec.local_ts.push_back(policy::TrafficSelector::parse("2001:db8:1::/64").value());
      spec.remote_ts.push_back(policy::TrafficSelector::parse("2001:db8:2::/48").value());
      spec.tunnel_header = header;
      g.must_install(spec);
    }
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
    g.policy(policy::PolicyAction::kProtect, "2001:db8:1::/64", "2001:db8:2::/48");
  }
};

std::uint16_t tcp_sum(const ByteVector& packet) {
  const bool v6 = std::to_integer<unsigned>(packet[0]) >> 4 == 6;
  const Bytes tcp = Bytes(packet).subspan(v6 ? 40 : 20);
  if (v6)
    return net::upper_checksum(*reinterpret_cast<const net::Ipv6Header*>(packet.data()),
                               net::kProtocolTcp, tcp);
  // RFC 9293 §3.1: both addresses, the protocol, the length, the segment.
  ByteVector all(packet.begin() + 12, packet.begin() + 20);
  const ByteVector rest{std::byte{0}, std::byte{net::kProtocolTcp},
                        static_cast<std::byte>(tcp.size() >> 8),
                        static_cast<std::byte>(tcp.size())};
  all.insert(all.end(), rest.begin(), rest.end());
  all.insert(all.end(), tcp.begin(), tcp.end());
  return net::internet_checksum(all);
}

/// A segment with these options, whose checksum is right.
ByteVector segment(bool v6, bool out, std::uint8_t flags, const ByteVector& options) {
  ByteVector tcp(20);
  auto& header = *reinterpret_cast<net::TcpHeader*>(tcp.data());
  header.source_port.set(out ? 40000 : 443);
  header.destination_port.set(out ? 443 : 40000);
  header.offset = static_cast<std::uint8_t>((20 + options.size()) / 4 << 4);
  header.flags = flags;
  tcp.insert(tcp.end(), options.begin(), options.end());
  const std::string_view here = v6 ? "2001:db8:1::9" : "10.1.0.9";
  const std::string_view there = v6 ? "2001:db8:2::7" : "10.2.0.7";
  const std::string_view from = out ? here : there;
  const std::string_view to = out ? there : here;
  ByteVector packet =
      v6 ? ipv6({.source = from, .destination = to, .next_header = net::kProtocolTcp}, tcp)
         : ipv4({.source = ip(from), .destination = ip(to), .protocol = net::kProtocolTcp}, tcp);
  reinterpret_cast<net::TcpHeader*>(packet.data() + (v6 ? 40 : 20))->checksum.set(tcp_sum(packet));
  return packet;
}
ByteVector mss(std::uint16_t value) {
  return {std::byte{2}, std::byte{4}, static_cast<std::byte>(value >> 8),
          static_cast<std::byte>(value)};
}
ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
const ByteVector kNop{std::byte{1}};

struct Mss : Segments {
  std::uint64_t next = 1;
  /// What comes out at the other side.
  ByteVector passed(bool v6, bool out, const ByteVector& packet) {
    if (!out) {
      g.gateway.send(
          1, peer_seal(packet, {.sequence = next++,
                                .next_header = v6 ? net::kProtocolIpv6 : net::kProtocolIpv4}));
      return g.only(0);
    }
    if (v6)
      g.gateway.send6(0, packet);
    else
      g.gateway.send(0, packet);
    const ByteVector sent = g.only(1);
    const ByteVector text = peer_open(Bytes(sent).subspan(20), kSpiOut, 0, false);
    return {text.begin(), text.begin() + static_cast<std::ptrdiff_t>(packet.size())};
  }
  static ByteVector lived(bool v6, ByteVector packet) {
    if (!v6) return forwarded(std::move(packet));
    --reinterpret_cast<net::Ipv6Header*>(packet.data())->hop_limit;
    return packet;
  }
  /// The segment goes in with `before` as its MSS and comes out with `after`, all else the same.
  void expect(bool v6, bool out, std::uint8_t flags, const ByteVector& front, std::uint16_t before,
              std::uint16_t after, const ByteVector& back) {
    const ByteVector got = passed(v6, out, segment(v6, out, flags, front + mss(before) + back));
    EXPECT_EQ(got, lived(v6, segment(v6, out, flags, front + mss(after) + back)));
    EXPECT_EQ(tcp_sum(got), 0);
  }
};

TEST_F(Mss, IsLoweredBothWaysToWhatFits) {
  protect({.clamp_mss = policy::kFitsTunnel});
  for (const bool out : {true, false})
    for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x12}}) {  // SYN, SYN-ACK
      expect(false, out, flags, {}, 1460, kInner - 40, {});
      expect(true, out, flags, {}, 1440, kInner - 60, {});
    }
}

TEST_F(Mss, IsNeverRaised) {
  protect({.clamp_mss = 1300});
  constexpr std::uint16_t kSmall[] = {0, 536, 1299, 1300};
  for (const std::uint16_t value : kSmall) expect(false, true, 2, {}, value, value, {});
  expect(false, true, 2, {}, 1301, 1300, {});
  expect(false, true, 2, {}, 65535, 1300, {});
}

TEST_F(Mss, IsFoundAmongOtherOptionsAtAnyPlace) {
  protect({.clamp_mss = 1234});
  const ByteVector timestamps = ByteVector{std::byte{8}, std::byte{10}} + pattern(8);
  expect(false, true, 2, timestamps + kNop + kNop, 1460, 1234, {});
  // RFC 1624: at an odd place the value lies in two words of the sum.
  expect(false, true, 2, kNop, 1460, 1234, kNop + kNop + kNop);
  expect(false, false, 2, kNop + kNop + kNop, 0xfffe, 1234, kNop);
}

TEST_F(Mss, OtherSegmentsAreLeftAlone) {
  protect({.clamp_mss = 1234});
  expect(false, true, 0x10, {}, 1460, 1460, {});  // without SYN
  const ByteVector end{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}};
  expect(false, true, 2, end, 1460, 1460, {});  // behind the end of the list
  const ByteVector endless{std::byte{8}, std::byte{0}, std::byte{1}, std::byte{1}};
  expect(false, true, 2, endless, 1460, 1460, {});
  const ByteVector beyond{std::byte{8}, std::byte{60}, std::byte{1}, std::byte{1}};
  expect(false, true, 2, beyond, 1460, 1460, {});
  const ByteVector cut = kNop + kNop + kNop + ByteVector{std::byte{2}};
  EXPECT_EQ(passed(false, true, segment(false, true, 2, cut)),
            lived(false, segment(false, true, 2, cut)));
  // A header that is longer than the packet.
  ByteVector longer = segment(false, true, 2, mss(1460));
  longer[20 + 12] = std::byte{0xf0};
  EXPECT_EQ(passed(false, true, longer), lived(false, longer));
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Mss, IsLeftAloneWhereNotAskedFor) {
  protect({});
  expect(false, true, 2, {}, 9000, 9000, {});
  expect(false, false, 2, {}, 9000, 9000, {});
}

// ---- fragments before encapsulation ----

struct Before : Segments {
  /// The inner packets of what left.
  std::vector<ByteVector> opened() {
    std::vector<ByteVector> inner;
    for (const ByteVector& frame : g.gateway.sent(1)) {
      EXPECT_LE(packet_of(frame).size(), 1500U);
      EXPECT_TRUE(is_sound(frame));
      EXPECT_FALSE(ip_of(frame).more_fragments());
      inner.push_back(ByteVector(sizeof(net::EthernetHeader)) +
                      inner_of(base::to_vector(packet_of(frame))));
    }
    return inner;
  }
};

TEST_F(Before, ThePiecesAreSealed) {
  protect({.cut_before = true});
  const ByteVector in = outbound_packet(1460);
  g.gateway.send(0, in);
  const auto pieces = opened();
  ASSERT_EQ(pieces.size(), 2U);
  ByteVector whole = joined(pieces);
  EXPECT_TRUE(std::equal(whole.begin() + 20, whole.end(), in.begin() + 20, in.end()));
  EXPECT_TRUE(ip_of(pieces[0]).more_fragments());
  EXPECT_FALSE(ip_of(pieces[1]).more_fragments());
  EXPECT_EQ(g.counters_out().packets, 2U);
}

TEST_F(Before, WhatFitsStaysWhole) {
  protect({.cut_before = true});
  g.gateway.send(0, outbound_packet(kInner - 28));
  EXPECT_EQ(opened().size(), 1U);
}

TEST_F(Before, DfIsRespected) {
  protect({.cut_before = true});
  g.gateway.send(0, outbound_packet(1460, {.fragment = net::kIpv4DontFragment}));
  g.expect_drop(net::DropReason::kTooBig);
  EXPECT_EQ(g.gateway.sent(0).size(), 1U);
}

TEST_F(Before, ABurstOfThemKeepsItsOrderAndLosesNone) {
  protect({.cut_before = true});
  for (std::uint16_t i = 0; i < 60; ++i)
    g.gateway.put(0,
                  outbound_packet(1460, {.identification = static_cast<std::uint16_t>(100 + i)}));
  for (int i = 0; i < 3; ++i) g.gateway.step();
  const auto pieces = opened();
  ASSERT_EQ(pieces.size(), 120U);
  for (unsigned i = 0; i < 120; ++i) EXPECT_EQ(ip_of(pieces[i]).identification.get(), 100U + i / 2);
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

// The control core forgets a path's MTU when it likes, so also between fit and cut.
TEST_F(Before, WhatFitsMeanwhileComesBackAsItIs) {
  protect({.cut_before = true});
  dpdk::Packet* packet = g.gateway.context().make_packet();
  const ByteVector whole = outbound_packet(1000);
  std::ranges::copy(whole, dpdk::data(packet));
  dpdk::resize(packet, static_cast<unsigned>(whole.size()));
  ASSERT_FALSE(dataplane::read_ip(packet, dataplane::HeaderChecksum::kVerify));
  ipsec::OutboundSa* sa = g.writer->tables().outbound_of(kSlot);
  sa->path_mtu.store(576);
  g.state->uncut_sas[0] = sa;
  g.state->uncut.push(packet);
  sa->path_mtu.store(ipsec::kNoPathMtu);
  dataplane::Burst pieces;
  dataplane::cut_inner(g.gateway.context(), pieces);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(base::to_vector(dpdk::bytes(pieces[0])), whole);
  g.gateway.context().drop(pieces[0], net::DropReason::kShutdown);
}

// RFC 8200 §5: nobody but its source cuts IPv6. What reassembly has made whole may still be too
// big; addresses and traffic class, which lie where IPv4 has its header length and options, are the
// sender's choice.
TEST_F(Before, Ipv6IsSealedWholeWhateverItsHeaderLooksLikeAsIpv4) {
  protect({.cut_before = true});
  g.policy(policy::PolicyAction::kDiscard, "2001:db8:1::/64[tcp]", "2001:db8:2::/48", 0);
  for (const std::string_view from : {"2001:db8:1::9", "2001:db8:1::94ff:9", "2001:db8:1::9400:9"})
    for (const std::uint8_t tos : {std::uint8_t{0}, std::uint8_t{0xf0}}) {
      const ByteVector whole =
          udp6(from, "2001:db8:2::7", 1000, 2000, pattern(1452), {.traffic_class = tos});
      const Bytes payload = Bytes(whole).subspan(sizeof(net::Ipv6Header));
      for (const std::size_t at : {0U, 800U}) {
        const Bytes piece = payload.subspan(at, at == 0 ? 800 : payload.size() - 800);
        g.gateway.put6(
            0, ipv6({.source = from,
                     .destination = "2001:db8:2::7",
                     .next_header = net::kExtensionFragment,
                     .traffic_class = tos},
                    fragment_header(net::kProtocolUdp, static_cast<unsigned>(at), at == 0, 7) +
                        ByteVector(piece.begin(), piece.end())));
      }
      g.gateway.step();
      const auto sent = g.gateway.sent(1);
      ASSERT_EQ(sent.size(), 2U);
      ByteVector forwarded = whole;
      --reinterpret_cast<net::Ipv6Header*>(forwarded.data())->hop_limit;
      const ByteVector text = peer_open(Bytes(joined(sent)).subspan(20), kSpiOut, 0, false);
      ASSERT_GT(text.size(), forwarded.size());
      EXPECT_TRUE(std::equal(forwarded.begin(), forwarded.end(), text.begin()));
      EXPECT_EQ(text.back(), std::byte{net::kProtocolIpv6});
    }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

// RFC 4301 §7: the second piece would show no ports, and the peer's SA asks for them.
TEST_F(Before, WhereSelectorsNamePortsTheSealedPacketIsCut) {
  protect({.cut_before = true}, "10.1.0.0/16[udp/1000]");
  const ByteVector in = outbound_packet(1460);
  g.gateway.send(0, in);
  EXPECT_EQ(inner_of(joined(g.gateway.sent(1))), forwarded(in));
}

}  // namespace
}  // namespace penstock::pipeline
