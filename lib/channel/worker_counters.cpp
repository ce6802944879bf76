// SPDX-License-Identifier: BSD-3-Clause
// Reading the counters of a worker: plain copies, sums, and the balance of design §4.9.
#include "lib/channel/worker_counters.h"

#include <numeric>

namespace penstock::channel {

namespace {

template <std::size_t N>
std::uint64_t total(const std::array<std::uint64_t, N>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

template <std::size_t N>
void add(std::array<std::uint64_t, N>& to, const std::array<std::uint64_t, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i] += from[i];
}

template <std::size_t N>
void read(std::array<std::uint64_t, N>& to, const std::array<Counter, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i] = from[i].get();
}

}  // namespace

CounterTotals& CounterTotals::operator+=(const CounterTotals& other) {
  received += other.received;
  transmitted += other.transmitted;
  injected += other.injected;
  generated += other.generated;
  punted += other.punted;
  handed_over += other.handed_over;
  taken_over += other.taken_over;
  add(consumed, other.consumed);
  add(held, other.held);
  add(dropped, other.dropped);
  dummies_sent += other.dummies_sent;
  loops += other.loops;
  empty_loops += other.empty_loops;
  sleeps += other.sleeps;
  wakeups += other.wakeups;
  events_lost += other.events_lost;
  return *this;
}

std::uint64_t CounterTotals::consumed_total() const { return total(consumed); }
std::uint64_t CounterTotals::held_total() const { return total(held); }
std::uint64_t CounterTotals::dropped_total() const { return total(dropped); }

std::int64_t CounterTotals::imbalance() const {
  const std::uint64_t came = received + injected + generated;
  const std::uint64_t went =
      transmitted + dropped_total() + punted + consumed_total() + held_total();
  return static_cast<std::int64_t>(came - went);
}

CounterTotals snapshot(const WorkerCounters& counters) {
  CounterTotals t;
  t.received = counters.received.get();
  t.transmitted = counters.transmitted.get();
  t.injected = counters.injected.get();
  t.generated = counters.generated.get();
  t.punted = counters.punted.get();
  read(t.consumed, counters.consumed);
  t.handed_over = counters.handed_over.get();
  t.taken_over = counters.taken_over.get();
  read(t.held, counters.held);
  t.held[static_cast<std::size_t>(Held::kHandoff)] = t.handed_over - t.taken_over;
  read(t.dropped, counters.dropped);
  t.dummies_sent = counters.dummies_sent.get();
  t.loops = counters.loops.get();
  t.empty_loops = counters.empty_loops.get();
  t.sleeps = counters.sleeps.get();
  t.wakeups = counters.wakeups.get();
  t.events_lost = counters.events_lost.get();
  return t;
}

}  // namespace penstock::channel
