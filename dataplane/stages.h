// SPDX-License-Identifier: BSD-3-Clause
// The stages in the order of the path. Each leaves its survivors in the burst; a packet is lost
// only by WorkerContext::drop(). No stage calls another: pipeline.cpp does.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Reads frames of one port into the burst and notes where they came in.
void receive(WorkerContext& ctx, Burst& burst, const fib::Interface& interface,
             std::uint16_t queue);

/// The part of receive() that is not the port's: fresh meta, one segment. For harnesses that have
/// packets and no port.
void admit(WorkerContext& ctx, Burst& burst, const fib::Interface& interface);

/// Frames become IP packets with their meta filled. ARP is answered and reported here.
void parse(WorkerContext& ctx, Burst& burst);

/// Fragments for us (and, when a selector needs ports, others) become whole packets.
void reassemble(WorkerContext& ctx, Burst& burst);

/// Looks the destinations up. IKE for us is punted, keepalives are consumed, ESP and AH for us go
/// to `esp` with payload_offset at the SPI; the rest stays, kLocal if it is for us.
void classify(WorkerContext& ctx, Burst& burst, Burst& esp);

// ---- inbound IPsec (RFC 4301 §5.2), over ESP and AH packets for us ----
/// With several workers: leaves the packets whose SA is this worker's, and gives the others away.
void hand_off(WorkerContext& ctx, Burst& esp);
/// At the end of a worker: everything that waits is dropped by this reason.
void drop_larval(WorkerContext& ctx, net::DropReason reason);
/// Also takes in packets that waited for their SA (design §4.5).
void lookup_inbound_sa(WorkerContext& ctx, Burst& burst);
void check_replay(WorkerContext& ctx, Burst& burst);
/// Of AH too (open_ah.cpp).
void open_esp(WorkerContext& ctx, Burst& burst);
/// Leaves what has come back from the engine, which may be packets of an earlier burst.
void crypto_inbound(WorkerContext& ctx, Burst& burst);
/// Whether an asynchronous engine holds inbound packets, so that an empty burst may bring some.
[[nodiscard]] bool pending_inbound(const WorkerContext& ctx);
/// Verdict, window, decapsulation, ECN. The data is the inner packet, meta is read anew from it,
/// and kDecapsulated is set.
void close_inbound(WorkerContext& ctx, Burst& burst);
/// Decapsulated packets against their SA's selectors, others that came from outside against the
/// inbound SPD. Those that have kPolicyChecked pass; those that were asked get it.
void check_policy(WorkerContext& ctx, Burst& burst);

/// Packets for us are answered or refused; those for others lose one from their TTL and have
/// egress and next_hop set. What must be reported to the sender goes to ctx.made.
void forward(WorkerContext& ctx, Burst& burst);
/// Looks up destinations for packets that were made here: no TTL, no ICMP. Their meta
/// describes the header where the data starts.
void route(WorkerContext& ctx, Burst& burst);
/// Moves packets that are about to leave by an outside port into `outbound`, but for those that
/// are sealed already.
void split_outside(WorkerContext& ctx, Burst& burst, Burst& outbound);

// ---- outbound IPsec (RFC 4301 §5.1), over packets about to leave by an outside port ----
/// PROTECT leaves the packet in the burst with its SA; BYPASS, and our own IKE, move it to
/// `bypass`; DISCARD and no match drop it.
void lookup_policy(WorkerContext& ctx, Burst& burst, Burst& bypass);
/// What does not fit: with DF an ICMP error of the right MTU (ctx.made) and a drop; without DF it
/// stays, or waits for cut_inner(). Lowers the MSS of TCP.
void fit_mtu(WorkerContext& ctx, Burst& burst);
/// Also in transport mode, and AH (seal_transport.cpp, seal_ah.cpp). Marks kSealed.
void seal_esp(WorkerContext& ctx, Burst& burst);
void crypto_outbound(WorkerContext& ctx, Burst& burst);
[[nodiscard]] bool pending_outbound(const WorkerContext& ctx);
/// The verdict of the engine. The meta describes the outer header: it must be routed again. What
/// is the inside of a bundle goes to ipsec->bundled.
void close_outbound(WorkerContext& ctx, Burst& burst);

/// Takes what was injected as a dummy (RFC 4303 §2.6): it is to be sealed, by its slot's SA.
void make_dummies(WorkerContext& ctx, Burst& burst);
/// Fills a burst with pieces of what fit_mtu() put aside; they are to be fitted and sealed.
void cut_inner(WorkerContext& ctx, Burst& burst);
/// Takes what the ESP of bundles has sealed, with the AH SAs that go around it.
void lookup_outer_sa(WorkerContext& ctx, Burst& burst);

/// Fragments what is too big for its egress, finds the neighbour, puts the Ethernet header on, and
/// moves everything into the transmit buffers. Packets without a neighbour wait in ctx.waiting.
void resolve(WorkerContext& ctx, Burst& burst);
/// The same by the destination that the meta describes: of what was sealed here.
void route_and_resolve(WorkerContext& ctx, Burst& burst);

/// Hands every transmit buffer to its port.
void transmit(WorkerContext& ctx);

}  // namespace penstock::dataplane
