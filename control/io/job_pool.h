// SPDX-License-Identifier: BSD-3-Clause
// JobPool: threads for what takes long or draws randomness inside OpenSSL (design §1, §4.1). The
// loop gives jobs and takes results in the order in which they are done; it never waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "control/ike/engine_io.h"
#include "control/io/wake_fd.h"

namespace penstock::io {

class JobPool {
 public:
  struct Done {
    ike::JobId id;
    ike::JobResult result;
  };
  using Runner = std::function<ike::JobResult(ike::Job)>;

  /// @param make_runner called once in each thread, so that each has a crypto context of its own
  JobPool(unsigned threads, std::function<Runner()> make_runner);
  /// Drops what has not begun and waits for what has.
  ~JobPool();
  JobPool(const JobPool&) = delete;
  JobPool& operator=(const JobPool&) = delete;

  void submit(ike::JobId id, ike::Job job);
  /// The next finished job, if there is one.
  [[nodiscard]] std::optional<Done> poll();
  /// Readable when poll() may have something; drained by the loop before it polls.
  [[nodiscard]] const WakeFd& wake_fd() const { return wake_; }

 private:
  struct Waiting {
    ike::JobId id;
    ike::Job job;
  };
  void work(const std::function<Runner()>& make_runner);

  WakeFd wake_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Waiting> waiting_;  ///< bounded by the engine's limits: a few per half-open SA
  std::deque<Done> done_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace penstock::io
