// SPDX-License-Identifier: BSD-3-Clause
// ARP for IPv4 over Ethernet (RFC 826).
#pragma once

#include "lib/net/ethernet.h"

namespace penstock::net {

inline constexpr std::uint16_t kArpHardwareEthernet = 1;
inline constexpr std::uint16_t kArpRequest = 1;
inline constexpr std::uint16_t kArpReply = 2;

struct ArpPacket {
  base::Be16 hardware;         ///< kArpHardwareEthernet
  base::Be16 protocol;         ///< kEtherTypeIpv4
  std::uint8_t hardware_size;  ///< 6
  std::uint8_t protocol_size;  ///< 4
  base::Be16 operation;
  MacAddress sender_mac;
  base::Be32 sender_ip;
  MacAddress target_mac;
  base::Be32 target_ip;
};
static_assert(sizeof(ArpPacket) == 28 && alignof(ArpPacket) == 1);

/// Ethernet over IPv4, the only kind that is spoken here.
[[nodiscard]] inline bool is_ethernet_ipv4(const ArpPacket& arp) {
  return arp.hardware.get() == kArpHardwareEthernet && arp.protocol.get() == kEtherTypeIpv4 &&
         arp.hardware_size == 6 && arp.protocol_size == 4;
}

}  // namespace penstock::net
