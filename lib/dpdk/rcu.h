// SPDX-License-Identifier: BSD-3-Clause
// RcuDomain: quiescent states of the workers (rte_rcu_qsbr), and the one writer's queue of things
// that wait for a grace period. Published: a value that workers read and the writer replaces.
#pragma once

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>

#include "lib/base/result.h"

namespace penstock::dpdk {

using GraceToken = std::uint64_t;  ///< names a moment; passed when all workers were quiescent since

class RcuDomain {
 public:
  /// @param workers  ids are 0 … workers - 1
  [[nodiscard]] static base::Result<std::unique_ptr<RcuDomain>> create(unsigned workers);
  ~RcuDomain();
  RcuDomain(const RcuDomain&) = delete;
  RcuDomain& operator=(const RcuDomain&) = delete;

  // ---- a worker's ----
  void enter(unsigned worker);  ///< registers and goes online, before the first read
  void leave(unsigned worker);  ///< goes offline and unregisters; holds nothing any more
  void sleep(unsigned worker) { rte_rcu_qsbr_thread_offline(qsbr_.get(), worker); }
  void wake(unsigned worker) { rte_rcu_qsbr_thread_online(qsbr_.get(), worker); }
  /// Between bursts: this worker holds no reference to anything published.
  void quiescent(unsigned worker) { rte_rcu_qsbr_quiescent(qsbr_.get(), worker); }

  // ---- the writer's: one thread, never blocks ----
  /// To be taken after the thing was unpublished.
  [[nodiscard]] GraceToken token() { return rte_rcu_qsbr_start(qsbr_.get()); }
  [[nodiscard]] bool passed(GraceToken token) {
    return rte_rcu_qsbr_check(qsbr_.get(), token, false) == 1;
  }
  /// Runs `release` in a poll() after a grace period from now on.
  void retire(std::function<void()> release) { retire(token(), std::move(release)); }
  void retire(GraceToken token, std::function<void()> release);
  /// Releases what may go. @return how many still wait
  std::size_t poll();

  [[nodiscard]] rte_rcu_qsbr* qsbr() { return qsbr_.get(); }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const;
  };
  struct Waiting {
    GraceToken token;
    std::function<void()> release;
  };
  explicit RcuDomain(rte_rcu_qsbr* qsbr) : qsbr_(qsbr) {}
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::deque<Waiting> waiting_;  ///< in the order of their tokens
};

/// Workers read it within a burst and keep nothing of it; one writer replaces it as a whole.
template <class T>
class Published {
 public:
  Published() = default;
  explicit Published(std::unique_ptr<T> first) : current_(first.release()) {}
  ~Published() { delete current_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  /// A worker's; nullptr before the first publish().
  [[nodiscard]] const T* read() const { return current_.load(std::memory_order_acquire); }
  /// The writer's; the old value goes after a grace period.
  void publish(std::unique_ptr<T> next, RcuDomain& rcu) {
    T* old = current_.exchange(next.release(), std::memory_order_acq_rel);
    if (old != nullptr) rcu.retire([old] { delete old; });
  }

 private:
  std::atomic<T*> current_{nullptr};
};

}  // namespace penstock::dpdk
