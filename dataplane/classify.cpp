// SPDX-License-Identifier: BSD-3-Clause
// classify: one lookup says where each destination leads; what is ours is told apart.
// Ways out: onward (kLocal or not), ESP, punt (IKE), consumed (keepalives, ICMP about our ESP and
// AH), a
// drop by name.
#include "dataplane/addresses.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/parse.h"
#include "dataplane/path_mtu.h"
#include "dataplane/reassemble.h"
#include "dataplane/stages.h"
#include "lib/net/ah.h"
#include "lib/net/icmp.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

enum class Way : bool { kOnward, kGone };

bool udp_checksum_is_wrong(const Packet* packet, base::Bytes datagram) {
  const PacketMeta& meta = dpdk::meta(packet);
  const auto& udp = *reinterpret_cast<const net::UdpHeader*>(datagram.data());
  if (is_ipv6(meta))  // RFC 8200 §8.1: IKE is no tunnel, so there always is one
    return udp.checksum.get() == 0 ||
           net::upper_checksum(ipv6_of(packet), net::kProtocolUdp, datagram) != 0;
  if (udp.checksum.get() == 0) return false;  // RFC 768: none was computed
  // Over a datagram with its right checksum the sum is 0, which is sent as 0xffff.
  return net::udp_checksum_v4(meta.source, meta.destination, datagram) != 0xffff;
}

/// UDP to port 500 or 4500 of ours.
Way take_ike_port(WorkerContext& ctx, Packet* packet, Burst& esp) {
  PacketMeta& meta = dpdk::meta(packet);
  const base::Bytes upper = dpdk::bytes(packet).subspan(meta.header_length);
  const auto drop = [&](DropReason reason) {
    ctx.drop(packet, reason);
    return Way::kGone;
  };
  if (upper.size() < sizeof(net::UdpHeader)) return drop(DropReason::kBadUdpLength);
  const unsigned length = reinterpret_cast<const net::UdpHeader*>(upper.data())->length.get();
  if (length < sizeof(net::UdpHeader) || length > upper.size())
    return drop(DropReason::kBadUdpLength);
  const base::Bytes datagram = upper.first(length);
  const auto content =
      net::content_of_ike_port(meta.destination_port, datagram.subspan(sizeof(net::UdpHeader)));
  switch (content) {
    case net::IkePortContent::kEsp:
      // RFC 3948 §2.1: the checksum of ESP in UDP is not looked at; RFC 6935 §5: over IPv6 a
      // tunnel may have none.
      meta.payload_offset = static_cast<std::uint16_t>(meta.header_length + sizeof(net::UdpHeader));
      meta.flags |= dpdk::kUdpEncapsulated;
      dpdk::resize(packet, meta.header_length + length);
      meta.total_length = static_cast<std::uint16_t>(meta.header_length + length);
      esp.push(packet);
      return Way::kGone;
    case net::IkePortContent::kKeepalive:
      ctx.consume(packet, channel::Consumed::kKeepalive);
      return Way::kGone;
    case net::IkePortContent::kMalformed:
      return drop(DropReason::kBadUdpLength);
    case net::IkePortContent::kIkeFirst:
    case net::IkePortContent::kIkeKnown:
      break;
  }
  if (udp_checksum_is_wrong(packet, datagram)) return drop(DropReason::kBadUdpChecksum);
  ctx.punt(packet, content == net::IkePortContent::kIkeFirst ? channel::PuntClass::kIkeFirst
                                                             : channel::PuntClass::kIkeKnown);
  return Way::kGone;
}

/// RFC 7296 §2.11: IKE is taken on both ports.
bool is_for_ike_port(const PacketMeta& meta) {
  return meta.protocol == net::kProtocolUdp && (meta.flags & dpdk::kHasPorts) != 0 &&
         (meta.destination_port == net::kIkePort || meta.destination_port == net::kIkeNatPort);
}

bool is_icmp_error(const PacketMeta& meta) {
  if ((meta.flags & dpdk::kHasPorts) == 0) return false;
  const auto type = static_cast<std::uint8_t>(meta.destination_port >> 8);
  return is_ipv6(meta) ? meta.protocol == net::kProtocolIcmpv6 && net::is_icmp6_error(type)
                       : meta.protocol == net::kProtocolIcmp && net::is_icmp_error(type);
}

/// RFC 4301 §6.1.1: an error that nobody protected says only that a path of ours is narrower, and
/// only if a packet of ours can have caused it.
void take_icmp_error(WorkerContext& ctx, Packet* packet) {
  const bool in_clear_from_outside =
      (dpdk::meta(packet).flags & (dpdk::kFromOutside | dpdk::kDecapsulated)) == dpdk::kFromOutside;
  if (!in_clear_from_outside || ctx.ipsec == nullptr)
    return ctx.drop(packet, DropReason::kIcmpErrorIgnored);
  const auto event = path_mtu_told_by(packet);
  if (!event) return ctx.drop(packet, DropReason::kIcmpErrorIgnored);
  if (!ctx.ipsec->path_mtu_events.take(ctx.now)) return ctx.drop(packet, DropReason::kIcmpRate);
  ctx.channel->send(*event);
  ctx.consume(packet, channel::Consumed::kPathMtu);
}

/// The common packet for us: whole, without options, of an SA that ends at an outside port.
/// @return false: another
[[gnu::always_inline]] inline bool take_plain_esp(Packet* packet, Burst& esp) {
  constexpr std::uint32_t kTold = dpdk::kFragment | dpdk::kHasOptions | dpdk::kFromOutside;
  PacketMeta& meta = dpdk::meta(packet);
  if (meta.protocol != net::kProtocolEsp || (meta.flags & kTold) != dpdk::kFromOutside)
    return false;
  meta.flags |= dpdk::kLocal;
  meta.payload_offset = meta.header_length;
  esp.push(packet);
  return true;
}

Way take_local(WorkerContext& ctx, Packet* packet, Burst& esp) {
  PacketMeta& meta = dpdk::meta(packet);
  meta.flags |= dpdk::kLocal;
  const auto drop = [&](DropReason reason) {
    ctx.drop(packet, reason);
    return Way::kGone;
  };
  if ((meta.flags & dpdk::kFragment) != 0) return drop(DropReason::kFragmentNotReassembled);
  // RFC 8200 §4.2: these options are for the node that the packet is for.
  if ((meta.flags & dpdk::kHasOptions) != 0 && is_ipv6(meta) &&
      net::has_forbidding_option(dpdk::bytes(packet)))
    return drop(DropReason::kExtensionHeaders);
  if (is_icmp_error(meta)) {
    take_icmp_error(ctx, packet);
    return Way::kGone;
  }
  const bool is_esp = meta.protocol == net::kProtocolEsp;
  const bool is_ah = meta.protocol == net::kProtocolAh;
  if (!is_esp && !is_ah && !is_for_ike_port(meta)) return Way::kOnward;
  // design §1, RFC 4301 §3.1: SAs end at outside ports.
  if ((meta.flags & dpdk::kFromOutside) == 0) return drop(DropReason::kIpsecFromInside);
  if (!is_esp && !is_ah) return take_ike_port(ctx, packet, esp);
  // RFC 4302 appendix A2: of a whole packet (RFC 6946) it is not under the ICV.
  if (is_ah && is_ipv6(meta) && take_out_fragment_header(packet)) {
    if (const auto reason = read_ipv6(packet)) return drop(*reason);
  }
  const unsigned to_spi = is_ah ? net::kAhSpiOffset : 0U;
  meta.payload_offset = static_cast<std::uint16_t>(meta.header_length + to_spi);
  esp.push(packet);
  return Way::kGone;
}

}  // namespace

// Packets that follow one another to the same IPv4 destination are a run, and asked for once.
void classify(WorkerContext& ctx, Burst& burst, Burst& esp) {
  if (burst.empty()) return;
  const fib::Fib& fib = *ctx.fib;
  std::array<std::uint32_t, kBurst> destinations;
  std::array<std::uint32_t, kBurst> next_hops;
  unsigned versions = 0;
  unsigned runs = 0;
  std::uint32_t destination = 0;
  for (const Packet* packet : burst) {
    const PacketMeta& meta = dpdk::meta(packet);
    versions |= meta.ip_version;
    if (meta.destination == destination && runs != 0) continue;
    destinations[runs++] = destination = meta.destination;  // 0 for IPv6
  }
  next_hops[0] = 0;
  fib.lookup(destinations.data(), next_hops.data(), runs);

  const auto is_local = [&fib](std::uint32_t next_hop) {
    return fib.next_hop(next_hop).kind == fib::NextHopKind::kLocal;
  };
  const std::uint32_t* of_run = next_hops.data();
  std::uint32_t next_hop = *of_run;
  destination = destinations[0];
  bool local = is_local(next_hop);
  Packet** const packets = burst.raw();
  const unsigned count = burst.size();
  unsigned kept = 0;
  for (unsigned i = 0; i < count; ++i) {
    Packet* const packet = packets[i];
    PacketMeta& meta = dpdk::meta(packet);
    if (meta.destination != destination) {
      destination = meta.destination;
      next_hop = *++of_run;
      local = is_local(next_hop);
    }
    meta.next_hop = next_hop;
    bool for_us = local;
    if (versions != 4 && is_ipv6(meta)) [[unlikely]] {
      meta.next_hop = find_next_hop(fib, packet);
      for_us = is_local(meta.next_hop);
    }
    if (!for_us || (!take_plain_esp(packet, esp) && take_local(ctx, packet, esp) == Way::kOnward))
      packets[kept++] = packet;
  }
  burst.set_size(kept);
}

}  // namespace penstock::dataplane
