// SPDX-License-Identifier: BSD-3-Clause
// Addresses of a packet of either IP version: PacketMeta has those of IPv4, the header where the
// data starts has those of IPv6. For the paths that few packets take, and for IPv6.
#pragma once

#include "lib/dpdk/packet.h"
#include "lib/fib/fib.h"
#include "lib/net/ipv6.h"

namespace penstock::dataplane {

[[nodiscard]] inline bool is_ipv6(const dpdk::PacketMeta& meta) { return meta.ip_version == 6; }

[[nodiscard]] inline net::Ipv6Header& ipv6_of(dpdk::Packet* packet) {
  return *reinterpret_cast<net::Ipv6Header*>(dpdk::data(packet));
}
[[nodiscard]] inline const net::Ipv6Header& ipv6_of(const dpdk::Packet* packet) {
  return *reinterpret_cast<const net::Ipv6Header*>(dpdk::data(packet));
}

[[nodiscard]] inline net::IpAddress source_of(const dpdk::Packet* packet) {
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  return is_ipv6(meta) ? net::IpAddress::v6(ipv6_of(packet).source)
                       : net::IpAddress::v4(meta.source);
}
[[nodiscard]] inline net::IpAddress destination_of(const dpdk::Packet* packet) {
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  return is_ipv6(meta) ? net::IpAddress::v6(ipv6_of(packet).destination)
                       : net::IpAddress::v4(meta.destination);
}
/// The index of the next hop for its destination; 0: no route.
[[nodiscard]] inline std::uint32_t find_next_hop(const fib::Fib& fib, const dpdk::Packet* packet) {
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  if (is_ipv6(meta)) [[unlikely]]
    return fib.lookup6(fib::Ipv6Key::of(ipv6_of(packet).destination.data()));
  return fib.lookup(meta.destination);
}

}  // namespace penstock::dataplane
