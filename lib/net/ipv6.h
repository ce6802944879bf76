// SPDX-License-Identifier: BSD-3-Clause
// IPv6 header (RFC 8200 §3), kinds of addresses (RFC 4291), and the chain of extension headers
// (RFC 8200 §4) with its bounds.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/base/endian.h"
#include "lib/net/drop_reason.h"

namespace penstock::net {

using Ipv6Octets = std::array<std::uint8_t, 16>;  ///< an address, network order

inline constexpr unsigned kIpv6MinMtu = 1280;  ///< RFC 8200 §5
inline constexpr std::uint8_t kIpv6HopLimit = 64;
/// RFC 4861 §7.1: who sends it is on the link.
inline constexpr std::uint8_t kNdHopLimit = 255;

// Extension headers (RFC 8200 §4.1).
inline constexpr std::uint8_t kExtensionHopByHop = 0;
inline constexpr std::uint8_t kExtensionRouting = 43;
inline constexpr std::uint8_t kExtensionFragment = 44;
inline constexpr std::uint8_t kExtensionDestination = 60;
/// Limits of ours: more is dropped by name. A chain must end within PacketMeta::header_length.
inline constexpr unsigned kMaxExtensionHeaders = 8;
inline constexpr unsigned kMaxIpv6Headers = 248;  ///< octets, the IPv6 header among them

struct Ipv6Header {
  base::Be32 version_class_flow;
  base::Be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  Ipv6Octets source;
  Ipv6Octets destination;

  [[nodiscard]] unsigned version() const { return version_class_flow.get() >> 28; }
  /// DSCP and ECN (RFC 2474, RFC 3168), as the type of service of IPv4.
  [[nodiscard]] std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(version_class_flow.get() >> 20);
  }
  void set_traffic_class(std::uint8_t value) {
    version_class_flow.set((version_class_flow.get() & 0xf00fffffU) | std::uint32_t{value} << 20);
  }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

/// RFC 8200 §4.5.
struct Ipv6FragmentHeader {
  std::uint8_t next_header;
  std::uint8_t reserved;
  base::Be16 offset_flags;  ///< offset in units of 8 octets, shifted by 3; M in bit 0
  base::Be32 identification;
};
static_assert(sizeof(Ipv6FragmentHeader) == 8 && alignof(Ipv6FragmentHeader) == 1);
inline constexpr std::uint16_t kIpv6MoreFragments = 1;
inline constexpr std::uint16_t kIpv6OffsetMask = 0xfff8;  ///< in octets

// Kinds of addresses.
[[nodiscard]] inline bool is_unspecified_v6(const Ipv6Octets& a) { return a == Ipv6Octets{}; }
[[nodiscard]] inline bool is_multicast_v6(const Ipv6Octets& a) { return a[0] == 0xff; }
[[nodiscard]] inline bool is_link_local_v6(const Ipv6Octets& a) {
  return a[0] == 0xfe && (a[1] & 0xc0U) == 0x80;
}
/// ::/96 and ::ffff:0:0/96: unspecified, loopback, IPv4-compatible, IPv4-mapped (RFC 4291 §2.5.2,
/// §2.5.3, §2.5.5; RFC 6890): in no packet's header but for the unspecified source of ND.
[[nodiscard]] inline bool is_never_on_wire_v6(const Ipv6Octets& a) {
  base::Be64 high;
  base::Be32 next;
  std::memcpy(&high, a.data(), sizeof(high));
  std::memcpy(&next, a.data() + sizeof(high), sizeof(next));
  return high.get() == 0 && (next.get() == 0 || next.get() == 0x0000ffff);
}
/// Multicast that ND uses: of the link only.
[[nodiscard]] inline bool is_link_multicast_v6(const Ipv6Octets& a) {
  return a[0] == 0xff && (a[1] & 0x0fU) == 2;
}
inline constexpr Ipv6Octets kAllNodes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
/// RFC 4291 §2.7.1: ff02::1:ffXX:XXXX.
[[nodiscard]] Ipv6Octets solicited_node(const Ipv6Octets& address);
/// RFC 2464 §7: 33:33 and the last four octets of the group.
[[nodiscard]] std::array<std::uint8_t, 6> group_mac(const Ipv6Octets& group);
/// RFC 4291 appendix A: fe80:: and the modified EUI-64 of a MAC.
[[nodiscard]] Ipv6Octets link_local_of(const std::array<std::uint8_t, 6>& mac);

/// Where the chain of extension headers leads.
struct Ipv6Chain {
  std::uint8_t protocol = 0;            ///< the upper layer, or what a later fragment says it holds
  std::uint16_t octets = 0;             ///< all headers in front of it, the IPv6 header among them
  std::uint16_t named_at = 0;           ///< the Next Header field that named the protocol
  std::uint16_t fragment_at = 0;        ///< the Fragment header; 0: there is none
  std::uint16_t fragment_named_at = 0;  ///< the Next Header field that named it
  std::uint16_t fragment = 0;           ///< its offset and M; 0: a whole packet (RFC 6946 too)
  bool has_extensions = false;          ///< hop-by-hop, routing or destination options
};

/// Follows the chain of a packet whose IPv6 header and length were checked.
/// @return nothing, or why the packet is refused: extension_headers (RFC 8200 §4.1: hop-by-hop
/// options first; §4.2: options that can be read; RFC 7112: all of it in the first fragment; our
/// limits) or source_route (RFC 5095 §3)
[[nodiscard]] std::optional<DropReason> follow_chain(base::Bytes packet, Ipv6Chain& chain);

/// Where ESP or AH of transport mode goes (RFC 4303 §3.1.1, RFC 4302 §3.1.1): behind hop-by-hop
/// options and a routing header with what is in front of it. Destination options stay behind it.
struct TransportPlace {
  unsigned at;        ///< octets in front of it
  unsigned named_at;  ///< the Next Header field that will name it
};
/// @param packet  whole, its chain was followed
[[nodiscard]] TransportPlace transport_place(base::Bytes packet);

/// RFC 8200 §4.2: an option that we do not know and that forbids to go on, in the destination
/// options of a packet that is for us. We know none but padding.
[[nodiscard]] bool has_forbidding_option(base::Bytes packet);

/// With the pseudo header of RFC 8200 §8.1, over a message of ICMPv6 or UDP that ends the packet:
/// 0 if it holds its right checksum.
[[nodiscard]] std::uint16_t upper_checksum(const Ipv6Header& ip, std::uint8_t protocol,
                                           base::Bytes message);

}  // namespace penstock::net
