// SPDX-License-Identifier: BSD-3-Clause
// What is too big for its link: cut into fragments, or refused with the MTU.
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;

struct Fragmentation : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}, .mtu = 600}}}};
  Fragmentation() {
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(1, "10.2.0.9");
  }
  static ByteVector sample(std::size_t payload, Ipv4Spec rest = {}) {
    return udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(payload), rest);
  }
  /// The payload of the fragments, each at its offset, and whether the last one ends it.
  static ByteVector joined(const std::vector<ByteVector>& fragments) {
    ByteVector all;
    for (const auto& f : fragments) {
      const auto part = payload_of(f);
      const std::size_t at = ip_of(f).fragment_offset();
      if (all.size() < at + part.size()) all.resize(at + part.size());
      std::copy(part.begin(), part.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return all;
  }
};

TEST_F(Fragmentation, APacketOfExactlyTheMtuPasses) {
  gateway.send(0, sample(572, {.fragment = net::kIpv4DontFragment}));
  EXPECT_EQ(gateway.sent(1).size(), 1U);
}
TEST_F(Fragmentation, CutsOnEightOctetsAndLosesNothing) {
  const auto in = sample(1400);
  gateway.send(0, in);
  const auto out = gateway.sent(1);
  ASSERT_EQ(out.size(), 3U);
  for (const auto& f : out) {
    EXPECT_TRUE(is_sound(f));
    EXPECT_LE(packet_of(f).size(), 600U);
    EXPECT_EQ(ip_of(f).identification.get(), 1);
    EXPECT_EQ(ip_of(f).ttl, 63);
  }
  EXPECT_EQ(payload_of(out[0]).size(), 576U);
  EXPECT_TRUE(ip_of(out[0]).more_fragments());
  EXPECT_TRUE(ip_of(out[1]).more_fragments());
  EXPECT_FALSE(ip_of(out[2]).more_fragments());
  EXPECT_EQ(joined(out), base::to_vector(Bytes(in).subspan(20)));
  EXPECT_EQ(gateway.totals().generated, 2U);
}
TEST_F(Fragmentation, AFragmentIsCutFurther) {
  gateway.send(0, sample(1400, {.fragment = net::kIpv4MoreFragments | 100}));
  const auto out = gateway.sent(1);
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(ip_of(out[0]).fragment_offset(), 800U);
  EXPECT_EQ(ip_of(out[2]).fragment_offset(), 800U + 1152U);
  EXPECT_TRUE(ip_of(out[2]).more_fragments()) << "more follows the packet that we cut";
}
TEST_F(Fragmentation, AFragmentThatEndsBeyondTheLargestPacketIsNotCutFurther) {
  // Its second piece would begin at 65,536, which is written as 0: a first fragment.
  gateway.send(0, sample(1400, {.fragment = 8192 - 1152 / 8}));
  EXPECT_TRUE(gateway.sent(1).empty());
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentTooLong), 1U);
}
TEST_F(Fragmentation, OnlyCopiedOptionsGoIntoLaterFragments) {
  // A router alert (148, copied), a record route (7, not copied), END.
  const auto options = base::from_hex("94040000 0707040000000000").value();
  gateway.send(0, sample(1000, {.options = options}));
  const auto out = gateway.sent(1);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(ip_of(out[0]).header_length(), 32U);
  EXPECT_EQ(ip_of(out[1]).header_length(), 24U);
  EXPECT_EQ(base::to_hex(packet_of(out[1]).subspan(20, 4)), "94040000");
  EXPECT_TRUE(is_sound(out[0]));
  EXPECT_TRUE(is_sound(out[1]));
}
TEST_F(Fragmentation, WithDontFragmentTheSenderLearnsTheMtu) {
  const auto in = sample(1400, {.fragment = net::kIpv4DontFragment});
  gateway.send(0, in);
  EXPECT_EQ(gateway.dropped(DropReason::kFragmentNeeded), 1U);
  EXPECT_TRUE(gateway.sent(1).empty());
  const auto out = gateway.sent(0);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(is_sound(out[0]));
  EXPECT_EQ(icmp_of(out[0]).type, net::kIcmpUnreachable);
  EXPECT_EQ(icmp_of(out[0]).code, net::kIcmpFragmentationNeeded);
  EXPECT_EQ(icmp_of(out[0]).rest.get(), 600U);
  EXPECT_LE(packet_of(out[0]).size(), 576U);
}
TEST_F(Fragmentation, AnEchoReplyIsCutToo) {
  // To 10.2.0.1 from its own link, larger than the link: it came in fragments.
  const auto whole = icmp("10.2.0.9", "10.2.0.1", net::kIcmpEchoRequest, 0, 1, pattern(1000));
  Ipv4Spec part{.source = ip("10.2.0.9"), .destination = ip("10.2.0.1"), .protocol = 1};
  part.fragment = net::kIpv4MoreFragments;
  gateway.send(1, ipv4(part, Bytes(whole).subspan(20, 576)));
  part.fragment = 576 / 8;
  gateway.send(1, ipv4(part, Bytes(whole).subspan(20 + 576)));
  const auto out = gateway.sent(1);
  ASSERT_EQ(out.size(), 2U);
  const auto reply = joined(out);
  EXPECT_EQ(net::internet_checksum(reply), 0);
  EXPECT_EQ(reply[0], std::byte{net::kIcmpEchoReply});
}
TEST_F(Fragmentation, WithoutPacketsNothingOfItIsSent) {
  std::vector<dpdk::Packet*> taken;
  while (auto* packet = rte_pktmbuf_alloc(gateway.pool().get())) taken.push_back(packet);
  ASSERT_FALSE(taken.empty());
  rte_pktmbuf_free(taken.back());
  taken.pop_back();
  gateway.send(0, sample(1400));  // takes the last packet of the pool
  EXPECT_EQ(gateway.dropped(DropReason::kNoMbuf), 1U);
  EXPECT_TRUE(gateway.sent(1).empty());
  for (auto* packet : taken) rte_pktmbuf_free(packet);
}

}  // namespace
}  // namespace penstock::pipeline
