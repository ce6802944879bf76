// SPDX-License-Identifier: BSD-3-Clause
// How much a tunnel carries: beside fit the MTU, seal ESP and close (inbound).
#pragma once

#include "dataplane/ipsec_state.h"

namespace penstock::dataplane {

/// Of the sealed packet: what the link by which it leaves and the path behind carry.
[[nodiscard]] unsigned tunnel_mtu(const WorkerContext& ctx, const ipsec::OutboundSa& sa);

/// The largest TCP segment that a connection through the tunnel may have.
/// @param setting  policy::TunnelHeader::clamp_mss, not 0
/// @param sa  the one that seals what the receiver of the MSS will send, or its like
[[nodiscard]] unsigned largest_mss(const WorkerContext& ctx, std::uint16_t setting,
                                   const ipsec::OutboundSa& sa, bool v6);

}  // namespace penstock::dataplane
