// SPDX-License-Identifier: BSD-3-Clause
// Transport mode and bundles: what a peer may put inside of them, and what fits them.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::Direction;

constexpr std::string_view kOurs6 = "2001:db8:f::1";
constexpr std::string_view kTheirs6 = "2001:db8:f::9";

struct Transport : testing::Test {
  IpsecGateway g;

  /// SAs between the ends themselves.
  void install6() {
    for (const Direction direction : {Direction::kOutbound, Direction::kInbound})
      g.must_install(make_spec({.direction = direction,
                                .spi = direction == Direction::kOutbound ? kSpiOut : kSpiIn,
                                .local = std::string(kOurs6),
                                .remote = std::string(kTheirs6),
                                .local_ts = std::string(kOurs6) + "/128",
                                .remote_ts = std::string(kTheirs6) + "/128",
                                .mode = policy::IpsecMode::kTransport}));
  }
  /// ESP over IPv6 around these octets, which `next_header` names.
  void arrive6(Bytes inside, std::uint8_t next_header) {
    const ByteVector esp = peer_seal(inside, {.sequence = next_++, .next_header = next_header});
    g.gateway.send6(
        1, ipv6({.source = kTheirs6, .destination = kOurs6, .next_header = net::kProtocolEsp},
                Bytes(esp).subspan(sizeof(net::Ipv4Header))));
  }

 private:
  std::uint64_t next_ = 1;
};

// Nobody has cut before ESP (RFC 4303 §3.3.4), so what is inside of it is whole; behind a NAT the
// checksum would be written into the middle of something.
TEST_F(Transport, AFragmentInsideIsRefused) {
  install6();
  for (const bool first : {true, false}) {
    ByteVector inside = fragment_header(net::kProtocolUdp, first ? 0 : 800, first, 7);
    const ByteVector rest = pattern(800);
    inside.insert(inside.end(), rest.begin(), rest.end());
    arrive6(inside, net::kExtensionFragment);
  }
  g.expect_drop(DropReason::kTransportFragment, 2);
}

// RFC 4301 §5.1: both of a bundle or nothing. The AH's slot may be another child's by now.
TEST_F(Transport, OnlyAnAhOfABundleGoesAroundItsEsp) {
  constexpr std::uint32_t kOuter = 8;
  g.must_install(make_spec({.bundle = policy::BundlePart::kInner, .outer_slot = kOuter}));
  g.must_install(make_spec({.spi = 0x1004, .slot = kOuter, .remote = "192.0.2.10"}));
  g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.gateway.send(0, outbound_packet(100));
  g.expect_drop(DropReason::kNoOutboundSa);
}

// RFC 9293 §3.7.1: what TCP is told fits with the AH of the bundle, and not an octet more does.
TEST_F(Transport, SegmentsFitABundle) {
  constexpr std::uint32_t kOuter = 8;
  constexpr std::size_t kInFront = 20 + 28;  // IPv4, AH with HMAC-SHA2-256-128
  Suite authentic;
  authentic.integ = crypto::IntegId::kHmacSha256_128;
  auto inner = make_spec({.bundle = policy::BundlePart::kInner, .outer_slot = kOuter});
  inner.tunnel_header.clamp_mss = policy::kFitsTunnel;
  g.must_install(inner);
  g.must_install(make_spec({.spi = 0x1004,
                            .suite = authentic,
                            .slot = kOuter,
                            .protocol = policy::IpsecProtocol::kAh,
                            .mode = policy::IpsecMode::kTransport,
                            .bundle = policy::BundlePart::kOuter}));
  g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  const auto segment = [](std::size_t octets, std::uint16_t fragment) {
    ByteVector tcp(octets);
    tcp[12] = std::byte{6 << 4};
    tcp[13] = std::byte{2};
    constexpr std::byte kMss[] = {std::byte{2}, std::byte{4}, std::byte{0xff}, std::byte{0xff}};
    std::ranges::copy(kMss, tcp.begin() + 20);
    return ipv4({.source = ip("10.1.0.9"),
                 .destination = ip("10.2.0.7"),
                 .protocol = net::kProtocolTcp,
                 .fragment = fragment},
                tcp);
  };
  g.gateway.send(0, segment(24, 0));
  const ByteVector opened = inner_of(g.only(1), kInFront);
  ASSERT_EQ(opened.size(), 44U);
  const std::size_t mss =
      std::to_integer<std::size_t>(opened[42]) << 8U | std::to_integer<std::size_t>(opened[43]);
  g.gateway.send(0, segment(20 + mss, net::kIpv4DontFragment));
  EXPECT_EQ(g.only(1).size(), 1500U);
  g.gateway.send(0, segment(20 + mss + 1, net::kIpv4DontFragment));
  g.expect_drop(DropReason::kTooBig);
}

}  // namespace
}  // namespace penstock::pipeline
