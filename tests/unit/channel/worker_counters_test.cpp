// SPDX-License-Identifier: BSD-3-Clause
#include "lib/channel/worker_counters.h"

#include <gtest/gtest.h>

namespace penstock::channel {
namespace {

TEST(WorkerCounters, BalanceWhenEveryPacketHasItsEnd) {
  WorkerCounters c;
  EXPECT_EQ(snapshot(c).imbalance(), 0);
  c.received.add(10);
  c.injected.add(2);
  c.generated.add(3);
  EXPECT_EQ(snapshot(c).imbalance(), 15);
  c.transmitted.add(5);
  c.punted.add(1);
  c.consumed[static_cast<std::size_t>(Consumed::kArp)].add(2);
  c.held[static_cast<std::size_t>(Held::kNeighbour)].add(4);
  c.dropped[static_cast<std::size_t>(net::DropReason::kNoRoute)].add(3);
  EXPECT_EQ(snapshot(c).imbalance(), 0);
  c.held[static_cast<std::size_t>(Held::kNeighbour)].subtract(4);
  EXPECT_EQ(snapshot(c).imbalance(), 4);
  c.transmitted.add(5);
  EXPECT_EQ(snapshot(c).imbalance(), -1);
}

TEST(WorkerCounters, SumsOverWorkers) {
  WorkerCounters a;
  WorkerCounters b;
  a.received.add(1);
  b.received.add(2);
  b.dropped[static_cast<std::size_t>(net::DropReason::kReplay)].add(2);
  a.transmitted.add(1);
  CounterTotals sum = snapshot(a);
  sum += snapshot(b);
  EXPECT_EQ(sum.received, 3U);
  EXPECT_EQ(sum.dropped_total(), 2U);
  EXPECT_EQ(sum.imbalance(), 0);
}

TEST(WorkerCounters, LieOnLinesOfTheirOwn) {
  EXPECT_EQ(alignof(WorkerCounters), 64U);
  EXPECT_EQ(sizeof(WorkerCounters) % 64, 0U);
}

}  // namespace
}  // namespace penstock::channel
