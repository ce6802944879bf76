// SPDX-License-Identifier: BSD-3-Clause
// parse, for IPv6 (RFC 8200): header, bounded chain of extension headers, addresses. Neighbour
// discovery goes to neighbour_discovery.cpp. The addresses stay in the header.
#include "dataplane/addresses.h"
#include "dataplane/neighbour_discovery.h"
#include "dataplane/parse.h"
#include "dataplane/read_ipv4.h"
#include "lib/net/ethernet.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"
#include "lib/net/mld.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

constexpr std::uint32_t kReadAnew =
    dpdk::kFragment | dpdk::kHasPorts | dpdk::kDontFragment | dpdk::kHasOptions;

/// RFC 4861 §7.1: discovery is of the link; what is for others is theirs to refuse.
bool is_discovery(const PacketMeta& meta, const net::Ipv6Header& ip,
                  const fib::Interface& interface) {
  if (meta.protocol != net::kProtocolIcmpv6 || (meta.flags & dpdk::kHasPorts) == 0 ||
      !net::is_neighbour_discovery(static_cast<std::uint8_t>(meta.destination_port >> 8)))
    return false;
  return net::is_link_multicast_v6(ip.destination) || is_own(interface, ip.destination);
}

bool is_mld_query(const PacketMeta& meta, const net::Ipv6Header& ip,
                  const fib::Interface& interface) {
  return meta.protocol == net::kProtocolIcmpv6 &&
         (meta.flags & (dpdk::kHasPorts | dpdk::kFragment)) == dpdk::kHasPorts &&
         meta.destination_port >> 8 == net::kMldQuery &&
         (net::is_link_multicast_v6(ip.destination) || is_own(interface, ip.destination));
}

/// RFC 6980 §5: discovery in fragments, or behind a Fragment header at all, is not listened to.
bool has_fragment_header(const Packet* packet) {
  net::Ipv6Chain chain;
  return net::follow_chain(dpdk::bytes(packet), chain).has_value() || chain.fragment_at != 0;
}

}  // namespace

std::optional<DropReason> read_ipv6(Packet* packet) {
  const unsigned length = packet->data_len;
  if (length < sizeof(net::Ipv6Header)) return DropReason::kTruncated;
  const net::Ipv6Header& ip = ipv6_of(packet);
  if (ip.version() != 6) return DropReason::kBadIpVersion;
  const unsigned total = unsigned{sizeof(net::Ipv6Header)} + ip.payload_length.get();
  if (total > length) return DropReason::kBadIpTotalLength;
  if (total < length) dpdk::resize(packet, total);  // padding of short frames
  net::Ipv6Chain chain;
  if (const auto fault = net::follow_chain(dpdk::bytes(packet), chain)) return fault;

  PacketMeta& meta = dpdk::meta(packet);
  meta.source = 0;
  meta.destination = 0;
  meta.protocol = chain.protocol;
  meta.ip_version = 6;
  meta.header_length = static_cast<std::uint8_t>(chain.octets);
  meta.total_length = static_cast<std::uint16_t>(total);
  meta.tos = ip.traffic_class();
  std::uint32_t flags = meta.flags & ~kReadAnew;
  // RFC 8200 §4.5: only its source cuts a packet.
  if ((flags & dpdk::kMadeHere) == 0) flags |= dpdk::kDontFragment;
  if (chain.fragment != 0) flags |= dpdk::kFragment;
  if (chain.has_extensions) flags |= dpdk::kHasOptions;
  meta.flags = flags;
  const unsigned offset = chain.fragment & net::kIpv6OffsetMask;
  // RFC 8200 §4.5: no packet ends beyond 65,535 octets of payload.
  if (offset + total - chain.octets > net::kIpv4MaxPacket) return DropReason::kFragmentTooLong;
  if (offset == 0) {
    read_ports(packet);
    // RFC 7112: the first fragment holds the whole chain, so that policy sees what it is.
    if (chain.fragment != 0 && (meta.flags & dpdk::kHasPorts) == 0 && total == chain.octets)
      return DropReason::kExtensionHeaders;
  } else {
    meta.source_port = 0;
    meta.destination_port = 0;
  }
  return std::nullopt;
}

std::optional<DropReason> check_martian6(const Packet* packet) {
  const net::Ipv6Header& ip = ipv6_of(packet);
  // RFC 4291 §2.5.2, §2.5.3, §2.7: no packet comes from a group, from nowhere, from loopback.
  if (net::is_multicast_v6(ip.source) || net::is_never_on_wire_v6(ip.source))
    return DropReason::kMartianSource;
  if (net::is_multicast_v6(ip.destination)) return DropReason::kMulticast;
  if (net::is_never_on_wire_v6(ip.destination)) return DropReason::kMartianDestination;
  if (net::is_link_local_v6(ip.source) || net::is_link_local_v6(ip.destination))
    return DropReason::kLinkLocal;
  return std::nullopt;
}

bool parse_ipv6_frame(WorkerContext& ctx, Packet* packet, const fib::Interface& interface,
                      bool to_group) {
  const auto source_mac = reinterpret_cast<const net::EthernetHeader*>(dpdk::data(packet))->source;
  dpdk::trim_front(packet, sizeof(net::EthernetHeader));
  auto reason = read_ipv6(packet);
  if (!reason && is_discovery(dpdk::meta(packet), ipv6_of(packet), interface)) {
    if (has_fragment_header(packet)) {
      ctx.drop(packet, DropReason::kBadNd);
      return false;
    }
    take_neighbour_discovery(ctx, packet, interface, source_mac);
    return false;
  }
  if (!reason && is_mld_query(dpdk::meta(packet), ipv6_of(packet), interface)) {
    take_mld_query(ctx, packet, interface);
    return false;
  }
  if (!reason) reason = check_martian6(packet);
  if (!reason && to_group) reason = DropReason::kMulticast;
  if (!reason) return true;
  ctx.drop(packet, *reason);
  return false;
}

std::optional<DropReason> read_ip(Packet* packet, HeaderChecksum checksum) {
  const bool v6 = packet->data_len != 0 && std::to_integer<unsigned>(*dpdk::data(packet)) >> 4 == 6;
  return v6 ? read_ipv6(packet) : read_ipv4(packet, checksum);
}

}  // namespace penstock::dataplane
