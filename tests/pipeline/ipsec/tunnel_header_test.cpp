// SPDX-License-Identifier: BSD-3-Clause
// What the outer header has, what comes inwards from it, and padding that hides lengths: both IP
// versions inside and outside.
#include <set>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using policy::Direction;
using policy::TunnelHeader;

constexpr std::string_view kOurs6 = "2001:db8:f::1";
constexpr std::string_view kTheirs6 = "2001:db8:f::9";

/// First: IPv6 inside; second: outside.
struct Header : testing::TestWithParam<std::tuple<bool, bool>> {
  IpsecGateway g;
  const bool inner6 = std::get<0>(GetParam());
  const bool outer6 = std::get<1>(GetParam());

  void protect(const TunnelHeader& header) {
    for (const Direction direction : {Direction::kOutbound, Direction::kInbound}) {
      SpecOptions options{.direction = direction};
      if (direction == Direction::kInbound) options.spi = kSpiIn;
      if (outer6) {
        options.local = kOurs6;
        options.remote = kTheirs6;
      }
      auto spec = make_spec(options);
      spec.local_ts.push_back(policy::TrafficSelector::parse("2001:db8:1::/64").value());
      spec.remote_ts.push_back(policy::TrafficSelector::parse("2001:db8:2::/48").value());
      spec.tunnel_header = header;
      g.must_install(spec);
    }
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
    g.policy(policy::PolicyAction::kProtect, "2001:db8:1::/64", "2001:db8:2::/48");
  }
  /// A packet from inside, or to inside, with this type of service.
  [[nodiscard]] ByteVector inner(bool out, std::uint8_t tos, std::size_t octets = 64,
                                 std::uint16_t port = 1000) const {
    const std::string_view here = inner6 ? "2001:db8:1::9" : "10.1.0.9";
    const std::string_view there = inner6 ? "2001:db8:2::7" : "10.2.0.7";
    const std::string_view from = out ? here : there;
    const std::string_view to = out ? there : here;
    if (inner6) return udp6(from, to, port, 2000, pattern(octets), {.traffic_class = tos});
    return udp(from, to, port, 2000, pattern(octets), {.tos = tos});
  }
  /// What leaves outside for a packet from inside.
  ByteVector sealed(const ByteVector& packet) {
    if (inner6)
      g.gateway.send6(0, packet);
    else
      g.gateway.send(0, packet);
    return g.only(1);
  }
  /// What the peer sends.
  void arrive(const ByteVector& packet, std::uint8_t outer_tos) {
    const ByteVector esp =
        peer_seal(packet, {.sequence = next++,
                           .outer_tos = outer_tos,
                           .next_header = inner6 ? net::kProtocolIpv6 : net::kProtocolIpv4});
    if (!outer6) return g.gateway.send(1, esp);
    g.gateway.send6(1, ipv6({.source = kTheirs6,
                             .destination = kOurs6,
                             .next_header = net::kProtocolEsp,
                             .traffic_class = outer_tos},
                            Bytes(esp).subspan(sizeof(net::Ipv4Header))));
  }
  static std::uint8_t tos_of(const ByteVector& packet) {
    if (std::to_integer<unsigned>(packet[0]) >> 4 == 4)
      return std::to_integer<std::uint8_t>(packet[1]);
    return reinterpret_cast<const net::Ipv6Header*>(packet.data())->traffic_class();
  }
  static std::uint8_t ttl_of(const ByteVector& packet) {
    return std::to_integer<std::uint8_t>(
        packet[std::to_integer<unsigned>(packet[0]) >> 4 == 4 ? 8 : 7]);
  }
  [[nodiscard]] std::size_t outer_octets() const { return outer6 ? 40 : 20; }
  std::uint64_t next = 1;
};
INSTANTIATE_TEST_SUITE_P(Versions, Header, testing::Combine(testing::Bool(), testing::Bool()));

/// What IPv4 has no field for.
struct OuterIpv6 : Header {};
INSTANTIATE_TEST_SUITE_P(Versions, OuterIpv6,
                         testing::Combine(testing::Bool(), testing::Values(true)));

// RFC 6040 §4.1, figure 3: normal mode copies, compatibility mode does not.
TEST_P(Header, EcnOfWhatIsSealed) {
  protect({});
  for (std::uint8_t ecn = 0; ecn < 4; ++ecn)
    EXPECT_EQ(tos_of(sealed(inner(true, static_cast<std::uint8_t>(0xb8 | ecn)))), 0xb8 | ecn);
}
TEST_P(Header, EcnOfWhatIsSealedInCompatibilityMode) {
  protect({.copy_ecn = false});
  for (std::uint8_t ecn = 0; ecn < 4; ++ecn)
    EXPECT_EQ(tos_of(sealed(inner(true, static_cast<std::uint8_t>(0xb8 | ecn)))), 0xb8);
}

// RFC 6040 §4.2, figure 4, in its order of rows and columns.
TEST_P(Header, EcnOfWhatIsOpened) {
  protect({});
  constexpr std::uint8_t kNot = 0, kEct0 = 2, kEct1 = 1, kCe = 3, kDrop = 9;
  constexpr std::uint8_t kOrder[4] = {kNot, kEct0, kEct1, kCe};
  constexpr std::uint8_t kTable[4][4] = {
      {kNot, kNot, kNot, kDrop},
      {kEct0, kEct0, kEct1, kCe},
      {kEct1, kEct1, kEct1, kCe},
      {kCe, kCe, kCe, kCe},
  };
  std::uint64_t dropped = 0;
  for (unsigned row = 0; row < 4; ++row) {
    for (unsigned column = 0; column < 4; ++column) {
      SCOPED_TRACE(testing::Message() << "inner " << row << ", outer " << column);
      // DSCP: inside it stays, whatever it is outside (RFC 4301 §5.1.2).
      arrive(inner(false, static_cast<std::uint8_t>(0x28 | kOrder[row])),
             static_cast<std::uint8_t>(0xb8 | kOrder[column]));
      if (kTable[row][column] == kDrop) {
        g.expect_drop(net::DropReason::kEcnIllegal, ++dropped);
        continue;
      }
      const auto frames = g.gateway.sent(0);
      ASSERT_EQ(frames.size(), 1U);
      EXPECT_TRUE(inner6 ? is_sound6(frames[0]) : is_sound(frames[0]));
      EXPECT_EQ(tos_of(base::to_vector(packet_of(frames[0]))), 0x28 | kTable[row][column]);
    }
  }
  EXPECT_EQ(dropped, 1U);
}

TEST_P(Header, DscpAndTtlThatAreSet) {
  protect({.copy_dscp = false, .dscp = 46, .ttl = 17});
  const ByteVector out = sealed(inner(true, 0x2a));
  EXPECT_EQ(tos_of(out), 46 << 2 | 2);  // ECT(0) is still copied
  EXPECT_EQ(ttl_of(out), 17);
}

// RFC 6438 §3: a flow keeps its label, flows differ; RFC 6437 §2: 0 is no label.
TEST_P(OuterIpv6, AFlowLabelOfTheInnerFlow) {
  const auto label = [](const ByteVector& packet) {
    return reinterpret_cast<const net::Ipv6Header*>(packet.data())->version_class_flow.get() &
           0xfffffU;
  };
  protect({.flow_label = true});
  std::set<std::uint32_t> labels;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    const ByteVector first = sealed(inner(true, 0xb9, 64, port));
    const ByteVector second = sealed(inner(true, 0xb9, 80, port));
    EXPECT_EQ(label(first), label(second));
    EXPECT_NE(label(first), 0U);
    EXPECT_EQ(tos_of(first), 0xb9);
    EXPECT_EQ(std::to_integer<unsigned>(first[0]) >> 4, 6U);
    labels.insert(label(first));
  }
  EXPECT_GE(labels.size(), 19U);
}
TEST_P(OuterIpv6, NoFlowLabelWhereNoneIsWanted) {
  protect({});
  const ByteVector out = sealed(inner(true, 0));
  EXPECT_EQ(Bytes(out).first(4)[1], std::byte{0});
  EXPECT_EQ(Bytes(out).first(4)[3], std::byte{0});
}

// RFC 4303 §2.7: what is behind the inner packet its own length tells apart.
TEST_P(Header, PaddingHidesLengths) {
  protect({.tfc_padding = 600});
  std::size_t sealed_octets = 0;
  for (const std::size_t octets : {0U, 1U, 64U, 300U, 500U}) {
    const ByteVector in = inner(true, 0, octets);
    const ByteVector out = sealed(in);
    const ByteVector text = peer_open(Bytes(out).subspan(outer_octets()), kSpiOut, 0, false);
    ASSERT_GE(text.size(), 602U);
    if (sealed_octets == 0) sealed_octets = out.size();
    EXPECT_EQ(out.size(), sealed_octets);
    ByteVector padded(text.begin(), text.begin() + 600);
    ByteVector expected = inner6 ? in : forwarded(in);
    if (inner6) --reinterpret_cast<net::Ipv6Header*>(expected.data())->hop_limit;
    expected.resize(600);
    EXPECT_EQ(padded, expected);
    EXPECT_EQ(std::to_integer<unsigned>(text.back()), inner6 ? 41U : 4U);
  }
  // A longer one is longer.
  EXPECT_GT(sealed(inner(true, 0, 700)).size(), sealed_octets);
}
TEST_P(Header, PaddingUpToThePath) {
  protect({.tfc_padding = policy::kFitsTunnel});
  for (const std::size_t octets : {0U, 64U, 1300U}) {
    const ByteVector out = sealed(inner(true, 0, octets));
    EXPECT_GT(out.size(), 1496U);
    EXPECT_LE(out.size(), 1500U);
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

}  // namespace
}  // namespace penstock::pipeline
