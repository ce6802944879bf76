// SPDX-License-Identifier: BSD-3-Clause
// NeighbourEvent: what a worker tells the state machine of ARP and neighbour discovery in
// control/bridge, by copy. A worker answers who asks for our addresses itself; it never changes the
// neighbour table.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "lib/dpdk/packet.h"
#include "lib/net/address.h"

namespace penstock::channel {

enum class NeighbourEventKind : std::uint8_t {
  kNeeded,  ///< packets wait for the address: ask for it (RFC 826, RFC 4861 §7.2.2)
  kHeard,   ///< an ARP message named this address and MAC as its sender, and we were its target; or
            ///< a solicitation as its source, an advertisement as its target
};

struct NeighbourEvent {
  dpdk::InterfaceIndex interface;
  NeighbourEventKind kind{};
  bool reply = false;                 ///< kHeard: in an ARP reply or an advertisement
  std::array<std::uint8_t, 6> mac{};  ///< kHeard
  net::IpAddress address;
};
static_assert(std::is_trivially_copyable_v<NeighbourEvent> && sizeof(NeighbourEvent) == 28);

}  // namespace penstock::channel
