// SPDX-License-Identifier: BSD-3-Clause
// close (outbound): the engine's verdict; the packet is a datagram of ours from here on.
// Ways out: onward, sealed; a drop by name.
#include "dataplane/addresses.h"
#include "dataplane/ah_fields.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using burst_crypto::JobStatus;
using dpdk::Packet;

namespace {

/// RFC 8200 §8.1: over IPv6 UDP has a checksum. RFC 6935 would let a tunnel go without, but peers
/// need not take that (Linux drops it), and RFC 3948 §2.1 does not ask for 0.
void complete_udp(Packet* packet) {
  const net::Ipv6Header& ip = ipv6_of(packet);
  const base::MutableBytes datagram = dpdk::bytes(packet).subspan(dpdk::meta(packet).header_length);
  const std::uint16_t sum = net::upper_checksum(ip, net::kProtocolUdp, datagram);
  // RFC 768: 0 means that there is none.
  reinterpret_cast<net::UdpHeader*>(datagram.data())->checksum.set(sum == 0 ? 0xffff : sum);
}

/// @return whether it leaves; the inside of a bundle waits for its AH
bool close_shaped(WorkerContext& ctx, Packet* packet, const ipsec::OutboundSa& sa) {
  dpdk::PacketMeta& meta = dpdk::meta(packet);
  if (sa.has(ipsec::kAh)) show_fields(packet, meta.header_length);
  if (!sa.has(ipsec::kBundleInner)) return true;
  meta.sa_slot = sa.outer_slot;
  --meta.nesting;  // both are one
  ctx.ipsec->bundled.push(packet);
  return false;
}

/// @return whether it leaves
bool close_one(WorkerContext& ctx, Packet* packet, const burst_crypto::Job& job) {
  ipsec::OutboundSa& sa = ipsec::outbound_of(*job.session);
  if (job.status != JobStatus::kDone) {
    sa.errors.fetch_add(1, std::memory_order_relaxed);
    ctx.drop(packet, reason_of(job.status, net::DropReason::kEncryptFailed));
    return false;
  }
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  if (is_ipv6(meta) && meta.protocol == net::kProtocolUdp) complete_udp(packet);
  return sa.shape == 0 || close_shaped(ctx, packet, sa);
}

}  // namespace

void close_outbound(WorkerContext& ctx, Burst& burst) {
  const auto& jobs = ctx.ipsec->jobs;
  bool as_it_is = true;
  for (unsigned i = 0; i < burst.size(); ++i) {
    const ipsec::OutboundSa& sa = ipsec::outbound_of(*jobs[i].session);
    as_it_is &= jobs[i].status == JobStatus::kDone && sa.shape == 0 && !sa.v6;
  }
  if (as_it_is) [[likely]]
    return;
  unsigned i = 0;
  burst.keep_if([&](Packet* packet) { return close_one(ctx, packet, jobs[i++]); });
}

}  // namespace penstock::dataplane
