// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors that cross an SA (RFC 4301 §6.2): ours about what came out of one, and those of
// routers on either side whose own addresses no selector covers.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::PolicyAction;

struct Errors : testing::Test {
  IpsecGateway g;

  /// SAs and a policy for UDP between two hosts, and nothing else.
  static void protect_hosts(IpsecGateway& gateway) {
    constexpr auto kLocal = "10.1.0.9/32[udp]";
    constexpr auto kRemote = "10.2.0.7/32[udp]";
    gateway.must_install(make_spec({.local_ts = kLocal, .remote_ts = kRemote}));
    gateway.must_install(make_spec({.direction = policy::Direction::kInbound,
                                    .spi = kSpiIn,
                                    .local_ts = kLocal,
                                    .remote_ts = kRemote}));
    gateway.policy(PolicyAction::kProtect, kLocal, kRemote);
  }
  /// What left outside is an ICMP error under the SA, from `source` to 10.2.0.7.
  static void expect_error_sealed(IpsecGateway& gateway, std::uint8_t type,
                                  std::string_view source) {
    const ByteVector out = gateway.only(1);
    ASSERT_GT(out.size(), 36U);
    const ByteVector inner = inner_of(out);
    ASSERT_GT(inner.size(), 28U);
    const auto& header = *reinterpret_cast<const net::Ipv4Header*>(inner.data());
    EXPECT_EQ(header.source.get(), ip(source));
    EXPECT_EQ(header.destination.get(), ip("10.2.0.7"));
    EXPECT_EQ(header.protocol, net::kProtocolIcmp);
    EXPECT_EQ(std::to_integer<std::uint8_t>(inner[20]), type);
  }
  /// A router's error about `packet`, which it drops.
  static ByteVector error_about(const ByteVector& packet, std::string_view router,
                                std::string_view to) {
    return icmp(router, to, net::kIcmpTimeExceeded, 0, 0, Bytes(packet).first(28));
  }
};

TEST_F(Errors, OursGoBackByTheSaThatCoversUs) {
  g.protect();
  g.gateway.send(1, peer_seal(inbound_packet(64, {.ttl = 1})));
  expect_error_sealed(g, net::kIcmpTimeExceeded, "10.1.0.1");
  g.expect_drop(DropReason::kTtlExpired);
}

TEST_F(Errors, OursComeFromTheAddressThatTheSaCovers) {
  IpsecGateway two(IpsecGateway::small_limits(), 1500,
                   {.name = "in", .addresses = {"10.5.0.1/24", "10.1.0.1/24"}});
  two.protect();
  two.gateway.send(1, peer_seal(inbound_packet(64, {.ttl = 1})));
  expect_error_sealed(two, net::kIcmpTimeExceeded, "10.1.0.1");
}

TEST_F(Errors, OursGoBackByTheSaOfThePacketWhereNoPolicyCoversThem) {
  protect_hosts(g);
  g.gateway.send(1, peer_seal(inbound_packet(64, {.ttl = 1})));
  expect_error_sealed(g, net::kIcmpTimeExceeded, "10.1.0.1");
  g.expect_drop(DropReason::kTtlExpired);
}

TEST_F(Errors, TooBigForTheInsideIsTold) {
  IpsecGateway narrow(IpsecGateway::small_limits(), 1500,
                      {.name = "in", .addresses = {"10.1.0.1/24"}, .mtu = 600});
  protect_hosts(narrow);
  narrow.gateway.send(1, peer_seal(inbound_packet(1000, {.fragment = net::kIpv4DontFragment})));
  expect_error_sealed(narrow, net::kIcmpUnreachable, "10.1.0.1");
}

TEST_F(Errors, ARoutersGoByTheSaOfThePacketToo) {
  protect_hosts(g);
  g.gateway.send(0, error_about(inbound_packet(), "10.1.0.200", "10.2.0.7"));
  expect_error_sealed(g, net::kIcmpTimeExceeded, "10.1.0.200");
}

TEST_F(Errors, AnErrorAboutAnotherFlowHasNoPolicy) {
  protect_hosts(g);
  g.gateway.send(
      0, error_about(udp("10.2.0.8", "10.1.0.9", 1, 2, pattern(8)), "10.1.0.200", "10.2.0.8"));
  g.gateway.send(0, error_about(inbound_packet(), "10.1.0.200", "10.2.0.99"));  // not its sender
  g.gateway.send(0, icmp("10.1.0.200", "10.2.0.7", net::kIcmpEchoRequest, 0, 0,
                         Bytes(inbound_packet()).first(28)));
  g.expect_drop(DropReason::kNoPolicy, 3);
}

TEST_F(Errors, NoSaIsMadeForAnError) {
  g.policy(PolicyAction::kProtect, "10.1.0.9/32[udp]", "10.2.0.7/32[udp]");
  g.gateway.send(0, error_about(inbound_packet(), "10.1.0.200", "10.2.0.7"));
  g.expect_drop(DropReason::kNoPolicy);
  EXPECT_TRUE(g.events().empty());
}

TEST_F(Errors, TakesThoseAboutWhatTheSaCarries) {
  protect_hosts(g);
  const ByteVector error = error_about(outbound_packet(), "10.2.0.200", "10.1.0.9");
  g.gateway.send(1, peer_seal(error));
  EXPECT_EQ(g.only(0), forwarded(error));
}

TEST_F(Errors, RefusesThoseAboutAnythingElse) {
  protect_hosts(g);
  std::uint64_t sequence = 1;
  const auto refused = [&](const ByteVector& error) {
    g.gateway.send(1, peer_seal(error, {.sequence = sequence}));
    g.expect_drop(DropReason::kInboundPolicyMismatch, sequence++);
    EXPECT_TRUE(g.gateway.sent(0).empty());
  };
  // About a packet to somebody else; of another host; of another protocol; cut short; no error.
  refused(error_about(udp("10.1.0.9", "10.3.0.7", 1, 2, pattern(8)), "10.2.0.200", "10.1.0.9"));
  refused(error_about(outbound_packet(), "10.2.0.200", "10.1.0.8"));
  refused(error_about(icmp("10.1.0.9", "10.2.0.7", 8, 0, 0, {}), "10.2.0.200", "10.1.0.9"));
  refused(icmp("10.2.0.200", "10.1.0.9", net::kIcmpTimeExceeded, 0, 0,
               Bytes(outbound_packet()).first(19)));
  refused(icmp("10.2.0.200", "10.1.0.9", net::kIcmpEchoReply, 0, 0,
               Bytes(outbound_packet()).first(28)));
}

}  // namespace
}  // namespace penstock::pipeline
