// SPDX-License-Identifier: BSD-3-Clause
// Asked for few packets: what fits every link is not asked about.
#include "dataplane/tunnel_mtu.h"

#include <algorithm>

#include "lib/net/tcp.h"

namespace penstock::dataplane {

unsigned tunnel_mtu(const WorkerContext& ctx, const ipsec::OutboundSa& sa) {
  const std::uint32_t next_hop =
      sa.v6 ? ctx.fib->lookup6(fib::Ipv6Key::of(sa.outer6().ip().destination.data()))
            : ctx.fib->lookup(sa.remote());
  const fib::NextHop& hop = ctx.fib->next_hop(next_hop);
  const unsigned link = hop.interface == dpdk::kNoInterface ? ctx.ipsec->smallest_mtu
                                                            : ctx.fib->interface(hop.interface).mtu;
  return std::min<unsigned>(link, sa.path_mtu.load(std::memory_order_relaxed));
}

namespace {

/// The largest packet that fits once it is sealed, with the AH of a bundle around it.
/// @param header  octets of its IP header
unsigned largest_packet(const WorkerContext& ctx, const ipsec::OutboundSa& sa, unsigned header) {
  unsigned mtu = tunnel_mtu(ctx, sa);
  if (sa.shape == 0) return sa.inner_mtu(mtu);
  const unsigned in_front = sa.has(ipsec::kTransport) ? header : 0U;
  unsigned around = 0;
  if (const ipsec::OutboundSa* outer = ctx.ipsec->tables->outbound_of(sa.outer_slot);
      outer != nullptr && sa.has(ipsec::kBundleInner)) {
    around = outer->overhead_octets;
    mtu = std::min<unsigned>(mtu, outer->path_mtu.load(std::memory_order_relaxed));
  }
  const unsigned room = mtu - std::min(mtu, in_front + around);
  const unsigned behind =
      sa.has(ipsec::kAh) ? room - std::min<unsigned>(room, sa.overhead_octets) : sa.inner_mtu(room);
  return in_front + behind;
}

}  // namespace

unsigned largest_mss(const WorkerContext& ctx, std::uint16_t setting, const ipsec::OutboundSa& sa,
                     bool v6) {
  if (setting != policy::kFitsTunnel) return setting;
  const unsigned ip = v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  unsigned mtu = largest_packet(ctx, sa, ip);
  // RFC 8200 §5: so much is always carried. RFC 9293 §3.7.1: less the headers without options.
  if (v6) mtu = std::max(mtu, net::kIpv6MinMtu);
  const unsigned headers = ip + unsigned{sizeof(net::TcpHeader)};
  return mtu > headers ? mtu - headers : 0;
}

}  // namespace penstock::dataplane
