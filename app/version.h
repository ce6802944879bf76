// SPDX-License-Identifier: BSD-3-Clause
// What `version` answers, but for the uptime.
#pragma once

#include <string_view>

#include "control/io/management_protocol.h"

namespace penstock::app {

[[nodiscard]] std::string_view version();  ///< of penstockd
[[nodiscard]] io::Json version_value();

}  // namespace penstock::app
