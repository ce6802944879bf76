// SPDX-License-Identifier: BSD-3-Clause
// make dummies: what the control core asked for becomes packets of nothing for the tunnel of their
// slot (RFC 4303 §2.6). Lies behind inject, in front of seal: no policy is asked, because the slot
// is known, and they always fit. Ways out: onward with its SA; a drop by name.
#include <algorithm>
#include <cstring>

#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "dataplane/tunnel_mtu.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

/// As long as traffic is padded to, or else of any length that the path carries.
unsigned length_of(const WorkerContext& ctx, const Packet* packet, const ipsec::OutboundSa& sa) {
  const unsigned fits = sa.inner_mtu(tunnel_mtu(ctx, sa));
  const unsigned drawn = (dpdk::meta(packet).total_length * fits >> 16U) + 1;
  const unsigned wanted = std::min<unsigned>(sa.tfc_padding != 0 ? sa.tfc_padding : drawn, fits);
  return std::min(wanted, dpdk::tailroom(packet) - dpdk::kSealTailroom);
}

}  // namespace

void make_dummies(WorkerContext& ctx, Burst& burst) {
  unsigned kept = 0;
  burst.keep_if([&](Packet* packet) {
    PacketMeta& meta = dpdk::meta(packet);
    ipsec::OutboundSa* sa =
        ctx.ipsec == nullptr ? nullptr : ctx.ipsec->tables->outbound_of(meta.child_slot);
    if (sa == nullptr || sa->shape != 0) {
      ctx.drop(packet, DropReason::kNoOutboundSa);
      return false;
    }
    const unsigned length = length_of(ctx, packet, *sa);
    // RFC 4303 §2.6: it need not be well-formed, and nobody sees it.
    std::memset(dpdk::data(packet), 0, length);
    dpdk::resize(packet, length);
    meta.total_length = static_cast<std::uint16_t>(length);
    meta.flags &= ~std::uint32_t{dpdk::kDummy};
    // DF as traffic has it most often, so that it tells nothing; it fits.
    ctx.ipsec->outer_fragment[kept] = static_cast<std::uint16_t>(sa->df_copied | sa->df_set);
    ctx.ipsec->outbound[kept++] = sa;
    return true;
  });
  ctx.counters->dummies_sent.add(burst.size());
}

}  // namespace penstock::dataplane
