// SPDX-License-Identifier: BSD-3-Clause
// look up SA: from the SPI to the inbound SA (RFC 4303 §3.4.2), and whether the packet has the
// shape that the SA asks for. Ways out: onward with its SA; held (larval); a drop by name.
#include "dataplane/addresses.h"
#include "dataplane/ah_fields.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "lib/net/ah.h"
#include "lib/net/esp.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

const net::EspHeader& esp_of(const Packet* packet) {
  return *reinterpret_cast<const net::EspHeader*>(dpdk::data(packet) +
                                                  dpdk::meta(packet).payload_offset);
}

/// An SPI that nobody knows may be worth a word to the control plane (RFC 7296 §1.5).
void report_unknown(WorkerContext& ctx, const Packet* packet, std::uint32_t spi) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (!ctx.ipsec->unknown_spi_events.take(ctx.now)) return;
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kUnknownSpi;
  event.spi = net::Spi{spi};
  event.local = {destination_of(packet), net::Port{meta.destination_port}};
  event.remote = {source_of(packet), net::Port{meta.source_port}};
  event.sequence = esp_of(packet).sequence.get();
  ctx.channel->send(event);
}

/// @return the SA, if it was installed since the first look; nullptr: the packet has found its end
ipsec::InboundSa* without_sa(WorkerContext& ctx, Packet* packet, std::uint32_t spi) {
  const auto found = ctx.ipsec->tables->find_again(spi);
  if (found.sa != nullptr) return found.sa;
  if (found.larval && ctx.ipsec->larval.hold(packet, spi, ctx.now)) {
    ctx.hold(channel::Held::kLarval);
    return nullptr;
  }
  if (!found.larval) report_unknown(ctx, packet, spi);
  ctx.drop(packet, found.larval ? DropReason::kLarvalSa : DropReason::kNoSa);
  return nullptr;
}

/// AH: its length is that of its SA's ICV, with no more padding than RFC 4302 §2.6 and Linux have.
std::optional<DropReason> fault_of_ah(const Packet* packet, const ipsec::InboundSa& sa) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (meta.header_length + unsigned{sizeof(net::AhHeader)} > meta.total_length)
    return DropReason::kAhBadLength;
  const unsigned octets =
      reinterpret_cast<const net::AhHeader*>(dpdk::data(packet) + meta.header_length)->octets();
  const unsigned icv = unsigned{sa.session.iv_octets} + sa.session.icv_octets;
  const bool fits = octets == net::ah_octets(icv, net::kAhAlignment6) ||
                    (!sa.is_v6() && octets == net::ah_octets(icv, net::kAhAlignment));
  if (!fits || meta.header_length + octets > meta.total_length) return DropReason::kAhBadLength;
  if (dpdk::headroom(packet) < hidden_octets(packet, meta.header_length) ||
      dpdk::tailroom(packet) < sizeof(burst_crypto::Job::sequence_high))
    return DropReason::kNoHeadroom;
  return std::nullopt;
}

/// The protocol is not the one of a plain SA. @return nothing: the SA asks for more, and has it
std::optional<DropReason> fault_of_shape(const Packet* packet, const ipsec::InboundSa& sa) {
  const PacketMeta& meta = dpdk::meta(packet);
  const bool is_ah = meta.protocol == net::kProtocolAh;
  if (is_ah != sa.has(ipsec::kAh)) return DropReason::kSaProtocolMismatch;
  if (is_ah) return fault_of_ah(packet, sa);
  const bool in_udp = (meta.flags & dpdk::kUdpEncapsulated) != 0;
  if (in_udp != (sa.encap_local_port != 0)) return DropReason::kEncapMismatch;
  // RFC 4301 §5.2: both of a bundle must have been applied.
  const bool whole = (meta.flags & dpdk::kAuthenticated) != 0 && meta.child_slot == sa.slot;
  return whole ? std::nullopt : std::optional(DropReason::kBundleIncomplete);
}

/// What an SA asks of its packets, for those that follow one another.
struct Demand {
  ipsec::InboundSa* sa = nullptr;
  std::uint32_t local = 0;
  std::uint8_t protocol = 0;
  bool is_used_up = false;
  unsigned least = 0;  ///< octets from ESP on
  unsigned fixed = 0;  ///< octets that are not blocks
  unsigned block_mask = 0;

  Demand() = default;
  explicit Demand(ipsec::InboundSa& of)
      : sa(&of),
        local(of.local),
        protocol(of.plain_protocol),
        is_used_up(of.packets.get() >= of.hard_packets || of.bytes.get() >= of.hard_bytes),
        least(of.min_esp_octets),
        fixed(unsigned{sizeof(net::EspHeader)} + of.session.iv_octets + of.session.icv_octets),
        block_mask(of.session.block_octets - 1U) {}
};

/// Of IPv4, and all of it fulfilled.
[[gnu::always_inline]] inline bool is_met_by(const PacketMeta& meta, const Demand& demand) {
  const unsigned octets = static_cast<unsigned>(meta.total_length) - meta.payload_offset;
  return meta.destination == demand.local && meta.protocol == demand.protocol &&
         octets >= demand.least && ((octets - demand.fixed) & demand.block_mask) == 0 &&
         meta.nesting < dpdk::kMaxNesting && !demand.is_used_up && demand.local != 0;
}

/// Which of it is not.
[[gnu::noinline]] std::optional<DropReason> fault_of(const Packet* packet, const Demand& demand) {
  const PacketMeta& meta = dpdk::meta(packet);
  // RFC 4301 §4.1: the SPI alone finds the SA; its addresses must still fit.
  if (meta.destination != demand.local) return DropReason::kSaAddressMismatch;
  if (demand.local == 0 && ipv6_of(packet).destination != demand.sa->local6) [[unlikely]]
    return DropReason::kSaAddressMismatch;
  if (meta.protocol != demand.protocol) [[unlikely]] {
    if (const auto fault = fault_of_shape(packet, *demand.sa)) return fault;
  }
  const unsigned octets = meta.total_length - meta.payload_offset;
  if (octets < demand.least) return DropReason::kEspTruncated;
  // RFC 4303 §2.4: whole blocks; their size is a power of two.
  if (((octets - demand.fixed) & demand.block_mask) != 0) return DropReason::kEspBadLength;
  if (meta.nesting >= dpdk::kMaxNesting) return DropReason::kNesting;
  if (demand.is_used_up) return DropReason::kSaHardExpired;
  return std::nullopt;
}

void prefetch_sa(const ipsec::InboundSa* sa) {
  const auto* line = reinterpret_cast<const std::byte*>(sa);
  __builtin_prefetch(line);
  __builtin_prefetch(line + 64, 1);
  __builtin_prefetch(line + 128);
  __builtin_prefetch(line + 192);
}

/// Packets whose SPI was keyed meanwhile join the burst; those that waited too long are dropped.
void release_larval(WorkerContext& ctx, Burst& esp) {
  ctx.ipsec->larval.look_through(ctx.now, [&](const LarvalQueue::Entry& entry) {
    const bool larval = ctx.ipsec->tables->is_larval(entry.spi);
    if (larval && ctx.now - entry.since < kLarvalTime) return true;
    if (!larval && esp.full()) return true;  // the next look takes it
    ctx.release(channel::Held::kLarval);
    if (larval)
      ctx.drop(entry.packet, DropReason::kLarvalSa);
    else
      esp.push(entry.packet);
    return false;
  });
}

}  // namespace

void lookup_inbound_sa(WorkerContext& ctx, Burst& burst) {
  if (ctx.ipsec == nullptr) {  // a gateway without IPsec tables
    for (Packet* packet : burst) ctx.drop(packet, DropReason::kNoSa);
    burst.clear();
    return;
  }
  IpsecState& state = *ctx.ipsec;
  const ipsec::Tables& tables = *state.tables;
  if (state.larval.due(ctx.now)) release_larval(ctx, burst);
  std::array<std::uint32_t, kBurst> spis;
  Packet** const packets = burst.raw();
  unsigned count = 0;
  for (Packet* packet : burst) {
    const PacketMeta& meta = dpdk::meta(packet);
    if (meta.total_length < meta.payload_offset + sizeof(net::EspHeader)) [[unlikely]] {
      ctx.drop(packet, DropReason::kEspTruncated);
      continue;
    }
    const std::uint32_t spi = esp_of(packet).spi.get();
    tables.prefetch_inbound(spi);
    packets[count] = packet;
    spis[count++] = spi;
  }
  std::uint32_t spi = 0;  // of the packet before
  ipsec::InboundSa* found = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    if (i == 0 || spis[i] != spi) {
      spi = spis[i];
      found = tables.find_inbound(spi);
      if (found != nullptr) prefetch_sa(found);
    }
    state.inbound[i] = found;
  }
  Demand demand;
  unsigned kept = 0;
  for (unsigned i = 0; i < count; ++i) {
    Packet* const packet = packets[i];
    ipsec::InboundSa* sa = state.inbound[i];
    if (sa == nullptr) [[unlikely]] {
      sa = without_sa(ctx, packet, spis[i]);
      if (sa == nullptr) continue;
    }
    if (sa != demand.sa) {
      demand = Demand(*sa);
      state.engine->key_lines().prefetch<2>(sa->session, dpdk::meta(packet).total_length);
    }
    if (!is_met_by(dpdk::meta(packet), demand)) [[unlikely]] {
      if (const auto fault = fault_of(packet, demand)) {
        sa->errors.add();
        ctx.drop(packet, *fault);
        continue;
      }
    }
    packets[kept] = packet;
    state.inbound[kept++] = sa;
  }
  burst.set_size(kept);
}

bool pending_inbound(const WorkerContext& ctx) {
  return ctx.ipsec != nullptr && (ctx.ipsec->larval.due(ctx.now) ||
                                  crypto_pending(ctx, burst_crypto::CipherDirection::kOpen));
}

void drop_larval(WorkerContext& ctx, DropReason reason) {
  if (ctx.ipsec == nullptr) return;
  ctx.ipsec->larval.look_through(ctx.now, [&](const LarvalQueue::Entry& entry) {
    ctx.release(channel::Held::kLarval);
    ctx.drop(entry.packet, reason);
    return false;
  });
}

}  // namespace penstock::dataplane
