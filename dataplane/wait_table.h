// SPDX-License-Identifier: BSD-3-Clause
// WaitTable: packets of one worker whose next hop has no MAC yet (RFC 1122 §2.3.2.2). Bounded;
// looked at when the neighbour table changes and from time to time.
#pragma once

#include <array>

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Next hops waited for; who has waited longest makes room, so that a scan of addresses where
/// nobody is keeps nobody from being asked for.
inline constexpr unsigned kWaitNeighbours = 64;
inline constexpr unsigned kWaitPerNeighbour = 8;  ///< packets for one of them
inline constexpr base::Duration kNeighbourWait = base::seconds{3};
inline constexpr base::Duration kNeighbourAskAgain = base::seconds{1};

class WaitTable {
 public:
  /// Takes the packet: it waits for (interface, address), or is dropped by name. The control core
  /// is asked to find the neighbour.
  void add(WorkerContext& ctx, dpdk::Packet* packet, dpdk::InterfaceIndex interface,
           const net::IpAddress& address);
  /// Moves packets whose next hop has a MAC now into `ready`; what waited too long is dropped, and
  /// its sender told. Cheap when nothing waits.
  void poll(WorkerContext& ctx, Burst& ready);
  void clear(WorkerContext& ctx, net::DropReason reason);
  [[nodiscard]] bool empty() const { return waiting_ == 0; }

 private:
  struct Entry {
    dpdk::InterfaceIndex interface;
    net::IpAddress address;
    unsigned count = 0;  ///< 0: free
    base::MonoTime deadline{};
    base::MonoTime ask_again{};
    std::array<dpdk::Packet*, kWaitPerNeighbour> packets{};
  };
  void ask(WorkerContext& ctx, Entry& entry);
  void give_up(WorkerContext& ctx, Entry& entry);
  void make_room(WorkerContext& ctx, Entry& entry);

  std::array<Entry, kWaitNeighbours> entries_{};
  unsigned waiting_ = 0;  ///< packets in all
  std::uint32_t seen_generation_ = 0;
  base::MonoTime next_look_{};
};

}  // namespace penstock::dataplane
