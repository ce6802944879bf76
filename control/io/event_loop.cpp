// SPDX-License-Identifier: BSD-3-Clause
// The control core's loop. One pass: serve the rings a bounded while, then let libevent run what is
// due; it blocks only when the rings are empty and their workers know that they must wake us.
#include "control/io/event_loop.h"

#include <event2/event.h>

#include <algorithm>
#include <csignal>

#include "control/io/clock.h"
#include "lib/base/check.h"

namespace penstock::io {

EventLoop::Handle::~Handle() {
  if (event_ != nullptr) event_free(event_);
}

void EventLoop::Handle::run(int, short, void* self) { static_cast<Handle*>(self)->callback_(); }

EventLoop::EventLoop() : base_(event_base_new()) {
  PS_CHECK(base_ != nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a client that hangs up is an error code of its own
}

EventLoop::~EventLoop() { event_base_free(base_); }

std::unique_ptr<EventLoop::Handle> EventLoop::add(int fd, short what, Callback callback) {
  std::unique_ptr<Handle> handle(new Handle(std::move(callback)));
  handle->event_ = event_new(base_, fd, what, &Handle::run, handle.get());
  PS_CHECK(handle->event_ != nullptr);
  return handle;
}

std::unique_ptr<EventLoop::Handle> EventLoop::on_readable(int fd, Callback callback) {
  auto handle = add(fd, EV_READ | EV_PERSIST, std::move(callback));
  PS_CHECK(event_add(handle->event_, nullptr) == 0);
  return handle;
}

std::unique_ptr<EventLoop::Handle> EventLoop::on_signal(int signal, Callback callback) {
  auto handle = add(signal, EV_SIGNAL | EV_PERSIST, std::move(callback));
  PS_CHECK(event_add(handle->event_, nullptr) == 0);
  return handle;
}

std::unique_ptr<EventLoop::Handle> EventLoop::make_timer(Callback callback) {
  return add(-1, EV_TIMEOUT, std::move(callback));
}

void EventLoop::set_timer(Handle& timer, base::MonoTime when) {
  using std::chrono::microseconds;
  // Rounded up: a timer that fires too early would find nothing due and set itself again.
  const auto left = std::chrono::ceil<microseconds>(when - monotonic_now());
  const auto wait = std::max(left, microseconds{0}).count();
  timeval tv{};
  tv.tv_sec = wait / 1'000'000;
  tv.tv_usec = wait % 1'000'000;
  PS_CHECK(event_add(timer.event_, &tv) == 0);
}

void EventLoop::clear_timer(Handle& timer) { event_del(timer.event_); }

void EventLoop::run(Rings* rings) {
  stopped_ = false;
  while (!stopped_) {
    bool sleep = true;
    if (rings != nullptr) sleep = !rings->serve() && rings->prepare_sleep();
    // One pass, never more: without EVLOOP_ONCE libevent goes on while any descriptor is readable,
    // and the wake-up of a worker stays so until woke(), which would then never be reached.
    event_base_loop(base_, sleep ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (sleep && rings != nullptr) rings->woke();
  }
}

}  // namespace penstock::io
