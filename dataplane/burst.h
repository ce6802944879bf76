// SPDX-License-Identifier: BSD-3-Clause
// Burst: up to kBurst packets that go through the stages together.
#pragma once

#include <array>

#include "lib/base/check.h"
#include "lib/dpdk/packet.h"

namespace penstock::dataplane {

inline constexpr unsigned kBurst = 128;
/// How far ahead a stage prefetches the packet after next.
inline constexpr unsigned kPrefetchAhead = 4;

class Burst {
 public:
  [[nodiscard]] unsigned size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == kBurst; }
  [[nodiscard]] dpdk::Packet* operator[](unsigned i) const { return packets_[i]; }
  [[nodiscard]] dpdk::Packet** begin() { return packets_.data(); }
  [[nodiscard]] dpdk::Packet** end() { return packets_.data() + size_; }
  [[nodiscard]] dpdk::Packet* const* begin() const { return packets_.data(); }
  [[nodiscard]] dpdk::Packet* const* end() const { return packets_.data() + size_; }

  /// For those who fill the array themselves (a port's receive): then set_size().
  [[nodiscard]] dpdk::Packet** raw() { return packets_.data(); }
  void set_size(unsigned size) { size_ = size; }
  void clear() { size_ = 0; }

  void push(dpdk::Packet* packet) {
    PS_CHECK(size_ < kBurst);
    packets_[size_++] = packet;
  }
  /// Keeps the packets for which `stays(packet)` is true, in their order. `stays` has found a
  /// place for each of the others: dropped, consumed, punted or in another burst.
  template <class Stays>
  void keep_if(Stays&& stays) {
    dpdk::Packet** kept = packets_.data();
    dpdk::Packet* const* const last = kept + size_;  // `stays` leaves this burst alone
    for (dpdk::Packet* const* next = kept; next != last; ++next)
      if (dpdk::Packet* packet = *next; stays(packet)) *kept++ = packet;
    size_ = static_cast<unsigned>(kept - packets_.data());
  }
  /// Moves everything of `other` behind what is here.
  void append(Burst& other) {
    PS_CHECK(size_ + other.size_ <= kBurst);
    for (dpdk::Packet* packet : other) packets_[size_++] = packet;
    other.clear();
  }

 private:
  std::array<dpdk::Packet*, kBurst> packets_;
  unsigned size_ = 0;
};

}  // namespace penstock::dataplane
