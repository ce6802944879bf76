// SPDX-License-Identifier: BSD-3-Clause
// Every cipher, raw and in UDP, with and without ESN, judged by scapy in both directions
// (judge.py): it opens what left by the outside port, and we open what it sealed.
#include "tests/pipeline/ipsec/ipsec_gateway.h"
#include "tests/pipeline/ipsec/judge.h"

namespace penstock::pipeline {
namespace {

using crypto::EncrId;
using crypto::IntegId;
using nlohmann::json;

struct Judged {
  Suite suite;
  const char* cipher;  ///< as scapy names it
  const char* auth;
};

const std::vector<Judged>& suites() {
  static const std::vector<Judged> all = [] {
    std::vector<Judged> list;
    for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
      for (const EncrId id : {EncrId::kAesGcm8, EncrId::kAesGcm12, EncrId::kAesGcm16})
        list.push_back({{"gcm", id, bits, IntegId::kNone}, "AES-GCM", ""});
    list.push_back(
        {{"chacha", EncrId::kChaCha20Poly1305, 0, IntegId::kNone}, "CHACHA20-POLY1305", ""});
    const std::pair<IntegId, const char*> hmacs[] = {{IntegId::kHmacSha1_96, "sha1"},
                                                     {IntegId::kHmacSha256_128, "sha256"},
                                                     {IntegId::kHmacSha384_192, "sha384"},
                                                     {IntegId::kHmacSha512_256, "sha512"}};
    for (const auto& [integ, auth] : hmacs) {
      for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
        list.push_back({{"cbc", EncrId::kAesCbc, bits, integ}, "AES-CBC", auth});
      list.push_back({{"null", EncrId::kNull, 0, integ}, "NULL", auth});
    }
    const std::pair<IntegId, const char*> macs[] = {{IntegId::kHmacMd5_96, "md5"},
                                                    {IntegId::kHmacSha256_96, "sha256_96"},
                                                    {IntegId::kAesXcbc96, "xcbc"},
                                                    {IntegId::kAesCmac96, "cmac"}};
    for (const auto& [integ, auth] : macs)
      list.push_back({{"cbc", EncrId::kAesCbc, 128, integ}, "AES-CBC", auth});
    list.push_back({{"3des", EncrId::k3Des, 0, IntegId::kHmacMd5_96}, "3DES", "md5"});
    for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}}) {
      for (const EncrId id : {EncrId::kAesCcm8, EncrId::kAesCcm12, EncrId::kAesCcm16})
        list.push_back({{"ccm", id, bits, IntegId::kNone}, "AES-CCM", ""});
      list.push_back({{"gmac", EncrId::kNullAesGmac, bits, IntegId::kNone}, "AES-NULL-GMAC", ""});
      list.push_back({{"ctr", EncrId::kAesCtr, bits, IntegId::kHmacSha1_96}, "AES-CTR", "sha1"});
    }
    return list;
  }();
  return all;
}

/// One gateway with an SA pair a suite: suite k has slot k + 1 and 10.2.k.0/24 behind the peer.
class JudgedTest : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  const bool esn = std::get<0>(GetParam());
  const bool encap = std::get<1>(GetParam());
  IpsecGateway g{limits()};
  /// With ESN beyond the first subspace, so that the upper half counts.
  const std::uint64_t first = esn ? 0x1'0000'0001 : 1;

  JudgedTest() {
    for (std::uint32_t k = 0; k < suites().size(); ++k) {
      const std::string remote = "10.2." + std::to_string(k) + ".0/24";
      for (const bool in : {false, true})
        g.must_install(
            make_spec({.direction = in ? policy::Direction::kInbound : policy::Direction::kOutbound,
                       .spi = (in ? 0x2000U : 0x1000U) + k,
                       .suite = suites()[k].suite,
                       .esn = esn,
                       .encap = encap,
                       .slot = k + 1,
                       .remote_ts = remote}));
      g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", remote, k + 1);
      g.writer->tables().outbound_of(k + 1)->sequence.restart(first - 1);
      ipsec::InboundSa* inbound = g.writer->tables().find_inbound(0x2000U + k);
      PS_CHECK(inbound != nullptr);
      if (esn) inbound->window.insert(0xffffffff);
    }
  }

  static ipsec::WriterLimits limits() {
    auto l = IpsecGateway::small_limits();
    l.manual_sas = 128;
    return l;
  }

  json make_case(std::uint32_t k, std::uint32_t spi, std::uint64_t sequence, Bytes packet,
                 bool outbound) const {
    const Judged& s = suites()[k];
    const auto spec = make_spec({.spi = spi, .suite = s.suite});
    const auto* row = crypto::find_encr(s.suite.encr, s.suite.key_bits);
    const std::string ours = "192.0.2.1";
    const std::string theirs = "192.0.2.9";
    return {{"name", s.suite.name + std::to_string(s.suite.key_bits) + s.auth},
            {"cipher", s.cipher},
            {"auth", s.auth},
            {"key", base::to_hex(spec.enc_key.bytes())},
            {"auth_key", base::to_hex(spec.auth_key.bytes())},
            {"icv", unsigned{row->icv_octets}},
            {"spi", spi},
            {"sequence", sequence},
            {"esn", esn},
            {"encap", encap},
            {"outer", outbound ? json{ours, theirs} : json{theirs, ours}},
            {"packet", base::to_hex(packet)}};
  }
};

ByteVector forwarded(ByteVector packet) {
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(packet.data());
  --ip.ttl;
  net::set_checksum(ip);
  return packet;
}

constexpr std::size_t kSizes[] = {0, 1, 15, 16, 17, 500, 1300};

TEST_P(JudgedTest, TheJudgeOpensWhatWeSeal) {
  json cases = json::array();
  std::vector<std::string> inner;
  for (std::uint32_t k = 0; k < suites().size(); ++k) {
    std::uint64_t sequence = first;
    for (const std::size_t size : kSizes) {
      const ByteVector in =
          udp("10.1.0.9", "10.2." + std::to_string(k) + ".7", 1000, 2000, pattern(size));
      g.gateway.send(0, in);
      cases.push_back(make_case(k, 0x1000 + k, sequence++, g.only(1), true));
      inner.push_back(base::to_hex(forwarded(in)));
    }
  }
  const auto opened = judge("open", cases);
  if (!opened) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  ASSERT_EQ(opened->size(), inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i)
    EXPECT_EQ((*opened)[i], inner[i]) << cases[i].at("name");
}

TEST_P(JudgedTest, WeOpenWhatTheJudgeSeals) {
  json cases = json::array();
  std::vector<ByteVector> inner;
  for (std::uint32_t k = 0; k < suites().size(); ++k) {
    std::uint64_t sequence = first;
    for (const std::size_t size : kSizes) {
      inner.push_back(
          udp("10.2." + std::to_string(k) + ".7", "10.1.0.9", 2000, 1000, pattern(size)));
      cases.push_back(make_case(k, 0x2000 + k, sequence++, inner.back(), false));
    }
  }
  const auto sealed = judge("seal", cases);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  ASSERT_EQ(sealed->size(), inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i) {
    SCOPED_TRACE(cases[i].at("name").get<std::string>());
    g.gateway.send(1, base::from_hex((*sealed)[i]).value());
    EXPECT_EQ(g.only(0), forwarded(inner[i]));
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

// ---- the four pairings of inner and outer ----

/// Pairing k: bit 0 inner IPv6, bit 1 outer IPv6, bit 2 in UDP; slot k + 1, its own network.
class Pairings : public testing::Test {
 protected:
  static constexpr std::uint32_t kPairings = 8;
  IpsecGateway g{IpsecGateway::small_limits()};

  static bool inner6(std::uint32_t k) { return (k & 1U) != 0; }
  static bool outer6(std::uint32_t k) { return (k & 2U) != 0; }
  static bool in_udp(std::uint32_t k) { return (k & 4U) != 0; }
  static std::string behind(std::uint32_t k, bool network) {
    return inner6(k) ? "2001:db8:2:" + std::to_string(k) + (network ? "::/64" : "::7")
                     : "10.2." + std::to_string(k) + (network ? ".0/24" : ".7");
  }
  static std::string before(std::uint32_t k, bool network) {
    return inner6(k) ? (network ? "2001:db8:1::/64" : "2001:db8:1::9")
                     : (network ? "10.1.0.0/24" : "10.1.0.9");
  }
  static std::string ours(std::uint32_t k) { return outer6(k) ? "2001:db8:f::1" : "192.0.2.1"; }
  static std::string theirs(std::uint32_t k) { return outer6(k) ? "2001:db8:f::9" : "192.0.2.9"; }

  Pairings() {
    for (std::uint32_t k = 0; k < kPairings; ++k) {
      for (const bool in : {false, true})
        g.must_install(
            make_spec({.direction = in ? policy::Direction::kInbound : policy::Direction::kOutbound,
                       .spi = (in ? 0x2000U : 0x1000U) + k,
                       .encap = in_udp(k),
                       .slot = k + 1,
                       .local = ours(k),
                       .remote = theirs(k),
                       .local_ts = before(k, true),
                       .remote_ts = behind(k, true)}));
      g.policy(policy::PolicyAction::kProtect, before(k, true), behind(k, true), k + 1);
    }
  }
  /// UDP with this DSCP and ECN, from inside to behind the peer or back.
  static ByteVector inner(std::uint32_t k, bool out, std::uint8_t tos, std::size_t octets = 64) {
    const std::string from = out ? before(k, false) : behind(k, false);
    const std::string to = out ? behind(k, false) : before(k, false);
    return inner6(k) ? udp6(from, to, 1000, 2000, pattern(octets), {.traffic_class = tos})
                     : udp(from, to, 1000, 2000, pattern(octets), {.tos = tos});
  }
  static ByteVector passed_on(std::uint32_t k, ByteVector packet) {
    if (!inner6(k)) return forwarded(std::move(packet));
    --reinterpret_cast<net::Ipv6Header*>(packet.data())->hop_limit;
    return packet;
  }
  void send(std::uint32_t k, unsigned port, Bytes packet) {
    const bool v6 = port == 0 ? inner6(k) : outer6(k);
    if (v6)
      g.gateway.send6(port, packet);
    else
      g.gateway.send(port, packet);
  }
  static json make_case(std::uint32_t k, bool out, std::uint64_t sequence, Bytes packet) {
    const std::uint32_t spi = (out ? 0x1000U : 0x2000U) + k;
    return {{"name", "pairing " + std::to_string(k)},
            {"cipher", "AES-GCM"},
            {"auth", ""},
            {"key", base::to_hex(make_spec({.spi = spi}).enc_key.bytes())},
            {"auth_key", ""},
            {"icv", 16U},
            {"spi", spi},
            {"sequence", sequence},
            {"esn", false},
            {"encap", in_udp(k)},
            {"outer", out ? json{ours(k), theirs(k)} : json{theirs(k), ours(k)}},
            {"packet", base::to_hex(packet)}};
  }
  static void expect_outer(std::uint32_t k, Bytes sealed, std::uint8_t tos) {
    if (!outer6(k)) {
      const auto& header = *reinterpret_cast<const net::Ipv4Header*>(sealed.data());
      EXPECT_EQ(header.version(), 4U);
      EXPECT_EQ(header.tos, tos);
      // RFC 8200 §5: inner IPv6 is not to be cut on its way, as if DF were set.
      EXPECT_EQ(header.dont_fragment(), inner6(k));
      return;
    }
    // RFC 4301 §5.1.2.2: no flow label, hop limit of ours, class as inside.
    const auto& header = *reinterpret_cast<const net::Ipv6Header*>(sealed.data());
    EXPECT_EQ(header.version_class_flow.get(), 6U << 28 | std::uint32_t{tos} << 20);
    EXPECT_EQ(header.hop_limit, 64);
    EXPECT_EQ(header.payload_length.get(), sealed.size() - sizeof(header));
    EXPECT_EQ(header.source, ip6(ours(k)));
    EXPECT_EQ(header.destination, ip6(theirs(k)));
    EXPECT_EQ(header.next_header, in_udp(k) ? net::kProtocolUdp : net::kProtocolEsp);
    if (in_udp(k)) {  // RFC 8200 §8.1
      const Bytes datagram = sealed.subspan(sizeof(header));
      EXPECT_NE(reinterpret_cast<const net::UdpHeader*>(datagram.data())->checksum.get(), 0);
      EXPECT_EQ(net::upper_checksum(header, net::kProtocolUdp, datagram), 0);
    }
  }
};

constexpr std::uint8_t kTos = 0xb9;  // EF, ECT(1)

TEST_F(Pairings, TheJudgeOpensWhatWeSeal) {
  json cases = json::array();
  std::vector<std::string> wanted;
  for (std::uint32_t k = 0; k < kPairings; ++k) {
    SCOPED_TRACE(k);
    const ByteVector packet = inner(k, true, kTos);
    send(k, 0, packet);
    const ByteVector sealed = g.only(1);
    ASSERT_GE(sealed.size(), sizeof(net::Ipv6Header));
    expect_outer(k, sealed, kTos);
    cases.push_back(make_case(k, true, 1, sealed));
    wanted.push_back(base::to_hex(passed_on(k, packet)));
  }
  const auto opened = judge("open", cases);
  if (!opened) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  EXPECT_EQ(*opened, wanted);
}

TEST_F(Pairings, WeOpenWhatTheJudgeSeals) {
  json cases = json::array();
  for (std::uint32_t k = 0; k < kPairings; ++k)
    cases.push_back(make_case(k, false, 1, inner(k, false, kTos)));
  const auto sealed = judge("seal", cases);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  for (std::uint32_t k = 0; k < kPairings; ++k) {
    SCOPED_TRACE(k);
    ByteVector packet = base::from_hex((*sealed)[k]).value();
    if (outer6(k)) reinterpret_cast<net::Ipv6Header*>(packet.data())->set_traffic_class(3);  // CE
    send(k, 1, packet);
    // RFC 6040 §4.2: ECT(1) inside and CE outside is CE. RFC 4301 §5.1.2: DSCP stays as inside.
    const auto tos = static_cast<std::uint8_t>(outer6(k) ? kTos | 3U : kTos);
    EXPECT_EQ(g.only(0), passed_on(k, inner(k, false, tos)));
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Pairings, AnotherOuterDestinationIsRefused) {
  json cases = json::array();
  cases.push_back(make_case(3, false, 1, inner(3, false, 0)));
  const auto sealed = judge("seal", cases);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  ByteVector packet = base::from_hex(sealed->front()).value();
  const auto inside = ip6("2001:db8:1::1");  // ours, but not the SA's
  std::copy_n(std::as_bytes(std::span(inside)).begin(), 16, packet.begin() + 24);
  send(3, 1, packet);
  g.expect_drop(net::DropReason::kSaAddressMismatch);
}

TEST_F(Pairings, AnotherInnerAddressIsRefused) {
  json cases = json::array();
  cases.push_back(make_case(3, false, 1, inner(1, false, 0)));  // of the network of pairing 1
  const auto sealed = judge("seal", cases);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  send(3, 1, base::from_hex(sealed->front()).value());
  g.expect_drop(net::DropReason::kInboundPolicyMismatch);
}

TEST_F(Pairings, TheSenderIsToldTheMtuOfTheTunnel) {
  send(3, 0, inner(3, true, 0, 1452));
  g.expect_drop(net::DropReason::kTooBig);
  const auto told = g.gateway.sent(0);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(is_sound6(told[0]));
  EXPECT_EQ(icmp6_of(told[0]).type, net::kIcmp6PacketTooBig);
  // 1500 less IPv6, ESP header, IV and ICV; whole blocks less the trailer (RFC 4303 §2.4).
  const std::uint32_t mtu = (1500 - 40 - 8 - 8 - 16) / 4 * 4 - 2;
  EXPECT_EQ(icmp6_of(told[0]).rest.get(), mtu);
  send(3, 0, inner(3, true, 0, mtu - 48));
  EXPECT_EQ(g.gateway.sent(1).size(), 1U);
}

TEST_F(Pairings, WhatMayBeCutIsCutAsIpv6Fragments) {
  send(2, 0, inner(2, true, 0, 1472));  // IPv4 without DF in IPv6
  const auto sent = g.gateway.sent(1);
  ASSERT_EQ(sent.size(), 2U);
  for (const auto& frame : sent) {
    EXPECT_EQ(ip6_of(frame).next_header, net::kExtensionFragment);
    EXPECT_LE(packet_of(frame).size(), 1500U);
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

INSTANTIATE_TEST_SUITE_P(EsnAndUdp, JudgedTest, testing::Combine(testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace penstock::pipeline
