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

/// Checks the IPv4 header where the data starts (RFC 1812 §5.2.2), cuts off padding behind the
/// total length, and writes selectors, lengths, tos, kFragment, kHasPorts, kDontFragment,
/// kHasOptions. The other flags, ingress, nesting and the rest of the meta stay as they are.
/// @return nothing if it is well-formed, else why not
[[nodiscard]] std::optional<net::DropReason> read_ipv4(dpdk::Packet* packet,
                                                       HeaderChecksum checksum);

/// The same of the IPv6 header (RFC 8200 §3) and its bounded chain of extension headers; source and
/// destination stay in the header. kDontFragment unless it was made here: no router cuts IPv6.
[[nodiscard]] std::optional<net::DropReason> read_ipv6(dpdk::Packet* packet);
/// Whichever the first octet says.
[[nodiscard]] std::optional<net::DropReason> read_ip(dpdk::Packet* packet, HeaderChecksum checksum);

/// Only the selectors that lie behind the IP header: protocol is set, and ports as far as the
/// packet holds them (RFC 4301 §4.4.1.1).
void read_ports(dpdk::Packet* packet);

/// Whether these addresses may be in a packet that is forwarded or delivered (RFC 1812 §5.3.7,
/// §4.2.2.11). Inner packets are checked too.
[[nodiscard]] std::optional<net::DropReason> check_martian(std::uint32_t source,
                                                           std::uint32_t destination);

/// RFC 4291 §2.5, §2.7; link-local addresses are refused too.
[[nodiscard]] std::optional<net::DropReason> check_martian6(const dpdk::Packet* packet);
[[nodiscard]] inline std::optional<net::DropReason> check_martian(const dpdk::Packet* packet) {
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  return meta.ip_version == 4 ? check_martian(meta.source, meta.destination)
                              : check_martian6(packet);
}

/// A frame that holds IPv6, the data still at its Ethernet header.
/// @return whether it goes on as an IP packet; if not, it has found its end
[[nodiscard]] bool parse_ipv6_frame(WorkerContext& ctx, dpdk::Packet* packet,
                                    const fib::Interface& interface, bool to_group);

}  // namespace penstock::dataplane
