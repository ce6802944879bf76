// SPDX-License-Identifier: BSD-3-Clause
// A gateway without IPsec tables: ESP finds no SA, and what would pass by an outside port finds no
// policy. Gives way to the IPsec stages.
#include "dataplane/stages.h"

namespace penstock::dataplane {

namespace {
void drop_all(WorkerContext& ctx, Burst& burst, net::DropReason reason) {
  for (dpdk::Packet* packet : burst) ctx.drop(packet, reason);
  burst.clear();
}
}  // namespace

void lookup_inbound_sa(WorkerContext& ctx, Burst& burst) {
  drop_all(ctx, burst, net::DropReason::kNoSa);
}
void check_replay(WorkerContext&, Burst&) {}
void open_esp(WorkerContext&, Burst&) {}
void crypto_inbound(WorkerContext&, Burst&) {}
bool pending_inbound(const WorkerContext&) { return false; }
void close_inbound(WorkerContext&, Burst&) {}

void check_policy(WorkerContext& ctx, Burst& burst) {
  burst.keep_if([&](dpdk::Packet* packet) {
    if ((dpdk::meta(packet).flags & dpdk::kFromOutside) == 0) return true;
    ctx.drop(packet, net::DropReason::kNoPolicy);
    return false;
  });
}

void lookup_policy(WorkerContext& ctx, Burst& burst, Burst& bypass) {
  burst.keep_if([&](dpdk::Packet* packet) {
    if ((dpdk::meta(packet).flags & dpdk::kOwnIke) != 0)
      bypass.push(packet);
    else
      ctx.drop(packet, net::DropReason::kNoPolicy);
    return false;
  });
}
void fit_mtu(WorkerContext&, Burst&) {}
void seal_esp(WorkerContext&, Burst&) {}
void crypto_outbound(WorkerContext&, Burst&) {}
bool pending_outbound(const WorkerContext&) { return false; }
void close_outbound(WorkerContext&, Burst&) {}

}  // namespace penstock::dataplane
