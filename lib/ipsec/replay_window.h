// SPDX-License-Identifier: BSD-3-Clause
// ReplayWindow: the anti-replay window of RFC 4303 §3.4.3 with the extended numbers of its
// appendix A2, as a ring of 64-bit words (RFC 6479). check() looks, before the ICV is verified;
// insert() moves the window, after. One worker owns it.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

namespace penstock::ipsec {

inline constexpr std::uint32_t kMaxReplayWindow = 65536;  ///< packets

enum class ReplayVerdict : std::uint8_t {
  kFresh,
  kSeen,  ///< a duplicate
  kLeft,  ///< left of the window: cannot be told
  kZero,  ///< 0 is never sent (RFC 4303 §3.3.3)
};

class ReplayWindow {
 public:
  /// Words that a window of `size` packets needs: a power of two, one word more than it covers, so
  /// that the word that the top enters is never needed for the bottom (RFC 6479 §2).
  [[nodiscard]] static constexpr std::uint32_t words_for(std::uint32_t size) {
    return size == 0 ? 0 : std::bit_ceil((size + 63U) / 64U + 1U);
  }

  /// @param size  packets; 0: every number passes
  /// @param words  words_for(size) zero words, borrowed
  void reset(std::uint32_t size, std::uint64_t* words) {
    size_ = size;
    words_ = words;
    mask_ = words_for(size) - 1;
    set_top(0);
  }

  /// The 64-bit number that a packet's low 32 bits stand for.
  /// @return 0 if they can only lie left of the first number ever sent
  [[nodiscard]] std::uint64_t extend(std::uint32_t low, bool esn) const {
    if (!esn) return low;
    // RFC 4303 appendix A2.1: the window may lie in one subspace or span two.
    const std::uint64_t t = top();
    const auto top_low = static_cast<std::uint32_t>(t);
    const auto top_high = static_cast<std::uint32_t>(t >> 32);
    const std::uint32_t width = size_ == 0 ? kGuessWithoutWindow : size_;
    const std::uint32_t bottom = top_low - width + 1;  // modulo 2^32
    if (top_low >= width - 1)                          // case A: in one
      return join(low >= bottom ? top_high : top_high + 1, low);
    if (low < bottom) return join(top_high, low);  // case B: spans two
    return top_high == 0 ? 0 : join(top_high - 1, low);
  }

  [[nodiscard]] ReplayVerdict check(std::uint64_t sequence) const {
    if (sequence == 0) return ReplayVerdict::kZero;
    const std::uint64_t t = top();
    if (size_ == 0 || sequence > t) return ReplayVerdict::kFresh;
    if (t - sequence >= size_) return ReplayVerdict::kLeft;
    return (word(sequence) & bit(sequence)) != 0 ? ReplayVerdict::kSeen : ReplayVerdict::kFresh;
  }

  /// For a verified packet. What check() said may be out of date: two copies in one burst are both
  /// fresh until the first of them is inserted.
  /// @return kFresh if it is in the window now, else nothing has changed
  ReplayVerdict insert(std::uint64_t sequence) {
    if (sequence > top()) {
      advance(sequence);
      return ReplayVerdict::kFresh;
    }
    const ReplayVerdict verdict = check(sequence);
    if (verdict == ReplayVerdict::kFresh && size_ != 0) word(sequence) |= bit(sequence);
    return verdict;
  }
  /// insert() of a number above top(): most are.
  [[gnu::always_inline]] void advance(std::uint64_t sequence) {
    const std::uint64_t t = top();
    set_top(sequence);
    if (size_ == 0) return;
    if (sequence >> 6 != t >> 6) [[unlikely]]
      clear_between(t, sequence);
    word(sequence) |= bit(sequence);
  }

  /// The highest number inserted; any thread may ask.
  [[nodiscard]] std::uint64_t top() const { return top_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  /// Without a window there is no top to trust much; half of a subspace to either side.
  static constexpr std::uint32_t kGuessWithoutWindow = 1U << 31;

  [[nodiscard]] static std::uint64_t join(std::uint32_t high, std::uint32_t low) {
    return static_cast<std::uint64_t>(high) << 32 | low;
  }
  [[nodiscard]] static std::uint64_t bit(std::uint64_t sequence) {
    return std::uint64_t{1} << (sequence & 63U);
  }
  [[nodiscard]] std::uint64_t& word(std::uint64_t sequence) const {
    return words_[(sequence >> 6) & mask_];
  }
  /// Words that the top enters or jumps over belong to numbers a whole ring ago.
  void clear_between(std::uint64_t old_top, std::uint64_t new_top) {
    const std::uint64_t first = (old_top >> 6) + 1;
    const std::uint64_t entered = (new_top >> 6) - (old_top >> 6);
    const std::uint64_t count = std::min<std::uint64_t>(entered, mask_ + 1ULL);
    for (std::uint64_t i = 0; i < count; ++i) words_[(first + i) & mask_] = 0;
  }
  void set_top(std::uint64_t top) { top_.store(top, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> top_{0};
  std::uint64_t* words_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t mask_ = 0;
};
static_assert(sizeof(ReplayWindow) == 24);

}  // namespace penstock::ipsec
