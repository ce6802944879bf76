// SPDX-License-Identifier: BSD-3-Clause
// rx: the first stage. Frames of one queue come in; each is one segment from here on.
// Ways out: onward, chained_mbuf.
#include <rte_ethdev.h>

#include "dataplane/stages.h"

namespace penstock::dataplane {

void receive(WorkerContext& ctx, Burst& burst, const fib::Interface& interface,
             std::uint16_t queue) {
  burst.set_size(rte_eth_rx_burst(interface.port_id, queue, burst.raw(), kBurst));
  if (burst.empty()) return;
  ctx.counters->received.add(burst.size());
  admit(ctx, burst, interface);
}

void admit(WorkerContext& ctx, Burst& burst, const fib::Interface& interface) {
  for (unsigned i = 0; i < burst.size() && i < kPrefetchAhead; ++i)
    __builtin_prefetch(dpdk::data(burst[i]));
  const std::uint32_t flags = interface.side == fib::Side::kOutside ? dpdk::kFromOutside : 0U;
  unsigned i = 0;
  burst.keep_if([&](dpdk::Packet* packet) {
    if (i + kPrefetchAhead < burst.size())
      __builtin_prefetch(dpdk::data(burst[i + kPrefetchAhead]));
    ++i;
    dpdk::PacketMeta& meta = dpdk::meta(packet);
    meta = dpdk::PacketMeta{};
    meta.flags = flags;
    meta.vrf = interface.vrf.value();
    meta.ingress = interface.index;
    meta.egress = dpdk::kNoInterface;
    // design §4.11: a packet is one segment. Only a port that ignores its buffer size chains.
    if (packet->nb_segs != 1 && rte_pktmbuf_linearize(packet) != 0) [[unlikely]] {
      ctx.drop(packet, net::DropReason::kChainedMbuf);
      return false;
    }
    return true;
  });
}

}  // namespace penstock::dataplane
