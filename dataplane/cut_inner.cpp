// SPDX-License-Identifier: BSD-3-Clause
// cut inner: what fit the MTU put aside, because its SA asks for fragments before encapsulation
// (RFC 4301 §8.2.1), comes back as pieces that fit, under the same SA: policy was asked about the
// whole. Ways out: onward; a drop by name.
#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/fragment.h"
#include "dataplane/stages.h"
#include "dataplane/tunnel_mtu.h"

namespace penstock::dataplane {

void cut_inner(WorkerContext& ctx, Burst& burst) {
  IpsecState* state = ctx.ipsec;
  if (state == nullptr || state->uncut.empty()) [[likely]]
    return;
  while (state->next_uncut < state->uncut.size()) {
    dpdk::Packet* packet = state->uncut[state->next_uncut];
    ipsec::OutboundSa* sa = state->uncut_sas[state->next_uncut];
    const unsigned mtu = std::max(sa->inner_mtu(tunnel_mtu(ctx, *sa)), net::kIpv4MinMtu);
    // Of later pieces each holds at least so much; one packet alone is fragment()'s to bound.
    const unsigned step = (mtu - net::kIpv4MaxHeader) / 8U * 8U;
    const unsigned most = dpdk::meta(packet).total_length / step + 1;
    if (!burst.empty() && burst.size() + most > kBurst) return;
    ++state->next_uncut;
    Burst pieces;
    // The control core may have forgotten the path's MTU since fit looked at it.
    if (dpdk::meta(packet).total_length <= mtu)
      pieces.push(packet);
    else if (!fragment(ctx, packet, mtu, pieces))
      continue;
    for (dpdk::Packet* piece : pieces) {
      state->outbound[burst.size()] = sa;
      burst.push(piece);
    }
  }
  state->uncut.clear();
  state->next_uncut = 0;
}

}  // namespace penstock::dataplane
