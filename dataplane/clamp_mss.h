// SPDX-License-Identifier: BSD-3-Clause
// TCP segments that fit the tunnel: the MSS option of what opens a connection (RFC 9293 §3.7.1).
#pragma once

#include "lib/dpdk/packet.h"

namespace penstock::dataplane {

/// A TCP segment with SYN, alone or with ACK, whose header is in the packet.
/// @param packet  meta read, its data at the IP header
[[nodiscard]] bool is_syn(const dpdk::Packet* packet);

/// Lowers the MSS option of a SYN to `largest` and corrects the checksum. An option that allows no
/// more, or none, stays as it is.
void clamp_mss(dpdk::Packet* packet, unsigned largest);

}  // namespace penstock::dataplane
