// SPDX-License-Identifier: BSD-3-Clause
// WorkerRings: everything that workers put into lib/channel for the control core, taken in bounded
// pieces: punted packets class after class, neighbour events, SA events.
#pragma once

#include <vector>

#include "control/bridge/audit.h"
#include "control/bridge/engine_driver.h"
#include "control/bridge/network.h"
#include "control/io/event_loop.h"

namespace penstock::bridge {

/// Punted packets that were no input of the engine, beside the engine's own counters.
struct PuntCounters {
  std::uint64_t ike = 0;        ///< given to the engine
  std::uint64_t malformed = 0;  ///< no IKE message, or its UDP checksum is wrong
  std::uint64_t other = 0;      ///< of a class that nothing here takes
};

class WorkerRings final : public io::Rings {
 public:
  /// @param channels  one a worker; all borrowed
  WorkerRings(std::vector<channel::WorkerChannel*> channels, channel::Wakeup& wakeup,
              EngineDriver& driver, Network& network, base::Log& log);

  bool serve() override;
  bool prepare_sleep() override;
  void woke() override { wakeup_.awake(); }
  /// Frees what still lies in the rings; after the workers stopped.
  void discard();

  [[nodiscard]] const PuntCounters& counters() const { return counters_; }

 private:
  bool take_punted(channel::WorkerChannel& channel);
  bool take_events(channel::WorkerChannel& channel);

  std::vector<channel::WorkerChannel*> channels_;
  channel::Wakeup& wakeup_;
  EngineDriver& driver_;
  Network& network_;
  Audit audit_;
  PuntCounters counters_;
};

}  // namespace penstock::bridge
