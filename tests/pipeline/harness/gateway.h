// SPDX-License-Identifier: BSD-3-Clause
// Gateway: one worker's whole pipeline in this process, on ports that are rings. A test puts frames
// in, runs rounds in its own time, and looks at what came out and at the counters. At its end every
// packet must be back in the pool and the balance must hold.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker_context.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/port.h"
#include "tests/pipeline/harness/packets.h"

namespace penstock::pipeline {

struct PortSpec {
  std::string name;
  fib::Side side = fib::Side::kInside;
  std::vector<std::string> addresses;
  std::uint16_t mtu = 1500;
};

struct GatewayOptions {
  std::vector<PortSpec> ports;
  std::uint32_t packets = 4095;
};

/// Starts the EAL once a test binary, without hugepages, PCI or files that others see.
void start_eal();

class Gateway {
 public:
  explicit Gateway(const GatewayOptions& options);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// The MAC of our port `index`: 02:00:00:00:00:01 + index.
  [[nodiscard]] static net::MacAddress mac(unsigned index);
  /// A peer's MAC on that link: 02:00:00:00:01:01 + index.
  [[nodiscard]] static net::MacAddress peer_mac(unsigned index);

  void route(std::string_view to, std::string_view via, unsigned port);
  void neighbour(unsigned port, std::string_view address);  ///< with peer_mac(port), permanent

  /// Puts a frame, or an IP packet from the peer to us, into the port.
  void put_frame(unsigned port, Bytes frame);
  /// The frame in two segments, the first of so many octets and with no more tailroom than `room`.
  void put_segments(unsigned port, Bytes frame, std::size_t first, std::size_t room);
  void put(unsigned port, Bytes ip_packet);
  /// The same, and one round.
  void send(unsigned port, Bytes ip_packet);
  void put6(unsigned port, Bytes ip_packet);
  void send6(unsigned port, Bytes ip_packet);
  /// One round of the worker at the harness's time.
  void step();
  void advance(base::Duration time);
  /// Has an IP packet of our own take the outbound path, as our ICMP does, and runs a round.
  void make(Bytes ip_packet);

  /// What left by the port since the last call.
  [[nodiscard]] std::vector<ByteVector> sent(unsigned port);
  /// What was punted since the last call, and freed.
  struct PuntedCopy {
    channel::PuntClass punt_class;
    ByteVector packet;
  };
  [[nodiscard]] std::vector<PuntedCopy> punted();
  [[nodiscard]] std::vector<channel::NeighbourEvent> neighbour_events();

  [[nodiscard]] std::uint64_t dropped(net::DropReason reason) const;
  [[nodiscard]] std::uint64_t dropped() const { return totals().dropped_total(); }
  [[nodiscard]] channel::CounterTotals totals() const { return snapshot(channel_->counters); }

  [[nodiscard]] fib::Fib& fib() { return *fib_; }
  [[nodiscard]] dpdk::RcuDomain& rcu() { return *rcu_; }
  [[nodiscard]] dataplane::WorkerContext& context() { return ctx_; }
  [[nodiscard]] channel::WorkerChannel& channel() { return *channel_; }
  [[nodiscard]] const dpdk::PacketPool& pool() const { return *pool_; }

 private:
  struct RingPort;
  struct EalFirst {
    EalFirst() { start_eal(); }
  };
  EalFirst eal_;
  std::unique_ptr<dpdk::PacketPool> pool_;
  std::unique_ptr<dpdk::RcuDomain> rcu_;
  std::unique_ptr<fib::Fib> fib_;
  std::unique_ptr<channel::Wakeup> wakeup_;
  std::unique_ptr<channel::WorkerChannel> channel_;
  std::vector<std::unique_ptr<RingPort>> ports_;
  dataplane::WorkerContext ctx_;
  std::uint64_t ticks_;
};

}  // namespace penstock::pipeline
