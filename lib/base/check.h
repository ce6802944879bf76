// SPDX-License-Identifier: BSD-3-Clause
// PS_CHECK: what only a bug can cause. It holds in release builds too.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace penstock::base {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace penstock::base

#define PS_CHECK(condition)                                           \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::penstock::base::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
