// SPDX-License-Identifier: BSD-3-Clause
// Counter: a number with one writer and any readers.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::base {

/// No locked instruction, and no torn read.
class Counter {
 public:
  void add(std::uint64_t n = 1) { set(get() + n); }
  void subtract(std::uint64_t n = 1) { set(get() - n); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace penstock::base
