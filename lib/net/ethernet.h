// SPDX-License-Identifier: BSD-3-Clause
// Ethernet II framing (RFC 894).
#pragma once

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

inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// Multicast and broadcast: the lowest bit of the first octet.
[[nodiscard]] constexpr bool is_group(const MacAddress& mac) { return (mac[0] & 1U) != 0; }

}  // namespace penstock::net
