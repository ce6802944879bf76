// SPDX-License-Identifier: BSD-3-Clause
// Jobs leave the engine, run here, and come back to it through an eventfd as inputs. One mutex is
// enough: a job takes 50 microseconds or more, the queue a few hundred nanoseconds.
#include "control/io/job_pool.h"

#include <algorithm>
#include <csignal>

namespace penstock::io {

JobPool::JobPool(unsigned threads, std::function<Runner()> make_runner) {
  // Signals are the loop's: threads that are made here inherit a full mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < std::max(threads, 1U); ++i)
    threads_.emplace_back([this, make_runner] { work(make_runner); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

JobPool::~JobPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void JobPool::submit(ike::JobId id, ike::Job job) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({id, std::move(job)});
  }
  more_.notify_one();
}

std::optional<JobPool::Done> JobPool::poll() {
  const std::lock_guard lock(mutex_);
  if (done_.empty()) return std::nullopt;
  std::optional<Done> first(std::move(done_.front()));
  done_.pop_front();
  return first;
}

void JobPool::work(const std::function<Runner()>& make_runner) {
  const Runner run = make_runner();
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    ike::JobResult result = run(std::move(next.job));
    lock.lock();
    done_.push_back({next.id, std::move(result)});
    wake_.signal();
  }
}

}  // namespace penstock::io
