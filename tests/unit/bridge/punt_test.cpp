// SPDX-License-Identifier: BSD-3-Clause
// Packets are scapy's: IP / UDP / an IKE_SA_INIT header of 28 octets.
#include "control/bridge/punt.h"

#include <gtest/gtest.h>

namespace penstock::bridge {
namespace {

constexpr std::string_view kIke = "0102030405060708000000000000000021202208000000000000001c";
constexpr std::string_view kPort500 =
    "45000038000700004011f6a3c0000209c000020101f401f40024245b"
    "0102030405060708000000000000000021202208000000000000001c";
constexpr std::string_view kPort4500 =
    "4500003c000700004011f69fc0000209c0000201119511940028051200000000"
    "0102030405060708000000000000000021202208000000000000001c";
constexpr std::string_view kWithOptionsWithoutChecksum =
    "4600003c000100004011f3a3c0000209c00002010101010101f401f400240000"
    "0102030405060708000000000000000021202208000000000000001c";

base::ByteVector octets(std::string_view hex) { return *base::from_hex(hex); }

TEST(Punt, GivesTheMessageAndBothEndpoints) {
  const auto datagram = ike_datagram_of(octets(kPort500));
  ASSERT_TRUE(datagram) << datagram.error().text;
  EXPECT_EQ(datagram->local.to_string(), "192.0.2.1:500");
  EXPECT_EQ(datagram->remote.to_string(), "192.0.2.9:500");
  EXPECT_EQ(base::to_hex(datagram->data), kIke);
}

TEST(Punt, StripsTheNonEspMarkerOnPort4500) {  // RFC 3948 §2.2
  const auto datagram = ike_datagram_of(octets(kPort4500));
  ASSERT_TRUE(datagram) << datagram.error().text;
  EXPECT_EQ(datagram->local.port.value(), 4500);
  EXPECT_EQ(datagram->remote.port.value(), 4501);
  EXPECT_EQ(base::to_hex(datagram->data), kIke);
}

TEST(Punt, TakesIpOptionsAndAnAbsentChecksum) {
  const auto datagram = ike_datagram_of(octets(kWithOptionsWithoutChecksum));
  ASSERT_TRUE(datagram) << datagram.error().text;
  EXPECT_EQ(base::to_hex(datagram->data), kIke);
}

TEST(Punt, CutsOffWhatLiesBehindTheDatagram) {
  auto packet = octets(kPort500);
  packet.resize(packet.size() + 6);  // Ethernet padding
  const auto datagram = ike_datagram_of(packet);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(base::to_hex(datagram->data), kIke);
}

TEST(Punt, RefusesAWrongChecksum) {  // RFC 768
  auto packet = octets(kPort500);
  packet.back() ^= std::byte{1};
  const auto datagram = ike_datagram_of(packet);
  ASSERT_FALSE(datagram);
  EXPECT_EQ(datagram.error().code, base::ErrorCode::kMalformed);
}

TEST(Punt, RefusesEveryTruncation) {
  for (const std::string_view whole : {kPort500, kPort4500, kWithOptionsWithoutChecksum}) {
    const auto packet = octets(whole);
    for (std::size_t length = 0; length < packet.size(); ++length)
      EXPECT_FALSE(ike_datagram_of(base::Bytes(packet).first(length))) << length;
  }
}

TEST(Punt, RefusesWhatIsNoIke) {
  auto esp = octets(kPort4500);
  esp[28] = std::byte{1};  // no marker: ESP in UDP
  esp[26] = esp[27] = std::byte{0};
  EXPECT_FALSE(ike_datagram_of(esp));
  auto tcp = octets(kPort500);
  tcp[9] = std::byte{6};
  EXPECT_FALSE(ike_datagram_of(tcp));
  auto fragment = octets(kPort500);
  fragment[6] = std::byte{0x20};
  EXPECT_FALSE(ike_datagram_of(fragment));
  auto v5 = octets(kPort500);
  v5[0] = std::byte{0x55};
  EXPECT_EQ(ike_datagram_of(v5).error().code, base::ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace penstock::bridge
