// SPDX-License-Identifier: BSD-3-Clause
// EventLoop: libevent behind three things: file descriptors, timers and signals. It serves the
// rings of the data plane between them and sleeps only when they say that it may.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "lib/base/time.h"

struct event;
struct event_base;

namespace penstock::io {

/// The rings that the loop serves while it is awake (design §1). Without DPDK there is none.
class Rings {
 public:
  virtual ~Rings() = default;
  /// Does a bounded piece of work. True: something was there, ask again soon.
  virtual bool serve() = 0;
  /// Raises the flags that make workers wake us. False: something came meanwhile, do not sleep.
  virtual bool prepare_sleep() = 0;
  /// Lowers them again.
  virtual void woke() = 0;
};

class EventLoop {
 public:
  using Callback = std::function<void()>;

  /// Lives as long as the callback is wanted; the loop outlives it.
  class Handle {
   public:
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

   private:
    friend class EventLoop;
    explicit Handle(Callback callback) : callback_(std::move(callback)) {}
    static void run(int fd, short what, void* self);
    Callback callback_;
    struct event* event_ = nullptr;
  };

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls back whenever `fd` is readable (level-triggered). The descriptor stays the caller's.
  [[nodiscard]] std::unique_ptr<Handle> on_readable(int fd, Callback callback);
  [[nodiscard]] std::unique_ptr<Handle> on_signal(int signal, Callback callback);
  /// Not armed until set_timer().
  [[nodiscard]] std::unique_ptr<Handle> make_timer(Callback callback);
  /// Once, at `when` or at the next pass if that is over; replaces what was set before.
  void set_timer(Handle& timer, base::MonoTime when);
  void clear_timer(Handle& timer);

  /// Until stop(). @param rings borrowed, may be null
  void run(Rings* rings);
  void stop() { stopped_ = true; }

  /// For what is made of libevent itself (the management server).
  [[nodiscard]] struct event_base* base() const { return base_; }

 private:
  [[nodiscard]] std::unique_ptr<Handle> add(int fd, short what, Callback callback);
  struct event_base* base_;
  bool stopped_ = false;
};

}  // namespace penstock::io
