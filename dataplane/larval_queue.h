// SPDX-License-Identifier: BSD-3-Clause
// LarvalQueue: ESP packets for SPIs that we offered and have not keyed yet (design §4.5). They wait
// for their SA, or until their time is over. It holds packets, never SAs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "lib/base/time.h"
#include "lib/dpdk/packet.h"

namespace penstock::dataplane {

inline constexpr unsigned kLarvalPerSpi = 8;
inline constexpr unsigned kLarvalPackets = 4096;  ///< in all, of one worker
inline constexpr base::Duration kLarvalTime = base::seconds{1};
/// How often the queue is looked through while it is not empty.
inline constexpr base::Duration kLarvalLookInterval = base::milliseconds{1};

class LarvalQueue {
 public:
  struct Entry {
    dpdk::Packet* packet = nullptr;
    std::uint32_t spi = 0;
    base::MonoTime since{};
  };

  LarvalQueue() : entries_(std::make_unique<Entry[]>(kLarvalPackets)) {}

  /// False: a limit is reached, and the packet is still the caller's.
  [[nodiscard]] bool hold(dpdk::Packet* packet, std::uint32_t spi, base::MonoTime now);
  [[nodiscard]] bool due(base::MonoTime now) const {
    return size_ != 0 && now - last_look_ >= kLarvalLookInterval;
  }
  [[nodiscard]] unsigned size() const { return size_; }

  /// Visits all in the order of their arrival; those for which `stays(entry)` is false are the
  /// visitor's.
  template <class Stays>
  void look_through(base::MonoTime now, Stays&& stays) {
    last_look_ = now;
    unsigned kept = 0;
    for (unsigned i = 0; i < size_; ++i) {
      const Entry entry = entries_[i];
      if (stays(entry))
        entries_[kept++] = entry;
      else
        --waiting(entry.spi);
    }
    size_ = kept;
  }

 private:
  /// SPIs that share a counter share the limit too: rare, and only ever stricter.
  static constexpr std::size_t kCounters = 8192;
  [[nodiscard]] std::uint8_t& waiting(std::uint32_t spi) {
    return waiting_[(spi * 0x9e3779b1U >> 16) % kCounters];
  }

  std::unique_ptr<Entry[]> entries_;
  unsigned size_ = 0;
  base::MonoTime last_look_{};
  std::array<std::uint8_t, kCounters> waiting_{};
};

inline bool LarvalQueue::hold(dpdk::Packet* packet, std::uint32_t spi, base::MonoTime now) {
  if (size_ == kLarvalPackets || waiting(spi) >= kLarvalPerSpi) return false;
  ++waiting(spi);
  entries_[size_++] = {packet, spi, now};
  return true;
}

}  // namespace penstock::dataplane
