// SPDX-License-Identifier: BSD-3-Clause
#include "lib/net/checksum.h"

#include <gtest/gtest.h>

#include "lib/net/ipv4.h"

namespace penstock::net {
namespace {

base::ByteVector hex(std::string_view text) { return base::from_hex(text).value(); }

// RFC 1071 §3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
TEST(Checksum, SumsTheExampleOfRfc1071) {
  EXPECT_EQ(internet_checksum(hex("0001f203f4f5f6f7")), static_cast<std::uint16_t>(~0xddf2U));
}

TEST(Checksum, PadsAnOddLastOctetWithZero) {
  EXPECT_EQ(internet_checksum(hex("0001f2")), internet_checksum(hex("0001f200")));
  EXPECT_EQ(internet_checksum(hex("0001f203f4")), internet_checksum(hex("0001f203f400")));
}

TEST(Checksum, IsAllOnesOverNothing) { EXPECT_EQ(internet_checksum({}), 0xffff); }

// A header of a capture, known to every textbook: checksum b861.
TEST(Checksum, OfAnIpv4HeaderIsTheOneOnTheWire) {
  auto header = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
  EXPECT_EQ(internet_checksum(header), 0);
  auto& ip = *reinterpret_cast<Ipv4Header*>(header.data());
  ip.checksum.set(0);
  set_checksum(ip);
  EXPECT_EQ(ip.checksum.get(), 0xb861);
}

// RFC 1624 §4: HC = 0xdd2f, m = 0x5555, m' = 0x3285 gives 0x0000.
TEST(Checksum, UpdatesTheExampleOfRfc1624) {
  EXPECT_EQ(updated_checksum(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(Checksum, UpdateAgreesWithANewSumForEveryTtl) {
  for (unsigned ttl = 1; ttl < 256; ++ttl) {
    auto header = hex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7");
    auto& ip = *reinterpret_cast<Ipv4Header*>(header.data());
    ip.ttl = static_cast<std::uint8_t>(ttl);
    set_checksum(ip);
    const auto before = static_cast<std::uint16_t>(ip.ttl << 8 | ip.protocol);
    --ip.ttl;
    update_checksum(ip, before, static_cast<std::uint16_t>(ip.ttl << 8 | ip.protocol));
    const std::uint16_t updated = ip.checksum.get();
    set_checksum(ip);
    EXPECT_EQ(updated, ip.checksum.get()) << "TTL " << ttl;
  }
}

TEST(Checksum, ALowerTtlAgreesWithTheEquationForEveryChecksum) {
  auto header = hex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7");
  auto& ip = *reinterpret_cast<Ipv4Header*>(header.data());
  for (unsigned sum = 0; sum <= 0xffff; ++sum) {
    ip.ttl = 0x40;
    ip.checksum.set(static_cast<std::uint16_t>(sum));
    lower_ttl(ip);
    ASSERT_EQ(ip.ttl, 0x3f);
    ASSERT_EQ(ip.checksum.get(), updated_checksum(static_cast<std::uint16_t>(sum), 0x4011, 0x3f11));
  }
}

TEST(Checksum, DoesNotLoseCarriesOverALongBuffer) {
  const base::ByteVector ones(65534, std::byte{0xff});
  EXPECT_EQ(internet_checksum(ones), 0);
}

}  // namespace
}  // namespace penstock::net
