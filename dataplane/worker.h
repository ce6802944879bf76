// SPDX-License-Identifier: BSD-3-Clause
// Worker: one lcore's loop. It polls its receive queues in turn, then what the control core
// injected, then what became ready, transmits, and reports a quiescent state.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/worker_context.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/steering.h"
#include "lib/ipsec/owner.h"

namespace penstock::dataplane {

enum class IdleMode : std::uint8_t { kPoll, kSleep };

/// With idle = "sleep": after this many empty rounds the worker sleeps, at first kFirstSleep and
/// twice as long each time up to kLongestSleep.
inline constexpr unsigned kEmptyRoundsBeforeSleep = 64;
inline constexpr base::Duration kFirstSleep = std::chrono::microseconds{20};
inline constexpr base::Duration kLongestSleep = std::chrono::microseconds{200};

/// A receive queue that one worker polls.
struct RxQueue {
  dpdk::InterfaceIndex interface;
  std::uint16_t queue = 0;
};

/// Which worker polls which queue: they go round. `queues[i]` is the number of queues of
/// interface i.
/// @return one list a worker
[[nodiscard]] std::vector<std::vector<RxQueue>> assign_queues(const fib::Fib& fib,
                                                              std::span<const std::uint16_t> queues,
                                                              unsigned workers);

/// The rules by which a port brings ESP and AH to a queue of their owner. Where a worker polls no
/// queue of the port, its SAs have no rule. With one worker there are none.
[[nodiscard]] std::vector<dpdk::SpiRule> steering_rules(
    const ipsec::OwnerMap& owners, dpdk::InterfaceIndex port,
    std::span<const std::vector<RxQueue>> assigned);

struct WorkerOptions {
  unsigned id = 0;
  IdleMode idle = IdleMode::kPoll;
  std::vector<RxQueue> queues;
  channel::Handoff* handoff = nullptr;  ///< between all workers, borrowed; nullptr: there is one
};

class Worker {
 public:
  /// Everything is borrowed and outlives the worker. Its transmit queue is number `id` on each
  /// port.
  Worker(WorkerOptions options, const dpdk::PacketPool& pool, const fib::Fib& fib,
         IpsecState* ipsec, channel::WorkerChannel& channel, dpdk::RcuDomain& rcu);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// The loop, on the calling lcore, until stop(). What still waits then is dropped as `shutdown`.
  void run();
  /// For dpdk::launch(): `worker` is a Worker*.
  static int run_on_lcore(void* worker);
  /// After every worker has ended: drops what others still handed over, as `shutdown`.
  void drop_taken_over();
  void stop() { stopping_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] const WorkerOptions& options() const { return options_; }
  /// For tests and for what is set up before run().
  [[nodiscard]] WorkerContext& context() { return ctx_; }

 private:
  [[nodiscard]] unsigned round();
  [[nodiscard]] unsigned take_over();
  void rest(unsigned empty_rounds);
  void shut_down();

  WorkerOptions options_;
  dpdk::RcuDomain& rcu_;
  WorkerContext ctx_;
  std::atomic<bool> stopping_{false};
};

}  // namespace penstock::dataplane
