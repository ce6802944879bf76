// SPDX-License-Identifier: BSD-3-Clause
// WorkerContext: everything that the stages of one worker use. Borrowed by each stage for the
// call; nobody else touches it while the worker runs.
#pragma once

#include <rte_cycles.h>

#include <array>
#include <memory>

#include "dataplane/burst.h"
#include "lib/base/time.h"
#include "lib/base/token_bucket.h"
#include "lib/channel/worker_channel.h"
#include "lib/dpdk/rcu.h"
#include "lib/fib/fib.h"

namespace penstock::channel {
class Handoff;  // handoff.h: between the workers
}

namespace penstock::dataplane {

class Reassembler;  // reassemble.h
class WaitTable;    // wait_table.h
struct IpsecState;  // ipsec_state.h: the tables of lib/ipsec, the engine, jobs in flight

/// TSC ticks to nanoseconds, read once a loop.
class TscClock {
 public:
  TscClock() : hz_(rte_get_tsc_hz()) { PS_CHECK(hz_ != 0); }  // the EAL has started
  [[nodiscard]] base::MonoTime to_time(std::uint64_t tsc) const {
    constexpr std::uint64_t kNsPerS = 1'000'000'000;
    const std::uint64_t ns = tsc / hz_ * kNsPerS + tsc % hz_ * kNsPerS / hz_;
    return base::MonoTime{base::Duration{static_cast<base::Duration::rep>(ns)}};
  }

 private:
  std::uint64_t hz_;
};

/// Packets that wait for the end of the loop to leave by one port's queue of this worker.
struct TxBuffer {
  Burst burst;
  std::uint16_t port_id = 0;
  std::uint16_t queue = 0;
};

/// ICMP that strangers can make us send, per worker: RFC 1812 §4.3.2.8.
inline constexpr std::uint64_t kIcmpErrorsPerSecond = 1'000;
inline constexpr std::uint64_t kIcmpErrorBurst = 64;
inline constexpr std::uint64_t kEchoRepliesPerSecond = 10'000;
inline constexpr std::uint64_t kEchoReplyBurst = 1'000;

struct WorkerContext {
  WorkerContext();
  ~WorkerContext();
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  // who
  unsigned id = 0;
  rte_mempool* pool = nullptr;  ///< for packets made here
  const fib::Fib* fib = nullptr;
  IpsecState* ipsec = nullptr;
  channel::WorkerChannel* channel = nullptr;
  channel::Handoff* handoff = nullptr;          ///< nullptr: this worker is the only one
  channel::WorkerCounters* counters = nullptr;  ///< channel->counters

  // when: set once a loop
  std::uint64_t tsc = 0;
  base::MonoTime now{};

  // between the stages
  Burst made;  ///< made by us (ICMP, echo replies): routed after the burst that caused them
  std::unique_ptr<Reassembler> reassembler;
  std::unique_ptr<WaitTable> waiting;
  base::TokenBucket icmp_errors{kIcmpErrorsPerSecond, kIcmpErrorBurst};
  base::TokenBucket echo_replies{kEchoRepliesPerSecond, kEchoReplyBurst};
  std::uint16_t next_identification = 0;  ///< RFC 6864: of the packets that we make
  TscClock clock;
  std::array<TxBuffer, fib::kMaxPorts> tx;  ///< by port

  void set_time(std::uint64_t ticks) {
    tsc = ticks;
    now = clock.to_time(ticks);
  }

  /// The one way to lose a packet.
  void drop(dpdk::Packet* packet, net::DropReason reason) {
    counters->dropped[static_cast<std::size_t>(reason)].add();
    rte_pktmbuf_free(packet);
  }
  /// The packet has done its work here.
  void consume(dpdk::Packet* packet, channel::Consumed kind) {
    counters->consumed[static_cast<std::size_t>(kind)].add();
    rte_pktmbuf_free(packet);
  }
  /// To the control core, or dropped by the name of what was full.
  void punt(dpdk::Packet* packet, channel::PuntClass punt_class) {
    if (const auto reason = channel->punt.put(punt_class, packet, now)) {
      drop(packet, *reason);
      return;
    }
    counters->punted.add();
    channel->wakeup.notify(counters->wakeups);
  }
  /// An empty packet of ours with cleared meta and kMadeHere, counted as generated, or nullptr
  /// when the pool is empty. Its data starts with room for link and seal headers in front.
  [[nodiscard]] dpdk::Packet* make_packet();
  void hold(channel::Held where, unsigned packets = 1) {
    counters->held[static_cast<std::size_t>(where)].add(packets);
  }
  void release(channel::Held where, unsigned packets = 1) {
    counters->held[static_cast<std::size_t>(where)].subtract(packets);
  }
};

}  // namespace penstock::dataplane
