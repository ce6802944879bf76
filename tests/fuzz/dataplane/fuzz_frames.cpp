// SPDX-License-Identifier: BSD-3-Clause
// The promises about frames that leave, written down once more and not taken from the data plane:
// soundness (RFC 1812, RFC 8200), neighbour discovery (RFC 4861), and policy.
#include "tests/fuzz/dataplane/fuzz_frames.h"

#include <algorithm>

#include "lib/net/arp.h"
#include "lib/net/checksum.h"
#include "lib/net/ethernet.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"
#include "tests/fuzz/dataplane/fuzz_packets.h"

namespace penstock::fuzz {

namespace {

using net::IpAddress;

/// What a packet of either version says.
struct View {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint8_t hop_limit = 0;
  bool fragment = false;  ///< also the first one
  bool later = false;     ///< its upper layer is in another fragment
  Bytes upper{};
};

bool is_in(const IpAddress& address, const char* network) {
  return must(net::Prefix::parse(network)).contains(address);
}

bool is_own(const IpAddress& address) {
  for (const unsigned interface : {kLan, kWan, kVlan})
    if (address == our_address(interface, !address.is_v4())) return true;
  return !address.is_v4() && (address.octets() == net::link_local_of(mac_of(kLan)) ||
                              address.octets() == net::link_local_of(mac_of(kWan)));
}

View view_v4(Bytes packet) {
  const auto* ip = base::view<net::Ipv4Header>(packet).value_or(nullptr);
  PS_CHECK(ip != nullptr && ip->version() == 4 && ip->header_length() >= net::kIpv4MinHeader);
  PS_CHECK(ip->total_length.get() == packet.size() && ip->header_length() <= packet.size());
  PS_CHECK(net::internet_checksum(packet.first(ip->header_length())) == 0);
  const bool later = (ip->fragment.get() & net::kIpv4OffsetMask) != 0;
  return {IpAddress::v4(ip->source.get()),
          IpAddress::v4(ip->destination.get()),
          ip->protocol,
          ip->ttl,
          later || ip->more_fragments(),
          later,
          packet.subspan(ip->header_length())};
}

View view_v6(Bytes packet) {
  const auto* ip = base::view<net::Ipv6Header>(packet).value_or(nullptr);
  PS_CHECK(ip != nullptr && ip->version() == 6);
  PS_CHECK(ip->payload_length.get() + sizeof(*ip) == packet.size());
  net::Ipv6Chain chain;
  PS_CHECK(!net::follow_chain(packet, chain));
  return {IpAddress::v6(ip->source),
          IpAddress::v6(ip->destination),
          chain.protocol,
          ip->hop_limit,
          chain.fragment != 0,
          (chain.fragment & net::kIpv6OffsetMask) != 0,
          packet.subspan(chain.octets)};
}

std::uint16_t word_at(Bytes octets, std::size_t at) {
  PS_CHECK(octets.size() >= at + sizeof(base::Be16));
  base::Be16 word;
  std::memcpy(&word, octets.data() + at, sizeof(word));
  return word.get();
}

bool is_discovery(const View& packet) {
  return packet.protocol == net::kProtocolIcmpv6 && !packet.fragment && !packet.upper.empty() &&
         packet.hop_limit == net::kNdHopLimit &&
         net::is_neighbour_discovery(std::to_integer<std::uint8_t>(packet.upper[0]));
}

/// Workers advertise, and no more; who forwards a message makes its hop limit less.
void check_discovery(unsigned interface, const View& packet, const net::MacAddress& to) {
  PS_CHECK(std::to_integer<std::uint8_t>(packet.upper[0]) == net::kIcmp6NeighbourAdvertisement);
  PS_CHECK(packet.source == our_address(interface, true) ||
           packet.source == IpAddress::v6(net::link_local_of(mac_of(interface))));
  const bool to_all = packet.destination == IpAddress::v6(net::kAllNodes);
  PS_CHECK(to_all || !net::is_multicast_v6(packet.destination.octets()));
  PS_CHECK(!to_all || to == net::group_mac(net::kAllNodes));
}

void check_upper_checksum(Bytes packet, const View& view) {
  if (view.fragment) return;
  if (view.protocol == net::kProtocolIcmp && view.source.is_v4())
    PS_CHECK(net::internet_checksum(view.upper) == 0);
  if (view.source.is_v4()) return;  // UDP may have none (RFC 768)
  if (view.protocol == net::kProtocolUdp && word_at(view.upper, 6) == 0) {
    PS_CHECK(word_at(view.upper, 0) == net::kIkeNatPort);  // ESP is in it (RFC 6935)
    PS_CHECK(word_at(view.upper, 8) != 0 || word_at(view.upper, 10) != 0);
    return;
  }
  if (view.protocol == net::kProtocolUdp || view.protocol == net::kProtocolIcmpv6)
    PS_CHECK(net::upper_checksum(*base::view<net::Ipv6Header>(packet).value(), view.protocol,
                                 view.upper) == 0);
}

/// ICMPv6 of the outside link's own addresses.
bool is_link_icmp(const View& packet) {
  return packet.protocol == net::kProtocolIcmpv6 && is_in(packet.source, kWanLink6) &&
         is_in(packet.destination, kWanLink6);
}

bool is_bypassed(const View& packet) {
  if (packet.source.is_v4())
    return is_in(packet.source, kLan4) && is_in(packet.destination, kBypass4);
  if (is_link_icmp(packet)) return true;
  // Where policies name ports, nothing leaves in clear without them.
  if (packet.fragment || !is_in(packet.source, kLan6) || !is_in(packet.destination, kBypass6))
    return false;
  if (packet.protocol == net::kProtocolIcmpv6)
    return word_at(packet.upper, 0) >> 8U == net::kIcmp6EchoRequest;
  const std::uint16_t port = word_at(packet.upper, 2);
  return packet.protocol == net::kProtocolUdp && port >= kBypassFirstPort &&
         port <= kBypassLastPort;
}

/// ESP, in UDP or not, AH, and IKE.
bool is_of_our_own(const View& packet) {
  if (packet.source != our_address(kWan, !packet.source.is_v4())) return false;
  if (packet.protocol == net::kProtocolEsp || packet.protocol == net::kProtocolAh) return true;
  if (packet.protocol != net::kProtocolUdp) return false;
  if (packet.later) return true;
  const std::uint16_t port = word_at(packet.upper, 0);
  return port == net::kIkeNatPort || port == net::kIkePort;
}

/// Nothing in clear from outside goes inside but by a bypass (RFC 4301 §5.2).
bool may_go_inside(const View& packet, const Fed& fed) {
  if (fed.from_inside || fed.sealed || is_own(packet.source)) return true;
  return is_in(packet.source, packet.source.is_v4() ? kBypass4 : kBypass6);
}

}  // namespace

net::MacAddress mac_of(unsigned port) {
  // A VLAN has its port's.
  return {2, 0, 0, 0, 0, static_cast<std::uint8_t>(1 + (port == kVlan ? kWan : port))};
}

bool claims_our_source(Bytes packet) {
  if (is_v6(packet)) {
    const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(packet.data());
    return is_own(IpAddress::v6(ip.source));
  }
  const auto* ip = base::view<net::Ipv4Header>(packet).value_or(nullptr);
  return ip != nullptr && is_own(IpAddress::v4(ip->source.get()));
}

void check_frame(unsigned port, Bytes frame, const Fed& fed) {
  const auto* ethernet = base::view<net::EthernetHeader>(frame).value_or(nullptr);
  PS_CHECK(ethernet != nullptr && ethernet->source == mac_of(port));
  std::uint16_t type = ethernet->ether_type.get();
  Bytes packet = frame.subspan(sizeof(net::EthernetHeader));
  if (type == net::kEtherTypeVlan) {  // behind the EtherType lie the tag's number and the next one
    PS_CHECK(port == kWan && word_at(packet, 0) == kVlanTag);
    port = kVlan;
    type = word_at(packet, 2);
    packet = packet.subspan(sizeof(net::VlanTag));
  }
  if (type == net::kEtherTypeArp) {
    const auto* arp = base::view<net::ArpPacket>(packet).value_or(nullptr);
    PS_CHECK(arp != nullptr && arp->sender_mac == mac_of(port));
    PS_CHECK(arp->sender_ip.get() == our_address(port, false).v4_value());
    return;
  }
  PS_CHECK(type == net::kEtherTypeIpv4 || type == net::kEtherTypeIpv6);
  PS_CHECK(packet.size() <= (port == kVlan ? kVlanMtu : kMtu));
  const View view = type == net::kEtherTypeIpv4 ? view_v4(packet) : view_v6(packet);
  PS_CHECK(view.hop_limit != 0);
  if (is_own(view.source) && !fed.spoofed) check_upper_checksum(packet, view);
  if (!view.source.is_v4()) {
    if (is_discovery(view)) return check_discovery(port, view, ethernet->destination);
    // RFC 4291 §2.5.6, §2.7: these are forwarded nowhere.
    PS_CHECK(!view.source.is_link_local() && !view.destination.is_link_local());
    PS_CHECK(!net::is_multicast_v6(view.source.octets()) &&
             !net::is_multicast_v6(view.destination.octets()));
  }
  PS_CHECK(!net::is_group(ethernet->destination));
  if (port == kWan)
    PS_CHECK(is_of_our_own(view) || is_bypassed(view));
  else
    PS_CHECK(may_go_inside(view, fed));
}

}  // namespace penstock::fuzz
