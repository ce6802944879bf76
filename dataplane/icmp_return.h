// SPDX-License-Identifier: BSD-3-Clause
// The packet that an ICMP error is about, turned round (RFC 4301 §6.2): the error itself comes from
// a router whose address no selector may cover.
#pragma once

#include <optional>

#include "lib/dpdk/packet.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::dataplane {

/// The selectors of the traffic that would return for what the error quotes: its addresses and
/// ports exchanged.
/// @param packet  its meta read, its data at the IP header
/// @return nothing unless it is a whole ICMP error that quotes an IP header and goes to the
/// sender of what it quotes
[[nodiscard]] std::optional<policy::PacketSelectors> return_traffic(const dpdk::Packet* packet);

}  // namespace penstock::dataplane
