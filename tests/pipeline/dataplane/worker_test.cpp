// SPDX-License-Identifier: BSD-3-Clause
// The worker loop in a thread of its own: it forwards, sleeps when idle, and leaves nothing behind.
#include "dataplane/worker.h"

#include <thread>

#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

using dataplane::IdleMode;
using dataplane::RxQueue;
using dataplane::Worker;
using net::DropReason;

/// The gateway's ports and tables, run by a Worker in place of the harness's rounds.
struct WorkerLoop : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}}}}};
  std::unique_ptr<dpdk::RcuDomain> rcu = dpdk::RcuDomain::create(1).value();
  std::unique_ptr<Worker> worker;
  std::thread thread;

  WorkerLoop() {
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(1, "10.2.0.9");
  }
  void start(IdleMode idle) {
    worker = std::make_unique<Worker>(
        dataplane::WorkerOptions{
            .id = 0,
            .idle = idle,
            .queues = {{dpdk::InterfaceIndex{0}, 0}, {dpdk::InterfaceIndex{1}, 0}}},
        gateway.pool(), gateway.fib(), nullptr, gateway.channel(), *rcu);
    thread = std::thread([this] { worker->run(); });
  }
  void stop() {
    worker->stop();
    thread.join();
  }
  /// Waits without burning the CPU that the worker needs.
  template <class Condition>
  [[nodiscard]] bool reached(Condition condition) {
    for (unsigned i = 0; i < 10'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return false;
  }
};

TEST_F(WorkerLoop, ForwardsWhatComes) {
  for (unsigned i = 0; i < 300; ++i) gateway.put(0, udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(9)));
  start(IdleMode::kPoll);
  EXPECT_TRUE(reached([&] { return gateway.totals().transmitted == 300; }));
  stop();
  EXPECT_EQ(gateway.sent(1).size(), 300U);
}
TEST_F(WorkerLoop, SleepsWhenThereIsNothingAndWakesForPackets) {
  start(IdleMode::kSleep);
  EXPECT_TRUE(reached([&] { return gateway.totals().sleeps > 10; }));
  gateway.put(0, udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(9)));
  EXPECT_TRUE(reached([&] { return gateway.totals().transmitted == 1; }));
  stop();
}
TEST_F(WorkerLoop, ReportsQuiescentStates) {
  start(IdleMode::kPoll);
  EXPECT_TRUE(reached([&] { return gateway.totals().loops > 0; }));
  bool gone = false;
  rcu->retire([&] { gone = true; });
  EXPECT_TRUE(reached([&] {
    rcu->poll();
    return gone;
  }));
  stop();
}
TEST_F(WorkerLoop, SendsWhatWasInjectedBeforeItStops) {
  const auto us = net::Endpoint{net::IpAddress::v4(ip("10.1.0.1")), net::Port{500}};
  const auto peer = net::Endpoint{net::IpAddress::v4(ip("10.1.0.9")), net::Port{500}};
  start(IdleMode::kSleep);
  EXPECT_TRUE(reached([&] { return gateway.totals().loops > 0; }));
  worker->stop();
  ASSERT_TRUE(gateway.channel().inject.put_udp(us, peer, {}, pattern(28), gateway.pool()));
  thread.join();
  // Either in its last round, or, put too late, still in the ring.
  EXPECT_EQ(gateway.sent(0).size() + (gateway.channel().inject.empty() ? 0U : 1U), 1U);
  std::array<dpdk::Packet*, 1> left{};
  if (gateway.channel().inject.take(left) == 1) rte_pktmbuf_free(left[0]);
}
TEST_F(WorkerLoop, DropsWhatStillWaitsByName) {
  gateway.put(0, udp("10.1.0.9", "10.2.0.77", 1, 2, pattern(9)));
  gateway.put(0,
              udp("10.1.0.9", "10.1.0.1", 1, 2, pattern(8), {.fragment = net::kIpv4MoreFragments}));
  start(IdleMode::kPoll);
  EXPECT_TRUE(reached([&] { return gateway.totals().held_total() == 2; }));
  stop();
  EXPECT_EQ(gateway.dropped(DropReason::kShutdown), 2U);
  EXPECT_EQ(gateway.totals().held_total(), 0U);
}

TEST(AssignQueues, QueuesGoRound) {
  Gateway gateway{{.ports = {{.name = "in", .addresses = {}},
                             {.name = "out", .side = fib::Side::kOutside, .addresses = {}},
                             {.name = "in2", .addresses = {}}}}};
  const std::array<std::uint16_t, 3> queues{3, 2, 1};
  const auto lists = dataplane::assign_queues(gateway.fib(), queues, 2);
  const auto text = [](const std::vector<RxQueue>& list) {
    std::string all;
    for (const auto& q : list)
      all += std::to_string(q.interface.value()) + "." + std::to_string(q.queue) + " ";
    return all;
  };
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(text(lists[0]), "0.0 0.2 1.1 ");
  EXPECT_EQ(text(lists[1]), "0.1 1.0 2.0 ");
}

}  // namespace
}  // namespace penstock::pipeline
