// SPDX-License-Identifier: BSD-3-Clause
// TokenBucket: the rate limit of everything that a stranger can cause.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/time.h"

namespace penstock::base {

/// `rate` tokens a second, at most `burst` saved up. Time is any monotonic nanosecond count.
class TokenBucket {
 public:
  constexpr TokenBucket(std::uint64_t rate_per_s, std::uint64_t burst)
      : rate_per_s_(rate_per_s), capacity_ns_(burst * kNsPerS), level_ns_(capacity_ns_) {}

  /// Takes one token. False: there is none, and nothing is taken.
  [[nodiscard]] constexpr bool take(MonoTime now) {
    if (now > last_) {
      const auto elapsed = static_cast<std::uint64_t>((now - last_).count());
      const std::uint64_t room = capacity_ns_ - level_ns_;
      // elapsed * rate may overflow after a long rest: the bucket is full long before.
      const bool full = rate_per_s_ != 0 && elapsed >= room / rate_per_s_ + 1;
      level_ns_ = full ? capacity_ns_ : std::min(capacity_ns_, level_ns_ + elapsed * rate_per_s_);
      last_ = now;
    }
    if (level_ns_ < kNsPerS) return false;
    level_ns_ -= kNsPerS;
    return true;
  }

 private:
  static constexpr std::uint64_t kNsPerS = 1'000'000'000;
  std::uint64_t rate_per_s_;
  std::uint64_t capacity_ns_;
  std::uint64_t level_ns_;
  MonoTime last_{};
};

}  // namespace penstock::base
