// SPDX-License-Identifier: BSD-3-Clause
// ICMPv6 errors by the rules of RFC 4443 §2.4; solicitations and advertisements, made and read.
#include "lib/net/icmp6.h"

#include <algorithm>

#include "lib/base/byte_io.h"
#include "lib/base/check.h"
#include "lib/net/icmp.h"
#include "lib/net/ipv4.h"

namespace penstock::net {

namespace {

constexpr std::uint32_t kVersionAndCs6 = 6U << 28 | 0xc0U << 20;  // RFC 4443 has no word on it
constexpr unsigned kNdOptionUnit = 8;

/// RFC 4861 §7.1.1: options have a length above 0 and end with the message.
bool read_options(base::Bytes options, std::uint8_t wanted, std::optional<MacAddress>& mac) {
  while (!options.empty()) {
    if (options.size() < kNdOptionUnit) return false;
    const auto& option = *reinterpret_cast<const NdLinkOption*>(options.data());
    const std::size_t octets = option.length * std::size_t{kNdOptionUnit};
    if (octets == 0 || octets > options.size()) return false;
    if (option.type == wanted && option.length == 1) mac = option.mac;
    options = options.subspan(octets);
  }
  return true;
}

NdFrame nd_frame(const MacAddress& mac, const MacAddress& to_mac, const Ipv6Octets& source,
                 const Ipv6Octets& destination, const NdMessage& message, std::uint8_t option) {
  NdFrame frame{{to_mac, mac, kEtherTypeIpv6},
                {kVersionAndCs6, static_cast<std::uint16_t>(sizeof(NdMessage) + 8), kProtocolIcmpv6,
                 kNdHopLimit, source, destination},
                message,
                {option, 1, mac}};
  const base::Bytes all = base::bytes_of(frame);
  frame.nd.checksum.set(
      upper_checksum(frame.ip, kProtocolIcmpv6, all.subspan(offsetof(NdFrame, nd))));
  return frame;
}

}  // namespace

bool may_answer_with_error6(base::Bytes original) {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(original.data());
  if (is_multicast_v6(ip.source) || is_never_on_wire_v6(ip.source) ||
      is_multicast_v6(ip.destination))
    return false;
  Ipv6Chain chain;
  if (follow_chain(original, chain)) return true;  // about the chain itself
  if (chain.protocol != kProtocolIcmpv6) return true;
  // Without its type it cannot be told from an error.
  if ((chain.fragment & kIpv6OffsetMask) != 0 || original.size() <= chain.octets) return false;
  const auto type = std::to_integer<std::uint8_t>(original[chain.octets]);
  return !is_icmp6_error(type) && type != kIcmp6Redirect;
}

std::size_t write_icmp6_error(base::MutableBytes out, const Icmp6Error& error,
                              base::Bytes original) {
  constexpr std::size_t kHeaders = sizeof(Ipv6Header) + sizeof(IcmpHeader);
  PS_CHECK(out.size() >= kIpv6MinMtu);
  const base::Bytes quoted =
      original.first(std::min<std::size_t>(original.size(), kIpv6MinMtu - kHeaders));
  const std::size_t length = kHeaders + quoted.size();
  auto* ip = reinterpret_cast<Ipv6Header*>(out.data());
  *ip = Ipv6Header{kVersionAndCs6,  static_cast<std::uint16_t>(length - sizeof(Ipv6Header)),
                   kProtocolIcmpv6, kIpv6HopLimit,
                   error.source,    reinterpret_cast<const Ipv6Header*>(original.data())->source};
  auto* icmp = reinterpret_cast<IcmpHeader*>(out.data() + sizeof(Ipv6Header));
  *icmp = IcmpHeader{error.type, error.code, std::uint16_t{0}, error.rest};
  std::copy(quoted.begin(), quoted.end(), out.begin() + kHeaders);
  icmp->checksum.set(
      upper_checksum(*ip, kProtocolIcmpv6,
                     base::Bytes(out).subspan(sizeof(Ipv6Header), length - sizeof(Ipv6Header))));
  return length;
}

NdProbeFrame neighbour_probe(const MacAddress& mac, const Ipv6Octets& target) {
  const Ipv6Octets group = solicited_node(target);
  NdProbeFrame frame{
      {group_mac(group), mac, kEtherTypeIpv6},
      {kVersionAndCs6, std::uint16_t{sizeof(NdMessage)}, kProtocolIcmpv6, kNdHopLimit, {}, group},
      {kIcmp6NeighbourSolicitation, 0, std::uint16_t{0}, std::uint32_t{0}, target}};
  frame.nd.checksum.set(upper_checksum(frame.ip, kProtocolIcmpv6, base::bytes_of(frame.nd)));
  return frame;
}

NdFrame neighbour_solicitation(const MacAddress& mac, const Ipv6Octets& source,
                               const Ipv6Octets& target, std::optional<MacAddress> to) {
  const Ipv6Octets destination = to ? target : solicited_node(target);
  return nd_frame(mac, to ? *to : group_mac(destination), source, destination,
                  {kIcmp6NeighbourSolicitation, 0, std::uint16_t{0}, std::uint32_t{0}, target},
                  kNdSourceLinkAddress);
}

NdFrame neighbour_advertisement(const MacAddress& mac, const Ipv6Octets& target,
                                const Ipv6Octets& to, const MacAddress& to_mac) {
  const bool to_all = is_unspecified_v6(to);
  const std::uint32_t flags = kNdRouter | kNdOverride | (to_all ? 0U : kNdSolicited);
  return nd_frame(mac, to_all ? group_mac(kAllNodes) : to_mac, target, to_all ? kAllNodes : to,
                  {kIcmp6NeighbourAdvertisement, 0, std::uint16_t{0}, flags, target},
                  kNdTargetLinkAddress);
}

std::optional<NdView> read_nd(base::Bytes packet, unsigned header_octets) {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(packet.data());
  const base::Bytes message = packet.subspan(header_octets);
  if (ip.hop_limit != kNdHopLimit || message.size() < sizeof(NdMessage)) return std::nullopt;
  const auto& nd = *reinterpret_cast<const NdMessage*>(message.data());
  if (nd.code != 0 || upper_checksum(ip, kProtocolIcmpv6, message) != 0 ||
      is_multicast_v6(nd.target) || is_never_on_wire_v6(nd.target))
    return std::nullopt;
  NdView view{.solicitation = nd.type == kIcmp6NeighbourSolicitation,
              .solicited = (nd.flags.get() & kNdSolicited) != 0,
              .overrides = (nd.flags.get() & kNdOverride) != 0,
              .source = ip.source,
              .target = nd.target,
              .mac = {}};
  if (!read_options(message.subspan(sizeof(NdMessage)),
                    view.solicitation ? kNdSourceLinkAddress : kNdTargetLinkAddress, view.mac))
    return std::nullopt;
  if (view.mac && is_group(*view.mac)) return std::nullopt;
  const bool probe = is_unspecified_v6(ip.source);
  // RFC 4861 §7.1.1: who has no address yet asks the group, and tells no link-layer address.
  if (view.solicitation && probe && (view.mac || ip.destination != solicited_node(nd.target)))
    return std::nullopt;
  if (!probe && (is_multicast_v6(ip.source) || is_never_on_wire_v6(ip.source))) return std::nullopt;
  // §7.1.2: what goes to a group answers nobody.
  if (!view.solicitation && (probe || (view.solicited && is_multicast_v6(ip.destination))))
    return std::nullopt;
  return view;
}

}  // namespace penstock::net
