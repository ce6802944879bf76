// SPDX-License-Identifier: BSD-3-Clause
// The one place where the control plane asks what time it is; the pure half is told.
#pragma once

#include <chrono>

#include "lib/base/time.h"

namespace penstock::io {

[[nodiscard]] inline base::MonoTime monotonic_now() {
  return base::MonoTime{std::chrono::duration_cast<base::Duration>(
      std::chrono::steady_clock::now().time_since_epoch())};
}

[[nodiscard]] inline base::Now now() {
  return {monotonic_now(),
          std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
}

}  // namespace penstock::io
