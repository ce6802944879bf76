// SPDX-License-Identifier: BSD-3-Clause
// ICMP that the data plane makes. None of these takes the packet: the caller drops it by name.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Puts an ICMP error about `packet`, whose data starts at its IP header as it came to us, into
/// ctx.made. Nothing is sent where RFC 1122 §3.2.2 and RFC 1812 §4.3.2.7 forbid it (about ICMP
/// errors, later fragments, broadcasts, packets of ours), nor above the rate.
void send_time_exceeded(WorkerContext& ctx, const dpdk::Packet* packet);
/// Type 11 code 1, about the first fragment of a packet that was not completed.
void send_reassembly_timeout(WorkerContext& ctx, const dpdk::Packet* fragment);
void send_unreachable(WorkerContext& ctx, const dpdk::Packet* packet, std::uint8_t code);
/// RFC 1191 §4: type 3 code 4 with the MTU of the next hop, as the sender must see it.
void send_fragmentation_needed(WorkerContext& ctx, const dpdk::Packet* packet, std::uint16_t mtu);

/// An echo request for us becomes its reply in place and goes to ctx.made.
void answer_echo(WorkerContext& ctx, dpdk::Packet* packet);

}  // namespace penstock::dataplane
