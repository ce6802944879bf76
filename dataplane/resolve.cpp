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

/// What a run of packets by one next hop shares.
struct Way {
  std::uint32_t next_hop = ~std::uint32_t{0};
  dpdk::InterfaceIndex egress = dpdk::kNoInterface;
  const fib::NextHop* hop = nullptr;
  const fib::Interface* interface = nullptr;
  bool resolved = false;       ///< the neighbour's MAC is in the header
  TxBuffer* buffer = nullptr;  ///< nullptr: not resolved, the link is down, or it has tags
  net::EthernetHeader header{};

  [[nodiscard]] bool is_of(const PacketMeta& meta) const {
    return meta.next_hop == next_hop && meta.egress == egress;
  }
};

Way way_of(WorkerContext& ctx, const PacketMeta& meta) {
  Way way{.next_hop = meta.next_hop,
          .egress = meta.egress,
          .hop = &ctx.fib->next_hop(meta.next_hop),
          .interface = &ctx.fib->interface(meta.egress)};
  const std::uint64_t link = way.hop->link.load(std::memory_order_acquire);
  if (way.hop->kind != fib::NextHopKind::kNeighbour || !fib::has_mac(link)) return way;
  way.hop->mark_used();
  way.resolved = true;
  fib::write_mac(link, way.header.destination);
  way.header.source = way.interface->mac;
  if (can_send(*way.interface)) way.buffer = &ctx.tx[way.interface->port.value()];
  return way;
}

void put_header_on(Packet* packet, const net::EthernetHeader& header) {
  const bool v6 = is_ipv6(dpdk::meta(packet));
  dpdk::prepend(packet, sizeof(header));
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(dpdk::data(packet));
  ethernet = header;
  ethernet.ether_type.set(v6 ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4);
}

/// The packet fits its link.
void send(WorkerContext& ctx, Packet* packet, const Way& way) {
  if (way.resolved && dpdk::headroom(packet) < sizeof(net::EthernetHeader)) [[unlikely]]
    return ctx.drop(packet, DropReason::kNoHeadroom);
  if (way.buffer != nullptr) [[likely]] {
    put_header_on(packet, way.header);
    return put_frame(ctx, packet, *way.buffer);
  }
  if (!way.resolved) {
    const bool neighbour = way.hop->kind == fib::NextHopKind::kNeighbour;
    return ctx.waiting->add(ctx, packet, way.hop->interface,
                            neighbour ? way.hop->address : destination_of(packet));
  }
  put_header_on(packet, way.header);
  send_frame(ctx, packet, *way.interface);
}

/// It does not fit its link, or the path behind.
void send_fitting(WorkerContext& ctx, Packet* packet, const Way& way) {
  const PacketMeta& meta = dpdk::meta(packet);
  const fib::Interface& interface = *way.interface;
  const unsigned mtu = meta.path_mtu == 0 ? interface.mtu : std::min(meta.path_mtu, interface.mtu);
  if (packet->data_len <= mtu) return send(ctx, packet, way);
  if ((meta.flags & dpdk::kDontFragment) != 0) {
    send_error(ctx, packet, Complaint::kTooBig, interface.mtu);  // RFC 1191 §4, RFC 4443 §3.2
    return ctx.drop(packet, DropReason::kFragmentNeeded);
  }
  Burst pieces;
  const bool cut =
      is_ipv6(meta) ? fragment_ipv6(ctx, packet, mtu, pieces) : fragment(ctx, packet, mtu, pieces);
  if (!cut) return;
  for (Packet* piece : pieces) send(ctx, piece, way);
}

}  // namespace

void resolve(WorkerContext& ctx, Burst& burst) {
  Way way;
  for (Packet* packet : burst) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (!way.is_of(meta)) way = way_of(ctx, meta);
    if (packet->data_len > way.interface->mtu || meta.path_mtu != 0) [[unlikely]]
      send_fitting(ctx, packet, way);
    else
      send(ctx, packet, way);
  }
  burst.clear();
}

}  // namespace penstock::dataplane
