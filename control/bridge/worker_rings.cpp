// SPDX-License-Identifier: BSD-3-Clause
// One pass over the rings of every worker: a bounded piece of each, then what it led to.
#include "control/bridge/worker_rings.h"

#include <algorithm>
#include <array>

#include "control/bridge/punt.h"
#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

constexpr std::size_t kPacketsAPass = 32;
constexpr std::size_t kEventsAPass = 64;

}  // namespace

WorkerRings::WorkerRings(std::vector<channel::WorkerChannel*> channels, channel::Wakeup& wakeup,
                         EngineDriver& driver, Network& network, base::Log& log)
    : channels_(std::move(channels)),
      wakeup_(wakeup),
      driver_(driver),
      network_(network),
      audit_(log) {}

bool WorkerRings::take_punted(channel::WorkerChannel& channel) {
  std::array<channel::Punted, kPacketsAPass> punted{};
  const unsigned count = channel.punt.take(punted);
  for (unsigned i = 0; i < count; ++i) {
    const channel::Punted& one = punted[i];
    const bool is_ike = one.punt_class == channel::PuntClass::kIkeKnown ||
                        one.punt_class == channel::PuntClass::kIkeFirst;
    if (!is_ike) {
      ++counters_.other;
    } else if (const auto datagram = ike_datagram_of(dpdk::bytes(one.packet))) {
      ++counters_.ike;
      driver_.receive(*datagram);
    } else {
      ++counters_.malformed;
    }
    rte_pktmbuf_free(one.packet);
  }
  return count > 0;
}

bool WorkerRings::take_events(channel::WorkerChannel& channel) {
  std::array<channel::NeighbourEvent, kEventsAPass> neighbours{};
  const unsigned heard = channel.neighbour_events.take(neighbours);
  for (unsigned i = 0; i < heard; ++i) network_.event(neighbours[i]);
  std::array<policy::SaEvent, kEventsAPass> sas{};
  const unsigned told = channel.sa_events.take(sas);
  for (unsigned i = 0; i < told; ++i) {
    audit_.event(io::monotonic_now(), sas[i]);
    driver_.sa_event(sas[i]);
  }
  return heard + told > 0;
}

bool WorkerRings::serve() {
  bool busy = false;
  for (channel::WorkerChannel* channel : channels_) {
    const bool packets = take_punted(*channel);
    const bool events = take_events(*channel);
    busy = busy || packets || events;
  }
  if (busy) {
    network_.settle();
    driver_.settle();
  }
  return busy;
}

bool WorkerRings::prepare_sleep() {
  wakeup_.prepare_sleep();
  const bool empty = std::ranges::all_of(channels_, [](const channel::WorkerChannel* channel) {
    return channel->nothing_for_control();
  });
  if (!empty) wakeup_.awake();
  return empty;
}

void WorkerRings::discard() {
  for (channel::WorkerChannel* channel : channels_) {
    std::array<channel::Punted, kPacketsAPass> punted{};
    while (const unsigned count = channel->punt.take(punted))
      for (unsigned i = 0; i < count; ++i) rte_pktmbuf_free(punted[i].packet);
    std::array<dpdk::Packet*, kPacketsAPass> injected{};
    while (const unsigned count = channel->inject.take(injected))
      for (unsigned i = 0; i < count; ++i) rte_pktmbuf_free(injected[i]);
  }
}

}  // namespace penstock::bridge
