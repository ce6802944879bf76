// SPDX-License-Identifier: BSD-3-Clause
// look up outer SA: the AH that goes around what the ESP of its bundle has sealed. Lies behind
// close (outbound), and leads to fit the MTU. Ways out: onward with its SA; a drop by name.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

void lookup_outer_sa(WorkerContext& ctx, Burst& burst) {
  IpsecState& state = *ctx.ipsec;
  unsigned kept = 0;
  state.bundled.keep_if([&](dpdk::Packet* packet) {
    ipsec::OutboundSa* sa = state.tables->outbound_of(dpdk::meta(packet).sa_slot);
    // While its ESP was in a crypto device the slot may have been given to another child.
    if (sa != nullptr && sa->has(ipsec::kBundleOuter)) {
      state.outbound[kept++] = sa;
      return true;
    }
    ctx.drop(packet, net::DropReason::kNoOutboundSa);
    return false;
  });
  burst.append(state.bundled);
}

}  // namespace penstock::dataplane
