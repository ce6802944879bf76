// SPDX-License-Identifier: BSD-3-Clause
// What workers read: the parts of a lookup that are not on every packet's path, and the making of
// the tables. Changing them is the writer's (writer.cpp).
#include "lib/ipsec/tables.h"

#include "lib/ipsec/writer.h"

namespace penstock::ipsec {

namespace {

SpdLimits spd_limits(const WriterLimits& limits) {
  SpdLimits spd;
  spd.policies = limits.policies;
  spd.selectors_v4 = limits.policies * 4;
  spd.selectors_v6 = limits.policies * 4;
  spd.workers = limits.workers;
  return spd;
}

}  // namespace

Tables::Tables(const WriterLimits& limits, std::uint64_t hash_seed, dpdk::RcuDomain& rcu)
    : sad_(limits.inbound_sas),
      sad_mask_(limits.inbound_sas - 1),
      owners_(limits.workers),
      manual_size_(std::bit_ceil(limits.manual_sas * 4 + 16)),
      manual_(manual_size_),
      slots_(limits.slots),
      spd_(std::make_unique<Spd>(spd_limits(limits), hash_seed, rcu)) {
  manual_shift_ = 32U - static_cast<std::uint32_t>(std::countr_zero(manual_size_));
}

InboundSa* Tables::find_manual(std::uint32_t spi) const {
  std::uint32_t place = manual_place(spi);
  for (std::uint32_t looked = 0; looked < manual_size_; ++looked) {
    const SadEntry& entry = manual_[place];
    const std::uint32_t found = entry.spi.load(std::memory_order_acquire);
    if (found == 0) return nullptr;
    if (found == spi) {
      InboundSa* sa = entry.sa.load(std::memory_order_acquire);
      return sa != nullptr && sa->spi == spi ? sa : nullptr;
    }
    place = (place + 1) & (manual_size_ - 1);
  }
  return nullptr;
}

bool Tables::may_acquire(std::uint32_t slot, std::uint64_t now_ns) const {
  if (slot >= slots_.size()) return false;
  std::atomic<std::uint64_t>& last = slots_[slot].acquire_at_ns;
  std::uint64_t before = last.load(std::memory_order_relaxed);
  if (before != 0 && now_ns - before < kAcquireIntervalNs) return false;
  return last.compare_exchange_strong(before, now_ns, std::memory_order_relaxed);
}

}  // namespace penstock::ipsec
