// SPDX-License-Identifier: BSD-3-Clause
// Octets are scapy's: Ether/IPv6/ICMPv6…
#include "lib/net/ipv6.h"

#include <gtest/gtest.h>

#include "lib/base/byte_io.h"
#include "lib/net/address.h"
#include "lib/net/icmp6.h"

namespace penstock::net {
namespace {

Ipv6Octets ip6(std::string_view text) { return IpAddress::parse(text).value().octets(); }

constexpr std::string_view kSolicitation =
    "3333ff00000902000000010286dd6c00000000203aff20010db8000000000000000000000001ff02"
    "00000000000000000001ff00000987001b180000000020010db80000000000000000000000090101"
    "020000000102";
constexpr std::string_view kAdvertisement =
    "02000000010902000000010286dd6c00000000203aff20010db80000000000000000000000012001"
    "0db80000000000000000000000098800096be000000020010db80000000000000000000000010201"
    "020000000102";
constexpr std::string_view kUnsolicited =
    "33330000000102000000010286dd6c00000000203aff20010db8000000000000000000000001ff02"
    "000000000000000000000000000188007829a000000020010db80000000000000000000000010201"
    "020000000102";
constexpr std::string_view kOriginal =
    "600000000010114020010db800000000000000000000000920010db8000100000000000000000009"
    "00010002001012b16162636465666768";
constexpr std::string_view kTooBig =
    "6c00000000403a4020010db800000000000000000000000120010db8000000000000000000000009"
    "02002b6200000578600000000010114020010db800000000000000000000000920010db800010000"
    "000000000000000900010002001012b16162636465666768";

constexpr MacAddress kMac{2, 0, 0, 0, 1, 2};

std::string hex(const NdFrame& frame) { return base::to_hex(base::bytes_of(frame)); }

// scapy: IPv6(src="2001:db8::1", dst="2001:db8::2")/IPv6ExtHdrFragment(nh=60, offset=9)/(16 * "A")
constexpr std::string_view kLaterFragment =
    "6000000000182c4020010db800000000000000000000000120010db8000000000000000000000002"
    "3c0000480000000041414141414141414141414141414141";

TEST(ExtensionHeaders, EndWhereALaterFragmentBegins) {
  const auto packet = base::from_hex(kLaterFragment).value();
  Ipv6Chain chain;
  ASSERT_FALSE(follow_chain(packet, chain));
  EXPECT_EQ(chain.octets, 48U);
  EXPECT_EQ(chain.protocol, kExtensionDestination);
  // Its octets would pass for options that forbid to go on.
  EXPECT_FALSE(has_forbidding_option(packet));
}

TEST(NeighbourDiscovery, MakesWhatScapyMakes) {
  EXPECT_EQ(hex(neighbour_solicitation(kMac, ip6("2001:db8::1"), ip6("2001:db8::9"), {})),
            kSolicitation);
  EXPECT_EQ(hex(neighbour_advertisement(kMac, ip6("2001:db8::1"), ip6("2001:db8::9"),
                                        {2, 0, 0, 0, 1, 9})),
            kAdvertisement);
  EXPECT_EQ(hex(neighbour_advertisement(kMac, ip6("2001:db8::1"), {}, {})), kUnsolicited);
}
TEST(NeighbourDiscovery, ReadsWhatScapyMakes) {
  const auto octets = base::from_hex(kSolicitation).value();
  const auto nd = read_nd(base::Bytes(octets).subspan(14), 40);
  ASSERT_TRUE(nd);
  EXPECT_TRUE(nd->solicitation);
  EXPECT_EQ(nd->source, ip6("2001:db8::1"));
  EXPECT_EQ(nd->target, ip6("2001:db8::9"));
  EXPECT_EQ(nd->mac, kMac);
}
TEST(Icmp6Error, IsWhatScapyMakes) {
  const auto original = base::from_hex(kOriginal).value();
  std::array<std::byte, kIpv6MinMtu> out{};
  ASSERT_TRUE(may_answer_with_error6(original));
  const std::size_t length = write_icmp6_error(
      out, {.type = kIcmp6PacketTooBig, .code = 0, .rest = 1400, .source = ip6("2001:db8::1")},
      original);
  EXPECT_EQ(base::to_hex(base::Bytes(out).first(length)), kTooBig);
}
TEST(Icmp6Error, HoldsNoMoreThanTheSmallestMtu) {
  auto original = base::from_hex(kOriginal).value();
  original.resize(1500);
  std::array<std::byte, kIpv6MinMtu> out{};
  EXPECT_EQ(write_icmp6_error(out, {.type = 1, .code = 0, .rest = 0, .source = {}}, original),
            1280U);
}
TEST(Ipv6Address, FollowsFromOthers) {
  EXPECT_EQ(link_local_of({0x00, 0x11, 0x22, 0x33, 0x44, 0x55}), ip6("fe80::211:22ff:fe33:4455"));
  EXPECT_EQ(solicited_node(ip6("2001:db8::1:2:3")), ip6("ff02::1:ff02:3"));
  EXPECT_EQ(group_mac(ip6("ff02::1:ff02:3")), (MacAddress{0x33, 0x33, 0xff, 2, 0, 3}));
}
TEST(Ipv6Address, KnowsItsKinds) {
  EXPECT_TRUE(is_link_local_v6(ip6("febf::1")));
  EXPECT_FALSE(is_link_local_v6(ip6("fec0::1")));
  for (const char* never : {"::", "::1", "::ffff:192.0.2.1", "::192.0.2.1"})
    EXPECT_TRUE(is_never_on_wire_v6(ip6(never))) << never;
  EXPECT_FALSE(is_never_on_wire_v6(ip6("64:ff9b::c000:201")));
}

}  // namespace
}  // namespace penstock::net
