// SPDX-License-Identifier: BSD-3-Clause
// Time points without a clock: the pure half is given the time, it never asks for it.
#pragma once

#include <chrono>

namespace penstock::base {

using Duration = std::chrono::nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A clock that cannot be read; it only makes its time points a type of their own.
struct MonoClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
};

using MonoTime = std::chrono::time_point<MonoClock, Duration>;  ///< since an arbitrary start
using UtcTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

/// What an input of the engine is told about time.
struct Now {
  MonoTime mono;
  UtcTime utc;
};

}  // namespace penstock::base
