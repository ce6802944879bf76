// SPDX-License-Identifier: BSD-3-Clause
// fit the MTU: what will be too big once it is sealed (RFC 4301 §8). With DF inside and outside the
// sender is told the MTU of the tunnel; everything else is sealed whole and fragmented after it by
// resolve, with DF clear, so that selectors with ports still find them in every packet; or, where
// the SA wants that, it is cut first. TCP is told not to send what does not fit.
// Ways out: onward with the outer flags word; to cut inner; a drop by name, with an ICMP error.
#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/clamp_mss.h"
#include "dataplane/icmp.h"
#include "dataplane/stages.h"
#include "dataplane/transport.h"
#include "dataplane/tunnel_mtu.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

/// RFC 8200 §5: whoever carries IPv6 carries 1,280 octets of it.
bool must_carry(const PacketMeta& meta) {
  return is_ipv6(meta) && meta.total_length <= net::kIpv6MinMtu;
}

void put_aside(IpsecState& state, Packet* packet, ipsec::OutboundSa* sa) {
  state.uncut_sas[state.uncut.size()] = sa;
  state.uncut.push(packet);
}

/// What is not plain ESP in tunnel mode.
struct ShapedFit {
  std::optional<DropReason> refused;
  unsigned sealed = 0;
  unsigned added = 0;  ///< at most, to whatever size
  /// Of a bundle: its packets are AH's, so that is what ICMP tells of.
  unsigned path_mtu = ipsec::kNoPathMtu;
};

ShapedFit fit_shaped(const WorkerContext& ctx, const Packet* packet, const ipsec::OutboundSa& sa) {
  const unsigned total = dpdk::meta(packet).total_length;
  ShapedFit fit;
  unsigned around = 0;
  if (sa.has(ipsec::kBundleInner)) {
    const ipsec::OutboundSa* outer = ctx.ipsec->tables->outbound_of(sa.outer_slot);
    if (outer == nullptr) return {.refused = DropReason::kNoOutboundSa};
    around = outer->overhead_octets;
    fit.path_mtu = outer->path_mtu.load(std::memory_order_relaxed);
  }
  unsigned in_front = 0;  // not under the cipher
  if (sa.has(ipsec::kTransport)) {
    fit.refused = check_transport(packet, sa);
    if (fit.refused) return fit;
    in_front = transport_place_of(packet).at;
  }
  const bool ah = sa.has(ipsec::kAh);
  const unsigned enciphered = total - in_front;
  fit.sealed =
      in_front + sa.overhead_octets + around + (ah ? enciphered : sa.cipher_octets(enciphered));
  fit.added = sa.overhead_octets + around +
              (ah ? 0U : sa.session.block_octets + unsigned{sizeof(net::EspTrailer)});
  return fit;
}

/// What the packets of a run under one SA share.
struct Run {
  ipsec::OutboundSa* sa = nullptr;
  unsigned fits = 0;     ///< a sealed packet of so many octets needs no second look
  bool ordinary = true;  ///< ESP in tunnel mode that leaves TCP alone

  Run() = default;
  Run(const IpsecState& state, ipsec::OutboundSa& of)
      : sa(&of),
        fits(std::min<unsigned>(state.smallest_mtu, of.path_mtu.load(std::memory_order_relaxed))),
        ordinary(of.shape == 0 && of.clamp_mss == 0) {}
};

/// RFC 4301 §8.1: DF is copied, set or cleared.
std::uint16_t outer_flags(const PacketMeta& meta, const ipsec::OutboundSa& sa) {
  const bool inner_df = (meta.flags & dpdk::kDontFragment) != 0;
  return static_cast<std::uint16_t>((inner_df ? sa.df_copied : 0) | sa.df_set);
}

/// What may be too big, or is not ordinary. @return whether it stays
bool fit_one(WorkerContext& ctx, Packet* packet, const Run& run, std::uint16_t& outer) {
  IpsecState& state = *ctx.ipsec;
  PacketMeta& meta = dpdk::meta(packet);
  const ipsec::OutboundSa& sa = *run.sa;
  const bool inner_df = (meta.flags & dpdk::kDontFragment) != 0;
  if (sa.clamp_mss != 0 && is_syn(packet))
    clamp_mss(packet, largest_mss(ctx, sa.clamp_mss, sa, is_ipv6(meta)));
  ShapedFit fit;
  fit.sealed = sa.sealed_octets(meta.total_length);
  if (sa.shape != 0) fit = fit_shaped(ctx, packet, sa);
  if (fit.refused) {
    ctx.drop(packet, *fit.refused);
    return false;
  }
  const unsigned path_mtu =
      std::min<unsigned>(sa.path_mtu.load(std::memory_order_relaxed), fit.path_mtu);
  if (fit.sealed <= std::min(state.smallest_mtu, path_mtu)) return true;
  const unsigned mtu = std::min(tunnel_mtu(ctx, sa), path_mtu);
  if (fit.sealed > net::kIpv4MaxPacket) {
    ctx.drop(packet, DropReason::kTooBig);
    return false;
  }
  if (fit.sealed <= mtu) return true;
  const unsigned inner = fit.added == 0 ? sa.inner_mtu(mtu) : mtu - std::min(mtu, fit.added);
  if (inner_df && outer != 0 && !must_carry(meta)) {
    send_error(ctx, packet, Complaint::kTooBig, inner);
    ctx.drop(packet, DropReason::kTooBig);
    return false;
  }
  if (sa.cut_before && !inner_df && !is_ipv6(meta) && !state.uncut.full() &&
      inner >= net::kIpv4MinMtu) {
    put_aside(state, packet, run.sa);
    return false;
  }
  outer = 0;
  // A link's MTU resolve knows. RFC 8200 §5: only the source cuts IPv6.
  if (mtu == path_mtu) meta.path_mtu = static_cast<std::uint16_t>(mtu);
  return true;
}

}  // namespace

void fit_mtu(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  Run run;
  unsigned kept = 0;
  keep_parallel(burst, state.outbound, [&](Packet* packet, unsigned i) {
    ipsec::OutboundSa& sa = *state.outbound[i];
    if (&sa != run.sa) run = Run(state, sa);
    const PacketMeta& meta = dpdk::meta(packet);
    std::uint16_t outer = outer_flags(meta, sa);
    if (!run.ordinary || sa.sealed_octets(meta.total_length) > run.fits) [[unlikely]] {
      if (!fit_one(ctx, packet, run, outer)) return false;
    }
    state.outer_fragment[kept++] = outer;
    return true;
  });
}

}  // namespace penstock::dataplane
