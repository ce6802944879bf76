// SPDX-License-Identifier: BSD-3-Clause
// Ethernet II framing (RFC 894).
#pragma once

#include <cstring>

#include "lib/base/endian.h"
#include "lib/net/address.h"

namespace penstock::net {

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;  ///< IEEE 802.1Q
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  base::Be16 ether_type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

/// IEEE 802.1Q §9: what a tagged frame has between its addresses and its EtherType.
struct VlanTag {
  base::Be16 ether_type;  ///< kEtherTypeVlan
  base::Be16 control;     ///< priority, drop eligible, VLAN
};
static_assert(sizeof(VlanTag) == 4 && alignof(VlanTag) == 1);
inline constexpr std::uint16_t kVlanMask = 0x0fff;
/// VLANs that there may be; 0 is a priority without a VLAN, 4,095 is reserved.
inline constexpr std::uint16_t kFirstVlan = 1;
inline constexpr std::uint16_t kLastVlan = 4094;

inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// Two loads and compares, where std::array's == is a call.
[[nodiscard]] inline bool same_mac(const MacAddress& a, const MacAddress& b) {
  std::uint32_t a_high = 0;
  std::uint32_t b_high = 0;
  std::uint16_t a_low = 0;
  std::uint16_t b_low = 0;
  std::memcpy(&a_high, a.data(), sizeof(a_high));
  std::memcpy(&b_high, b.data(), sizeof(b_high));
  std::memcpy(&a_low, a.data() + sizeof(a_high), sizeof(a_low));
  std::memcpy(&b_low, b.data() + sizeof(b_high), sizeof(b_low));
  return ((a_high ^ b_high) | std::uint32_t{static_cast<std::uint16_t>(a_low ^ b_low)}) == 0;
}

/// Multicast and broadcast: the lowest bit of the first octet.
[[nodiscard]] constexpr bool is_group(const MacAddress& mac) { return (mac[0] & 1U) != 0; }

}  // namespace penstock::net
