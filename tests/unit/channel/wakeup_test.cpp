// SPDX-License-Identifier: BSD-3-Clause
#include "lib/channel/wakeup.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace penstock::channel {
namespace {

bool readable(const Wakeup& wakeup, int wait_ms = 0) {
  pollfd p{.fd = wakeup.fd(), .events = POLLIN, .revents = 0};
  return poll(&p, 1, wait_ms) == 1;
}

TEST(Wakeup, AnAwakeControlCoreCostsNoSystemCall) {
  auto wakeup = Wakeup::create().value();
  Counter calls;
  for (unsigned i = 0; i < 100; ++i) wakeup->notify(calls);
  EXPECT_EQ(calls.get(), 0U);
  EXPECT_FALSE(readable(*wakeup));
}

TEST(Wakeup, ASleepingOneIsCalledOnce) {
  auto wakeup = Wakeup::create().value();
  Counter calls;
  wakeup->prepare_sleep();
  for (unsigned i = 0; i < 100; ++i) wakeup->notify(calls);
  EXPECT_EQ(calls.get(), 1U);
  EXPECT_TRUE(readable(*wakeup));
  wakeup->awake();
  EXPECT_FALSE(readable(*wakeup));
  wakeup->notify(calls);
  EXPECT_EQ(calls.get(), 1U);
}

// What is put while the control core goes to sleep is either seen by its last look or wakes it.
TEST(Wakeup, NothingIsSleptThrough) {
  auto wakeup = Wakeup::create().value();
  Counter calls;
  std::atomic<unsigned> put{0};
  constexpr unsigned kItems = 20'000;
  std::thread worker([&] {
    for (unsigned i = 1; i <= kItems; ++i) {
      put.store(i, std::memory_order_release);
      wakeup->notify(calls);
      if (i % 16 == 0) std::this_thread::yield();
    }
  });
  unsigned seen = 0;
  bool slept_through = false;
  while (seen < kItems && !slept_through) {
    wakeup->prepare_sleep();
    if (put.load(std::memory_order_acquire) == seen) slept_through = !readable(*wakeup, 10'000);
    wakeup->awake();
    seen = put.load(std::memory_order_acquire);
  }
  worker.join();
  EXPECT_FALSE(slept_through);
}

}  // namespace
}  // namespace penstock::channel
