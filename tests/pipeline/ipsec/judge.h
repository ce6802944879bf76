// SPDX-License-Identifier: BSD-3-Clause
// The judge (judge.py) over a list of cases: it opens what we sealed, or seals what we shall open.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace penstock::pipeline {

/// @param way  "open" or "seal"
/// @return packets in hexadecimal, "" where the judge refused; nothing if it is not there
[[nodiscard]] std::optional<std::vector<std::string>> judge(const char* way,
                                                            const nlohmann::json& cases);

}  // namespace penstock::pipeline
