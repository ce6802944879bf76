// SPDX-License-Identifier: BSD-3-Clause
// close (inbound): the engine's verdict, then the window, then decapsulation with ECN, and the
// selectors of the SA (RFC 4303 §3.4.4, RFC 4301 §5.1.2, §5.2, RFC 6040 §4.2).
// Ways out: onward as an inner packet; consumed (dummies); a drop by name.
#include <cstring>

#include "dataplane/addresses.h"
#include "dataplane/clamp_mss.h"
#include "dataplane/close_inbound.h"
#include "dataplane/icmp_return.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/plain_opening.h"
#include "dataplane/read_ipv4.h"
#include "dataplane/stages.h"
#include "dataplane/transport.h"
#include "dataplane/tunnel_mtu.h"
#include "lib/ipsec/ecn.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

using burst_crypto::Job;
using burst_crypto::JobStatus;
using dpdk::Packet;
using dpdk::PacketMeta;
using ipsec::InboundSa;
using net::DropReason;
using policy::SaEvent;
using policy::SaEventKind;

namespace {

SaEvent event_of(SaEventKind kind, const InboundSa& sa) {
  SaEvent event;
  event.kind = kind;
  event.direction = policy::Direction::kInbound;
  event.slot = policy::ChildSlot{sa.slot};
  event.spi = net::Spi{sa.spi};
  return event;
}

/// Once an SA and kind; again with the next packet if the ring was full.
void raise(WorkerContext& ctx, InboundSa& sa, ipsec::SaEventBit bit, SaEventKind kind) {
  if ((sa.raised & bit) == 0 && ctx.channel->send(event_of(kind, sa))) sa.raised |= bit;
}

/// RFC 7296 §2.23: only a packet whose ICV was right may say that its peer is elsewhere now.
void report_move(WorkerContext& ctx, InboundSa& sa, const Packet* packet) {
  const PacketMeta& outer = dpdk::meta(packet);
  const auto now = static_cast<std::uint64_t>(ctx.now.time_since_epoch().count());
  if (sa.moved_raised_at_ns != 0 && now - sa.moved_raised_at_ns < kPeerMovedIntervalNs) return;
  sa.moved_raised_at_ns = now;
  SaEvent event = event_of(SaEventKind::kPeerMoved, sa);
  event.local = {destination_of(packet), net::Port{outer.destination_port}};
  event.remote = {source_of(packet), net::Port{outer.source_port}};
  ctx.channel->send(event);
}

/// The outer source of an SA in UDP is another than when it was installed.
bool has_moved(const InboundSa& sa, const Packet* packet) {
  const PacketMeta& outer = dpdk::meta(packet);
  return outer.source != sa.remote.load(std::memory_order_relaxed) ||
         outer.source_port != sa.encap_remote_port.load(std::memory_order_relaxed) ||
         (sa.is_v6() && ipv6_of(packet).source != sa.peer6());
}

void count(WorkerContext& ctx, InboundSa& sa, const InboundCount& more) {
  if (more.packets == 0) return;
  raise(ctx, sa, ipsec::kFirstPacketRaised, SaEventKind::kFirstPacket);
  const std::uint64_t packets = sa.packets.get() + more.packets;
  const std::uint64_t bytes = sa.bytes.get() + more.octets;
  sa.packets.set(packets);
  sa.bytes.set(bytes);
  if (packets >= sa.soft_packets || bytes >= sa.soft_bytes) [[unlikely]]
    raise(ctx, sa, ipsec::kSoftRaised, SaEventKind::kSoftExpiry);
  if (packets >= sa.hard_packets || bytes >= sa.hard_bytes) [[unlikely]]
    raise(ctx, sa, ipsec::kHardRaised, SaEventKind::kHardExpiry);
}

/// RFC 6040 §4.2.
std::optional<DropReason> merge_ecn(Packet* packet, std::uint8_t outer_tos) {
  PacketMeta& meta = dpdk::meta(packet);
  const std::uint8_t merged =
      ipsec::kEcnDecapsulation[meta.tos & ipsec::kEcnMask][outer_tos & ipsec::kEcnMask];
  if (merged == ipsec::kEcnDrop) return DropReason::kEcnIllegal;
  if (merged == (meta.tos & ipsec::kEcnMask)) [[likely]]
    return std::nullopt;
  const auto tos = static_cast<std::uint8_t>((meta.tos & ipsec::kDscpMask) | merged);
  meta.tos = tos;
  if (is_ipv6(meta)) {
    ipv6_of(packet).set_traffic_class(tos);
    return std::nullopt;
  }
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
  const auto word = static_cast<std::uint16_t>(ip.version_ihl << 8);
  net::update_checksum(ip, word | ip.tos, word | tos);
  ip.tos = tos;
  return std::nullopt;
}

[[gnu::always_inline]] inline bool is_allowed(const InboundSa& sa, const Packet* packet) {
  constexpr auto kInbound = policy::Direction::kInbound;
  const PacketMeta& meta = dpdk::meta(packet);
  if (is_ipv6(meta))
    return sa.allows(ipsec::SpdProbe<ipsec::Ipv6Value>::of(kInbound, ipsec::spd_key6(packet)));
  return sa.allows(ipsec::spd_probe(kInbound, meta));
}

template <class Address>
bool is_allowed(const InboundSa& sa, const policy::PacketSelectors& traffic, net::Vrf vrf) {
  return sa.allows(ipsec::SpdProbe<Address>::of(policy::Direction::kInbound,
                                                ipsec::SpdKeyOf<Address>::of(traffic, vrf)));
}

/// RFC 4301 §6.2: the packet that it is about may be covered.
bool is_about_allowed(const InboundSa& sa, const Packet* packet) {
  const auto traffic = return_traffic(packet);
  if (!traffic) return false;
  const net::Vrf vrf{dpdk::meta(packet).vrf};
  return traffic->source.is_v4() ? is_allowed<ipsec::Ipv4Value>(sa, *traffic, vrf)
                                 : is_allowed<ipsec::Ipv6Value>(sa, *traffic, vrf);
}

[[gnu::always_inline]] inline std::optional<DropReason> take_out(Packet* packet,
                                                                 const InboundSa& sa,
                                                                 unsigned front, unsigned payload,
                                                                 bool v6) {
  PacketMeta& meta = dpdk::meta(packet);
  const std::uint8_t outer_tos = meta.tos;
  packet->data_off = static_cast<std::uint16_t>(packet->data_off + front);
  dpdk::resize(packet, payload);
  meta.flags &= ~std::uint32_t{dpdk::kUdpEncapsulated | dpdk::kLocal | dpdk::kAuthenticated};
  meta.flags |= dpdk::kDecapsulated;
  ++meta.nesting;
  meta.child_slot = sa.slot;
  // Traffic flow confidentiality (RFC 4303 §2.7): what lies behind the inner packet is cut off.
  if (!v6 && read_plain_ipv4(dpdk::data(packet), payload, HeaderChecksum::kVerify, meta))
      [[likely]] {
    dpdk::resize(packet, meta.total_length);
  } else {
    if (v6 ? read_ipv6(packet) : read_ipv4(packet, HeaderChecksum::kVerify))
      return DropReason::kInnerMalformed;
    if (const auto martian =
            v6 ? check_martian6(packet) : check_martian(meta.source, meta.destination))
      return martian;
  }
  if (meta.tos != outer_tos) [[unlikely]] {
    if (const auto ecn = merge_ecn(packet, outer_tos)) return ecn;
  }
  if (!is_allowed(sa, packet) && !is_about_allowed(sa, packet)) [[unlikely]]
    return DropReason::kInboundPolicyMismatch;
  meta.flags |= dpdk::kPolicyChecked;
  return std::nullopt;
}

}  // namespace

bool fits_selectors(const Packet* packet, const InboundSa& sa) {
  return is_allowed(sa, packet) || is_about_allowed(sa, packet);
}

std::optional<DropReason> decapsulate(Packet* packet, const InboundSa& sa, unsigned front,
                                      unsigned payload, bool v6) {
  return take_out(packet, sa, front, payload, v6);
}

namespace {

/// RFC 4303 §3.4.4.1: an auditable event.
void report_icv(WorkerContext& ctx, const Packet* packet, const InboundSa& sa) {
  if (!ctx.ipsec->icv_events.take(ctx.now)) return;
  const PacketMeta& meta = dpdk::meta(packet);
  SaEvent event = event_of(SaEventKind::kIcvFailed, sa);
  event.local = {destination_of(packet), net::Port{meta.destination_port}};
  event.remote = {source_of(packet), net::Port{meta.source_port}};
  event.sequence = meta.sequence;
  ctx.channel->send(event);
}

/// What the peer's TCP allows ours to send, ours will send by the outbound SA of the pair.
void fit_segments(const WorkerContext& ctx, Packet* packet, const InboundSa& sa) {
  const ipsec::OutboundSa* out = ctx.ipsec->tables->outbound_of(sa.slot);
  if (out == nullptr || !is_syn(packet)) return;
  clamp_mss(packet, largest_mss(ctx, sa.clamp_mss, *out, is_ipv6(dpdk::meta(packet))));
}

/// Verdict and window; nothing of a packet that fails here is looked at.
std::optional<DropReason> verify(WorkerContext& ctx, InboundSa& sa, const Job& job,
                                 const Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (job.status != JobStatus::kDone) [[unlikely]] {
    const bool icv = job.status == JobStatus::kIcvMismatch;
    (icv ? sa.icv_failures : sa.errors).add();
    if (icv) report_icv(ctx, packet, sa);
    return reason_of(job.status, DropReason::kDecryptFailed);
  }
  // RFC 4303 §3.4.3: the window moves only after the ICV is verified. A copy in the same burst
  // shows here.
  if (sa.window.insert(meta.sequence) == ipsec::ReplayVerdict::kFresh) [[likely]]
    return std::nullopt;
  sa.replays.add();
  return DropReason::kReplay;
}

/// RFC 4303 §2.6: it has done its work here.
bool is_dummy(WorkerContext& ctx, Packet* packet) {
  ctx.consume(packet, channel::Consumed::kDummy);
  return false;
}

/// Step by step, whatever the packet. @return whether it stays
[[gnu::noinline]] bool close_one(WorkerContext& ctx, Packet* packet, const Job& job, InboundSa& sa,
                                 InboundCount& count) {
  PacketMeta& meta = dpdk::meta(packet);
  if (const auto refused = verify(ctx, sa, job, packet)) [[unlikely]] {
    ctx.drop(packet, *refused);
    return false;
  }
  const auto fail = [&](DropReason reason) {
    sa.errors.add();
    ctx.drop(packet, reason);
    return false;
  };
  if (sa.encap_local_port != 0 && has_moved(sa, packet)) {
    raise(ctx, sa, ipsec::kFirstPacketRaised, SaEventKind::kFirstPacket);  // in this order
    report_move(ctx, sa, packet);
  }
  if (sa.has(ipsec::kAh)) [[unlikely]] {
    count.add(meta.total_length - meta.header_length);
    const auto fault = close_ah(ctx, packet, sa);
    return !fault || fail(*fault);
  }
  const std::uint8_t* text = job.esp + sizeof(net::EspHeader) + sa.session.iv_octets;
  net::EspTrailer trailer;
  std::memcpy(&trailer, text + job.cipher_octets - sizeof(trailer), sizeof(trailer));
  if (trailer.pad_length + sizeof(trailer) > job.cipher_octets) [[unlikely]]
    return fail(DropReason::kBadPadding);
  const unsigned padded = job.cipher_octets - unsigned{sizeof(trailer)};
  const unsigned payload = padded - trailer.pad_length;
  if (!padding_is_right(text + padded, trailer.pad_length)) [[unlikely]]
    return fail(DropReason::kBadPadding);
  count.add(payload);
  const unsigned front =
      meta.payload_offset + unsigned{sizeof(net::EspHeader)} + sa.session.iv_octets;
  if (sa.has(ipsec::kTransport)) [[unlikely]] {
    if (trailer.next_header == net::kProtocolNone) return is_dummy(ctx, packet);
    const auto fault = close_gap(packet, sa, meta.header_length, front - meta.header_length,
                                 payload, trailer.next_header);
    return !fault || fail(*fault);
  }
  const bool v6 = trailer.next_header == net::kProtocolIpv6;
  if (trailer.next_header != net::kProtocolIpv4 && !v6) [[unlikely]] {
    if (trailer.next_header == net::kProtocolNone) return is_dummy(ctx, packet);
    return fail(DropReason::kBadNextHeader);
  }
  if (const auto fault = take_out(packet, sa, front, payload, v6)) [[unlikely]]
    return fail(*fault);
  return true;
}

}  // namespace

void close_inbound(WorkerContext& ctx, Burst& burst) {
  const Job* const jobs = ctx.ipsec->jobs.data();
  Packet** const packets = burst.raw();
  const unsigned size = burst.size();
  unsigned kept = 0;
  for (unsigned first = 0, end = 0; first < size; first = end) {
    InboundSa& sa = ipsec::inbound_of(*jobs[first].session);
    while (++end < size && jobs[end].session == jobs[first].session) {
    }
    const PlainOpening opening(sa);
    const bool plain = PlainOpening::is_plain(sa);
    InboundCount plain_ones;
    InboundCount others;
    for (unsigned i = first; i < end; ++i) {
      Packet* const packet = packets[i];
      if (const unsigned octets = plain ? opening.close(packet, jobs[i]) : 0U; octets != 0)
          [[likely]] {
        plain_ones.add(octets);
      } else {
        if (!close_one(ctx, packet, jobs[i], sa, others)) continue;
        if (sa.clamp_mss != 0) fit_segments(ctx, packet, sa);
      }
      packets[kept++] = packet;
    }
    count(ctx, sa, {plain_ones.packets + others.packets, plain_ones.octets + others.octets});
  }
  burst.set_size(kept);
}

}  // namespace penstock::dataplane
