// SPDX-License-Identifier: BSD-3-Clause
// A stdio stream whose writes become records of our log. DPDK has one log a process, so there is
// one of these; its threads may write at the same time.
#include "lib/dpdk/eal_log.h"

#include <rte_log.h>

#include <cstdio>
#include <mutex>

namespace penstock::dpdk {

namespace {

struct State {
  std::mutex mutex;
  base::Log* log = nullptr;
  std::FILE* stream = nullptr;
  std::string first_error;
};
State& state() {
  static State one;
  return one;
}

base::LogLevel level_of(std::uint32_t dpdk_level) {
  if (dpdk_level <= RTE_LOG_ERR) return base::LogLevel::kError;
  if (dpdk_level == RTE_LOG_WARNING) return base::LogLevel::kWarning;
  return base::LogLevel::kDebug;  // DPDK's notices are not an operator's
}

ssize_t write_lines(void*, const char* text, std::size_t size) {
  const auto dpdk_level = static_cast<std::uint32_t>(rte_log_cur_msg_loglevel());
  std::string_view rest(text, size);
  const std::lock_guard lock(state().mutex);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    if (dpdk_level <= RTE_LOG_ERR && state().first_error.empty()) state().first_error = line;
    if (state().log != nullptr) state().log->write(level_of(dpdk_level), "dpdk", line);
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void capture_eal_log(base::Log& log) {
  const std::lock_guard lock(state().mutex);
  state().log = &log;
  if (state().stream == nullptr) {
    cookie_io_functions_t functions{};
    functions.write = write_lines;
    state().stream = fopencookie(nullptr, "w", functions);
    if (state().stream == nullptr) return;
    setvbuf(state().stream, nullptr, _IOLBF, 1024);
  }
  rte_openlog_stream(state().stream);
}

void release_eal_log() {
  rte_openlog_stream(nullptr);
  const std::lock_guard lock(state().mutex);
  state().log = nullptr;
}

std::string first_eal_error() {
  const std::lock_guard lock(state().mutex);
  return state().first_error;
}

void forget_eal_errors() {
  const std::lock_guard lock(state().mutex);
  state().first_error.clear();
}

}  // namespace penstock::dpdk
