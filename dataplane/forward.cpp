// SPDX-License-Identifier: BSD-3-Clause
// forward: packets for us are answered or refused, those for others lose one from their TTL
// (RFC 1812 §5.3.1) or hop limit (RFC 8200 §3). route and split_outside prepare what leaves.
// Ways out: onward with egress and next_hop; ctx.made; a drop by name.
#include "dataplane/addresses.h"
#include "dataplane/icmp.h"
#include "dataplane/stages.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using fib::NextHopKind;
using net::DropReason;

namespace {

void deliver(WorkerContext& ctx, Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (meta.protocol == (is_ipv6(meta) ? net::kProtocolIcmpv6 : net::kProtocolIcmp))
    return answer_echo(ctx, packet);
  // RFC 1122 §3.2.2.1, RFC 4443 §3.1, §3.4: no such port, no such protocol. RFC 8200 §4.7: behind
  // No Next Header there is nothing that could be missed.
  const bool has_ports = (meta.flags & dpdk::kHasPorts) != 0;
  if (meta.protocol != net::kProtocolNone)
    send_error(ctx, packet, has_ports ? Complaint::kNoPort : Complaint::kNoProtocol);
  ctx.drop(packet, DropReason::kNotLocalService);
}

void refuse(WorkerContext& ctx, Packet* packet, NextHopKind kind) {
  if (kind == NextHopKind::kBroadcast) return ctx.drop(packet, DropReason::kMulticast);
  // RFC 1812 §5.2.7.1, RFC 4443 §3.1. A discard route says nothing.
  if (kind == NextHopKind::kUnreachable) send_error(ctx, packet, Complaint::kNoRoute);
  ctx.drop(packet, DropReason::kNoRoute);
}

/// RFC 1812 §5.3.1: one less, and the checksum with it. @return false: it ran out
bool lower_ttl(Packet* packet) {
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
  if (ip.ttl <= 1) [[unlikely]]
    return false;
  net::lower_ttl(ip);
  return true;
}

/// RFC 8200 §3.
bool lower_hop_limit(Packet* packet) {
  net::Ipv6Header& ip = ipv6_of(packet);
  if (ip.hop_limit <= 1) return false;
  --ip.hop_limit;
  return true;
}

/// @param egress  kNoInterface: no packets leave by this next hop
[[gnu::always_inline]] inline bool forward_one(WorkerContext& ctx, Packet* packet,
                                               dpdk::InterfaceIndex egress) {
  PacketMeta& meta = dpdk::meta(packet);
  if (egress == dpdk::kNoInterface) [[unlikely]] {
    const NextHopKind kind = ctx.fib->next_hop(meta.next_hop).kind;
    if (kind == NextHopKind::kLocal)
      deliver(ctx, packet);
    else
      refuse(ctx, packet, kind);
    return false;
  }
  const bool lowered = is_ipv6(meta) ? lower_hop_limit(packet) : lower_ttl(packet);
  if (!lowered) [[unlikely]] {
    send_error(ctx, packet, Complaint::kTimeExceeded);
    ctx.drop(packet, DropReason::kTtlExpired);
    return false;
  }
  meta.egress = egress;
  return true;
}

dpdk::InterfaceIndex egress_of(const fib::Fib& fib, std::uint32_t next_hop) {
  const fib::NextHop& hop = fib.next_hop(next_hop);
  return fib::is_way(hop.kind) ? hop.interface : dpdk::kNoInterface;
}

}  // namespace

void forward(WorkerContext& ctx, Burst& burst) {
  std::uint32_t next_hop = 0;  // unreachable, of the packet before
  dpdk::InterfaceIndex egress = dpdk::kNoInterface;
  burst.keep_if([&](Packet* packet) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (meta.next_hop != next_hop) {
      next_hop = meta.next_hop;
      egress = egress_of(*ctx.fib, next_hop);
    }
    return forward_one(ctx, packet, egress);
  });
}

void route(WorkerContext& ctx, Burst& burst) {
  std::uint32_t destination = 0;  // IPv4, of the packet before
  std::uint32_t next_hop = 0;
  burst.keep_if([&](Packet* packet) {
    PacketMeta& meta = dpdk::meta(packet);
    if (meta.destination != destination || destination == 0) {
      destination = meta.destination;  // 0 for IPv6
      next_hop = find_next_hop(*ctx.fib, packet);
    }
    meta.next_hop = next_hop;
    const fib::NextHop& hop = ctx.fib->next_hop(next_hop);
    if (!fib::is_way(hop.kind)) [[unlikely]] {
      ctx.drop(packet, DropReason::kNoRoute);
      return false;
    }
    meta.egress = hop.interface;
    return true;
  });
}

void split_outside(WorkerContext& ctx, Burst& burst, Burst& outbound) {
  dpdk::InterfaceIndex egress = dpdk::kNoInterface;  // of the packet before
  bool inside = false;
  burst.keep_if([&](Packet* packet) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (meta.egress != egress) {
      egress = meta.egress;
      inside = ctx.fib->interface(egress).side == fib::Side::kInside;
    }
    if (inside || (meta.flags & dpdk::kSealed) != 0) return true;
    outbound.push(packet);
    return false;
  });
}

}  // namespace penstock::dataplane
