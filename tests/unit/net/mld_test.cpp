// SPDX-License-Identifier: BSD-3-Clause
// Packets as scapy 2.5 builds them, with its checksums.
#include "lib/net/mld.h"

#include <gtest/gtest.h>

#include "lib/net/address.h"

namespace penstock::net {
namespace {

using base::milliseconds;

// IPv6 from fe80::ff:fe00:9 to ff02::1, hop limit 1; Router Alert; ICMPv6 at 48.
constexpr std::string_view kHead =
    "6000000000240001fe80000000000000000000fffe000009ff020000000000000000000000000001"
    "3a00050200000100";
constexpr std::string_view kNoGroup = "00000000000000000000000000000000";

Ipv6Octets address(const char* text) { return IpAddress::parse(text)->octets(); }

std::optional<MldQuery> read(const std::string& hex, unsigned headers = 48) {
  return read_mld_query(base::from_hex(hex).value(), headers);
}
std::string general() {
  return std::string(kHead) + "82005a0b27100000" + std::string(kNoGroup) + "00000000";
}

TEST(Mld, ReadsAQueryForAllGroups) {
  const auto query = read(general());
  ASSERT_TRUE(query);
  EXPECT_FALSE(query->version1);
  EXPECT_EQ(query->longest_delay, milliseconds{10'000});
  EXPECT_EQ(query->group, Ipv6Octets{});
}

TEST(Mld, ReadsALongDelayAsAFloatingPointNumber) {  // RFC 3810 §5.1.3
  const auto query =
      read(std::string(kHead) + "8200fff781230000" + std::string(kNoGroup) + "00000000");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->longest_delay, milliseconds{0x1123 << 3});
}

TEST(Mld, ReadsAQueryForAGroup) {
  const auto query = read(
      "6000000000240001fe80000000000000000000fffe000009ff0200000000000000000001ff000001"
      "3a000502000001008200802b03e80000ff0200000000000000000001ff00000100000000");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->longest_delay, milliseconds{1000});
  EXPECT_EQ(query->group, address("ff02::1:ff00:1"));
}

TEST(Mld, ReadsAQueryOfVersion1) {  // RFC 3810 §8.1: by its length
  const auto query = read(
      "6000000000200001fe80000000000000000000fffe000009ff020000000000000000000000000001"
      "3a0005020000010082006d9713880000" +
      std::string(kNoGroup));
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->version1);
  EXPECT_EQ(query->longest_delay, milliseconds{5000});
}

TEST(Mld, IgnoresAQueryWithoutRouterAlert) {  // RFC 3810 §6.2
  EXPECT_FALSE(
      read("60000000001c3a01fe80000000000000000000fffe000009ff020000000000000000000000000001"
           "82007d3303e80000" +
               std::string(kNoGroup) + "00000000",
           40));
}

TEST(Mld, IgnoresAQueryFromAfar) {
  std::string far = general();
  far[15] = '2';  // hop limit
  EXPECT_FALSE(read(far));
  EXPECT_FALSE(
      read("600000000024000120010db8000000000000000000000009ff020000000000000000000000000001"
           "3a0005020000010082004cfb03e80000" +
           std::string(kNoGroup) + "00000000"))
      << "from a global address";
}

TEST(Mld, IgnoresAQueryThatIsDamaged) {
  std::string damaged = general();
  damaged[110] ^= 1;  // of the group
  EXPECT_FALSE(read(damaged));
  EXPECT_FALSE(read(general().substr(0, 2 * 60)));
}

TEST(Mld, ReportsGroupsAsScapyDoes) {
  const Ipv6Octets groups[] = {address("ff02::1:ff00:1"), address("ff02::1:ff00:2")};
  EXPECT_EQ(base::to_hex(mld_report({2, 0, 0, 0, 0, 1}, address("fe80::ff:fe00:1"),
                                    MldRecord::kChangeToExclude, groups)),
            "33330000001602000000000186dd6000000000380001fe80000000000000000000fffe000001ff02"
            "00000000000000000000000000163a000502000001008f006feb0000000204000000ff0200000000"
            "000000000001ff00000104000000ff0200000000000000000001ff000002");
}

TEST(Mld, ReportsAGroupByVersion1AsScapyDoes) {
  EXPECT_EQ(base::to_hex(mld_report1({2, 0, 0, 0, 0, 1}, {}, address("ff02::1:ff00:1"))),
            "3333ff00000102000000000186dd600000000020000100000000000000000000000000000000ff02"
            "00000000000000000001ff0000013a00050200000100830080a100000000ff020000000000000000"
            "0001ff000001");
}

}  // namespace
}  // namespace penstock::net
