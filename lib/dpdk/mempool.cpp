// SPDX-License-Identifier: BSD-3-Clause
// The pool of packets: one a NUMA node, made at start, never grown.
#include "lib/dpdk/mempool.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>

namespace penstock::dpdk {

namespace {
constexpr unsigned kCachePackets = 256;  ///< per lcore
}

std::uint16_t data_room_for(std::uint16_t largest_mtu) {
  const unsigned wanted = RTE_PKTMBUF_HEADROOM + kLinkHeadroom +
                          std::max(largest_mtu, std::uint16_t{1500}) +
                          kMaxNesting * (kSealHeadroom + kSealTailroom);
  const unsigned rounded = (wanted + 63U) / 64U * 64U;
  return static_cast<std::uint16_t>(
      std::clamp(rounded, unsigned{RTE_MBUF_DEFAULT_BUF_SIZE}, 65472U));
}

base::Result<PacketPool> PacketPool::create(const PacketPoolOptions& options) {
  const std::uint16_t data_room = data_room_for(options.largest_mtu);
  const unsigned cache = std::min(kCachePackets, options.packets / 4);
  rte_mempool* pool = rte_pktmbuf_pool_create(options.name.c_str(), options.packets, cache,
                                              sizeof(PacketMeta), data_room, options.socket);
  if (pool == nullptr)
    return base::fail(base::ErrorCode::kSystem,
                      fmt::format("no memory for {} packets of {} octets ({} MiB): {}; lower "
                                  "dataplane.limits.packets or reserve more hugepages",
                                  options.packets, data_room,
                                  (std::uint64_t{options.packets} * (data_room + 256U)) >> 20U,
                                  rte_strerror(rte_errno)));
  return PacketPool(pool);
}

std::uint32_t PacketPool::in_use() const { return rte_mempool_in_use_count(pool_.get()); }

void PacketPool::Free::operator()(rte_mempool* pool) const { rte_mempool_free(pool); }

}  // namespace penstock::dpdk
