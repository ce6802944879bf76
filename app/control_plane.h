// SPDX-License-Identifier: BSD-3-Clause
// ControlPlane: engine, jobs, bridge and management socket around one event loop, on the main
// lcore.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/data_plane.h"
#include "control/bridge/dummy_traffic.h"
#include "control/bridge/engine_driver.h"
#include "control/bridge/management.h"
#include "control/bridge/manual_sas.h"
#include "control/bridge/network.h"
#include "control/bridge/telemetry.h"
#include "control/bridge/worker_rings.h"
#include "control/config/settings.h"
#include "control/io/event_loop.h"
#include "control/io/job_pool.h"

namespace penstock::app {

class ControlPlane {
 public:
  /// Writes the tables, runs the workers, configures the engine, opens the socket.
  /// @param settings  connections, secrets and manual SAs are moved out of it; the rest is borrowed
  [[nodiscard]] static base::Result<std::unique_ptr<ControlPlane>> start(config::Settings& settings,
                                                                         DataPlane& data_plane,
                                                                         base::Log& log);
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  /// Until SIGTERM or SIGINT, then until the peers have answered our deletes or kGoodbye is over.
  void run();

 private:
  ControlPlane(config::Settings& settings, DataPlane& data_plane, base::Log& log);
  base::Result<void> set_up();
  void make_engine();
  void begin_stop();
  void keep_house();

  config::Settings& settings_;
  DataPlane& data_plane_;
  base::Log& log_;
  io::EventLoop loop_;
  crypto::SystemRandom random_;
  crypto::CryptoContext crypto_;
  std::unique_ptr<bridge::Network> network_;
  std::optional<bridge::Transmitter> transmitter_;
  std::optional<bridge::DummyTraffic> dummies_;
  std::optional<bridge::SaInstaller> installer_;
  std::vector<bridge::ManualSa> manual_sas_;
  std::optional<ike::Engine> engine_;
  std::optional<io::JobPool> jobs_;
  std::optional<bridge::EngineDriver> driver_;
  std::optional<bridge::WorkerRings> rings_;
  std::optional<bridge::Management> management_;
  std::optional<bridge::Telemetry> telemetry_;
  std::vector<std::unique_ptr<io::EventLoop::Handle>> handles_;
  std::unique_ptr<io::EventLoop::Handle> house_;
  std::optional<base::MonoTime> stop_at_;
};

}  // namespace penstock::app
