// SPDX-License-Identifier: BSD-3-Clause
// The pipeline, on one screen. Packets in: parse › reassemble › classify › (inbound IPsec) › check
// policy › forward. Packets out: (outbound IPsec) › resolve › tx.
#include "dataplane/pipeline.h"

#include "dataplane/ipsec_state.h"
#include "dataplane/parse.h"
#include "dataplane/reassemble.h"
#include "dataplane/stages.h"
#include "dataplane/tx.h"
#include "dataplane/wait_table.h"

namespace penstock::dataplane {

using dpdk::Packet;

namespace {

/// ESP whose SAs are this worker's.
void run_inbound_ipsec(WorkerContext& ctx, Burst& esp) {
  lookup_inbound_sa(ctx, esp);
  check_replay(ctx, esp);
  open_esp(ctx, esp);
  crypto_inbound(ctx, esp);
  close_inbound(ctx, esp);
  check_policy(ctx, esp);
}

/// What fits.
void run_seal_fitted(WorkerContext& ctx, Burst& outbound) {
  seal_esp(ctx, outbound);
  crypto_outbound(ctx, outbound);
  close_outbound(ctx, outbound);
}

void run_seal(WorkerContext& ctx, Burst& outbound) {
  fit_mtu(ctx, outbound);
  run_seal_fitted(ctx, outbound);
}

/// AH around what the ESP of bundles has sealed. An asynchronous engine may give back a burst of
/// that with every run_seal(), so this comes behind each.
void run_bundles(WorkerContext& ctx) {
  while (ctx.ipsec != nullptr && !ctx.ipsec->bundled.empty()) [[unlikely]] {
      Burst outer;
      lookup_outer_sa(ctx, outer);
      run_seal(ctx, outer);
      route_and_resolve(ctx, outer);
    }
}

/// What is cut before it is sealed.
void run_pieces(WorkerContext& ctx) {
  while (ctx.ipsec != nullptr && !ctx.ipsec->uncut.empty()) [[unlikely]] {
      Burst pieces;
      cut_inner(ctx, pieces);
      run_seal(ctx, pieces);
      route_and_resolve(ctx, pieces);
      run_bundles(ctx);
    }
}

/// Packets with egress and next_hop set.
void run_out(WorkerContext& ctx, Burst& burst) {
  Burst outbound;
  split_outside(ctx, burst, outbound);
  if (!outbound.empty() || pending_outbound(ctx)) {
    lookup_policy(ctx, outbound, burst);
    run_seal(ctx, outbound);
    route_and_resolve(ctx, outbound);
    run_bundles(ctx);
    run_pieces(ctx);
  }
  resolve(ctx, burst);
}

/// Dummies of tunnels (RFC 4303 §2.6).
void run_dummies(WorkerContext& ctx, Burst& dummies) {
  make_dummies(ctx, dummies);
  if (dummies.empty()) [[likely]]
    return;
  run_seal_fitted(ctx, dummies);
  route_and_resolve(ctx, dummies);
  run_bundles(ctx);  // a device may have given back others'
}

/// All flags that any of them has: what none has needs no look at each.
std::uint32_t flags_of(const Burst& burst) {
  std::uint32_t flags = 0;
  for (const Packet* packet : burst) flags |= dpdk::meta(packet).flags;
  return flags;
}

/// Packets at their IP header. What comes out of an SA goes through once more: it may be for us,
/// for an inside port, or for another SA (kMaxNesting).
void run_in(WorkerContext& ctx, Burst& burst) {
  Burst esp;
  for (;;) {
    const std::uint32_t flags = flags_of(burst);
    if ((flags & dpdk::kFragment) != 0) [[unlikely]]
      reassemble(ctx, burst);
    classify(ctx, burst, esp);
    if ((flags & dpdk::kFromOutside) != 0) check_policy(ctx, burst);
    forward(ctx, burst);
    run_out(ctx, burst);
    hand_off(ctx, esp);
    if (esp.empty() && !pending_inbound(ctx)) return;
    run_inbound_ipsec(ctx, esp);
    if (esp.empty()) return;
    burst.append(esp);
  }
}

/// ICMP that the burst caused. It causes none itself.
void run_made(WorkerContext& ctx) {
  if (ctx.made.empty()) [[likely]]
    return;
  Burst made;
  made.append(ctx.made);
  made.keep_if([&](Packet* packet) {
    const auto reason = read_ip(packet, HeaderChecksum::kTrust);
    if (reason) ctx.drop(packet, *reason);
    return !reason;
  });
  route(ctx, made);
  run_out(ctx, made);
}

}  // namespace

void run_pipeline(WorkerContext& ctx, Burst& burst) {
  parse(ctx, burst);
  run_in(ctx, burst);
  run_made(ctx);
}

void run_injected(WorkerContext& ctx, Burst& burst) {
  Burst dummies;
  burst.keep_if([&](Packet* packet) {
    const dpdk::PacketMeta& meta = dpdk::meta(packet);
    if ((meta.flags & dpdk::kDummy) != 0) {
      dummies.push(packet);
      return false;
    }
    if (meta.egress != dpdk::kNoInterface) {
      if (meta.egress.value() < ctx.fib->interface_count())
        send_frame(ctx, packet, ctx.fib->interface(meta.egress));
      else
        ctx.drop(packet, net::DropReason::kInjectBad);
      return false;
    }
    const auto reason = read_ip(packet, HeaderChecksum::kVerify);
    if (reason) ctx.drop(packet, net::DropReason::kInjectBad);
    return !reason;
  });
  route(ctx, burst);
  run_out(ctx, burst);
  run_dummies(ctx, dummies);
}

void run_taken_over(WorkerContext& ctx, Burst& esp) {
  run_inbound_ipsec(ctx, esp);
  run_in(ctx, esp);
  run_made(ctx);
}

void run_pending(WorkerContext& ctx) {
  Burst burst;
  ctx.waiting->poll(ctx, burst);
  route(ctx, burst);
  // RFC 4301 §5.1: the way of a packet that waited may lead outside now, so policy is asked
  // (again).
  run_out(ctx, burst);
  ctx.reassembler->expire(ctx);
  if (pending_inbound(ctx) || pending_outbound(ctx)) run_in(ctx, burst);
  run_made(ctx);
}

}  // namespace penstock::dataplane
