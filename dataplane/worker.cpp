// SPDX-License-Identifier: BSD-3-Clause
// The worker loop: receive queues in turn, injected packets, what became ready, transmit, quiet.
#include "dataplane/worker.h"

#include <time.h>

#include <algorithm>

#include "dataplane/pipeline.h"
#include "dataplane/reassemble.h"
#include "dataplane/stages.h"
#include "dataplane/wait_table.h"
#include "lib/channel/handoff.h"

namespace penstock::dataplane {

std::vector<std::vector<RxQueue>> assign_queues(const fib::Fib& fib,
                                                std::span<const std::uint16_t> queues,
                                                unsigned workers) {
  std::vector<std::vector<RxQueue>> lists(workers);
  unsigned next = 0;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const fib::Interface& interface =
        fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    for (std::uint16_t q = 0; q < queues[i]; ++q) {
      lists[next++ % workers].push_back({interface.index, q});
    }
  }
  return lists;
}

std::vector<dpdk::SpiRule> steering_rules(const ipsec::OwnerMap& owners, dpdk::InterfaceIndex port,
                                          std::span<const std::vector<RxQueue>> assigned) {
  std::vector<dpdk::SpiRule> rules;
  if (assigned.size() < 2) return rules;
  for (std::uint32_t bucket = 0; bucket < owners.buckets(); ++bucket) {
    const auto& queues = assigned[owners.owner_of(bucket)];
    const auto mine = std::ranges::find(queues, port, &RxQueue::interface);
    if (mine != queues.end()) rules.push_back({bucket, owners.mask(), mine->queue});
  }
  return rules;
}

Worker::Worker(WorkerOptions options, const dpdk::PacketPool& pool, const fib::Fib& fib,
               IpsecState* ipsec, channel::WorkerChannel& channel, dpdk::RcuDomain& rcu)
    : options_(std::move(options)), rcu_(rcu) {
  ctx_.id = options_.id;
  ctx_.pool = pool.get();
  ctx_.fib = &fib;
  ctx_.ipsec = ipsec;
  ctx_.channel = &channel;
  ctx_.handoff = options_.handoff;
  ctx_.counters = &channel.counters;
  ctx_.set_time(rte_rdtsc());
  for (unsigned i = 0; i < fib.port_count(); ++i) {
    const auto& interface = fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    ctx_.tx[i].port_id = interface.port_id;
    ctx_.tx[i].queue = static_cast<std::uint16_t>(options_.id);
  }
}

Worker::~Worker() = default;

unsigned Worker::round() {
  unsigned packets = 0;
  Burst burst;
  ctx_.set_time(rte_rdtsc());
  for (const RxQueue& from : options_.queues) {
    receive(ctx_, burst, ctx_.fib->interface(from.interface), from.queue);
    packets += burst.size();
    if (!burst.empty()) run_pipeline(ctx_, burst);
  }
  packets += take_over();
  burst.set_size(ctx_.channel->inject.take({burst.raw(), kBurst}));
  if (!burst.empty()) {
    packets += burst.size();
    ctx_.counters->injected.add(burst.size());
    run_injected(ctx_, burst);
  }
  run_pending(ctx_);
  transmit(ctx_);
  rcu_.quiescent(options_.id);
  if (pending_inbound(ctx_) || pending_outbound(ctx_)) ++packets;  // no time to sleep
  return packets;
}

/// What other workers received for SAs of this one.
unsigned Worker::take_over() {
  if (ctx_.handoff == nullptr) return 0;
  unsigned packets = 0;
  Burst burst;
  for (unsigned from = 0; from < ctx_.handoff->workers(); ++from) {
    burst.set_size(ctx_.handoff->take(from, options_.id, {burst.raw(), kBurst}));
    if (burst.empty()) continue;
    packets += burst.size();
    ctx_.counters->taken_over.add(burst.size());
    run_taken_over(ctx_, burst);
  }
  return packets;
}

void Worker::rest(unsigned empty_rounds) {
  const unsigned doublings = std::min((empty_rounds - kEmptyRoundsBeforeSleep) / 8U, 8U);
  const base::Duration time = std::min(kLongestSleep, kFirstSleep * (1U << doublings));
  const timespec wanted{.tv_sec = 0, .tv_nsec = static_cast<long>(time.count())};
  ctx_.counters->sleeps.add();
  rcu_.sleep(options_.id);
  nanosleep(&wanted, nullptr);
  rcu_.wake(options_.id);
}

void Worker::run() {
  rcu_.enter(options_.id);
  unsigned empty_rounds = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    ctx_.counters->loops.add();
    if (round() != 0) {
      empty_rounds = 0;
      continue;
    }
    ctx_.counters->empty_loops.add();
    ++empty_rounds;
    if (options_.idle == IdleMode::kSleep && empty_rounds > kEmptyRoundsBeforeSleep)
      rest(empty_rounds);
  }
  shut_down();
  rcu_.leave(options_.id);
}

void Worker::shut_down() {
  // What the control core has still sent (deletes, RFC 7296 §1.4.1) leaves first.
  while (!ctx_.channel->inject.empty()) (void)round();
  // Crypto devices give back what they have, or the engine gives it up (kStuckAfterMs).
  while (pending_inbound(ctx_) || pending_outbound(ctx_)) {
    ctx_.set_time(rte_rdtsc());
    run_pending(ctx_);
    transmit(ctx_);
    rcu_.quiescent(options_.id);
  }
  ctx_.reassembler->clear(ctx_, net::DropReason::kShutdown);
  ctx_.waiting->clear(ctx_, net::DropReason::kShutdown);
  drop_larval(ctx_, net::DropReason::kShutdown);
  drop_taken_over();
  transmit(ctx_);
}

void Worker::drop_taken_over() {
  if (ctx_.handoff == nullptr) return;
  const auto drop_some_of = [&](unsigned from) {
    std::array<dpdk::Packet*, kBurst> packets;
    const unsigned taken = ctx_.handoff->take(from, options_.id, packets);
    ctx_.counters->taken_over.add(taken);
    for (unsigned i = 0; i < taken; ++i) ctx_.drop(packets[i], net::DropReason::kShutdown);
    return taken != 0;
  };
  for (unsigned from = 0; from < ctx_.handoff->workers();)
    if (!drop_some_of(from)) ++from;
}

int Worker::run_on_lcore(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace penstock::dataplane
