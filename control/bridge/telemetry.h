// SPDX-License-Identifier: BSD-3-Clause
// Telemetry: /penstock/totals, /penstock/drops, /penstock/workers and /penstock/sa,<spi> on DPDK's
// own socket.
#pragma once

#include <vector>

#include "control/bridge/show.h"

namespace penstock::bridge {

/// Handlers run on DPDK's threads, which no QSBR knows: they read counters of workers and of one
/// inbound SA, and walk no table. While this lives, the commands answer; one in a process.
class Telemetry {
 public:
  /// @param workers, writer  borrowed
  Telemetry(const std::vector<WorkerView>& workers, const ipsec::Writer& writer);
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;
};

}  // namespace penstock::bridge
