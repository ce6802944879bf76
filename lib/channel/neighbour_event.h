// SPDX-License-Identifier: BSD-3-Clause
// NeighbourEvent: what a worker tells the state machine of ARP and neighbour discovery in
// control/bridge, by copy. A worker answers who asks for our addresses itself; it never changes the
// neighbour table.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "lib/base/token_bucket.h"
#include "lib/dpdk/packet.h"
#include "lib/net/address.h"

namespace penstock::channel {

enum class NeighbourEventKind : std::uint8_t {
  kNeeded,  ///< packets wait for the address: ask for it (RFC 826, RFC 4861 §7.2.2)
  kHeard,   ///< an ARP message named this address and MAC as its sender, and we were its target; or
            ///< a solicitation as its source, an advertisement as its target
  kMldQuery,  ///< somebody asks who listens to this group, or to any (RFC 3810 §5.1)
  kClaimed,   ///< the MAC claims this IPv6 address, which is ours (RFC 4862 §5.4.3 to §5.4.5)
};

struct NeighbourEvent {
  dpdk::InterfaceIndex interface;
  NeighbourEventKind kind{};
  bool reply : 1 = false;      ///< kHeard: in an ARP reply or an advertisement
  bool solicited : 1 = false;  ///< kHeard: a reply to us, or an advertisement that says it answers
  bool overrides : 1 = true;   ///< kHeard: an advertisement's flag
  bool version1 : 1 = false;   ///< kMldQuery
  std::array<std::uint8_t, 6> mac{};  ///< kHeard, kClaimed
  net::IpAddress address;
  std::uint32_t delay_ms = 0;  ///< kMldQuery: the longest of an answer
};
static_assert(std::is_trivially_copyable_v<NeighbourEvent> && sizeof(NeighbourEvent) == 32);

/// What strangers say has a limit of its own, below that of what packets need; and so have answers,
/// so that questions do not drown them.
class NeighbourRates {
 public:
  [[nodiscard]] constexpr bool take(const NeighbourEvent& event, base::MonoTime now) {
    if (event.kind == NeighbourEventKind::kNeeded) return needed_.take(now);
    return (event.solicited ? answers_ : talk_).take(now);
  }

 private:
  base::TokenBucket needed_{10'000, 128};
  base::TokenBucket answers_{5'000, 64};
  base::TokenBucket talk_{1'000, 32};
};

}  // namespace penstock::channel
