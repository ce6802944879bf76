// SPDX-License-Identifier: BSD-3-Clause
#include "lib/dpdk/rcu.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock::dpdk {
namespace {

TEST(RcuDomain, WithoutWorkersNothingWaits) {
  auto rcu = RcuDomain::create(1).value();
  bool gone = false;
  rcu->retire([&] { gone = true; });
  EXPECT_EQ(rcu->poll(), 0U);
  EXPECT_TRUE(gone);
}

TEST(RcuDomain, WaitsForEveryWorkerToBeQuiescent) {
  auto rcu = RcuDomain::create(2).value();
  rcu->enter(0);
  rcu->enter(1);
  bool gone = false;
  rcu->retire([&] { gone = true; });
  EXPECT_EQ(rcu->poll(), 1U);
  rcu->quiescent(0);
  EXPECT_EQ(rcu->poll(), 1U);
  EXPECT_FALSE(gone);
  rcu->quiescent(1);
  EXPECT_EQ(rcu->poll(), 0U);
  EXPECT_TRUE(gone);
  rcu->leave(0);
  rcu->leave(1);
}

TEST(RcuDomain, ASleepingWorkerHoldsNothing) {
  auto rcu = RcuDomain::create(1).value();
  rcu->enter(0);
  bool gone = false;
  rcu->retire([&] { gone = true; });
  rcu->sleep(0);
  rcu->poll();
  EXPECT_TRUE(gone);
  rcu->wake(0);
  gone = false;
  rcu->retire([&] { gone = true; });
  rcu->poll();
  EXPECT_FALSE(gone) << "awake again, it may have looked";
  rcu->leave(0);
  rcu->poll();
  EXPECT_TRUE(gone);
}

TEST(RcuDomain, WhatIsReleasedMayRetireMore) {
  auto rcu = RcuDomain::create(1).value();
  unsigned released = 0;
  rcu->retire([&] {
    ++released;
    rcu->retire([&] { ++released; });
  });
  rcu->poll();
  EXPECT_EQ(released, 2U);
}

TEST(RcuDomain, ReleasesWhatIsLeftAtItsEnd) {
  bool gone = false;
  {
    auto rcu = RcuDomain::create(1).value();
    rcu->enter(0);
    rcu->retire([&] { gone = true; });
    rcu->poll();
    EXPECT_FALSE(gone);
    rcu->leave(0);
  }
  EXPECT_TRUE(gone);
}

// A reader never sees a value after its release: the value says so itself.
TEST(Published, ReadersNeverSeeAReleasedValue) {
  struct Value {
    explicit Value(unsigned n) : number(n) {}
    ~Value() { alive.store(false); }
    unsigned number;
    std::atomic<bool> alive{true};
  };
  auto rcu = RcuDomain::create(1).value();
  Published<Value> published(std::make_unique<Value>(0));
  std::atomic<bool> stop{false};
  std::atomic<bool> wrong{false};
  std::thread worker([&] {
    rcu->enter(0);
    unsigned last = 0;
    while (!stop.load()) {
      for (unsigned i = 0; i < 8; ++i) {
        const Value* value = published.read();
        if (!value->alive.load() || value->number < last) wrong.store(true);
        last = value->number;
      }
      rcu->quiescent(0);
    }
    rcu->leave(0);
  });
  for (unsigned n = 1; n <= 2'000; ++n) {
    published.publish(std::make_unique<Value>(n), *rcu);
    rcu->poll();
  }
  stop.store(true);
  worker.join();
  EXPECT_EQ(rcu->poll(), 0U);
  EXPECT_FALSE(wrong.load());
  EXPECT_EQ(published.read()->number, 2'000U);
}

}  // namespace
}  // namespace penstock::dpdk
