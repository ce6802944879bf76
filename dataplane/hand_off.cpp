// SPDX-License-Identifier: BSD-3-Clause
// hand off: ESP whose SA is another worker's goes to that worker, which alone has its replay window
// and counters (design §4.7). Ways out: onward, ours; another worker's ring; a drop by name.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "lib/channel/handoff.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

using dpdk::Packet;

void hand_off(WorkerContext& ctx, Burst& burst) {
  if (ctx.handoff == nullptr || ctx.ipsec == nullptr) return;
  burst.keep_if([&](Packet* packet) {
    const dpdk::PacketMeta& meta = dpdk::meta(packet);
    // One without an SPI is dropped where SAs are looked up.
    if (meta.total_length < meta.payload_offset + sizeof(net::EspHeader)) return true;
    const auto& esp =
        *reinterpret_cast<const net::EspHeader*>(dpdk::data(packet) + meta.payload_offset);
    const unsigned owner = ctx.ipsec->tables->owner_of(esp.spi.get());
    if (owner == ctx.id) return true;
    if (ctx.handoff->put(ctx.id, owner, packet))
      ctx.counters->handed_over.add();
    else
      ctx.drop(packet, net::DropReason::kHandoffFull);
    return false;
  });
}

}  // namespace penstock::dataplane
