// SPDX-License-Identifier: BSD-3-Clause
// Makes a worker's channel; sends its events.
#include "lib/channel/worker_channel.h"

#include <fmt/format.h>

namespace penstock::channel {

base::Result<std::unique_ptr<WorkerChannel>> WorkerChannel::create(unsigned worker, int socket,
                                                                   Wakeup& wakeup) {
  PS_ASSIGN(auto punt, PuntRings::create(worker, socket));
  PS_ASSIGN(auto sa_events, dpdk::SpscRing<policy::SaEvent>::create(
                                fmt::format("sa_events_{}", worker), kSaEventCapacity, socket));
  constexpr auto& kNeighbourRow = kPuntClassTable[static_cast<std::size_t>(PuntClass::kNeighbour)];
  PS_ASSIGN(auto neighbour_events,
            dpdk::SpscRing<NeighbourEvent>::create(fmt::format("neighbours_{}", worker),
                                                   kNeighbourRow.capacity, socket));
  PS_ASSIGN(auto inject, InjectRing::create(worker, socket));
  return std::unique_ptr<WorkerChannel>(
      new WorkerChannel{.punt = std::move(punt),
                        .sa_events = std::move(sa_events),
                        .neighbour_events = std::move(neighbour_events),
                        .inject = std::move(inject),
                        .wakeup = wakeup,
                        .counters = {},
                        .neighbour_rates = {}});
}

bool WorkerChannel::send(const policy::SaEvent& event) {
  if (!sa_events.put(event)) {
    counters.events_lost.add();
    return false;
  }
  wakeup.notify(counters.wakeups);
  return true;
}

bool WorkerChannel::send(const NeighbourEvent& event, base::MonoTime now) {
  if (!neighbour_rates.take(event, now) || !neighbour_events.put(event)) {
    counters.events_lost.add();
    return false;
  }
  wakeup.notify(counters.wakeups);
  return true;
}

}  // namespace penstock::channel
