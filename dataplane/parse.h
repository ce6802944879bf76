// SPDX-License-Identifier: BSD-3-Clause
// Reading an IP header into the meta: for frames (parse), for decapsulated packets (close_inbound)
// and for packets that we made (route).
#pragma once

#include <optional>

#include "dataplane/worker_context.h"
#include "lib/net/drop_reason.h"

namespace penstock::dataplane {

/// Whether the header checksum must be computed, or a port (or our own work) vouches for it.
enum class HeaderChecksum : bool { kVerify, kTrust };

/// As read_ipv4(), of the IPv6 header (RFC 8200 §3) and its bounded chain of extension headers;
/// source and destination stay in the header. kDontFragment unless it was made here: no router cuts
/// IPv6.
[[nodiscard]] std::optional<net::DropReason> read_ipv6(dpdk::Packet* packet);
/// Whichever the first octet says.
[[nodiscard]] std::optional<net::DropReason> read_ip(dpdk::Packet* packet, HeaderChecksum checksum);

/// RFC 4291 §2.5, §2.7; link-local addresses are refused too.
[[nodiscard]] std::optional<net::DropReason> check_martian6(const dpdk::Packet* packet);

/// A frame that holds IPv6, the data still at its Ethernet header.
/// @return whether it goes on as an IP packet; if not, it has found its end
[[nodiscard]] bool parse_ipv6_frame(WorkerContext& ctx, dpdk::Packet* packet,
                                    const fib::Interface& interface, bool to_group);

}  // namespace penstock::dataplane
