// SPDX-License-Identifier: BSD-3-Clause
// Transmitter: what the control core sends. It goes to a worker's inject ring; that worker routes
// it, fragments it, finds its neighbour.
#pragma once

#include <set>
#include <vector>

#include "control/bridge/address_detection.h"
#include "control/bridge/multicast_listener.h"
#include "control/bridge/neighbours.h"
#include "control/ike/engine_io.h"
#include "lib/channel/worker_channel.h"
#include "lib/dpdk/mempool.h"
#include "lib/policy/sa_spec.h"

namespace penstock::bridge {

class Transmitter {
 public:
  /// @param channels  one a worker, borrowed, at least one
  Transmitter(std::vector<channel::WorkerChannel*> channels, const dpdk::PacketPool& pool)
      : channels_(std::move(channels)), pool_(pool) {}

  /// An IKE message; on port 4500 behind the non-ESP marker (RFC 3948 §2.2).
  /// @return kLimit: ring or pool is full. A lost datagram is retransmitted by IKE itself.
  base::Result<void> send(const ike::Datagram& datagram);
  /// An ARP request or a neighbour solicitation; an announcement where sender and target are the
  /// same.
  base::Result<void> ask(const AskNeighbour& question);
  base::Result<void> probe(const ProbeAddress& question);
  base::Result<void> report(const ReportGroups& report);
  /// A duplicate is no source of ours (RFC 4862 §5.4.5): send() refuses it with kRefused.
  void set_usable(const net::IpAddress& local, bool usable);
  /// Has a worker make a dummy for the slot's tunnel (InjectRing::put_dummy).
  base::Result<void> send_dummy(policy::ChildSlot slot, std::uint16_t draw);

 private:
  /// Messages to one peer stay in order: they take the same worker.
  [[nodiscard]] channel::InjectRing& ring_for(const net::IpAddress& remote) const;
  std::vector<channel::WorkerChannel*> channels_;
  std::set<net::IpAddress> unusable_;
  const dpdk::PacketPool& pool_;
};

}  // namespace penstock::bridge
