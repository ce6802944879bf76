// SPDX-License-Identifier: BSD-3-Clause
#include "tests/bench/bench_port.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"

namespace penstock::bench {

namespace {

int due_offset = -1;

std::uint64_t& due_of(rte_mbuf* packet) {
  return *RTE_MBUF_DYNFIELD(packet, due_offset, std::uint64_t*);
}

std::uint16_t receive_of(void* queue, rte_mbuf** out, std::uint16_t room) {
  return static_cast<SourceQueue*>(queue)->receive(out, room);
}
std::uint16_t transmit_of(void* queue, rte_mbuf** packets, std::uint16_t count) {
  return static_cast<SinkQueue*>(queue)->transmit(packets, count);
}

template <class T>
void add(std::atomic<T>& to, T what) {
  to.store(to.load(std::memory_order_relaxed) + what, std::memory_order_relaxed);
}

}  // namespace

void SourceQueue::pace(double ticks, std::uint64_t queue) {
  interval = ticks;
  descriptors = queue;
  last_poll = 0;
  for (auto* counter : {&lost, &gaps, &gap_ticks, &given}) counter->store(0);
  gate.store(Gate::kPaced, std::memory_order_release);
}

/// How many have come and lie in the queue; those beyond its descriptors are lost.
std::uint16_t SourceQueue::due_now(std::uint16_t room) {
  static const double gap = kGapSeconds * static_cast<double>(rte_get_tsc_hz());
  const std::uint64_t now = rte_rdtsc();
  if (last_poll == 0) {
    due = static_cast<double>(now) + interval;
  } else if (const auto pause = static_cast<double>(now - last_poll); pause > gap) {
    due += pause;
    add<std::uint64_t>(gaps, 1);
    add<std::uint64_t>(gap_ticks, now - last_poll);
  }
  last_poll = now;
  const double behind = static_cast<double>(now) - due;
  if (behind < 0) return 0;
  auto waiting = static_cast<std::uint64_t>(behind / interval) + 1;
  if (waiting > descriptors) {
    // The oldest lie in the queue; those that found it full are gone, and count by their number.
    add<std::uint64_t>(lost, waiting - descriptors);
    due += static_cast<double>(waiting - descriptors) * interval;
    waiting = descriptors;
  }
  return static_cast<std::uint16_t>(std::min<std::uint64_t>(waiting, room));
}

std::uint16_t SourceQueue::receive(rte_mbuf** out, std::uint16_t room) {
  const Gate now = gate.load(std::memory_order_acquire);
  if (now == Gate::kClosed) return 0;
  if (thread_clock.load(std::memory_order_relaxed) == 0) {
    clockid_t clock = 0;
    if (pthread_getcpuclockid(pthread_self(), &clock) == 0) thread_clock.store(clock);
  }
  const std::uint64_t left = budget.load(std::memory_order_relaxed) - given.load();
  std::uint16_t count = static_cast<std::uint16_t>(std::min<std::uint64_t>(left, room));
  if (now == Gate::kPaced) count = std::min(count, due_now(room));
  if (count == 0 || frames.empty()) return 0;
  if (most_in_flight != 0 && in_flight() + count > most_in_flight) return 0;
  if (rte_pktmbuf_alloc_bulk(pool, out, count) != 0) return 0;
  for (unsigned i = 0; i < count; ++i) {
    const base::ByteVector& frame = frames[next_frame];
    auto* data = rte_pktmbuf_mtod(out[i], std::byte*);
    std::memcpy(data, frame.data(), frame.size());
    if (serial_at != 0) {
      const std::uint32_t serial = serials[next_frame]++;
      std::memcpy(data + serial_at, &serial, sizeof serial);
    }
    out[i]->data_len = static_cast<std::uint16_t>(frame.size());
    out[i]->pkt_len = static_cast<std::uint32_t>(frame.size());
    if (now == Gate::kPaced) {
      due_of(out[i]) = static_cast<std::uint64_t>(due);
      due += interval;
    }
    if (++next_frame == frames.size()) next_frame = 0;
  }
  add<std::uint64_t>(given, count);
  return count;
}

std::uint16_t SinkQueue::transmit(rte_mbuf** packets, std::uint16_t count) {
  if (auto* wanted = delays.load(std::memory_order_acquire); wanted != nullptr) {
    const std::uint64_t now = rte_rdtsc();
    for (unsigned i = 0; i < count && wanted->size() < wanted->capacity(); ++i)
      wanted->push_back(static_cast<std::uint32_t>(now - due_of(packets[i])));
  }
  if (kept != nullptr) {
    std::uint64_t order = next_order->fetch_add(count);
    for (unsigned i = 0; i < count; ++i) {
      const auto* data = rte_pktmbuf_mtod(packets[i], const std::byte*);
      kept->push_back({order++, {data, data + packets[i]->data_len}});
    }
  }
  rte_pktmbuf_free_bulk(packets, count);
  add<std::uint64_t>(taken, count);
  return count;
}

void BenchPort::prepare() {
  static const rte_mbuf_dynfield kDue{.name = "penstock_bench_due",
                                      .size = sizeof(std::uint64_t),
                                      .align = alignof(std::uint64_t),
                                      .flags = 0};
  due_offset = rte_mbuf_dynfield_register(&kDue);
  PS_CHECK(due_offset >= 0);
}

BenchPort::BenchPort(std::uint16_t port, unsigned queues, rte_mempool* pool) {
  for (unsigned q = 0; q < queues; ++q) {
    sources_.push_back(std::make_unique<SourceQueue>());
    sources_.back()->pool = pool;
    sinks_.push_back(std::make_unique<SinkQueue>());
    rx_.push_back(sources_.back().get());
    tx_.push_back(sinks_.back().get());
  }
  auto& functions = rte_eth_fp_ops[port];
  functions.rx_pkt_burst = receive_of;
  functions.rxq.data = rx_.data();
  functions.tx_pkt_burst = transmit_of;
  functions.txq.data = tx_.data();
}

}  // namespace penstock::bench
