// SPDX-License-Identifier: BSD-3-Clause
// DPDK's log goes to ours; its first complaint is kept for the sentence that we tell instead.
#pragma once

#include <string>

#include "lib/base/log.h"

namespace penstock::dpdk {

/// From here on; `log` outlives every DPDK call.
void capture_eal_log(base::Log& log);
/// Back to standard error.
void release_eal_log();
/// The first line of level error or worse since forget_eal_errors(), or empty: what follows it is
/// less precise, from driver to bus to EAL.
[[nodiscard]] std::string first_eal_error();
void forget_eal_errors();

}  // namespace penstock::dpdk
