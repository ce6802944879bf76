// SPDX-License-Identifier: BSD-3-Clause
// check replay: duplicates are refused before anything is computed for them (RFC 4303 §3.4.3). The
// window does not move here. Ways out: onward with its 64-bit sequence number; a drop by name.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

void check_replay(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  keep_parallel(burst, state.inbound, [&](Packet* packet, unsigned i) {
    PacketMeta& meta = dpdk::meta(packet);
    ipsec::InboundSa& sa = *state.inbound[i];
    const auto& esp =
        *reinterpret_cast<const net::EspHeader*>(dpdk::data(packet) + meta.payload_offset);
    const std::uint32_t low = esp.sequence.get();
    meta.sequence = sa.window.extend(low, sa.session.esn());
    const auto verdict = sa.window.check(meta.sequence);
    if (verdict == ipsec::ReplayVerdict::kFresh) [[likely]]
      return true;
    // With ESN 0 also stands for numbers left of the first one (appendix A2).
    const bool zero = verdict == ipsec::ReplayVerdict::kZero && low == 0;
    if (zero)
      sa.errors.add();
    else
      sa.replays.add();
    ctx.drop(packet, zero ? DropReason::kSequenceZero : DropReason::kReplay);
    return false;
  });
}

}  // namespace penstock::dataplane
