// SPDX-License-Identifier: BSD-3-Clause
// Dummy packets (RFC 4303 §2.6): what is asked for by the inject ring leaves as ESP of the slot's
// tunnel and cannot be told from traffic; opened by the peer's OpenSSL and by scapy.
#include "tests/pipeline/ipsec/ipsec_gateway.h"
#include "tests/pipeline/ipsec/judge.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using nlohmann::json;

constexpr unsigned kDummyHeader = 59;  // RFC 4303 §2.6: no next header

/// First: an outer header of IPv6; second: in UDP.
struct Dummies : testing::TestWithParam<std::tuple<bool, bool>> {
  IpsecGateway g;
  const bool v6 = std::get<0>(GetParam());
  const bool encap = std::get<1>(GetParam());
  const std::size_t outer = (v6 ? 40U : 20U) + (encap ? 8U : 0U);

  [[nodiscard]] policy::SaSpec spec(policy::TunnelHeader header = {}) const {
    SpecOptions options{.encap = encap};
    if (v6) options.local = "2001:db8:f::1", options.remote = "2001:db8:f::9";
    policy::SaSpec made = make_spec(options);
    made.tunnel_header = header;
    return made;
  }
  void protect(const policy::SaSpec& one) {
    g.must_install(one);
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  }
  /// What the worker does when the control core asks for one.
  void ask(std::uint16_t draw, std::uint32_t slot = kSlot) {
    ASSERT_TRUE(g.gateway.channel().inject.put_dummy(slot, draw, g.gateway.pool()));
    g.gateway.step();
  }
  ByteVector dummy(std::uint16_t draw) {
    ask(draw);
    return g.only(1);
  }
  /// Opened by OpenSSL: payload, padding, trailer.
  [[nodiscard]] ByteVector text_of(const ByteVector& sent) const {
    return peer_open(Bytes(sent).subspan(outer), kSpiOut, 0, false);
  }
};

TEST_P(Dummies, HaveNoNextHeaderAndCountAsPackets) {
  protect(spec());
  const ByteVector sent = dummy(0x8000);
  ASSERT_GT(sent.size(), outer + 34);
  const ByteVector text = text_of(sent);
  ASSERT_GT(text.size(), 2U);
  EXPECT_EQ(std::to_integer<unsigned>(text.back()), kDummyHeader);
  const unsigned padding = std::to_integer<unsigned>(text[text.size() - 2]);
  for (unsigned i = 1; i <= padding; ++i)
    EXPECT_EQ(std::to_integer<unsigned>(text[text.size() - 3 - padding + i]), i);
  EXPECT_EQ(g.counters_out().packets, 1U);
  EXPECT_EQ(g.counters_out().bytes, text.size() - 2 - padding);
  // Traffic goes on behind it, by the next number.
  g.gateway.send(0, outbound_packet());
  const ByteVector next = g.only(1);
  ASSERT_GT(next.size(), outer + 8);
  EXPECT_EQ(std::to_integer<unsigned>(sent[outer + 7]), 1U);
  EXPECT_EQ(std::to_integer<unsigned>(next[outer + 7]), 2U);
  const channel::CounterTotals totals = g.gateway.totals();
  EXPECT_EQ(totals.dummies_sent, 1U);
  EXPECT_EQ(totals.injected, 1U);
  EXPECT_EQ(totals.transmitted, 2U);
}

TEST_P(Dummies, ScapyReadsThemAsNoNextHeader) {
  protect(spec());
  const policy::SaSpec keyed = spec();
  const auto answer = judge(
      "text", json::array({{{"name", "dummy"},
                            {"cipher", "AES-GCM"},
                            {"auth", ""},
                            {"key", base::to_hex(keyed.enc_key.bytes())},
                            {"auth_key", ""},
                            {"icv", 16},
                            {"spi", kSpiOut},
                            {"sequence", 1},
                            {"esn", false},
                            {"encap", encap},
                            {"outer", json{keyed.local.to_string(), keyed.remote.to_string()}},
                            {"packet", base::to_hex(dummy(0x4000))}}}));
  if (!answer) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  const ByteVector text = base::from_hex(answer->front()).value();
  ASSERT_GT(text.size(), 300U);
  EXPECT_EQ(std::to_integer<unsigned>(text.back()), kDummyHeader);
}

TEST_P(Dummies, AreOfTheLengthsThatTheirPathCarries) {
  protect(spec());
  EXPECT_LE(dummy(0).size(), outer + 8 + 8 + 4 + 16);
  const std::size_t half = dummy(0x8000).size();
  EXPECT_GT(half, 720U);
  EXPECT_LT(half, 800U);
  const std::size_t most = dummy(0xffff).size();
  EXPECT_GT(most, 1496U);
  EXPECT_LE(most, 1500U);
  // ICMP has told of a narrower path (RFC 4301 §8.2).
  const_cast<ipsec::OutboundSa*>(g.writer->tables().outbound_of(kSlot))->path_mtu.store(1300);
  EXPECT_LE(dummy(0xffff).size(), 1300U);
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_P(Dummies, AreAsLongAsPaddedTraffic) {
  protect(spec({.tfc_padding = 600}));
  g.gateway.send(0, outbound_packet(100));
  const std::size_t traffic = g.only(1).size();
  for (const unsigned draw : {0U, 0x7777U, 0xffffU})
    EXPECT_EQ(dummy(static_cast<std::uint16_t>(draw)).size(), traffic);
}

TEST_P(Dummies, LookLikeTrafficOutside) {
  protect(spec({.copy_dscp = false, .dscp = 10, .ttl = 33}));
  g.gateway.send(0, outbound_packet(100, {.fragment = net::kIpv4DontFragment}));
  ByteVector traffic = g.only(1);
  ByteVector made = dummy(0x1000);
  ASSERT_GT(made.size(), outer);
  for (ByteVector* one : {&traffic, &made}) {
    one->resize(outer - (encap ? 8U : 0U));
    // Lengths, and over IPv4 identification and checksum, are of each packet.
    for (const std::size_t at :
         v6 ? std::vector<std::size_t>{4, 5} : std::vector<std::size_t>{2, 3, 4, 5, 10, 11})
      (*one)[at] = std::byte{0};
  }
  EXPECT_EQ(base::to_hex(traffic), base::to_hex(made));
}

TEST_P(Dummies, EndWithTheirSa) {
  policy::SaSpec limited = spec();
  limited.lifetime = {.soft_packets = 1, .hard_packets = 2};
  protect(limited);
  EXPECT_FALSE(dummy(9).empty());
  EXPECT_FALSE(dummy(9).empty());
  ask(9);
  g.expect_drop(DropReason::kSaHardExpired);
  bool soft = false;
  for (const policy::SaEvent& event : g.events())
    soft = soft || event.kind == policy::SaEventKind::kSoftExpiry;
  EXPECT_TRUE(soft);
  ask(9, kSlot + 7);
  EXPECT_EQ(g.gateway.dropped(DropReason::kNoOutboundSa), 1U);
}

INSTANTIATE_TEST_SUITE_P(All, Dummies, testing::Combine(testing::Bool(), testing::Bool()));

// Without an SA of this shape there is nothing to hide in.
TEST(DummiesElsewhere, AreNotMadeOfAh) {
  IpsecGateway g;
  SpecOptions options{.protocol = policy::IpsecProtocol::kAh};
  options.suite.integ = crypto::IntegId::kHmacSha256_128;
  g.must_install(make_spec(options));
  ASSERT_TRUE(g.gateway.channel().inject.put_dummy(kSlot, 9, g.gateway.pool()));
  g.gateway.step();
  g.expect_drop(DropReason::kNoOutboundSa);
}

TEST(DummiesElsewhere, LeaveHalfOfTheRingToIke) {
  IpsecGateway g;
  channel::InjectRing& ring = g.gateway.channel().inject;
  unsigned put = 0;
  while (put < channel::kInjectCapacity && ring.put_dummy(kSlot, 9, g.gateway.pool())) ++put;
  EXPECT_EQ(put, channel::kInjectCapacity / 2);
  const ByteVector ike(40, std::byte{0});
  EXPECT_TRUE(ring.put_udp({net::IpAddress::v4(ip("192.0.2.1")), net::Port{500}},
                           {net::IpAddress::v4(ip("192.0.2.9")), net::Port{500}}, {}, ike,
                           g.gateway.pool()));
  while (!ring.empty()) g.gateway.step();
  (void)g.gateway.sent(1);
  g.expect_drop(DropReason::kNoOutboundSa, put);
}

}  // namespace
}  // namespace penstock::pipeline
