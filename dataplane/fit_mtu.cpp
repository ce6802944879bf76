// SPDX-License-Identifier: BSD-3-Clause
// fit the MTU: what will be too big once it is sealed (RFC 4301 §8). With DF inside and outside the
// sender is told the MTU of the tunnel; everything else is sealed whole and fragmented after it by
// resolve, with DF clear, so that selectors with ports still find them in every packet.
// Ways out: onward with the outer flags word; a drop by name, with an ICMP error.
#include "dataplane/addresses.h"
#include "dataplane/icmp.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

/// Of the port by which the sealed packet leaves.
unsigned tunnel_mtu(const WorkerContext& ctx, const ipsec::OutboundSa& sa) {
  const std::uint32_t next_hop =
      sa.v6 ? ctx.fib->lookup6(fib::Ipv6Key::of(sa.outer6().ip().destination.data()))
            : ctx.fib->lookup(sa.remote());
  const fib::NextHop& hop = ctx.fib->next_hop(next_hop);
  return hop.interface == dpdk::kNoInterface ? ctx.ipsec->smallest_mtu
                                             : ctx.fib->interface(hop.interface).mtu;
}

}  // namespace

void fit_mtu(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  unsigned kept = 0;
  keep_parallel(burst, state.outbound, [&](Packet* packet, unsigned i) {
    const PacketMeta& meta = dpdk::meta(packet);
    const ipsec::OutboundSa& sa = *state.outbound[i];
    const bool inner_df = (meta.flags & dpdk::kDontFragment) != 0;
    // RFC 4301 §8.1: DF is copied, set or cleared.
    std::uint16_t outer = static_cast<std::uint16_t>((inner_df ? sa.df_copied : 0) | sa.df_set);
    const unsigned sealed = sa.sealed_octets(meta.total_length);
    if (sealed > state.smallest_mtu) [[unlikely]] {
      const unsigned mtu = tunnel_mtu(ctx, sa);
      if (sealed > net::kIpv4MaxPacket) {
        ctx.drop(packet, DropReason::kTooBig);
        return false;
      }
      // RFC 8200 §5: whoever carries IPv6 carries 1,280 octets of it.
      const unsigned inner = sa.inner_mtu(mtu);
      const bool must_carry = is_ipv6(meta) && meta.total_length <= net::kIpv6MinMtu;
      if (sealed > mtu && inner_df && outer != 0 && !must_carry) {
        send_error(ctx, packet, Complaint::kTooBig, inner);
        ctx.drop(packet, DropReason::kTooBig);
        return false;
      }
      if (sealed > mtu) outer = 0;
    }
    state.outer_fragment[kept++] = outer;
    return true;
  });
}

}  // namespace penstock::dataplane
