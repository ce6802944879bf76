// SPDX-License-Identifier: BSD-3-Clause
// SequenceCounter: an outbound SA's sequence numbers (RFC 4303 §3.3.3), 64 bits inside whether or
// not the SA has ESN. Any worker may reserve; a number is given out once.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::ipsec {

/// RFC 4303 §3.3.3: the number never cycles. Without ESN the last is 2^32 - 1; with it we stop
/// 2^32 early, so that concurrent reservations beyond the end do not wrap either.
inline constexpr std::uint64_t kLastSequence = 0xffff'ffffULL;
inline constexpr std::uint64_t kLastExtendedSequence = ~std::uint64_t{0} - kLastSequence;

[[nodiscard]] constexpr std::uint64_t last_sequence(bool esn) {
  return esn ? kLastExtendedSequence : kLastSequence;
}
/// Where the control plane is asked for a rekey at the latest: a quarter of the numbers is left.
[[nodiscard]] constexpr std::uint64_t soft_sequence(bool esn) { return last_sequence(esn) / 4 * 3; }

class SequenceCounter {
 public:
  /// @param last_used  0 for a fresh SA: the first number is 1 (RFC 4303 §3.3.3)
  void restart(std::uint64_t last_used) { value_.store(last_used, std::memory_order_relaxed); }
  /// Reserves `count` numbers; those above the SA's end must not be used.
  /// @param shared  false if one worker alone reserves: no locked instruction then
  /// @return the first
  [[nodiscard]] std::uint64_t reserve(unsigned count, bool shared) {
    if (shared) return value_.fetch_add(count, std::memory_order_relaxed) + 1;
    const std::uint64_t before = value_.load(std::memory_order_relaxed);
    value_.store(before + count, std::memory_order_relaxed);
    return before + 1;
  }
  /// The last that was reserved; it may lie beyond the end.
  [[nodiscard]] std::uint64_t reserved() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace penstock::ipsec
