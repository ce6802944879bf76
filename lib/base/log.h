// SPDX-License-Identifier: BSD-3-Clause
// The log interface: records with fields. The one implementation is in control/io (spdlog).
// Never called on the packet path.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace penstock::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

[[nodiscard]] constexpr std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

/// A named value, for example {"connection", "branch"}.
struct LogField {
  std::string_view key;
  std::string value;
};

class Log {
 public:
  virtual ~Log() = default;
  /// @param room  the room that speaks, e.g. "ikev2"
  /// @param text  one sentence, no line end, no secret
  virtual void write(LogLevel level, std::string_view room, std::string_view text,
                     std::span<const LogField> fields) = 0;
  void write(LogLevel level, std::string_view room, std::string_view text) {
    write(level, room, text, {});
  }
};

}  // namespace penstock::base
