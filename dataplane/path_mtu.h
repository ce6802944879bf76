// SPDX-License-Identifier: BSD-3-Clause
// What ICMP tells about the path of our ESP and AH (RFC 4301 §8.2.2): beside classify.
#pragma once

#include <optional>

#include "lib/dpdk/packet.h"
#include "lib/policy/sa_event.h"

namespace penstock::dataplane {

/// "Fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2) about a packet of
/// AH or of ESP, in UDP or not, from the address that the error came to. A stranger may have
/// written it: whether one of our SAs sent such a packet lately, the control core looks up
/// (Writer::learn_path_mtu).
/// @param error  at its IP header, meta read
/// @return kPathMtu, or nothing if it is another error, is damaged or quotes too little
[[nodiscard]] std::optional<policy::SaEvent> path_mtu_told_by(const dpdk::Packet* error);

}  // namespace penstock::dataplane
