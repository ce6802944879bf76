// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery beside parse (RFC 4861), what arp.h is for IPv4; and who asks for listeners.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Whether the address is one of this interface, its link-local one among them, and nobody else's.
[[nodiscard]] bool is_own(const fib::Interface& interface, const net::Ipv6Octets& address);

/// Takes a packet, the data at its IPv6 header: solicitations for our addresses are answered unless
/// they are tentative, the control core hears who asked for us, answered us, or is known already
/// and has moved, and who claims an address of ours (RFC 4862 §5.4.3 to §5.4.5). Router
/// solicitations, router advertisements and redirects are consumed: a gateway is configured.
void take_neighbour_discovery(WorkerContext& ctx, dpdk::Packet* packet,
                              const fib::Interface& interface, const net::MacAddress& from);

/// Takes a packet, the data at its IPv6 header, that asks who listens to a group (RFC 3810 §5.1):
/// the control core is told and answers.
void take_mld_query(WorkerContext& ctx, dpdk::Packet* packet, const fib::Interface& interface);

}  // namespace penstock::dataplane
