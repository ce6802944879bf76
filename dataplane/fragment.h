// SPDX-License-Identifier: BSD-3-Clause
// Cutting an IPv4 packet into fragments (RFC 791 §3.2).
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// A packet holds at most so many fragments' worth; more would not fit a burst.
inline constexpr unsigned kMaxFragments = kBurst;

/// Cuts `packet`, which is longer than `mtu` and has DF clear, into fragments of at most `mtu`
/// octets. The packet itself becomes the first; the others are made here and have its way.
/// @return false: no mbuf, or too many fragments; the packet and its pieces were dropped
[[nodiscard]] bool fragment(WorkerContext& ctx, dpdk::Packet* packet, unsigned mtu, Burst& pieces);

/// The same for an IPv6 packet without extension headers that was made or sealed here (RFC 8200
/// §4.5: only the source cuts).
[[nodiscard]] bool fragment_ipv6(WorkerContext& ctx, dpdk::Packet* packet, unsigned mtu,
                                 Burst& pieces);

}  // namespace penstock::dataplane
