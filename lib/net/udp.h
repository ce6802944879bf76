// SPDX-License-Identifier: BSD-3-Clause
// UDP (RFC 768), and what lies on the ports of IKE (RFC 7296 §2, RFC 3948 §2).
#pragma once

#include "lib/base/byte_io.h"
#include "lib/net/address.h"

namespace penstock::net {

struct UdpHeader {
  base::Be16 source_port;
  base::Be16 destination_port;
  base::Be16 length;    ///< header and payload
  base::Be16 checksum;  ///< 0: none (IPv4)
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

inline constexpr std::uint16_t kIkePort = 500;
inline constexpr std::uint16_t kIkeNatPort = 4500;
inline constexpr unsigned kNonEspMarkerLength = 4;  ///< RFC 3948 §2.2: four octets 0
inline constexpr std::byte kNatKeepalive{0xff};     ///< RFC 3948 §2.3: the only octet
inline constexpr unsigned kIkeHeaderLength = 28;    ///< RFC 7296 §3.1

/// What a UDP payload that came to port 500 or 4500 is.
enum class IkePortContent : std::uint8_t {
  kIkeFirst,  ///< responder SPI 0
  kIkeKnown,  ///< responder SPI not 0
  kEsp,       ///< ESP in UDP
  kKeepalive,
  kMalformed,  ///< too short for any of them
};

/// RFC 3948 §2.2, §2.3. The marker, where there is one, is still in front of the IKE message.
/// @param port  kIkePort or kIkeNatPort, the destination
[[nodiscard]] IkePortContent content_of_ike_port(std::uint16_t port, base::Bytes payload);

/// With the pseudo header of IPv4 (RFC 768, RFC 9293 §3.1), over a message of UDP or TCP.
[[nodiscard]] std::uint16_t upper_checksum_v4(std::uint32_t source, std::uint32_t destination,
                                              std::uint8_t protocol, base::Bytes message);

/// UDP over IPv4, with the pseudo header (RFC 768). `datagram` is UDP header and payload with the
/// checksum field 0. Never 0: an all-zero sum is sent as 0xffff.
[[nodiscard]] std::uint16_t udp_checksum_v4(std::uint32_t source, std::uint32_t destination,
                                            base::Bytes datagram);

/// IPv4 and UDP headers with checksums, then prefix and payload.
/// @param out  at least 28 + prefix + payload octets
/// @return the packet's length, or kLimit if it is above 65,535 or beyond `out`
struct UdpPacketV4 {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint16_t identification;
  std::uint8_t tos;
  std::uint8_t ttl;
};
[[nodiscard]] base::Result<std::size_t> write_udp_packet(base::MutableBytes out,
                                                         const UdpPacketV4& header,
                                                         base::Bytes prefix, base::Bytes payload);

/// The same over IPv6.
struct UdpPacketV6 {
  std::array<std::uint8_t, 16> source;
  std::array<std::uint8_t, 16> destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint8_t traffic_class;
  std::uint8_t hop_limit;
};
[[nodiscard]] base::Result<std::size_t> write_udp_packet(base::MutableBytes out,
                                                         const UdpPacketV6& header,
                                                         base::Bytes prefix, base::Bytes payload);

}  // namespace penstock::net
