// SPDX-License-Identifier: BSD-3-Clause
// Inject: packets from the control core to a worker, to be sent. An IP packet is routed and passes
// the outbound path as our own IKE; a frame leaves by the interface that it names.
#pragma once

#include "lib/base/bytes.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/ring.h"
#include "lib/net/address.h"

namespace penstock::channel {

inline constexpr unsigned kInjectCapacity = 1024;

/// The ring of one worker. The meta of a packet in it is kMadeHere, and either kOwnIke (data starts
/// at the IP header), or egress is set (data starts at the Ethernet header), or kDummy (without
/// data; child_slot says whose, and total_length is a draw of its length).
class InjectRing {
 public:
  [[nodiscard]] static base::Result<InjectRing> create(unsigned worker, int socket);

  // ---- the control core's: copies into a packet of `pool`. kLimit: pool or ring is full, or the
  // octets do not fit a packet ----

  /// A whole IP packet of our own IKE, checksums done; fragmented by the worker if it must be.
  [[nodiscard]] base::Result<void> put_ip(base::Bytes packet, const dpdk::PacketPool& pool);
  /// The same, built around a UDP payload: IP and UDP headers, DF clear, TTL 64, DSCP CS6.
  /// kMalformed: the addresses are of different versions.
  [[nodiscard]] base::Result<void> put_udp(const net::Endpoint& local, const net::Endpoint& remote,
                                           base::Bytes prefix, base::Bytes payload,
                                           const dpdk::PacketPool& pool);
  /// A whole Ethernet frame (ARP, neighbour discovery) without FCS.
  [[nodiscard]] base::Result<void> put_frame(dpdk::InterfaceIndex egress, base::Bytes frame,
                                             const dpdk::PacketPool& pool);
  /// A dummy for the outbound SA of a slot (RFC 4303 §2.6), which the worker makes.
  /// @param draw  0 … 65,535, as good as random: of the lengths that the tunnel's path carries
  /// @return kLimit: also when half of the ring is full
  [[nodiscard]] base::Result<void> put_dummy(std::uint32_t child_slot, std::uint16_t draw,
                                             const dpdk::PacketPool& pool);

  // ---- the worker's ----
  [[nodiscard]] unsigned take(std::span<dpdk::Packet*> out) { return ring_.take(out); }
  [[nodiscard]] bool empty() const { return ring_.empty(); }

 private:
  explicit InjectRing(dpdk::SpscRing<dpdk::Packet*> ring) : ring_(std::move(ring)) {}
  base::Result<void> put(dpdk::Packet* packet);
  dpdk::SpscRing<dpdk::Packet*> ring_;
  std::uint16_t next_identification_ = 0;
};

}  // namespace penstock::channel
