// SPDX-License-Identifier: BSD-3-Clause
// Starts the EAL from the settings' strings. What can be seen beforehand (no hugepages, a CPU that
// is not there) is said before DPDK fails in its own words.
#include "lib/dpdk/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lib/dpdk/eal_log.h"

namespace penstock::dpdk {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

bool has(const std::vector<std::string>& args, std::string_view word) {
  return std::find(args.begin(), args.end(), word) != args.end();
}

/// Free hugepages of any size; nothing where the kernel has none at all.
std::uint64_t free_hugepages() {
  std::uint64_t sum = 0;
  std::error_code ignored;
  for (const auto& size :
       std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    std::uint64_t free = 0;
    std::ifstream(size.path() / "free_hugepages") >> free;
    sum += free;
  }
  return sum;
}

Result<void> check_before_start(const EalOptions& options) {
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  std::vector<unsigned> wanted = options.workers;
  wanted.push_back(options.control_cpu);
  for (const unsigned cpu : wanted)
    if (cpu >= static_cast<unsigned long>(cpus))
      return fail(ErrorCode::kSystem,
                  fmt::format("CPU {} does not exist: this machine has 0 to {}; correct "
                              "dataplane.control_cpu or dataplane.workers",
                              cpu, cpus - 1));
  if (!has(options.args, "--no-huge") && free_hugepages() == 0)
    return fail(ErrorCode::kSystem,
                "no hugepage is free: reserve some with `sysctl -w vm.nr_hugepages=512`, or try "
                "without them by dataplane.eal = [\"--no-huge\", \"-m\", \"512\"]");
  return {};
}

std::vector<std::string> command_line(const EalOptions& options) {
  std::string lcores = fmt::format("0@{}", options.control_cpu);
  for (std::size_t i = 0; i < options.workers.size(); ++i)
    lcores += fmt::format(",{}@{}", i + 1, options.workers[i]);
  std::vector<std::string> line{"penstock",      "--lcores",         lcores, "--main-lcore", "0",
                                "--file-prefix", options.file_prefix};
  for (const auto& device : options.pci_devices) {
    line.emplace_back("-a");
    line.push_back(device);
  }
  if (options.pci_devices.empty() && !has(options.args, "--no-pci")) line.emplace_back("--no-pci");
  line.insert(line.end(), options.args.begin(), options.args.end());
  return line;
}

Result<void> start_failure() {
  const int error = rte_errno;
  const std::string said = first_eal_error();
  const std::string detail = said.empty() ? rte_strerror(error) : said;
  if (error == EACCES || error == EPERM || geteuid() != 0)
    return fail(ErrorCode::kPermission,
                fmt::format("DPDK may not start: {}; run as root, or give the user hugepages and "
                            "its devices",
                            detail));
  if (error == EALREADY) return fail(ErrorCode::kSystem, "DPDK was started before in this process");
  return fail(ErrorCode::kSystem,
              fmt::format("DPDK did not start: {}; look at dataplane.eal, at hugepages (`grep Huge "
                          "/proc/meminfo`), and for another process with file_prefix",
                          detail));
}

}  // namespace

Result<Eal> Eal::start(const EalOptions& options, base::Log& log) {
  PS_TRY(check_before_start(options));
  capture_eal_log(log);
  forget_eal_errors();
  // The EAL keeps pointers into its arguments.
  static std::vector<std::string> line;
  static std::vector<char*> argv;
  line = command_line(options);
  argv.clear();
  for (auto& word : line) argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    auto failure = start_failure();
    release_eal_log();
    return tl::unexpected(std::move(failure).error());
  }
  Eal eal;
  eal.running_ = true;
  return eal;
}

Eal::Eal(Eal&& other) noexcept : running_(std::exchange(other.running_, false)) {}

Eal::~Eal() {
  if (!running_) return;
  rte_eal_cleanup();
  release_eal_log();
}

Result<void> launch(unsigned index, int (*function)(void*), void* argument) {
  const unsigned lcore = index + 1;
  if (rte_lcore_is_enabled(lcore) == 0)
    return fail(ErrorCode::kSystem, fmt::format("worker {} has no lcore", index));
  if (rte_eal_remote_launch(function, argument, lcore) != 0)
    return fail(ErrorCode::kSystem, fmt::format("the lcore of worker {} is busy", index));
  return {};
}

int wait_for(unsigned index) { return rte_eal_wait_lcore(index + 1); }

bool is_pci_address(std::string_view device) {
  // [domain:]bus:device.function, hexadecimal.
  const auto is_hex = [](std::string_view text, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isxdigit(c) != 0; });
  };
  const auto colons = std::count(device.begin(), device.end(), ':');
  if (colons == 2) {
    const auto first = device.find(':');
    if (!is_hex(device.substr(0, first), 8)) return false;
    device.remove_prefix(first + 1);
  } else if (colons != 1) {
    return false;
  }
  const auto colon = device.find(':');
  const auto dot = device.find('.');
  return dot != std::string_view::npos && dot > colon && is_hex(device.substr(0, colon), 2) &&
         is_hex(device.substr(colon + 1, dot - colon - 1), 2) && is_hex(device.substr(dot + 1), 1);
}

}  // namespace penstock::dpdk
