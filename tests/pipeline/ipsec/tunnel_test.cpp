// SPDX-License-Identifier: BSD-3-Clause
// Tunnels whose far end moves (RFC 7296 §2.23), over IPv6; over IPv4 see outbound and inbound.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using policy::Direction;
using policy::SaEventKind;

constexpr std::string_view kOurs = "2001:db8:f::1";
constexpr std::string_view kTheirs = "2001:db8:f::9";
constexpr std::string_view kElsewhere = "2001:db8:f::77";

const net::Ipv6Header& header6(const ByteVector& packet) {
  return *reinterpret_cast<const net::Ipv6Header*>(packet.data());
}
net::Endpoint at(std::string_view address, std::uint16_t port) {
  return {net::IpAddress::parse(address).value(), net::Port{port}};
}

/// IPv4 inside and IPv6 outside.
struct TunnelOverIpv6 : testing::Test {
  IpsecGateway g;

  void protect(bool encap) {
    const std::string local(kOurs);
    const std::string remote(kTheirs);
    g.must_install(make_spec({.encap = encap, .local = local, .remote = remote}));
    g.must_install(make_spec({.direction = Direction::kInbound,
                              .spi = kSpiIn,
                              .encap = encap,
                              .local = local,
                              .remote = remote}));
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
    g.gateway.neighbour(1, kElsewhere);
  }
  [[nodiscard]] base::Result<void> move(Direction direction, const net::Endpoint& to) {
    const bool out = direction == Direction::kOutbound;
    const auto from = out ? net::IpAddress::parse(kTheirs).value() : net::IpAddress{};
    return g.writer->move({direction, net::Spi{out ? kSpiOut : kSpiIn}, from}, to);
  }
  /// What peer_seal() makes, over IPv6.
  static ByteVector over_ipv6(const ByteVector& sealed, std::string_view from) {
    const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(sealed.data());
    return ipv6({.source = from, .destination = kOurs, .next_header = ip.protocol},
                Bytes(sealed).subspan(sizeof(ip)));
  }
};

struct TunnelOverIpv6InUdpOrNot : TunnelOverIpv6, testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Both, TunnelOverIpv6InUdpOrNot, testing::Bool());

TEST_P(TunnelOverIpv6InUdpOrNot, FollowsAPeerThatMoved) {
  const bool encap = GetParam();
  const std::size_t outer = encap ? 48 : 40;
  protect(encap);
  const ByteVector in = outbound_packet();
  g.gateway.send(0, in);
  EXPECT_EQ(header6(g.only(1)).destination, ip6(kTheirs));
  ASSERT_TRUE(move(Direction::kOutbound, at(kElsewhere, 61000)));
  g.gateway.send(0, in);
  const auto frames = g.gateway.sent(1);
  ASSERT_EQ(frames.size(), 1U);
  const ByteVector out = base::to_vector(packet_of(frames[0]));
  EXPECT_EQ(header6(out).destination, ip6(kElsewhere));
  EXPECT_EQ(header6(out).source, ip6(kOurs));
  const auto& esp = *reinterpret_cast<const net::EspHeader*>(out.data() + outer);
  EXPECT_EQ(esp.spi.get(), kSpiOut);
  EXPECT_EQ(esp.sequence.get(), 2U);
  EXPECT_EQ(inner_of(out, outer), forwarded(in));
  if (!encap) return;
  EXPECT_TRUE(is_sound6(frames[0]));  // the UDP checksum too (RFC 8200 §8.1)
  const auto& udp = *reinterpret_cast<const net::UdpHeader*>(out.data() + 40);
  EXPECT_EQ(udp.source_port.get(), 4500);
  EXPECT_EQ(udp.destination_port.get(), 61000);
}

TEST_F(TunnelOverIpv6, AMovedSaHasTheNewAddressInItsName) {
  protect(true);
  ASSERT_TRUE(move(Direction::kOutbound, at(kElsewhere, 61000)));
  EXPECT_EQ(g.writer->outbound_of(policy::ChildSlot{kSlot})->name.remote,
            at(kElsewhere, 0).address);
  EXPECT_EQ(move(Direction::kOutbound, at(kElsewhere, 1)).error().code, base::ErrorCode::kNotFound);
}

TEST_F(TunnelOverIpv6, NoSaGoesToTheOtherIpVersion) {
  protect(true);
  EXPECT_EQ(move(Direction::kOutbound, at("192.0.2.9", 1)).error().code,
            base::ErrorCode::kUnsupported);
  EXPECT_EQ(move(Direction::kInbound, at("192.0.2.9", 1)).error().code,
            base::ErrorCode::kUnsupported);
}

TEST_F(TunnelOverIpv6, APeerThatMovedIsToldAfterItsIcvWasRightUntilItIsFollowed) {
  protect(true);
  ByteVector forged = over_ipv6(peer_seal(inbound_packet(), {.encap = true}), kElsewhere);
  forged.back() ^= std::byte{1};
  g.gateway.send6(1, forged);
  for (const policy::SaEvent& event : g.events()) EXPECT_NE(event.kind, SaEventKind::kPeerMoved);
  const auto arrive = [&](std::uint64_t sequence) {
    g.gateway.advance(base::seconds{2});
    const PeerOptions options{.sequence = sequence, .encap = true};
    g.gateway.send6(1, over_ipv6(peer_seal(inbound_packet(), options), kElsewhere));
    EXPECT_FALSE(g.only(0).empty());
    return g.events();
  };
  auto events = arrive(1);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, SaEventKind::kPeerMoved);
  EXPECT_EQ(events[1].remote, at(kElsewhere, 4500));
  EXPECT_EQ(arrive(2).size(), 1U);
  ASSERT_TRUE(move(Direction::kInbound, at(kElsewhere, 4500)));
  EXPECT_TRUE(arrive(3).empty());
}

}  // namespace
}  // namespace penstock::pipeline
