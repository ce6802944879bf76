// SPDX-License-Identifier: BSD-3-Clause
// IEEE 802.1Q tags. A VLAN is an interface of its own; between parse and tx no frame has a tag.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// A tagged frame, as it came by `port`, becomes one that came untagged by its VLAN: ingress, side
/// and VRF are the VLAN's. With a priority alone (VLAN 0) it stays the port's.
/// @return false: it has found its end
[[nodiscard]] bool take_tag_off(WorkerContext& ctx, dpdk::Packet* frame,
                                const fib::Interface& port);

/// @return false: there is no room for it, and nothing was done
[[nodiscard]] bool put_tag_on(dpdk::Packet* frame, std::uint16_t vlan);

}  // namespace penstock::dataplane
