// SPDX-License-Identifier: BSD-3-Clause
// What close (inbound) does after the verdict, for ESP, AH and both modes.
#pragma once

#include <optional>

#include "dataplane/worker_context.h"
#include "lib/ipsec/inbound_sa.h"

namespace penstock::dataplane {

/// RFC 4301 §5.2; §6.2: an ICMP error from a router that the selectors do not cover is judged by
/// the packet that it is about.
[[nodiscard]] bool fits_selectors(const dpdk::Packet* packet, const ipsec::InboundSa& sa);

/// Tunnel mode: `payload` octets behind `front` become the packet, an IPv6 one or not.
[[nodiscard]] std::optional<net::DropReason> decapsulate(dpdk::Packet* packet,
                                                         const ipsec::InboundSa& sa, unsigned front,
                                                         unsigned payload, bool v6);

/// What AH covers comes out, in either mode; for a bundle it must be the ESP of the same one.
[[nodiscard]] std::optional<net::DropReason> close_ah(WorkerContext& ctx, dpdk::Packet* packet,
                                                      const ipsec::InboundSa& sa);

}  // namespace penstock::dataplane
