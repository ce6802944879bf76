// SPDX-License-Identifier: BSD-3-Clause
// AH around ESP, in either mode each, judged by scapy in both directions (judge.py): both or
// nothing, and what the path of both carries.
#include "tests/pipeline/ipsec/shapes.h"

namespace penstock::pipeline::shapes {
namespace {

/// IPv6; ESP in transport mode; AH in transport mode.
class Bundle : public Shapes, public testing::WithParamInterface<std::tuple<bool, bool, bool>> {
 protected:
  Pair inner;
  Pair outer = ah_pair(kMacs[1], std::get<0>(GetParam()), std::get<2>(GetParam()));

  Bundle() {
    std::tie(inner.v6, inner.transport, std::ignore) = GetParam();
    inner.bundle = BundlePart::kInner;
    outer.bundle = BundlePart::kOuter;
    outer.spi_in = kSpiIn + 0x100;
    outer.spi_out = kSpiOut + 0x100;
    outer.slot_out = kSlot + 1;
    install(outer);
    protect(inner);
  }
};

TEST_P(Bundle, AhIsAroundEspBothWays) {
  const ByteVector out = traffic(inner, true, 200);
  leave(inner, out);
  const ByteVector sent = g->only(1);
  ASSERT_GT(sent.size(), 40U);
  // RFC 4302 §2.1: AH names what it is around.
  const unsigned carried = std::to_integer<unsigned>(sent[inner.v6 ? 40 : 20]);
  EXPECT_EQ(carried, outer.transport ? 50U : inner.v6 ? 41U : 4U);
  JUDGED(unwrapped, "open", outer.judged(false, 1, sent));
  JUDGED(opened, "open", inner.judged(false, 1, unwrapped));
  EXPECT_EQ(opened, passed_on(inner, out));

  const ByteVector in = inner.transport ? echo(inner, true) : traffic(inner, false, 200);
  JUDGED(sealed, "seal", inner.judged(true, 1, in));
  JUDGED(wrapped, "seal", outer.judged(true, 1, sealed));
  send(inner, 1, wrapped);
  EXPECT_EQ(g->gateway.dropped(), 0U);
  EXPECT_FALSE(g->only(inner.transport ? 1 : 0).empty());
}

TEST_P(Bundle, OneOfTheTwoIsNotEnough) {
  const ByteVector in = inner.transport ? echo(inner, true) : traffic(inner, false, 200);
  JUDGED(esp_alone, "seal", inner.judged(true, 1, in));
  send(inner, 1, esp_alone);
  g->expect_drop(DropReason::kBundleIncomplete);
  JUDGED(ah_alone, "seal", outer.judged(true, 1, echo(outer, true)));
  send(inner, 1, ah_alone);
  g->expect_drop(DropReason::kBundleIncomplete, 2);
}

TEST_P(Bundle, WithoutItsAhNothingLeaves) {
  ASSERT_TRUE(g->writer->retire({Direction::kOutbound, net::Spi{outer.spi_out},
                                 net::IpAddress::parse(outer.theirs()).value()}));
  leave(inner, traffic(inner, true, 20));
  g->expect_drop(DropReason::kNoOutboundSa);
}

/// What a router says of a packet that was too big for it.
ByteVector too_big(const Pair& pair, const ByteVector& about, std::uint32_t mtu) {
  const Bytes quoted = Bytes(about).first(100);
  return pair.v6 ? icmp6("2001:db8:77::1", pair.ours(), net::kIcmp6PacketTooBig, 0, mtu, quoted)
                 : icmp("203.0.113.1", pair.ours(), net::kIcmpUnreachable,
                        net::kIcmpFragmentationNeeded, mtu, quoted);
}

// RFC 4301 §8.2: what ICMP tells of the AH that is seen counts for what goes into the ESP.
TEST_P(Bundle, ItsPathIsTheOneOfItsAh) {
  constexpr unsigned kPath = 1460;
  leave(inner, traffic(inner, true, 1000));
  send(outer, 1, too_big(outer, g->only(1), kPath));
  const auto events = g->events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].protocol, IpsecProtocol::kAh);
  ASSERT_EQ(g->writer->learn_path_mtu(events[0], base::MonoTime{}), kPath);

  if (inner.v6 && inner.transport) {  // RFC 8200 §4.5: we are its source, and cut what we seal
    leave(inner, traffic(inner, true, kPath));
    const auto pieces = g->gateway.sent(1);
    ASSERT_EQ(pieces.size(), 2U);
    for (const ByteVector& piece : pieces)
      EXPECT_LE(piece.size(), kPath + sizeof(net::EthernetHeader));
    return;
  }
  // The largest packet that is not too big leaves less than a block of the path.
  const Ipv4Spec uncut{.fragment = net::kIpv4DontFragment};
  std::vector<ByteVector> sent;
  for (std::size_t size = kPath; sent.empty() && size > 1000; --size) {
    leave(inner, traffic(inner, true, size, uncut));
    sent = g->gateway.sent(1);
  }
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_GT(g->gateway.dropped(DropReason::kTooBig), 0U);
  const std::size_t octets = sent[0].size() - sizeof(net::EthernetHeader);
  EXPECT_LE(octets, kPath);
  EXPECT_GT(octets + 16, kPath);
  const auto told = g->gateway.sent(0);
  if (inner.transport) return;  // it would be told to ourselves
  ASSERT_FALSE(told.empty());
  const auto& error = inner.v6 ? icmp6_of(told[0]) : icmp_of(told[0]);
  EXPECT_LT(error.rest.get(), kPath);
}

INSTANTIATE_TEST_SUITE_P(All, Bundle,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace penstock::pipeline::shapes
