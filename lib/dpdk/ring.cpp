// SPDX-License-Identifier: BSD-3-Clause
// Makes the rings of ring.h.
#include "lib/dpdk/ring.h"

#include <fmt/format.h>
#include <rte_errno.h>

namespace penstock::dpdk::detail {

base::Result<rte_ring*> create_ring(const std::string& name, unsigned element_size,
                                    unsigned capacity, int socket) {
  rte_ring* ring = rte_ring_create_elem(name.c_str(), element_size, capacity, socket,
                                        RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr)
    return base::fail(base::ErrorCode::kSystem, fmt::format("no ring '{}' of {} places: {}", name,
                                                            capacity, rte_strerror(rte_errno)));
  return ring;
}

}  // namespace penstock::dpdk::detail
