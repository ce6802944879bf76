// SPDX-License-Identifier: BSD-3-Clause
// WorkerChannel: everything between the control core and one worker, in one place.
#pragma once

#include <memory>

#include "lib/channel/inject.h"
#include "lib/channel/neighbour_event.h"
#include "lib/channel/punt.h"
#include "lib/channel/wakeup.h"
#include "lib/channel/worker_counters.h"
#include "lib/policy/sa_event.h"

namespace penstock::channel {

inline constexpr unsigned kSaEventCapacity = 4096;

struct WorkerChannel {
  /// @param wakeup  shared by all workers, outlives the channel
  [[nodiscard]] static base::Result<std::unique_ptr<WorkerChannel>> create(unsigned worker,
                                                                           int socket,
                                                                           Wakeup& wakeup);

  /// A worker's. False: the ring is full, the event is lost and counted in events_lost; whoever
  /// sends events that matter sends them again while their cause lasts.
  bool send(const policy::SaEvent& event);
  bool send(const NeighbourEvent& event, base::MonoTime now);

  PuntRings punt;                                   ///< worker → control
  dpdk::SpscRing<policy::SaEvent> sa_events;        ///< worker → control
  dpdk::SpscRing<NeighbourEvent> neighbour_events;  ///< worker → control, class kNeighbour
  InjectRing inject;                                ///< control → worker
  Wakeup& wakeup;
  WorkerCounters counters;         ///< the worker writes, anybody reads
  NeighbourRates neighbour_rates;  ///< the worker's

  /// For the control core's last look before it sleeps.
  [[nodiscard]] bool nothing_for_control() const {
    return punt.empty() && sa_events.empty() && neighbour_events.empty();
  }
};

}  // namespace penstock::channel
