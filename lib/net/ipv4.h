// SPDX-License-Identifier: BSD-3-Clause
// IPv4 header (RFC 791 §3.1), its bits and its protocols.
#pragma once

#include "lib/base/endian.h"
#include "lib/net/checksum.h"

namespace penstock::net {

// IANA protocol numbers.
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIpv4 = 4;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolDccp = 33;
inline constexpr std::uint8_t kProtocolIpv6 = 41;
inline constexpr std::uint8_t kProtocolEsp = 50;
inline constexpr std::uint8_t kProtocolAh = 51;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolNone = 59;  ///< dummy packets, RFC 4303 §2.6
inline constexpr std::uint8_t kProtocolSctp = 132;
inline constexpr std::uint8_t kProtocolMobility = 135;  ///< RFC 6275 §6.1.1
inline constexpr std::uint8_t kProtocolUdpLite = 136;

inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4OffsetMask = 0x1fff;  ///< in units of 8 octets
inline constexpr unsigned kIpv4MinHeader = 20;
inline constexpr unsigned kIpv4MaxHeader = 60;
inline constexpr unsigned kIpv4MinMtu = 68;  ///< RFC 791 §3.2: every module forwards 68 octets
inline constexpr unsigned kIpv4MaxPacket = 65535;

struct Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t tos;
  base::Be16 total_length;
  base::Be16 identification;
  base::Be16 fragment;  ///< flags and offset
  std::uint8_t ttl;
  std::uint8_t protocol;
  base::Be16 checksum;
  base::Be32 source;
  base::Be32 destination;

  [[nodiscard]] unsigned version() const { return version_ihl >> 4; }
  [[nodiscard]] unsigned header_length() const { return (version_ihl & 0x0fU) * 4U; }
  [[nodiscard]] bool dont_fragment() const { return (fragment.get() & kIpv4DontFragment) != 0; }
  [[nodiscard]] bool more_fragments() const { return (fragment.get() & kIpv4MoreFragments) != 0; }
  /// In octets.
  [[nodiscard]] unsigned fragment_offset() const { return (fragment.get() & kIpv4OffsetMask) * 8U; }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

/// Computes the checksum over the header and its options, which follow it in memory.
inline void set_checksum(Ipv4Header& header) {
  header.checksum.set(0);
  header.checksum.set(
      internet_checksum({reinterpret_cast<const std::byte*>(&header), header.header_length()}));
}

/// RFC 1624 §3: the checksum after one 16-bit word of the header changed.
inline void update_checksum(Ipv4Header& header, std::uint16_t before, std::uint16_t after) {
  header.checksum.set(updated_checksum(header.checksum.get(), before, after));
}

/// One less. The TTL is the upper octet of its word, so that RFC 1624's equation (3) comes to one
/// addition, in which 0xffff is no result.
inline void lower_ttl(Ipv4Header& header) {
  --header.ttl;
  const unsigned sum = header.checksum.get() + 0x100U;
  header.checksum.set(static_cast<std::uint16_t>(sum + (sum >= 0xffffU ? 1U : 0U)));
}

/// Fields of a header whose other fields were written and summed before.
struct Ipv4Variables {
  std::uint16_t total_length;
  std::uint16_t identification;
  std::uint16_t fragment;
  std::uint8_t tos;
};

/// Writes what differs from packet to packet, and the checksum.
/// @param sum  of the header's 16-bit words with all of these and the checksum 0, not complemented;
///   up to three such words may stand in it unfolded
inline void complete_header(Ipv4Header& header, std::uint32_t sum, const Ipv4Variables& v) {
  std::uint32_t total = sum + v.tos + v.total_length + v.identification + v.fragment;
  total = (total & 0xffffU) + (total >> 16);
  total = (total & 0xffffU) + (total >> 16);
  header.tos = v.tos;
  header.total_length.set(v.total_length);
  header.identification.set(v.identification);
  header.fragment.set(v.fragment);
  header.checksum.set(static_cast<std::uint16_t>(~total));
}

// IPv4 addresses in host order (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7, RFC 6890).
[[nodiscard]] constexpr bool is_multicast_v4(std::uint32_t a) { return a >> 28 == 0xe; }
[[nodiscard]] constexpr bool is_loopback_v4(std::uint32_t a) { return a >> 24 == 127; }
[[nodiscard]] constexpr bool is_this_network_v4(std::uint32_t a) { return a >> 24 == 0; }
[[nodiscard]] constexpr bool is_class_e_v4(std::uint32_t a) { return a >> 28 == 0xf; }
inline constexpr std::uint32_t kBroadcastV4 = 0xffffffff;

// Options (RFC 791 §3.1).
inline constexpr std::uint8_t kIpv4OptionEnd = 0;
inline constexpr std::uint8_t kIpv4OptionNop = 1;
inline constexpr std::uint8_t kIpv4OptionLooseSourceRoute = 131;
inline constexpr std::uint8_t kIpv4OptionStrictSourceRoute = 137;
inline constexpr std::uint8_t kIpv4OptionCopied = 0x80;  ///< goes into every fragment

}  // namespace penstock::net
