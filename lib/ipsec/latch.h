// SPDX-License-Identifier: BSD-3-Clause
// Latch: a few words that one thread changes while others read them, too many for one store. There
// are two copies: the one that is not current is written, then it becomes current. A reader waits
// for nobody; it reads again only if the words changed twice while it read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::ipsec {

template <std::size_t kWords>
class Latch {
 public:
  using Words = std::array<std::uint64_t, kWords>;

  [[nodiscard]] Words load() const {
    for (;;) {
      const std::uint32_t version = version_.load(std::memory_order_acquire);
      Words words;
      for (std::size_t i = 0; i < kWords; ++i)
        words[i] = copies_[version & 1U][i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) == version) [[likely]]
        return words;
    }
  }
  /// One thread's.
  void store(const Words& words) {
    const std::uint32_t next = version_.load(std::memory_order_relaxed) + 1;
    // Who sees a word of this copy sees too that it has not been current since the last store.
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < kWords; ++i)
      copies_[next & 1U][i].store(words[i], std::memory_order_relaxed);
    version_.store(next, std::memory_order_release);
  }

 private:
  std::atomic<std::uint32_t> version_{0};
  std::uint32_t unused_ = 0;
  std::array<std::atomic<std::uint64_t>, kWords> copies_[2] = {};
};

}  // namespace penstock::ipsec
