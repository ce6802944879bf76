// SPDX-License-Identifier: BSD-3-Clause
// DPDK's memory at bus addresses of its own, as behind an IOMMU or with physical addresses: so an
// address of the process that is given for a device's is found out (crypto_device.h). No hugepages
// and no rights are needed for it.
#pragma once

#include <rte_common.h>

#include <cstddef>

namespace penstock::test {

/// After the EAL has started and before a pool is made.
void give_memory_other_iovas();

/// The bus address of an octet by DPDK's table of memory segments, whatever a pool remembers.
/// @return RTE_BAD_IOVA if it is not DPDK's memory
[[nodiscard]] rte_iova_t iova_of(const void* octet);

/// Whether [at, at + octets) is DPDK's memory at bus addresses from `iova` on, without a gap.
[[nodiscard]] bool is_at_iova(const void* at, std::size_t octets, rte_iova_t iova);

}  // namespace penstock::test
