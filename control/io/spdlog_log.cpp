// SPDX-License-Identifier: BSD-3-Clause
// Records become lines here and nowhere else; spdlog adds time and level and does the writing.
#include "control/io/spdlog_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

namespace penstock::io {
namespace {

struct LevelRow {
  base::LogLevel ours;
  spdlog::level::level_enum spdlog;
};
constexpr LevelRow kLevels[] = {
    {base::LogLevel::kDebug, spdlog::level::debug},
    {base::LogLevel::kInfo, spdlog::level::info},
    {base::LogLevel::kWarning, spdlog::level::warn},
    {base::LogLevel::kError, spdlog::level::err},
};

spdlog::level::level_enum level_of(base::LogLevel level) {
  return kLevels[static_cast<std::size_t>(level)].spdlog;
}

bool is_plain(char c) {
  return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '"' && c != '=' && c != '\\';
}

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
}

class SpdlogLog final : public base::Log {
 public:
  SpdlogLog(spdlog::sink_ptr sink, spdlog::level::level_enum level)
      : logger_("penstock", std::move(sink)) {
    logger_.set_level(level);
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
    logger_.flush_on(spdlog::level::debug);
  }
  void write(base::LogLevel level, std::string_view room, std::string_view text,
             std::span<const base::LogField> fields) override {
    if (logger_.should_log(level_of(level)))
      logger_.log(level_of(level), log_line(room, text, fields));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::string log_line(std::string_view room, std::string_view text,
                     std::span<const base::LogField> fields) {
  std::string line(room);
  line += ": ";
  append_escaped(line, text);
  for (const base::LogField& field : fields) {
    line += fmt::format(" {}=", field.key);
    if (!field.value.empty() && std::all_of(field.value.begin(), field.value.end(), is_plain)) {
      line += field.value;
    } else {
      line += '"';
      append_escaped(line, field.value);
      line += '"';
    }
  }
  return line;
}

base::Result<std::unique_ptr<base::Log>> open_log(const std::string& level,
                                                  const std::string& file) {
  const auto* row = std::find_if(std::begin(kLevels), std::end(kLevels), [&level](const auto& r) {
    return base::name_of(r.ours) == level;
  });
  if (row == std::end(kLevels))
    return base::fail(base::ErrorCode::kMalformed,
                      fmt::format("\"{}\" is no log level: debug, info, warning or error", level));
  try {
    spdlog::sink_ptr sink;
    if (file.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    return std::make_unique<SpdlogLog>(std::move(sink), row->spdlog);
  } catch (const spdlog::spdlog_ex& e) {
    return base::fail(base::ErrorCode::kSystem, e.what());
  }
}

}  // namespace penstock::io
