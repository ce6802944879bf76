// SPDX-License-Identifier: BSD-3-Clause
// DPDK's log goes to ours; its last complaint is kept for the sentence that we tell instead.
#pragma once

#include <string>

#include "lib/base/log.h"

namespace penstock::dpdk {

/// From here on; `log` outlives every DPDK call.
void capture_eal_log(base::Log& log);
/// Back to standard error.
void release_eal_log();
/// The last line of level error or worse since forget_last_error(), or empty.
[[nodiscard]] std::string last_eal_error();
void forget_last_eal_error();

}  // namespace penstock::dpdk
