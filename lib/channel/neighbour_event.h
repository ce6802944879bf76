// SPDX-License-Identifier: BSD-3-Clause
// NeighbourEvent: what a worker tells the ARP state machine of control/bridge, by copy. A worker
// answers ARP requests for our addresses itself; it never changes the neighbour table.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "lib/dpdk/packet.h"

namespace penstock::channel {

enum class NeighbourEventKind : std::uint8_t {
  kNeeded,  ///< packets wait for the address: ask for it (RFC 826)
  kHeard,   ///< an ARP request or reply named this address and MAC as its sender, and we were
            ///< its target
};

struct NeighbourEvent {
  std::uint32_t address = 0;  ///< IPv4, host order
  dpdk::InterfaceIndex interface;
  NeighbourEventKind kind{};
  bool reply = false;                 ///< kHeard: in an ARP reply, not in a request
  std::array<std::uint8_t, 6> mac{};  ///< kHeard
  std::uint16_t spare = 0;
};
static_assert(std::is_trivially_copyable_v<NeighbourEvent> && sizeof(NeighbourEvent) == 16);

}  // namespace penstock::channel
