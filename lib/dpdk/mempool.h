// SPDX-License-Identifier: BSD-3-Clause
// PacketPool: mbufs of one segment, sized for the largest MTU with the room in front and behind
// that kMaxNesting seals need (design §4.11).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/dpdk/packet.h"

namespace penstock::dpdk {

struct PacketPoolOptions {
  std::string name = "packets";
  std::uint32_t packets = 16'384;
  std::uint16_t largest_mtu = 1500;
  int socket = -1;  ///< NUMA node; -1: any
};

class PacketPool {
 public:
  /// @return kSystem: not enough hugepage memory, with how much was asked for
  [[nodiscard]] static base::Result<PacketPool> create(const PacketPoolOptions& options);
  PacketPool(PacketPool&& other) noexcept = default;
  PacketPool& operator=(PacketPool&& other) noexcept = default;

  [[nodiscard]] rte_mempool* get() const { return pool_.get(); }
  /// Packets that somebody holds.
  [[nodiscard]] std::uint32_t in_use() const;

 private:
  struct Free {
    void operator()(rte_mempool* pool) const;
  };
  explicit PacketPool(rte_mempool* pool) : pool_(pool) {}
  std::unique_ptr<rte_mempool, Free> pool_;
};

/// Data room that a packet of `largest_mtu` needs: headroom, link header, packet, seals' tailroom.
[[nodiscard]] std::uint16_t data_room_for(std::uint16_t largest_mtu);

}  // namespace penstock::dpdk
