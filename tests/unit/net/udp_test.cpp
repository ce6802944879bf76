// SPDX-License-Identifier: BSD-3-Clause
#include "lib/net/udp.h"

#include <gtest/gtest.h>

#include "lib/net/checksum.h"
#include "lib/net/ipv4.h"

namespace penstock::net {
namespace {

using base::ByteVector;

ByteVector ike(std::uint8_t responder_spi, std::size_t length = kIkeHeaderLength) {
  ByteVector message(length, std::byte{0});
  message[0] = std::byte{1};
  if (length > 15) message[15] = std::byte{responder_spi};
  return message;
}

ByteVector with_marker(const ByteVector& message) {
  ByteVector all(kNonEspMarkerLength + message.size(), std::byte{0});
  std::copy(message.begin(), message.end(), all.begin() + kNonEspMarkerLength);
  return all;
}

TEST(IkePort, ResponderSpiZeroIsAFirstMessage) {
  EXPECT_EQ(content_of_ike_port(500, ike(0)), IkePortContent::kIkeFirst);
  EXPECT_EQ(content_of_ike_port(500, ike(1)), IkePortContent::kIkeKnown);
  EXPECT_EQ(content_of_ike_port(4500, with_marker(ike(0))), IkePortContent::kIkeFirst);
  EXPECT_EQ(content_of_ike_port(4500, with_marker(ike(9))), IkePortContent::kIkeKnown);
}

TEST(IkePort, WithoutMarkerPort4500IsEsp) {
  EXPECT_EQ(content_of_ike_port(4500, ike(1)), IkePortContent::kEsp);
  EXPECT_EQ(
      content_of_ike_port(4500, ByteVector{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}}),
      IkePortContent::kEsp);
}

TEST(IkePort, OneOctetFfIsAKeepaliveOnPort4500Only) {
  const ByteVector keepalive{std::byte{0xff}};
  EXPECT_EQ(content_of_ike_port(4500, keepalive), IkePortContent::kKeepalive);
  EXPECT_EQ(content_of_ike_port(500, keepalive), IkePortContent::kMalformed);
  EXPECT_EQ(content_of_ike_port(4500, ByteVector{std::byte{0xfe}}), IkePortContent::kMalformed);
}

TEST(IkePort, AMessageShorterThanTheHeaderIsMalformed) {
  EXPECT_EQ(content_of_ike_port(500, ike(1, 27)), IkePortContent::kMalformed);
  EXPECT_EQ(content_of_ike_port(4500, with_marker(ike(1, 27))), IkePortContent::kMalformed);
  EXPECT_EQ(content_of_ike_port(500, {}), IkePortContent::kMalformed);
  EXPECT_EQ(content_of_ike_port(4500, ByteVector(3, std::byte{0})), IkePortContent::kMalformed);
}

TEST(UdpPacket, HasTheOctetsThatScapyMakes) {
  // IP(src="192.0.2.1",dst="192.0.2.9",id=7,tos=0xc0)/UDP(sport=500,dport=4500)/b"\0\0\0\0ike"
  ByteVector out(64);
  const UdpPacketV4 header{0xc0000201, 0xc0000209, 500, 4500, 7, 0xc0, 64};
  const auto length =
      write_udp_packet(out, header, ByteVector(4, std::byte{0}), base::as_bytes("ike"));
  ASSERT_TRUE(length);
  out.resize(*length);
  EXPECT_EQ(base::to_hex(out),
            "45c00023000700004011f5f8c0000201c000020901f41194000f99d100000000696b65");
}

TEST(UdpPacket, RefusesWhatDoesNotFit) {
  ByteVector out(30);
  EXPECT_TRUE(write_udp_packet(out, UdpPacketV4{}, {}, base::as_bytes("ok")));
  EXPECT_FALSE(write_udp_packet(out, UdpPacketV4{}, {}, base::as_bytes("odd")));
  ByteVector large(70000);
  EXPECT_FALSE(write_udp_packet(large, UdpPacketV4{}, {}, ByteVector(65508)));
  EXPECT_TRUE(write_udp_packet(large, UdpPacketV4{}, {}, ByteVector(65507)));
}

TEST(UdpChecksum, OfZeroIsSentAsAllOnes) {
  // Source + destination + protocol + length + ports chosen so that the sum is 0xffff.
  ByteVector datagram = base::from_hex("0000 0000 0008 0000").value();
  const std::uint32_t rest = 0xffffU - (17U + 8U + 8U);
  EXPECT_EQ(udp_checksum_v4(rest, 0, datagram), 0xffff);
}

}  // namespace
}  // namespace penstock::net
