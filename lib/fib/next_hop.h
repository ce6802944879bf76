// SPDX-License-Identifier: BSD-3-Clause
// NextHop: what a route leads to. One cache line, found by the index that a lookup gives. A
// neighbour is a next hop too: its MAC and state are one atomic word, so that an ARP answer
// changes no table.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>

#include "lib/fib/interface.h"

namespace penstock::fib {

enum class NextHopKind : std::uint8_t {
  kUnreachable,  ///< no route; index 0
  kLocal,        ///< an address of ours
  kBroadcast,    ///< directed broadcast of a connected network, and the network itself
  kConnected,    ///< on the link, and the address has no neighbour entry yet
  kNeighbour,    ///< a gateway or a host on the link
  kDiscard,      ///< a route that throws away
};

/// Whether packets can leave by it.
[[nodiscard]] constexpr bool is_way(NextHopKind kind) {
  return kind == NextHopKind::kNeighbour || kind == NextHopKind::kConnected;
}

enum class NeighbourState : std::uint8_t {
  kIncomplete,  ///< no MAC known: packets wait
  kReachable,
  kStale,      ///< has a MAC that is used while it is asked for again
  kPermanent,  ///< configured
};

/// MAC and state in one word: octet 0 … 5 the MAC, octet 6 the state.
struct Link {
  net::MacAddress mac{};
  NeighbourState state = NeighbourState::kIncomplete;
  [[nodiscard]] bool has_mac() const { return state != NeighbourState::kIncomplete; }
};
[[nodiscard]] constexpr std::uint64_t pack(const Link& link) {
  std::uint64_t word = static_cast<std::uint64_t>(link.state) << 48;
  for (unsigned i = 0; i < 6; ++i) word |= static_cast<std::uint64_t>(link.mac[i]) << (8 * i);
  return word;
}
[[nodiscard]] constexpr bool has_mac(std::uint64_t word) { return word >> 48 != 0; }
static_assert(NeighbourState::kIncomplete == NeighbourState{0});
/// Only the MAC, into a frame.
inline void write_mac(std::uint64_t word, net::MacAddress& to) {
  static_assert(std::endian::native == std::endian::little, "pack() is the memory order");
  std::memcpy(to.data(), &word, sizeof(to));
}
[[nodiscard]] constexpr Link unpack(std::uint64_t word) {
  Link link;
  for (unsigned i = 0; i < 6; ++i) link.mac[i] = static_cast<std::uint8_t>(word >> (8 * i));
  link.state = static_cast<NeighbourState>(word >> 48);
  return link;
}

struct alignas(64) NextHop {
  NextHopKind kind = NextHopKind::kUnreachable;
  InterfaceIndex interface = dpdk::kNoInterface;
  net::IpAddress address;              ///< kNeighbour: its own
  std::atomic<std::uint64_t> link{0};  ///< kNeighbour: pack(Link)
  std::atomic<bool> used{false};       ///< a worker has sent through it since it was last asked

  /// A worker's: written only when it changes, so that the line stays shared.
  void mark_used() const {
    auto& flag = const_cast<std::atomic<bool>&>(used);
    if (!flag.load(std::memory_order_relaxed)) flag.store(true, std::memory_order_relaxed);
  }
};
static_assert(sizeof(NextHop) == 64);

}  // namespace penstock::fib
