// SPDX-License-Identifier: BSD-3-Clause
#include "lib/net/icmp_error.h"

#include <gtest/gtest.h>

namespace penstock::net {
namespace {

using base::ByteVector;

/// An IPv4 packet of `payload` octets from 10.0.0.1 to 10.0.0.2.
ByteVector packet(std::uint8_t protocol, std::size_t payload, int first = 0) {
  ByteVector out(20 + payload);
  auto& ip = *reinterpret_cast<Ipv4Header*>(out.data());
  ip.version_ihl = 0x45;
  ip.total_length.set(static_cast<std::uint16_t>(out.size()));
  ip.ttl = 1;
  ip.protocol = protocol;
  ip.source.set(0x0a000001);
  ip.destination.set(0x0a000002);
  set_checksum(ip);
  if (payload != 0) out[20] = static_cast<std::byte>(first);
  return out;
}
Ipv4Header& ip_of(ByteVector& octets) { return *reinterpret_cast<Ipv4Header*>(octets.data()); }

TEST(IcmpErrorRules, NoErrorAboutAnError) {
  for (const int type : {3, 4, 5, 11, 12})
    EXPECT_FALSE(may_answer_with_error(packet(kProtocolIcmp, 8, type))) << type;
  for (const int type : {0, 8, 13})
    EXPECT_TRUE(may_answer_with_error(packet(kProtocolIcmp, 8, type))) << type;
  EXPECT_FALSE(may_answer_with_error(packet(kProtocolIcmp, 0)));
}

TEST(IcmpErrorRules, OnlyAboutTheFirstFragment) {
  auto p = packet(kProtocolUdp, 8);
  ip_of(p).fragment.set(kIpv4MoreFragments);
  EXPECT_TRUE(may_answer_with_error(p));
  ip_of(p).fragment.set(kIpv4MoreFragments | 1);
  EXPECT_FALSE(may_answer_with_error(p));
  ip_of(p).fragment.set(1);
  EXPECT_FALSE(may_answer_with_error(p));
}

TEST(IcmpErrorRules, OnlyBetweenSingleHosts) {
  for (const std::uint32_t bad : {0U, 0x7f000001U, 0xe0000001U, 0xf0000001U, 0xffffffffU}) {
    auto p = packet(kProtocolUdp, 8);
    ip_of(p).source.set(bad);
    EXPECT_FALSE(may_answer_with_error(p)) << std::hex << bad;
    p = packet(kProtocolUdp, 8);
    ip_of(p).destination.set(bad);
    EXPECT_FALSE(may_answer_with_error(p)) << std::hex << bad;
  }
}

TEST(IcmpErrorPacket, QuotesTheOriginalAndSumsUp) {
  const auto original = packet(kProtocolUdp, 8);
  ByteVector out(kIcmpErrorMaxPacket);
  const IcmpError error{kIcmpUnreachable, kIcmpFragmentationNeeded, 1400, 0xc0000201, 3};
  out.resize(write_icmp_error(out, error, original));
  ASSERT_EQ(out.size(), 20U + 8U + 28U);
  EXPECT_EQ(internet_checksum(base::Bytes(out).first(20)), 0);
  EXPECT_EQ(internet_checksum(base::Bytes(out).subspan(20)), 0);
  EXPECT_EQ(ip_of(out).source.get(), 0xc0000201U);
  EXPECT_EQ(ip_of(out).destination.get(), 0x0a000001U);
  EXPECT_EQ(ip_of(out).total_length.get(), out.size());
  const auto& icmp = *reinterpret_cast<const IcmpHeader*>(out.data() + 20);
  EXPECT_EQ(icmp.type, 3);
  EXPECT_EQ(icmp.code, 4);
  EXPECT_EQ(icmp.rest.get(), 1400U);
  EXPECT_TRUE(std::equal(original.begin(), original.end(), out.begin() + 28));
}

TEST(IcmpErrorPacket, StopsAt576Octets) {
  const auto original = packet(kProtocolUdp, 1480);
  ByteVector out(2000);
  EXPECT_EQ(write_icmp_error(out, {kIcmpTimeExceeded, 0, 0, 1, 0}, original), 576U);
}

}  // namespace
}  // namespace penstock::net
