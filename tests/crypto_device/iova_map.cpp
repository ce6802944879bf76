// SPDX-License-Identifier: BSD-3-Clause
// The EAL's own table is changed: mempools take the addresses of their objects from it. Blocks of
// 2 MiB stay as they are inside and lie in another order, so that a buffer over two of them, taken
// for contiguous, is found out as well. DPDK's rte_mem_virt2iova() would not look into the table
// where IOVAs are to be addresses of the process, so it is defined anew.
#include "tests/crypto_device/iova_map.h"

#include <rte_memory.h>

#include <cstdint>

namespace penstock::test {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{2} << 20;
constexpr std::uint64_t kAway = std::uint64_t{1} << 52;  // no address of a process

const std::byte* octets_of(const void* address) { return static_cast<const std::byte*>(address); }

int move(const rte_memseg_list* /*list*/, const rte_memseg* segment, void* /*unused*/) {
  // The bits above a block are turned over: the last block comes first.
  const std::uint64_t at = segment->addr_64;
  const std::uint64_t block = at / kBlock;
  const std::uint64_t mask = kAway / kBlock - 1;
  const_cast<rte_memseg*>(segment)->iova = kAway + (~block & mask) * kBlock + at % kBlock;
  return 0;
}

}  // namespace

void give_memory_other_iovas() { (void)rte_memseg_walk(move, nullptr); }

rte_iova_t iova_of(const void* octet) {
  const rte_memseg* segment = rte_mem_virt2memseg(octet, nullptr);
  if (segment == nullptr || segment->iova == RTE_BAD_IOVA) return RTE_BAD_IOVA;
  return segment->iova + static_cast<std::uint64_t>(octets_of(octet) - octets_of(segment->addr));
}

bool is_at_iova(const void* at, std::size_t octets, rte_iova_t iova) {
  constexpr std::size_t kPage = 4096;  // no segment is smaller
  for (std::size_t i = 0; i < octets; i += kPage)
    if (iova_of(octets_of(at) + i) != iova + i) return false;
  return octets == 0 || iova_of(octets_of(at) + octets - 1) == iova + octets - 1;
}

}  // namespace penstock::test

extern "C" rte_iova_t rte_mem_virt2iova(const void* octet) {
  return penstock::test::iova_of(octet);
}
