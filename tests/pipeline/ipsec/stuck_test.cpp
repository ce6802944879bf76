// SPDX-License-Identifier: BSD-3-Clause
// The gateway on an asynchronous engine whose queue pairs stick: what is given up and what kept,
// the reset, and what of it other workers notice.
#include <array>

#include "tests/pipeline/ipsec/async_gateway.h"

namespace penstock::pipeline {
namespace {

TEST_F(Async, GivesUpAQueuePairThatIsStuckAndTakesLatecomersBack) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(6);
  put_inbound(4);
  g.gateway.step();
  EXPECT_EQ(held(), 10U);
  outwait();
  drain();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 10U);
  EXPECT_EQ(g.gateway.pool().in_use(), 10U);  // the device may still write to them
  put_outbound(2);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 2U);
  crypto_device(0).stuck = false;
  put_outbound(2);  // the queue pair is looked at again, and works
  g.gateway.step();
  drain();
  expect_sealed(2);
  EXPECT_EQ(g.gateway.pool().in_use(), 0U);
}

TEST_F(Async, KeepsWhatAStuckQueuePairMayUse) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  retire_both();
  for (int i = 0; i < 4; ++i) {
    g.writer->poll();
    g.gateway.step();
  }
  EXPECT_EQ(g.writer->usage().retiring, 0U);        // nothing of ours refers to them
  EXPECT_EQ(crypto_device_report(0).sessions, 1U);  // the outbound one is the device's for good
  crypto_device(0).stuck = false;
  g.protect();
  put_outbound(1);
  g.gateway.step();
  drain();
  expect_sealed(1);
}

TEST_F(Async, ResetsAQueuePairThatIsStuck) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  crypto_device(0).stuck = false;
  supervise();
  EXPECT_THAT(log.lines, testing::ElementsAre(HasSubstr("queue pair 0 gave nothing back")));
  EXPECT_EQ(crypto_device_report(0).forgotten, 3U);
  put_outbound(2);
  put_inbound(2);
  g.gateway.step();
  drain();
  expect_sealed(2);
  expect_opened(2);
  EXPECT_EQ(g.gateway.pool().in_use(), 3U);
  test::free_forgotten_packets(0);  // as the end of the process does
}

TEST_F(Async, HasSlotsAfterAResetUnderFullLoad) {
  g.protect();
  crypto_device(0).stuck = true;
  put_full_load();
  outwait();
  drain();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 1024U);
  crypto_device(0).stuck = false;
  supervise();
  put_outbound(20);
  g.gateway.step();
  drain();
  expect_sealed(20);
  test::free_forgotten_packets(0);
}

/// Nothing else than its driver's calls works on a packet: all of it is over with the queue pair.
struct AsyncSoftware : Async {
  AsyncSoftware() : Async({.hardware = false}) {}
};

TEST_F(AsyncSoftware, HasEverythingBackAfterEachReset) {
  g.protect();
  for (unsigned hang = 1; hang <= 4; ++hang) {
    crypto_device(0).stuck = true;
    put_full_load();
    outwait();
    drain();
    EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), hang * 1024U);
    EXPECT_EQ(g.gateway.pool().in_use(), 1024U);  // the queue pair is not set up anew yet
    crypto_device(0).stuck = false;
    supervise();
    put_outbound(20);
    g.gateway.step();
    drain();
    expect_sealed(20);
    EXPECT_EQ(g.gateway.pool().in_use(), 0U);
  }
  EXPECT_EQ(crypto_device_report(0).forgotten, 4 * 1024U);
}

TEST_F(AsyncSoftware, HasEverythingBackThatNobodyHadTakenYet) {
  g.protect();
  auto other = g.sessions->make_engine(0).value();  // whose jobs nobody takes meanwhile
  rte_mbuf* packet = job_packet();
  std::array<burst_crypto::Job, 1> jobs{job_of(packet)};
  crypto_device(0).stuck = true;
  EXPECT_EQ(other->process(jobs), 0U);
  outwait();
  EXPECT_EQ(other->completed(CipherDirection::kSeal, {}), 0U);  // given up
  crypto_device(0).stuck = false;
  supervise();
  EXPECT_EQ(other->completed(CipherDirection::kSeal, jobs), 1U);
  EXPECT_EQ(jobs[0].status, burst_crypto::JobStatus::kLost);
  EXPECT_EQ(rte_mbuf_refcnt_read(packet), 1U);  // ours
  rte_pktmbuf_free(packet);
}

TEST_F(Async, TakesBackWhatComesAfterAReset) {
  g.protect();
  crypto_device(0) = {.stuck = true, .setup_skips_busy = true};
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  supervise();
  EXPECT_EQ(g.gateway.pool().in_use(), 3U);  // the device goes on with them
  crypto_device(0).stuck = false;
  put_outbound(2);
  g.gateway.step();
  drain();
  expect_sealed(2);
  EXPECT_EQ(g.gateway.pool().in_use(), 0U);
}

TEST_F(Async, ResetsAQueuePairThatIsStuckAgainAtOnce) {
  g.protect();
  crypto_device(0).stuck = true;
  for (unsigned hang = 1; hang <= 3; ++hang) {
    put_outbound(2);
    g.gateway.step();
    EXPECT_EQ(held(), 2U);
    outwait();
    drain();
    supervise_once();  // closes the device
    supervise_once();  // resets the queue pair; it is stuck again before the next round
    EXPECT_THAT(log.lines, SizeIs(hang));
    EXPECT_EQ(crypto_device_report(0).forgotten, hang * 2);
  }
  test::free_forgotten_packets(0);
}

struct AsyncWorkers : Async {
  AsyncWorkers() : Async({.workers = 2}) {}
  /// The second worker's queue pair is stuck, and the device closed for that.
  void close() {
    test::set_crypto_queue(0, 1, {.stuck = true});
    other = g.sessions->make_engine(1).value();
    rte_mbuf* packet = job_packet();
    std::array<burst_crypto::Job, 1> jobs{job_of(packet)};
    ASSERT_EQ(other->process(jobs), 0U);
    outwait();
    ASSERT_EQ(other->completed(CipherDirection::kSeal, jobs), 1U);
    rte_pktmbuf_free(packet);  // as the closing stage does
    crypto_device(0).delay_polls = 3;
    put_outbound(4);
    g.gateway.step();
    EXPECT_EQ(held(), 4U);
    g.sessions->supervise(g.gateway.rcu(), log);
    EXPECT_THAT(log.lines, testing::ElementsAre(HasSubstr("queue pair 1 gave nothing back")));
  }
  std::unique_ptr<burst_crypto::Engine> other;
};

TEST_F(AsyncWorkers, LoseNothingWhileTheQueuePairOfAnotherIsReset) {
  g.protect();
  close();
  for (int i = 0; i < 106; ++i) {  // longer than a queue pair may take
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    g.gateway.step();
  }
  EXPECT_EQ(held(), 4U);
  supervise();
  drain();
  expect_sealed(4);
  EXPECT_EQ(g.gateway.dropped(), 0U);
  test::free_forgotten_packets(0);
}

TEST_F(Async, SaysThatADriverDoesNotResetABusyQueuePair) {
  g.protect();
  crypto_device(0) = {.stuck = true, .setup_fails_busy = true};
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  supervise();
  EXPECT_THAT(log.lines,
              testing::ElementsAre(HasSubstr("gave nothing back"), HasSubstr("cannot be reset")));
  supervise();
  EXPECT_THAT(log.lines, SizeIs(2));  // once
  put_outbound(1);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 1U);
  crypto_device(0).stuck = false;
  put_outbound(1);
  g.gateway.step();
  drain();
  expect_sealed(1);
}

TEST_F(Async, AWorkerThatStopsDoesNotWaitForAStuckDevice) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(5);
  g.gateway.step();
  const auto before = std::chrono::steady_clock::now();
  run_and_stop(g);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(4));
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 5U);
  crypto_device(0).stuck = false;
  put_outbound(1);  // looks at the queue pair again: what it had comes back
  g.gateway.step();
}

TEST_F(AsyncWorkers, AWorkerThatStopsDoesNotWaitForADeviceThatStaysClosed) {
  g.protect();
  close();
  const auto before = std::chrono::steady_clock::now();
  run_and_stop(g);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(4));
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 4U);
  supervise();  // opened; both queue pairs are set up anew
  test::free_forgotten_packets(0);
}

}  // namespace
}  // namespace penstock::pipeline
