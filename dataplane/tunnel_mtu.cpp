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

unsigned largest_mss(const WorkerContext& ctx, std::uint16_t setting, const ipsec::OutboundSa& sa,
                     bool v6) {
  if (setting != policy::kFitsTunnel) return setting;
  unsigned mtu = tunnel_mtu(ctx, sa);
  mtu = sa.has(ipsec::kAh) ? mtu - std::min<unsigned>(mtu, sa.overhead_octets) : sa.inner_mtu(mtu);
  // RFC 8200 §5: so much is always carried. RFC 9293 §3.7.1: less the headers without options.
  if (v6) mtu = std::max(mtu, net::kIpv6MinMtu);
  const auto headers = static_cast<unsigned>(
      sizeof(net::TcpHeader) + (v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header)));
  return mtu > headers ? mtu - headers : 0;
}

}  // namespace penstock::dataplane
