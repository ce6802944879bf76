// SPDX-License-Identifier: BSD-3-Clause
// What is not ESP in tunnel mode: transport mode and AH, judged by scapy in both directions
// (judge.py); and each way in which such a packet is lost.
#include "tests/pipeline/ipsec/shapes.h"

namespace penstock::pipeline::shapes {
namespace {

/// ESP in transport mode: IPv6, in UDP, ESN.
class EspTransport : public Shapes,
                     public testing::WithParamInterface<std::tuple<bool, bool, bool>> {
 protected:
  static Pair pair() {
    Pair made;
    std::tie(made.v6, made.encap, made.esn) = GetParam();
    return made;
  }
};

TEST_P(EspTransport, AnEchoIsAnsweredUnderTheSa) {
  const Pair pair = EspTransport::pair();
  protect(pair);
  JUDGED(request, "seal", pair.judged(true, first(pair), echo(pair, true)));
  send(pair, 1, request);
  EXPECT_EQ(g->gateway.dropped(), 0U);
  const ByteVector reply = g->only(1);
  ASSERT_FALSE(reply.empty());
  if (pair.v6 && pair.encap) {  // RFC 8200 §8.1
    const auto& header = *reinterpret_cast<const net::Ipv6Header*>(reply.data());
    EXPECT_EQ(net::upper_checksum(header, net::kProtocolUdp, Bytes(reply).subspan(40)), 0);
  }
  JUDGED(opened, "open", pair.judged(false, first(pair), reply));
  EXPECT_EQ(same(pair, opened), same(pair, echo(pair, false)));
  EXPECT_EQ(g->counters_in().packets, 1U);
  EXPECT_EQ(g->counters_out().sequence, first(pair));
  send(pair, 1, request);
  g->expect_drop(DropReason::kReplay);
}

INSTANTIATE_TEST_SUITE_P(All, EspTransport,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()));

/// AH: IPv6, transport, ESN; every algorithm.
class Ah : public Shapes, public testing::WithParamInterface<std::tuple<bool, bool, bool>> {};

TEST_P(Ah, TheJudgeOpensWhatWeSealAndWeOpenWhatItSeals) {
  const auto [v6, transport, esn] = GetParam();
  constexpr std::size_t kSizes[] = {0, 3, 900};
  json seal = json::array();
  json open = json::array();
  std::vector<ByteVector> wanted;
  for (const Mac& mac : kMacs) {
    const Pair pair = ah_pair(mac, v6, transport, esn);
    std::uint64_t sequence = first(pair);
    for (const std::size_t size : kSizes)
      seal.push_back(pair.judged(true, sequence++,
                                 transport ? echo(pair, true, size) : traffic(pair, false, size)));
  }
  const auto sealed = judge("seal", seal);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  auto next = sealed->begin();
  for (const Mac& mac : kMacs) {
    SCOPED_TRACE(mac.name);
    const Pair pair = ah_pair(mac, v6, transport, esn);
    restart();
    protect(pair);
    std::uint64_t sequence = first(pair);
    for (const std::size_t size : kSizes) {
      const ByteVector out = traffic(pair, true, size, {.tos = 0xb9}, {.traffic_class = 0xb9});
      leave(pair, out);
      open.push_back(pair.judged(false, sequence++, g->only(1)));
      wanted.push_back(passed_on(pair, out));
      send(pair, 1, base::from_hex(*next++).value());
      if (!transport) {
        EXPECT_EQ(g->only(0), passed_on(pair, traffic(pair, false, size)));
        continue;
      }
      open.push_back(pair.judged(false, sequence++, g->only(1)));
      wanted.push_back(echo(pair, false, size));
    }
    EXPECT_EQ(g->gateway.dropped(), 0U);
  }
  const auto opened = judge("open", open);
  ASSERT_TRUE(opened && opened->size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Pair pair = ah_pair(kMacs[0], v6, transport, esn);
    EXPECT_EQ(same(pair, base::from_hex((*opened)[i]).value()), same(pair, wanted[i]))
        << open[i].at("name");
  }
}

INSTANTIATE_TEST_SUITE_P(All, Ah,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()));

// ---- options and extension headers in front ----

/// Record route, timestamp, security, router alert, an unknown option, NOP and END.
const ByteVector& options4() {
  static const ByteVector all = octets({7,   7,  4, 1, 2,    3,    4,                       // RR
                                        1,                                                  // NOP
                                        68,  8,  5, 0, 0x11, 0x22, 0x33, 0x44,              // TS
                                        130, 11, 5, 6, 7,    8,    9,    10,   11, 12, 13,  // SEC
                                        148, 4,  0, 0,                                      // alert
                                        94,  4,  9, 9, 0});  // unknown, END
  return all;
}
/// Hop-by-hop with one mutable and one immutable option; destination options likewise; a routing
/// header at its end; then destination options for the last.
ByteVector extensions6() {
  return octets({60, 1, 0x3e, 4, 1, 2, 3, 4, 0x1e, 4, 5,   6,    7, 8, 1, 0,  // hop-by-hop
                 43, 0, 0x3e, 2, 9, 9, 1, 0,                                  // destination
                 60, 2, 4,    0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0,  // routing,
                 0,  0, 0,    0, 0, 0, 0, 7,                                  // segments left 0
                 17, 0, 0x1e, 2, 3, 4, 1, 0});                                // destination
}

TEST_F(Shapes, OptionsStayInFrontAndCountAsTheyShould) {
  for (const bool ah : {false, true}) {
    SCOPED_TRACE(ah);
    restart();
    Pair pair = ah ? ah_pair(kMacs[1], false, true) : Pair{};
    protect(pair);
    const ByteVector out = traffic(pair, true, 50, {.options = options4()});
    leave(pair, out);
    const ByteVector sealed = g->only(1);
    ASSERT_FALSE(sealed.empty());
    EXPECT_EQ(net::internet_checksum(Bytes(sealed).first(20 + options4().size())), 0);
    JUDGED(opened, "open", pair.judged(false, 1, sealed));
    EXPECT_EQ(base::to_hex(opened), base::to_hex(passed_on(pair, out)));

    const ByteVector in = icmp(pair.theirs(), pair.ours(), net::kIcmpEchoRequest, 0, 7, pattern(40),
                               {.options = options4()});
    JUDGED(request, "seal", pair.judged(true, 1, in));
    g->gateway.send(1, request);
    EXPECT_EQ(g->gateway.dropped(), 0U);
    EXPECT_FALSE(g->only(1).empty());
  }
}

TEST_F(Shapes, ExtensionHeadersStayInFrontAndCountAsTheyShould) {
  for (const bool ah : {false, true}) {
    SCOPED_TRACE(ah);
    restart();
    Pair pair = ah ? ah_pair(kMacs[1], true, true) : Pair{};
    pair.v6 = true;
    protect(pair);
    const ByteVector out =
        traffic(pair, true, 50, {}, {.next_header = 0, .extensions = extensions6()});
    leave(pair, out);
    const ByteVector sealed = g->only(1);
    ASSERT_GT(sealed.size(), 90U);
    // RFC 4303 §3.1.1: behind hop-by-hop and routing, in front of the last destination options.
    EXPECT_EQ(std::to_integer<int>(sealed[64]), ah ? 51 : 50);
    JUDGED(opened, "open", pair.judged(false, 1, sealed));
    EXPECT_EQ(base::to_hex(opened), base::to_hex(passed_on(pair, out)));

    const ByteVector in = icmp6(pair.theirs(), pair.ours(), net::kIcmp6EchoRequest, 0, 7,
                                pattern(40), {.next_header = 0, .extensions = [] {
                                                ByteVector all = extensions6();
                                                all[all.size() - 8] = std::byte{58};
                                                return all;
                                              }()});
    JUDGED(request, "seal", pair.judged(true, 1, in));
    g->gateway.send6(1, request);
    EXPECT_EQ(g->gateway.dropped(), 0U);
    EXPECT_FALSE(g->only(1).empty());
  }
}

TEST_F(Shapes, WhatRoutersChangeDoesNotBreakAhAndTheRestDoes) {
  const Pair pair = ah_pair(kMacs[1], false, true);
  protect(pair);
  const ByteVector in = icmp(pair.theirs(), pair.ours(), net::kIcmpEchoRequest, 0, 7, pattern(40),
                             {.options = options4()});
  JUDGED(sealed, "seal", pair.judged(true, 1, in));
  const auto changed = [&](std::size_t at, unsigned value) {
    ByteVector packet = sealed;
    packet[at] = static_cast<std::byte>(value);
    net::set_checksum(*reinterpret_cast<net::Ipv4Header*>(packet.data()));
    return packet;
  };
  g->gateway.send(1, changed(20 + 16 + 2, 7));  // an octet of the security option
  g->expect_drop(DropReason::kIcvMismatch);
  g->gateway.send(1, changed(4, 0x77));  // the identification
  g->expect_drop(DropReason::kIcvMismatch, 2);
  ByteVector routed = changed(8, 9);  // TTL
  routed[1] = std::byte{0xff};        // DSCP and ECN
  routed[6] = std::byte{0x40};        // DF
  routed[20 + 3] = std::byte{0x55};   // an octet of the recorded route
  net::set_checksum(*reinterpret_cast<net::Ipv4Header*>(routed.data()));
  g->gateway.send(1, routed);
  EXPECT_EQ(g->gateway.dropped(), 2U);
  EXPECT_FALSE(g->only(1).empty());
}

/// What a host makes of a packet when it was told of a path narrower than 1,280 octets (RFC 6946
/// §1): it is whole, behind a Fragment header.
ByteVector atomic(const ByteVector& packet, std::size_t at, std::size_t named_at) {
  ByteVector out(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(at));
  const ByteVector header =
      fragment_header(std::to_integer<std::uint8_t>(packet[named_at]), 0, false, 0x77);
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), packet.begin() + static_cast<std::ptrdiff_t>(at), packet.end());
  out[named_at] = std::byte{net::kExtensionFragment};
  auto& ip = *reinterpret_cast<net::Ipv6Header*>(out.data());
  ip.payload_length.set(static_cast<std::uint16_t>(out.size() - sizeof(ip)));
  return out;
}

// RFC 4302 appendix A2: AH is computed without the Fragment header.
TEST_F(Shapes, AFragmentHeaderOfAWholePacketIsNotUnderAh) {
  for (const bool transport : {true, false}) {
    SCOPED_TRACE(transport);
    restart();
    const Pair pair = ah_pair(kMacs[1], true, transport);
    protect(pair);
    const ByteVector in = transport ? echo(pair, true) : traffic(pair, false, 100);
    JUDGED(sealed, "seal", pair.judged(true, 1, in));
    ByteVector forged = atomic(sealed, 40, 6);
    forged.back() ^= std::byte{1};
    g->gateway.send6(1, forged);
    g->expect_drop(DropReason::kIcvMismatch);
    g->gateway.send6(1, atomic(sealed, 40, 6));
    EXPECT_EQ(g->gateway.dropped(), 1U);
    const ByteVector got = g->only(transport ? 1 : 0);
    if (transport) {
      JUDGED(reply, "open", pair.judged(false, 1, got));
      EXPECT_EQ(reply, echo(pair, false));
    } else {
      EXPECT_EQ(got, passed_on(pair, in));
    }
    EXPECT_EQ(g->counters_in().packets, 1U);
  }
}

TEST_F(Shapes, AFragmentHeaderBehindExtensionHeadersIsNotUnderAhEither) {
  const Pair pair = ah_pair(kMacs[1], true, true);
  protect(pair);
  ByteVector extensions = extensions6();
  extensions[extensions.size() - 8] = std::byte{58};
  JUDGED(sealed, "seal",
         pair.judged(true, 1,
                     icmp6(pair.theirs(), pair.ours(), net::kIcmp6EchoRequest, 0, 7, pattern(40),
                           {.next_header = 0, .extensions = extensions})));
  net::Ipv6Chain chain;
  ASSERT_FALSE(net::follow_chain(sealed, chain));
  ASSERT_GT(chain.octets, sizeof(net::Ipv6Header));
  g->gateway.send6(1, atomic(sealed, chain.octets, chain.named_at));
  EXPECT_EQ(g->gateway.dropped(), 0U);
  EXPECT_FALSE(g->only(1).empty());
}

TEST_F(Shapes, AhPaddedAsLinuxDoesIsTakenAndSentIfAsked) {
  Pair pair = ah_pair(kMacs[1], false, true);  // 12 and 16 octets
  pair.align4 = false;
  protect(pair);
  leave(pair, traffic(pair, true, 10));
  const ByteVector sealed = g->only(1);
  ASSERT_GT(sealed.size(), 52U);
  EXPECT_EQ(std::to_integer<int>(sealed[21]), 32 / 4 - 2);
  JUDGED(opened, "open", pair.judged(false, 1, sealed));
  EXPECT_EQ(opened, passed_on(pair, traffic(pair, true, 10)));
}

// ---- drops ----

TEST_F(Shapes, TransportModeIsForTheSasOwnAddresses) {
  Pair pair;
  install(pair);
  g->policy(policy::PolicyAction::kProtect, "192.0.2.0/24", "192.0.2.0/24");
  g->gateway.make(udp("192.0.2.77", "192.0.2.9", 1, 2, pattern(9)));
  g->expect_drop(DropReason::kTransportAddress);
}

TEST_F(Shapes, TransportModeIsNotForAHostThatTakesOurAddress) {
  for (const bool v6 : {false, true})
    for (const bool ah : {false, true}) {
      restart();
      const Pair pair = ah ? ah_pair(kMacs[1], v6, true) : Pair{.v6 = v6};
      protect(pair);
      send(pair, 0, traffic(pair, true, 50));
      g->expect_drop(DropReason::kTransportAddress);
      EXPECT_EQ(g->counters_out().packets, 0U);
    }
}

TEST_F(Shapes, TransportModeIsNotForFragments) {
  const Pair pair;
  protect(pair);
  leave(pair, traffic(pair, true, 64, {.fragment = net::kIpv4MoreFragments}));
  g->expect_drop(DropReason::kTransportFragment);
}

TEST_F(Shapes, TooBigIsFragmentedAfterEspAndToldWithDf) {
  const Pair pair;
  protect(pair);
  const ByteVector out = traffic(pair, true, 1472);
  leave(pair, out);
  const auto sent = g->gateway.sent(1);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(g->gateway.dropped(), 0U);
  leave(pair, traffic(pair, true, 1472, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(g->gateway.dropped(DropReason::kTooBig), 1U);
}

TEST_F(Shapes, FragmentsOfTransportModeAreReassembledFirst) {
  const Pair pair;
  protect(pair);
  JUDGED(sealed, "seal", pair.judged(true, 1, echo(pair, true, 1000)));
  for (const ByteVector& piece : cut(sealed, 600)) g->gateway.send(1, piece);
  EXPECT_EQ(g->gateway.dropped(), 0U);
  EXPECT_FALSE(g->only(1).empty());
}

TEST_F(Shapes, AnotherInnerPacketThanTheSelectorsAllowIsRefused) {
  Pair pair;
  install(pair);
  Pair wider = pair;
  JUDGED(sealed, "seal",
         wider.judged(true, 1,
                      icmp("192.0.2.10", "192.0.2.1", net::kIcmpEchoRequest, 0, 7, pattern(9))));
  g->gateway.send(1, sealed);
  g->expect_drop(DropReason::kInboundPolicyMismatch);
}

TEST_F(Shapes, TheOtherProtocolIsRefused) {
  const Pair esp;
  install(esp);
  Pair ah = ah_pair(kMacs[0], false, true);
  JUDGED(as_ah, "seal", ah.judged(true, 1, echo(ah, true)));
  g->gateway.send(1, as_ah);
  g->expect_drop(DropReason::kSaProtocolMismatch);
}

TEST_F(Shapes, EspForAnAhSaIsRefused) {
  const Pair ah = ah_pair(kMacs[0], false, true);
  install(ah);
  const Pair esp;
  JUDGED(as_esp, "seal", esp.judged(true, 1, echo(esp, true)));
  g->gateway.send(1, as_esp);
  g->expect_drop(DropReason::kSaProtocolMismatch);
}

TEST_F(Shapes, AnAhOfAnotherLengthIsRefused) {
  const Pair pair = ah_pair(kMacs[1], false, true);
  protect(pair);
  JUDGED(sealed, "seal", pair.judged(true, 1, echo(pair, true)));
  for (const unsigned words : {0U, 4U, 7U, 255U}) {
    ByteVector wrong = sealed;
    wrong[21] = static_cast<std::byte>(words);
    g->gateway.send(1, wrong);
  }
  g->expect_drop(DropReason::kAhBadLength, 4);
  g->gateway.send(1, ipv4({.source = ip("192.0.2.9"),
                           .destination = ip("192.0.2.1"),
                           .protocol = net::kProtocolAh},
                          Bytes(sealed).subspan(20, 14)));  // not as far as its ICV
  EXPECT_EQ(g->gateway.dropped(), 5U);
}

TEST_F(Shapes, InATunnelAhCarriesIpAlone) {
  Pair pair = ah_pair(kMacs[1], false, false);
  protect(pair);
  Pair transport = pair;
  transport.transport = true;
  JUDGED(sealed, "seal", transport.judged(true, 1, echo(transport, true)));
  g->gateway.send(1, sealed);
  g->expect_drop(DropReason::kBadNextHeader);
}

TEST_F(Shapes, AhInUdpIsRefusedByName) {
  Pair pair = ah_pair(kMacs[1], false, true);
  pair.encap = true;
  const auto refused = g->writer->install_outbound(pair.spec(false));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("NAT"), std::string::npos);
}

TEST_F(Shapes, BehindANatTheChecksumIsMended) {
  Pair pair;
  pair.encap = true;
  protect(pair);
  // IKE inside of the SA (RFC 3948 §3.1.2), with the checksum of the address before the NAT.
  ByteVector ike(40, std::byte{0x11});
  ByteVector original = udp("10.99.0.1", "192.0.2.1", 500, 500, ike);
  auto& header = *reinterpret_cast<net::Ipv4Header*>(original.data());
  header.source.set(ip("192.0.2.9"));
  net::set_checksum(header);
  JUDGED(sealed, "seal", pair.judged(true, 1, original));
  g->gateway.send(1, sealed);
  EXPECT_EQ(g->gateway.dropped(), 0U);
  EXPECT_EQ(g->gateway.punted().size(), 1U);
}

}  // namespace
}  // namespace penstock::pipeline::shapes
