// SPDX-License-Identifier: BSD-3-Clause
#include "control/io/event_loop.h"

#include <event2/event.h>
#include <gtest/gtest.h>

#include <csignal>
#include <vector>

#include "control/io/clock.h"
#include "control/io/wake_fd.h"

namespace penstock::io {
namespace {

using base::milliseconds;

TEST(EventLoop, RunsTimersInTheOrderOfTheirTimes) {
  EventLoop loop;
  std::vector<int> order;
  auto late = loop.make_timer([&] {
    order.push_back(2);
    loop.stop();
  });
  auto early = loop.make_timer([&] { order.push_back(1); });
  loop.set_timer(*late, monotonic_now() + milliseconds{20});
  loop.set_timer(*early, monotonic_now() + milliseconds{5});
  loop.run(nullptr);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(EventLoop, ATimerNeverFiresBeforeItsTime) {
  EventLoop loop;
  const base::MonoTime due = monotonic_now() + milliseconds{7};
  base::MonoTime fired;
  auto timer = loop.make_timer([&] {
    fired = monotonic_now();
    loop.stop();
  });
  loop.set_timer(*timer, due);
  loop.run(nullptr);
  EXPECT_GE(fired, due);
}

TEST(EventLoop, AClearedTimerStaysSilent) {
  EventLoop loop;
  bool fired = false;
  auto silent = loop.make_timer([&] { fired = true; });
  auto end = loop.make_timer([&] { loop.stop(); });
  loop.set_timer(*silent, monotonic_now() + milliseconds{1});
  loop.set_timer(*end, monotonic_now() + milliseconds{15});
  loop.clear_timer(*silent);
  loop.run(nullptr);
  EXPECT_FALSE(fired);
}

TEST(EventLoop, ASignalIsAnEventOfTheLoop) {
  EventLoop loop;
  auto term = loop.on_signal(SIGUSR1, [&] { loop.stop(); });
  auto timer = loop.make_timer([] { std::raise(SIGUSR1); });
  loop.set_timer(*timer, monotonic_now());
  loop.run(nullptr);  // ends only by the signal
}

/// Rings with `left` pieces of work that sleep afterwards until something else stops the loop.
struct FakeRings final : Rings {
  bool serve() override {
    ++served;
    return left > 0 && left-- > 0;
  }
  bool prepare_sleep() override {
    ++prepared;
    return true;
  }
  void woke() override { ++woken; }
  int left = 3;
  int served = 0;
  int prepared = 0;
  int woken = 0;
};

TEST(EventLoop, ServesRingsUntilTheyAreEmptyBeforeItSleeps) {
  EventLoop loop;
  FakeRings rings;
  WakeFd wake;
  auto watch = loop.on_readable(wake.fd(), [&] {
    wake.drain();
    EXPECT_EQ(rings.left, 0);
    loop.stop();
  });
  auto timer = loop.make_timer([&] { wake.signal(); });
  loop.set_timer(*timer, monotonic_now() + milliseconds{10});
  loop.run(&rings);
  EXPECT_GE(rings.prepared, 1);
  EXPECT_EQ(rings.woken, rings.prepared);
  EXPECT_LE(rings.served, 8) << "it must not spin while there is nothing to do";
}

/// A worker writes the eventfd just after the loop has emptied it: it stays readable until the loop
/// has slept once more, which it does not do while there is work.
TEST(EventLoop, ServesRingsWhileADescriptorStaysReadable) {
  EventLoop loop;
  const WakeFd wake;
  wake.signal();
  int called = 0;
  auto readable = loop.on_readable(wake.fd(), [&] {
    // A loop that comes back here for ever never serves the rings again.
    if (++called > 100) event_base_loopbreak(loop.base());
  });
  struct Busy : Rings {
    bool serve() override {
      if (++served == 5) loop->stop();
      return true;
    }
    bool prepare_sleep() override { return false; }
    void woke() override {}
    EventLoop* loop = nullptr;
    int served = 0;
  } rings;
  rings.loop = &loop;
  loop.run(&rings);
  EXPECT_EQ(rings.served, 5);
  EXPECT_LE(called, 5);
}

}  // namespace
}  // namespace penstock::io
