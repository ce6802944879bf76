// SPDX-License-Identifier: BSD-3-Clause
// Answers as tables for people. What a program wants is --json.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "control/io/management_protocol.h"

namespace penstock::app {

/// Prints the answer to `show` or `version`.
void print_tables(const io::ManagementRequest& request, const io::Json& document,
                  std::ostream& out);

/// The text with control characters written out: a peer chooses its identity, and a terminal obeys
/// what it is sent.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace penstock::app
