// SPDX-License-Identifier: BSD-3-Clause
// close (outbound): the engine's verdict; the packet is a datagram of ours from here on.
// Ways out: onward, sealed; a drop by name.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

using burst_crypto::JobStatus;
using dpdk::Packet;

void close_outbound(WorkerContext& ctx, Burst& burst) {
  unsigned i = 0;
  burst.keep_if([&](Packet* packet) {
    const burst_crypto::Job& job = ctx.ipsec->jobs[i++];
    if (job.status != JobStatus::kDone) [[unlikely]] {
      ipsec::outbound_of(*job.session).errors.fetch_add(1, std::memory_order_relaxed);
      ctx.drop(packet, net::DropReason::kEncryptFailed);
      return false;
    }
    dpdk::PacketMeta& meta = dpdk::meta(packet);
    meta.flags |= dpdk::kSealed;
    ++meta.nesting;
    return true;
  });
}

}  // namespace penstock::dataplane
