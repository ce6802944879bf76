// SPDX-License-Identifier: BSD-3-Clause
// Wakeup: the control core sleeps in its event loop; a worker that puts something into a ring
// while it sleeps writes one eventfd. That is the one system call of ours that a worker makes, and
// it is counted (design §1).
#pragma once

#include <atomic>
#include <memory>

#include "lib/base/result.h"
#include "lib/channel/worker_counters.h"

namespace penstock::channel {

/// One for all workers and one control core.
class Wakeup {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<Wakeup>> create();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// For the event loop: readable when a worker has called.
  [[nodiscard]] int fd() const { return fd_; }

  // ---- the control core's ----
  /// Says that it is about to sleep. After this, look at every ring once more before sleeping:
  /// what was put before is seen there, what is put later writes the eventfd.
  void prepare_sleep() {
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  /// Awake again, whatever the reason: empties the eventfd.
  void awake();

  // ---- a worker's ----
  /// After something was put into a ring.
  void notify(Counter& wakeups) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_relaxed)) [[unlikely]]
      call(wakeups);
  }

 private:
  explicit Wakeup(int fd) : fd_(fd) {}
  void call(Counter& wakeups);
  int fd_;
  alignas(64) std::atomic<bool> sleeping_{false};
};

}  // namespace penstock::channel
