// SPDX-License-Identifier: BSD-3-Clause
// parse: frames become IP packets whose meta is filled. RFC 1812 §5.2.2 in its order.
// Ways out: onward with the data at the IP header; ARP to arp.cpp; a drop by name.
#include "dataplane/parse.h"

#include <algorithm>

#include "dataplane/arp.h"
#include "dataplane/read_ipv4.h"
#include "dataplane/stages.h"
#include "dataplane/vlan.h"
#include "lib/net/ethernet.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

HeaderChecksum checksum_work(const Packet* packet) {
  return (packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD
             ? HeaderChecksum::kTrust
             : HeaderChecksum::kVerify;
}

/// @return whether it goes on as an IP packet; if not, it has found its end
bool parse_ipv4_frame(WorkerContext& ctx, Packet* packet, bool to_group) {
  dpdk::trim_front(packet, sizeof(net::EthernetHeader));
  auto reason = read_ipv4(packet, checksum_work(packet));
  const PacketMeta& meta = dpdk::meta(packet);
  if (!reason) reason = check_martian(meta.source, meta.destination);
  // RFC 1812 §5.3.4: what came as a link-layer broadcast is never forwarded; RFC 1122 §3.3.6:
  // nor taken, if its destination is one host.
  if (!reason && to_group) reason = DropReason::kMulticast;
  if (!reason) [[likely]]
    return true;
  ctx.drop(packet, *reason);
  return false;
}

bool parse_frame(WorkerContext& ctx, Packet* packet) {
  if (packet->data_len < sizeof(net::EthernetHeader)) {
    ctx.drop(packet, DropReason::kTruncated);
    return false;
  }
  const fib::Interface& interface = ctx.fib->interface(dpdk::meta(packet).ingress);
  const auto& ethernet = *reinterpret_cast<const net::EthernetHeader*>(dpdk::data(packet));
  const bool to_group = net::is_group(ethernet.destination);
  if (!to_group && !net::same_mac(ethernet.destination, interface.mac)) {
    ctx.drop(packet, DropReason::kNotForUsMac);
    return false;
  }
  switch (ethernet.ether_type.get()) {
    [[likely]] case net::kEtherTypeIpv4 : return parse_ipv4_frame(ctx, packet, to_group);
    case net::kEtherTypeArp:
      take_arp(ctx, packet, interface);
      return false;
    case net::kEtherTypeIpv6:
      return parse_ipv6_frame(ctx, packet, interface, to_group);
    case net::kEtherTypeVlan:
      return take_tag_off(ctx, packet, interface) && parse_frame(ctx, packet);
    default:
      ctx.drop(packet, DropReason::kBadEtherType);
      return false;
  }
}

/// The common frame: for this interface, with a plain header.
/// @param mac  of the interface, in the upper octets
/// @return false: untouched, and to be looked at step by step
bool parse_plain(Packet* packet, std::uint64_t mac) {
  constexpr unsigned kEthernet = sizeof(net::EthernetHeader);
  const unsigned length = packet->data_len;
  if (length < kEthernet) return false;
  const std::byte* frame = dpdk::data(packet);
  PacketMeta& meta = dpdk::meta(packet);
  if (be64_at(frame) >> 16U != mac || be16_at(frame + 12) != net::kEtherTypeIpv4 ||
      !read_plain_ipv4(frame + kEthernet, length - kEthernet, checksum_work(packet), meta))
      [[unlikely]]
    return false;
  packet->data_off = static_cast<std::uint16_t>(packet->data_off + kEthernet);
  dpdk::resize(packet, meta.total_length);
  return true;
}

}  // namespace

void parse(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  const fib::Interface& interface = ctx.fib->interface(dpdk::meta(burst[0]).ingress);
  std::array<std::uint8_t, 8> octets{};
  std::ranges::copy(interface.mac, octets.begin() + 2);
  const std::uint64_t mac = be64_at(reinterpret_cast<const std::byte*>(octets.data()));
  burst.keep_if(
      [&](Packet* packet) { return parse_plain(packet, mac) || parse_frame(ctx, packet); });
}

bool options_are_fine(const std::byte* option, unsigned length) {
  unsigned i = 0;
  while (i < length) {
    const auto type = std::to_integer<std::uint8_t>(option[i]);
    if (type == net::kIpv4OptionEnd) return true;
    if (type == net::kIpv4OptionNop) {
      ++i;
      continue;
    }
    if (type == net::kIpv4OptionLooseSourceRoute || type == net::kIpv4OptionStrictSourceRoute)
      return false;
    if (i + 1 >= length) return false;
    const auto size = std::to_integer<std::uint8_t>(option[i + 1]);
    if (size < 2 || i + size > length) return false;
    i += size;
  }
  return true;
}

void read_other_ports(Packet* packet) {
  PacketMeta& meta = dpdk::meta(packet);
  const std::byte* upper = dpdk::data(packet) + meta.header_length;
  const unsigned length = meta.total_length - meta.header_length;
  switch (meta.protocol) {
    case net::kProtocolDccp:  // RFC 4340 §5.1: ports where UDP has them
    case net::kProtocolSctp:
    case net::kProtocolUdpLite:
      if (length < 4) return;
      meta.source_port = be16_at(upper);
      meta.destination_port = be16_at(upper + 2);
      break;
    case net::kProtocolIcmp:
    case net::kProtocolIcmpv6:
      // RFC 4301 §4.4.1.1: type and code stand where the ports would.
      if (length < 2) return;
      meta.destination_port = be16_at(upper);
      break;
    case net::kProtocolMobility:
      // RFC 4301 §4.4.1.1, RFC 7296 §3.13.1: the type, in the upper octet.
      if (length < 3) return;
      meta.destination_port = static_cast<std::uint16_t>(std::to_integer<unsigned>(upper[2]) << 8U);
      break;
    default:
      return;
  }
  meta.flags |= dpdk::kHasPorts;
}

DropReason martian_of(std::uint32_t source, std::uint32_t destination) {
  if ((kMartians[source >> 24] & kNoSource) != 0) return DropReason::kMartianSource;
  return net::is_multicast_v4(destination) || destination == net::kBroadcastV4
             ? DropReason::kMulticast
             : DropReason::kMartianDestination;
}

}  // namespace penstock::dataplane
