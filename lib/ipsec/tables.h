// SPDX-License-Identifier: BSD-3-Clause
// Tables: what workers read under RCU. The writer (writer.h) alone changes them. What a lookup
// returns is borrowed until the worker's next quiescent state.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

#include "lib/dpdk/huge_array.h"
#include "lib/ipsec/inbound_sa.h"
#include "lib/ipsec/outbound_sa.h"
#include "lib/ipsec/owner.h"
#include "lib/ipsec/spd.h"

namespace penstock::ipsec {

struct WriterLimits;
class Writer;

/// One place of the SAD. Its memory is never given back, so that threads outside RCU may look.
struct SadEntry {
  std::atomic<InboundSa*> sa{nullptr};
  std::atomic<std::uint32_t> spi{0};  ///< 0: free; set without `sa`: allocated, not keyed (larval)
  std::uint32_t unused = 0;
};
static_assert(sizeof(SadEntry) == 16);

/// One slot: whose outbound SA a PROTECT policy uses.
struct SlotEntry {
  std::atomic<OutboundSa*> sa{nullptr};
  mutable std::atomic<std::uint64_t> acquire_at_ns{0};  ///< of the last acquire event
};

/// Acquire events of one slot, all workers together.
inline constexpr std::uint64_t kAcquireIntervalNs = 1'000'000'000;

class Tables {
 public:
  Tables(const WriterLimits& limits, std::uint64_t hash_seed, dpdk::RcuDomain& rcu);

  // ---- the SAD: an SPI of ours carries its place ----

  /// @return nullptr if there is none
  [[nodiscard]] InboundSa* find_inbound(std::uint32_t spi) const {
    InboundSa* sa = sad_[spi & sad_mask_].sa.load(std::memory_order_acquire);
    if (sa != nullptr && sa->spi == spi) [[likely]]
      return sa;
    return manual_count_.load(std::memory_order_relaxed) == 0 ? nullptr : find_manual(spi);
  }
  struct Found {
    InboundSa* sa;
    bool larval;
  };
  /// For an SPI that find_inbound() did not know: it may have been keyed a moment later, and one
  /// look tells that from larval (design §4.5) and from unknown.
  [[nodiscard]] Found find_again(std::uint32_t spi) const {
    const SadEntry& entry = sad_[spi & sad_mask_];
    if (spi == 0 || entry.spi.load(std::memory_order_acquire) != spi)
      return {find_inbound(spi), false};
    InboundSa* sa = entry.sa.load(std::memory_order_acquire);
    return {sa, sa == nullptr};
  }
  /// Allocated by us and not keyed yet: its packets are held (design §4.5). 0 marks a free place,
  /// so a packet with SPI 0 (RFC 4303 §2.1: none has it) is not larval.
  [[nodiscard]] bool is_larval(std::uint32_t spi) const {
    const SadEntry& entry = sad_[spi & sad_mask_];
    return spi != 0 && entry.spi.load(std::memory_order_relaxed) == spi &&
           entry.sa.load(std::memory_order_relaxed) == nullptr;
  }
  /// The worker that alone has the window and counters of the SA with this SPI (design §4.7).
  [[nodiscard]] unsigned owner_of(std::uint32_t spi) const { return owners_.owner_of(spi); }
  [[nodiscard]] const OwnerMap& owners() const { return owners_; }
  void prefetch_inbound(std::uint32_t spi) const { __builtin_prefetch(&sad_[spi & sad_mask_]); }

  // ---- slots ----

  [[nodiscard]] OutboundSa* outbound_of(std::uint32_t slot) const {
    return slot < slots_.size() ? slots_[slot].sa.load(std::memory_order_acquire) : nullptr;
  }
  void prefetch_outbound(std::uint32_t slot) const { __builtin_prefetch(slots_.data() + slot); }
  [[nodiscard]] std::size_t slot_count() const { return slots_.size(); }
  /// True for one worker and one packet each kAcquireIntervalNs.
  [[nodiscard]] bool may_acquire(std::uint32_t slot, std::uint64_t now_ns) const;

  [[nodiscard]] Spd& spd() const { return *spd_; }

 private:
  friend class Writer;
  friend class WriterAccess;

  [[nodiscard]] InboundSa* find_manual(std::uint32_t spi) const;
  [[nodiscard]] std::uint32_t manual_place(std::uint32_t spi) const {
    return (spi * 0x9e3779b1U) >> manual_shift_;
  }

  dpdk::HugeArray<SadEntry> sad_;
  std::uint32_t sad_mask_;
  OwnerMap owners_;
  std::uint32_t manual_shift_;
  std::uint32_t manual_size_;
  std::atomic<std::uint32_t> manual_count_{0};
  /// Manual SAs by linear probing: a place whose `spi` is 0 ends the search, kManualErased does
  /// not.
  dpdk::HugeArray<SadEntry> manual_;
  dpdk::HugeArray<SlotEntry> slots_;
  std::unique_ptr<Spd> spd_;
};

}  // namespace penstock::ipsec
