// SPDX-License-Identifier: BSD-3-Clause
// ICMP and ICMPv6 that the data plane makes.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// What a sender is told about its packet; icmp.cpp has the types and codes of both versions.
enum class Complaint : std::uint8_t {
  kNoRoute,
  kHostUnreachable,  ///< its next hop does not answer
  kNoProtocol,
  kNoPort,
  kTooBig,          ///< RFC 1191 §4, RFC 4443 §3.2: with the MTU, as the sender must see it
  kTimeExceeded,    ///< TTL or hop limit
  kNotReassembled,  ///< about the first fragment
  kCount
};

/// Puts an error about `packet`, whose data starts at its IP header as it came to us, into
/// ctx.made. Does not take the packet: the caller drops it by name. Nothing is sent where RFC 1122
/// §3.2.2, RFC 1812 §4.3.2.7 and RFC 4443 §2.4 forbid it (about ICMP errors, later fragments,
/// groups, packets of ours), nor above the rate.
void send_error(WorkerContext& ctx, const dpdk::Packet* packet, Complaint complaint,
                unsigned mtu = 0);

/// An echo request for us becomes its reply in place and goes to ctx.made.
void answer_echo(WorkerContext& ctx, dpdk::Packet* packet);

}  // namespace penstock::dataplane
