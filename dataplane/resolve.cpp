// SPDX-License-Identifier: BSD-3-Clause
// resolve: what is too big for its link is cut or refused, the neighbour is found, and the
// Ethernet header goes on. Ways out: a transmit buffer, ctx.waiting, a drop by name.
#include <algorithm>
#include <cstring>

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
  const fib::NextHop* hop = nullptr;
  const fib::Interface* interface = nullptr;
  unsigned mtu = 0;
  bool resolved = false;       ///< the neighbour's MAC is in the header
  TxBuffer* buffer = nullptr;  ///< nullptr: not resolved, the link is down, or it has tags
  /// The header in two words that overlap: all but its end, and for each IP version its end.
  std::uint64_t front = 0;
  std::uint64_t back4 = 0;
  std::uint64_t back6 = 0;
};
constexpr std::size_t kBackAt = sizeof(net::EthernetHeader) - sizeof(std::uint64_t);

void set_header(Way& way, net::EthernetHeader header) {
  const auto end_for = [&](std::uint16_t ether_type, std::uint64_t& back) {
    header.ether_type.set(ether_type);
    std::memcpy(&back, reinterpret_cast<const std::byte*>(&header) + kBackAt, sizeof(back));
  };
  end_for(net::kEtherTypeIpv4, way.back4);
  end_for(net::kEtherTypeIpv6, way.back6);
  std::memcpy(&way.front, &header, sizeof(way.front));
}

Way way_of(WorkerContext& ctx, const fib::NextHop& hop, dpdk::InterfaceIndex egress) {
  Way way{.hop = &hop, .interface = &ctx.fib->interface(egress)};
  way.mtu = way.interface->mtu;
  const std::uint64_t link = hop.link.load(std::memory_order_acquire);
  if (hop.kind != fib::NextHopKind::kNeighbour || !fib::has_mac(link)) return way;
  hop.mark_used();
  way.resolved = true;
  net::EthernetHeader header{};
  fib::write_mac(link, header.destination);
  header.source = way.interface->mac;
  set_header(way, header);
  if (can_send(*way.interface)) way.buffer = &ctx.tx[way.interface->port.value()];
  return way;
}

[[gnu::always_inline]] inline void put_header_on(Packet* packet, const Way& way) {
  const std::uint64_t back = is_ipv6(dpdk::meta(packet)) ? way.back6 : way.back4;
  dpdk::prepend(packet, sizeof(net::EthernetHeader));
  std::byte* frame = dpdk::data(packet);
  std::memcpy(frame, &way.front, sizeof(way.front));
  std::memcpy(frame + kBackAt, &back, sizeof(back));
}

/// The packet fits its link.
void send(WorkerContext& ctx, Packet* packet, const Way& way) {
  if (way.resolved && dpdk::headroom(packet) < sizeof(net::EthernetHeader)) [[unlikely]]
    return ctx.drop(packet, DropReason::kNoHeadroom);
  if (way.buffer != nullptr) {
    put_header_on(packet, way);
    return put_frame(ctx, packet, *way.buffer);
  }
  if (!way.resolved) {
    const bool neighbour = way.hop->kind == fib::NextHopKind::kNeighbour;
    return ctx.waiting->add(ctx, packet, way.hop->interface,
                            neighbour ? way.hop->address : destination_of(packet));
  }
  put_header_on(packet, way);
  send_frame(ctx, packet, *way.interface);
}

/// It does not fit its link, or the path behind.
void send_cut(WorkerContext& ctx, Packet* packet, const Way& way) {
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

/// The common packet fits, and its neighbour is known; for others it is looked for.
[[gnu::always_inline]] inline void send_fitting(WorkerContext& ctx, Packet* packet,
                                                const Way& way) {
  const bool fits = packet->data_len <= way.mtu && dpdk::meta(packet).path_mtu == 0;
  if (fits && way.buffer != nullptr && dpdk::headroom(packet) >= sizeof(net::EthernetHeader))
      [[likely]] {
    put_header_on(packet, way);
    return put_frame(ctx, packet, *way.buffer);
  }
  if (fits)
    send(ctx, packet, way);
  else
    send_cut(ctx, packet, way);
}

}  // namespace

void resolve(WorkerContext& ctx, Burst& burst) {
  std::uint32_t next_hop = 0;
  dpdk::InterfaceIndex egress = dpdk::kNoInterface;
  Way way;
  for (Packet* packet : burst) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (meta.next_hop != next_hop || meta.egress != egress) {
      next_hop = meta.next_hop;
      egress = meta.egress;
      way = way_of(ctx, ctx.fib->next_hop(next_hop), egress);
    }
    send_fitting(ctx, packet, way);
  }
  burst.clear();
}

void route_and_resolve(WorkerContext& ctx, Burst& burst) {
  std::uint32_t destination = 0;  // IPv4, of the packet before
  Way way;
  for (Packet* packet : burst) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (meta.destination != destination || destination == 0) {
      destination = meta.destination;  // 0 for IPv6
      const fib::NextHop& hop = ctx.fib->next_hop(find_next_hop(*ctx.fib, packet));
      way = fib::is_way(hop.kind) ? way_of(ctx, hop, hop.interface) : Way{};
    }
    if (way.hop == nullptr) [[unlikely]]
      ctx.drop(packet, DropReason::kNoRoute);
    else
      send_fitting(ctx, packet, way);
  }
  burst.clear();
}

}  // namespace penstock::dataplane
