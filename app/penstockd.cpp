// SPDX-License-Identifier: BSD-3-Clause
// penstockd: reads and checks the configuration, opens the data plane, runs the control plane on
// this thread. Nothing is started from a configuration with a fault.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "app/control_plane.h"
#include "app/data_plane.h"
#include "app/version.h"
#include "control/config/settings.h"
#include "control/io/process_lock.h"
#include "control/io/spdlog_log.h"

namespace penstock::app {
namespace {

constexpr int kFailed = 1;

int fail(const base::Error& error) {
  std::fprintf(stderr, "penstockd: %s\n", error.text.c_str());
  return kFailed;
}

int run(const std::string& file) {
  auto settings = config::load(file);
  if (!settings) return config::check_configuration(file, std::cerr);
  auto log = io::open_log(settings->control.log_level, settings->control.log_file);
  if (!log) return fail(log.error());
  for (const config::Fault& warning : settings->warnings)
    (*log)->write(base::LogLevel::kWarning, "config", config::to_string(warning));
  // Before any port is touched: a second daemon would forward, and seal, beside the first.
  const auto& socket = settings->control.socket;
  const auto& prefix = settings->dataplane.file_prefix;
  const auto on_socket = io::ProcessLock::take(socket + ".lock", "the socket " + socket);
  if (!on_socket) return fail(on_socket.error());
  const auto on_prefix =
      io::ProcessLock::take("/run/lock/penstock-" + prefix + ".lock", "the file_prefix " + prefix);
  if (!on_prefix) return fail(on_prefix.error());
  auto data_plane = DataPlane::open(settings->dataplane, **log);
  if (!data_plane) return fail(data_plane.error());
  auto control_plane = ControlPlane::start(*settings, **data_plane, **log);
  if (!control_plane) return fail(control_plane.error());
  (*control_plane)->run();
  return 0;
}

}  // namespace
}  // namespace penstock::app

int main(int argc, char** argv) {
  CLI::App cli{"penstockd: an IPsec gateway on DPDK"};
  std::string file = "/etc/penstock/penstock.conf";
  bool check = false;
  cli.add_option("--config", file, "the configuration")->capture_default_str();
  cli.add_flag("--check", check, "check the configuration, say every fault, and end");
  bool reference = false;
  cli.add_flag("--config-reference", reference, "print docs/configuration.md, and end");
  cli.set_version_flag("--version", std::string(penstock::app::version()));
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int status = cli.exit(e);
    return status == 0 ? 0 : 2;
  }
  if (reference) {
    std::cout << penstock::config::reference_as_markdown();
    return 0;
  }
  if (check) return penstock::config::check_configuration(file, std::cout);
  return penstock::app::run(file);
}
