// SPDX-License-Identifier: BSD-3-Clause
// What AH's ICV takes as zero (RFC 4302 §3.3.3.1), in the packet itself while the engine runs:
// PacketMeta::hidden keeps the fixed fields, the room in front of the packet the options.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Octets in front of the packet that hide_fields() needs.
[[nodiscard]] unsigned hidden_octets(const dpdk::Packet* packet, unsigned front);
/// Zeroes them. @param front  octets in front of AH
void hide_fields(dpdk::Packet* packet, unsigned front);
/// Puts them back, with the IPv4 checksum. DSCP and ECN are those of meta.
void show_fields(dpdk::Packet* packet, unsigned front);

}  // namespace penstock::dataplane
