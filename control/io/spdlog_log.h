// SPDX-License-Identifier: BSD-3-Clause
// The log: base::Log on spdlog, one line a record, fields as key=value.
#pragma once

#include <memory>
#include <string>

#include "lib/base/log.h"
#include "lib/base/result.h"

namespace penstock::io {

/// @param level  debug, info, warning or error: what lies below is left out
/// @param file   appended to; empty: standard error
/// @return kSystem if the file cannot be opened; kMalformed for another level
[[nodiscard]] base::Result<std::unique_ptr<base::Log>> open_log(const std::string& level,
                                                                const std::string& file);

/// `text key=value key="two words"`: a value with a space, a quote, '=' or a control character is
/// quoted and escaped, so that what a peer sends never makes a line or a field of its own.
[[nodiscard]] std::string log_line(std::string_view room, std::string_view text,
                                   std::span<const base::LogField> fields);

}  // namespace penstock::io
