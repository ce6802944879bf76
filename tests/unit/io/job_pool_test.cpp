// SPDX-License-Identifier: BSD-3-Clause
#include "control/io/job_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "control/io/event_loop.h"

namespace penstock::io {
namespace {

ike::Job job_for(std::uint16_t group) {
  return ike::GenerateKeyPair{static_cast<crypto::DhGroupId>(group)};
}

/// Answers with the group it was asked for; group 0 fails.
ike::JobResult echo(const ike::Job& job) {
  const auto group = std::get<ike::GenerateKeyPair>(job).group;
  if (static_cast<std::uint16_t>(group) == 0)
    return base::fail(base::ErrorCode::kUnsupported, "no such group");
  crypto::DhKeyPair pair;
  pair.group = group;
  return ike::JobResult::value_type(std::move(pair));
}

std::vector<JobPool::Done> run_until(EventLoop& loop, JobPool& pool, std::size_t count) {
  std::vector<JobPool::Done> done;
  auto watch = loop.on_readable(pool.wake_fd().fd(), [&] {
    pool.wake_fd().drain();
    while (auto one = pool.poll()) done.push_back(std::move(*one));
    if (done.size() >= count) loop.stop();
  });
  loop.run(nullptr);
  return done;
}

TEST(JobPool, BringsEachResultBackUnderItsId) {
  EventLoop loop;
  JobPool pool(3, [] { return [](ike::Job job) { return echo(job); }; });
  for (std::uint16_t i = 1; i <= 100; ++i) pool.submit(ike::JobId{i}, job_for(i));
  const auto done = run_until(loop, pool, 100);
  ASSERT_EQ(done.size(), 100U);
  std::set<std::uint64_t> ids;
  for (const auto& one : done) {
    ASSERT_TRUE(one.result);
    const auto& pair = std::get<crypto::DhKeyPair>(*one.result);
    EXPECT_EQ(static_cast<std::uint64_t>(pair.group), one.id.value());
    ids.insert(one.id.value());
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST(JobPool, AFailureIsAResult) {
  EventLoop loop;
  JobPool pool(1, [] { return [](ike::Job job) { return echo(job); }; });
  pool.submit(ike::JobId{7}, job_for(0));
  const auto done = run_until(loop, pool, 1);
  ASSERT_EQ(done.size(), 1U);
  ASSERT_FALSE(done[0].result);
  EXPECT_EQ(done[0].result.error().code, base::ErrorCode::kUnsupported);
}

TEST(JobPool, ResultsComeInTheOrderOfCompletion) {
  EventLoop loop;
  std::mutex gate;
  gate.lock();
  JobPool pool(2, [&gate] {
    return [&gate](ike::Job job) {
      if (std::get<ike::GenerateKeyPair>(job).group == static_cast<crypto::DhGroupId>(1))
        const std::lock_guard wait(gate);
      return echo(job);
    };
  });
  pool.submit(ike::JobId{1}, job_for(1));
  pool.submit(ike::JobId{2}, job_for(2));
  auto done = run_until(loop, pool, 1);
  EXPECT_EQ(done[0].id.value(), 2U);
  gate.unlock();
  done = run_until(loop, pool, 1);
  EXPECT_EQ(done[0].id.value(), 1U);
}

TEST(JobPool, EachThreadMakesItsOwnRunner) {
  std::atomic<int> made{0};
  {
    JobPool pool(4, [&made] {
      ++made;
      return [](ike::Job job) { return echo(job); };
    });
  }
  EXPECT_EQ(made.load(), 4);
}

TEST(JobPool, EndsWithJobsStillWaiting) {
  JobPool pool(1, [] { return [](ike::Job job) { return echo(job); }; });
  for (std::uint16_t i = 1; i <= 1000; ++i) pool.submit(ike::JobId{i}, job_for(i));
}

}  // namespace
}  // namespace penstock::io
