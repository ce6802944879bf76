// SPDX-License-Identifier: BSD-3-Clause
// IPv6 fragments and what policy asks for: a later fragment shows neither ports nor a protocol that
// can be trusted (RFC 4301 §7, RFC 8200 §4.5).
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::PolicyAction;

constexpr std::string_view kNear = "2001:db8:1::9";
constexpr std::string_view kFar = "2001:db8:2::7";
constexpr std::string_view kNearNet = "2001:db8:1::/64";
constexpr std::string_view kFarNet = "2001:db8:2::/48";
constexpr std::uint8_t kTcp = net::kProtocolTcp;
constexpr std::uint8_t kUdp = net::kProtocolUdp;

struct Fragments6 : testing::Test {
  IpsecGateway g;
  Fragments6() { g.gateway.neighbour(0, kNear); }

  /// What `selector` names is protected, everything else between the two networks is in clear.
  void protect(const std::string& selector) {
    const std::string local = std::string(kNearNet) + selector;
    g.must_install(make_spec({.local_ts = local, .remote_ts = std::string(kFarNet)}));
    g.policy(PolicyAction::kProtect, local, kFarNet);
    g.policy(PolicyAction::kBypass, kNearNet, kFarNet, 0, policy::kPriorityChild + 1);
  }
  static ByteVector piece(std::string_view from, std::string_view to, std::uint8_t next,
                          unsigned offset, bool more, Bytes payload, std::uint32_t id = 7) {
    ByteVector body = fragment_header(next, offset, more, id);
    body.insert(body.end(), payload.begin(), payload.end());
    return ipv6({.source = from, .destination = to, .next_header = net::kExtensionFragment}, body);
  }
  /// A datagram of this many octets behind its IPv6 header, cut every `size` octets.
  void send_cut(unsigned port, std::size_t octets, std::size_t size) {
    const ByteVector whole = udp6(kNear, kFar, 1000, 2000, pattern(octets - 8));
    const Bytes payload = Bytes(whole).subspan(sizeof(net::Ipv6Header));
    for (std::size_t at = 0; at < payload.size(); at += size) {
      const std::size_t n = std::min(size, payload.size() - at);
      g.gateway.put6(port, piece(kNear, kFar, kUdp, static_cast<unsigned>(at),
                                 at + n < payload.size(), payload.subspan(at, n)));
    }
    g.gateway.step();
  }
  /// All that left outside is ESP.
  void expect_no_clear() {
    for (const ByteVector& frame : g.gateway.sent(1)) {
      ASSERT_EQ(ethernet_of(frame).ether_type.get(), net::kEtherTypeIpv4);
      EXPECT_EQ(ip_of(frame).protocol, net::kProtocolEsp);
    }
  }
};

TEST_F(Fragments6, ALaterOneThatNamesAnotherHeaderIsNoOtherTraffic) {
  protect("[tcp]");
  // Destination options in the fragmentable part: the first names them, as the later one does.
  ByteVector first(8);
  first[0] = std::byte{kTcp};
  first[2] = std::byte{1};
  first[3] = std::byte{4};
  const ByteVector rest = pattern(800);
  first.insert(first.end(), rest.begin(), rest.end());
  g.gateway.put6(0, piece(kNear, kFar, net::kExtensionDestination, 0, true, first));
  g.gateway.put6(0, piece(kNear, kFar, net::kExtensionDestination, 808, false, pattern(400)));
  g.gateway.step();
  expect_no_clear();
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Fragments6, ALieAboutTheProtocolLeavesNothingInClear) {
  protect("[tcp]");
  g.gateway.put6(0, piece(kNear, kFar, kTcp, 0, true, pattern(800)));
  g.gateway.put6(0, piece(kNear, kFar, kUdp, 800, false, pattern(400)));
  g.gateway.step();
  expect_no_clear();
}

TEST_F(Fragments6, ALieAboutTheProtocolLetsNothingIn) {
  protect("[tcp]");
  g.gateway.put6(1, piece(kFar, kNear, kUdp, 800, false, pattern(400)));
  g.gateway.step();
  EXPECT_TRUE(g.gateway.sent(0).empty());
}

TEST_F(Fragments6, WithoutARuleThatAsksTheyAreForwardedAsTheyAre) {
  protect("");
  send_cut(0, 1600, 800);
  expect_no_clear();
  EXPECT_EQ(g.gateway.totals().held_total(), 0U);
}

// However its source cuts it, what is put together here reaches the peer.
TEST_F(Fragments6, AWholePacketThatDoesNotFitIsSealedAndCutOutside) {
  protect("[udp/1000]");
  for (const std::size_t size : {1232U, 800U, 600U}) {
    send_cut(0, 1508, size);
    const auto sent = g.gateway.sent(1);
    EXPECT_EQ(sent.size(), 2U) << size;
    EXPECT_TRUE(g.gateway.sent(0).empty()) << "the sender was told that it is too big";
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

// RFC 4301 §4.4.1.1, RFC 7296 §3.13.1
TEST_F(Fragments6, AMobilityHeaderHasATypeAndNoPorts) {
  g.policy(PolicyAction::kDiscard, "2001:db8:1::/64[135/1280]", kFarNet, 0);
  g.policy(PolicyAction::kBypass, kNearNet, kFarNet, 0, policy::kPriorityChild + 1);
  for (const std::uint8_t type : {std::uint8_t{5}, std::uint8_t{6}}) {
    ByteVector header(16);
    header[0] = std::byte{net::kProtocolNone};
    header[1] = std::byte{1};
    header[2] = std::byte{type};
    g.gateway.send6(
        0, ipv6({.source = kNear, .destination = kFar, .next_header = net::kProtocolMobility},
                header));
  }
  g.expect_drop(DropReason::kPolicyDiscard);
  EXPECT_EQ(g.gateway.sent(1).size(), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
