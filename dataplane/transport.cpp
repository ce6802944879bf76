// SPDX-License-Identifier: BSD-3-Clause
// Transport mode beside fit the MTU, seal and close: the packet's own IP header stays in front
// (RFC 4303 §3.1.1, RFC 4302 §3.1.1), and only names another protocol.
#include "dataplane/transport.h"

#include <cstring>

#include "dataplane/addresses.h"
#include "dataplane/close_inbound.h"
#include "dataplane/parse.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

constexpr unsigned kIpv4ProtocolAt = offsetof(net::Ipv4Header, protocol);

/// Length, protocol and checksum after the octets behind the header have changed.
void rewrite(Packet* packet, unsigned named_at, std::uint8_t protocol) {
  dpdk::data(packet)[named_at] = std::byte{protocol};
  if (is_ipv6(dpdk::meta(packet))) {
    ipv6_of(packet).payload_length.set(
        static_cast<std::uint16_t>(packet->data_len - sizeof(net::Ipv6Header)));
    return;
  }
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
  ip.total_length.set(packet->data_len);
  net::set_checksum(ip);
}

unsigned named_at_of(const Packet* packet) {
  if (!is_ipv6(dpdk::meta(packet))) return kIpv4ProtocolAt;
  net::Ipv6Chain chain;  // parse has followed it
  (void)net::follow_chain(dpdk::bytes(packet), chain);
  return chain.named_at;
}

/// RFC 3948 §3.1.2: a NAT has changed the addresses that the checksum covers, and the ICV vouches
/// for the rest. UDP goes without, TCP's is computed anew.
void mend_checksum(Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  const base::MutableBytes upper = dpdk::bytes(packet).subspan(meta.header_length);
  const unsigned at = meta.protocol == net::kProtocolUdp ? 6 : 16;
  const bool tcp = meta.protocol == net::kProtocolTcp;
  if ((!tcp && meta.protocol != net::kProtocolUdp) || upper.size() < (tcp ? 20U : 8U)) return;
  std::memset(upper.data() + at, 0, 2);
  if (!is_ipv6(meta) && !tcp) return;  // RFC 8200 §8.1: over IPv6 there always is one
  const std::uint16_t sum =
      is_ipv6(meta) ? net::upper_checksum(ipv6_of(packet), meta.protocol, upper)
                    : net::upper_checksum_v4(meta.source, meta.destination, meta.protocol, upper);
  const base::Be16 wire{sum == 0 && !tcp ? std::uint16_t{0xffff} : sum};
  std::memcpy(upper.data() + at, &wire, sizeof(wire));
}

}  // namespace

std::optional<DropReason> check_transport(const Packet* packet, const ipsec::OutboundSa& sa) {
  const PacketMeta& meta = dpdk::meta(packet);
  if ((meta.flags & dpdk::kFragment) != 0) return DropReason::kTransportFragment;
  // RFC 4301 §4.1: a gateway has transport mode only as a host, for what it made itself, be it
  // the ESP of a bundle. Who is behind us and takes our address as its source gets no SA of ours.
  if ((meta.flags & (dpdk::kMadeHere | dpdk::kSealed)) == 0) return DropReason::kTransportAddress;
  if (is_ipv6(meta) != sa.v6) return DropReason::kTransportAddress;
  bool same = false;
  if (sa.v6) {
    const ipsec::TunnelPrefix6 outer = sa.outer6();
    same = ipv6_of(packet).source == outer.ip().source &&
           ipv6_of(packet).destination == outer.ip().destination;
  } else {
    same = meta.source == sa.local() && meta.destination == sa.remote();
  }
  return same ? std::nullopt : std::optional(DropReason::kTransportAddress);
}

net::TransportPlace transport_place_of(const Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (is_ipv6(meta)) return net::transport_place(dpdk::bytes(packet));
  return {meta.header_length, kIpv4ProtocolAt};
}

std::uint8_t open_gap(Packet* packet, net::TransportPlace place, unsigned octets,
                      std::uint8_t protocol) {
  const auto before = std::to_integer<std::uint8_t>(dpdk::data(packet)[place.named_at]);
  dpdk::prepend(packet, octets);
  std::memmove(dpdk::data(packet), dpdk::data(packet) + octets, place.at);
  rewrite(packet, place.named_at, protocol);
  return before;
}

std::optional<DropReason> close_gap(Packet* packet, const ipsec::InboundSa& sa, unsigned front,
                                    unsigned removed, unsigned payload, std::uint8_t protocol) {
  PacketMeta& meta = dpdk::meta(packet);
  const unsigned named_at = named_at_of(packet);
  std::memmove(dpdk::data(packet) + removed, dpdk::data(packet), front);
  dpdk::trim_front(packet, removed);
  dpdk::resize(packet, front + payload);
  rewrite(packet, named_at, protocol);
  meta.flags &= ~std::uint32_t{dpdk::kUdpEncapsulated | dpdk::kLocal | dpdk::kAuthenticated};
  ++meta.nesting;
  meta.child_slot = sa.slot;
  if (read_ip(packet, HeaderChecksum::kTrust)) return DropReason::kInnerMalformed;
  // RFC 4303 §3.3.4: it was applied to a whole packet.
  if ((meta.flags & dpdk::kFragment) != 0) return DropReason::kTransportFragment;
  if (sa.encap_local_port != 0) mend_checksum(packet);
  if (!fits_selectors(packet, sa)) return DropReason::kInboundPolicyMismatch;
  meta.flags |= dpdk::kPolicyChecked;
  return std::nullopt;
}

}  // namespace penstock::dataplane
