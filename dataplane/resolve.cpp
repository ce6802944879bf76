// SPDX-License-Identifier: BSD-3-Clause
// resolve: what is too big for its link is cut or refused, the neighbour is found, and the
// Ethernet header goes on. Ways out: a transmit buffer, ctx.waiting, a drop by name.
#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/stages.h"
#include "dataplane/tx.h"
#include "dataplane/wait_table.h"
#include "lib/net/ethernet.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

/// The packet fits its link.
void send(WorkerContext& ctx, Packet* packet, const fib::Interface& interface) {
  const PacketMeta& meta = dpdk::meta(packet);
  const fib::NextHop& hop = ctx.fib->next_hop(meta.next_hop);
  const bool neighbour = hop.kind == fib::NextHopKind::kNeighbour;
  const std::uint64_t link = hop.link.load(std::memory_order_acquire);
  if (!neighbour || !fib::has_mac(link)) [[unlikely]]
    return ctx.waiting->add(ctx, packet, hop.interface,
                            neighbour ? hop.address : destination_of(packet));
  hop.mark_used();
  if (dpdk::headroom(packet) < sizeof(net::EthernetHeader)) [[unlikely]]
    return ctx.drop(packet, DropReason::kNoHeadroom);
  const std::uint16_t ether_type = is_ipv6(meta) ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4;
  dpdk::prepend(packet, sizeof(net::EthernetHeader));
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(dpdk::data(packet));
  fib::write_mac(link, ethernet.destination);
  ethernet.source = interface.mac;
  ethernet.ether_type.set(ether_type);
  send_frame(ctx, packet, interface);
}

/// It does not fit its link, or the path behind.
void send_fitting(WorkerContext& ctx, Packet* packet, const fib::Interface& interface) {
  const PacketMeta& meta = dpdk::meta(packet);
  const unsigned mtu = meta.path_mtu == 0 ? interface.mtu : std::min(meta.path_mtu, interface.mtu);
  if (packet->data_len <= mtu) return send(ctx, packet, interface);
  if ((meta.flags & dpdk::kDontFragment) != 0) {
    send_error(ctx, packet, Complaint::kTooBig, interface.mtu);  // RFC 1191 §4, RFC 4443 §3.2
    return ctx.drop(packet, DropReason::kFragmentNeeded);
  }
  Burst pieces;
  const bool cut =
      is_ipv6(meta) ? fragment_ipv6(ctx, packet, mtu, pieces) : fragment(ctx, packet, mtu, pieces);
  if (!cut) return;
  for (Packet* piece : pieces) send(ctx, piece, interface);
}

}  // namespace

void resolve(WorkerContext& ctx, Burst& burst) {
  for (Packet* packet : burst) {
    const fib::Interface& interface = ctx.fib->interface(dpdk::meta(packet).egress);
    if (packet->data_len > interface.mtu || dpdk::meta(packet).path_mtu != 0) [[unlikely]]
      send_fitting(ctx, packet, interface);
    else
      send(ctx, packet, interface);
  }
  burst.clear();
}

}  // namespace penstock::dataplane
