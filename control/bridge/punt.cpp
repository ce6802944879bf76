// SPDX-License-Identifier: BSD-3-Clause
// From the punt rings to the engine. The worker has checked the IP header already; this reads it
// again from octets alone, so that it can be tested and fuzzed without a worker.
#include "control/bridge/punt.h"

#include "lib/net/ipv4.h"
#include "lib/net/ipv6.h"
#include "lib/net/udp.h"

namespace penstock::bridge {
namespace {

using base::ErrorCode;

/// A UDP datagram for us, out of a packet of either IP version.
struct Carried {
  net::IpAddress source;
  net::IpAddress destination;
  base::Bytes datagram;       ///< and what lies behind it
  bool may_lack_sum = false;  ///< RFC 768; over IPv6 there always is one (RFC 8200 §8.1)
};

base::Result<Carried> carried_by_ipv4(base::Bytes packet) {
  PS_ASSIGN(const auto* ip, base::view<net::Ipv4Header>(packet));
  const unsigned header = ip->header_length();
  const unsigned total = ip->total_length.get();
  if (header < net::kIpv4MinHeader || header > total || total > packet.size())
    return base::fail(ErrorCode::kTruncated, "the IP lengths do not fit the packet");
  if (ip->protocol != net::kProtocolUdp || ip->more_fragments() || ip->fragment_offset() != 0)
    return base::fail(ErrorCode::kMalformed, "not a whole UDP datagram");
  return Carried{net::IpAddress::v4(ip->source.get()), net::IpAddress::v4(ip->destination.get()),
                 packet.first(total).subspan(header), true};
}

base::Result<Carried> carried_by_ipv6(base::Bytes packet) {
  PS_ASSIGN(const auto* ip, base::view<net::Ipv6Header>(packet));
  const std::size_t total = sizeof(net::Ipv6Header) + ip->payload_length.get();
  if (total > packet.size())
    return base::fail(ErrorCode::kTruncated, "the IP length does not fit the packet");
  net::Ipv6Chain chain;
  if (net::follow_chain(packet.first(total), chain) || chain.protocol != net::kProtocolUdp ||
      chain.fragment != 0)
    return base::fail(ErrorCode::kMalformed, "not a whole UDP datagram");
  return Carried{net::IpAddress::v6(ip->source), net::IpAddress::v6(ip->destination),
                 packet.first(total).subspan(chain.octets), false};
}

/// With the pseudo header, over octets that hold their checksum, the sum is that of nothing.
bool checksum_holds(const Carried& carried, base::Bytes datagram) {
  const net::UdpHeader& udp = *reinterpret_cast<const net::UdpHeader*>(datagram.data());
  if (udp.checksum.get() == 0) return carried.may_lack_sum;  // RFC 3948 §2.2 wants none over IPv4
  if (carried.source.is_v4())
    return net::udp_checksum_v4(carried.source.v4_value(), carried.destination.v4_value(),
                                datagram) == 0xffff;
  net::Ipv6Header ip{};
  ip.source = carried.source.octets();
  ip.destination = carried.destination.octets();
  return net::upper_checksum(ip, net::kProtocolUdp, datagram) == 0;
}

}  // namespace

base::Result<ike::Datagram> ike_datagram_of(base::Bytes packet) {
  if (packet.empty()) return base::fail(ErrorCode::kTruncated, "an empty packet");
  const unsigned version = std::to_integer<unsigned>(packet.front()) >> 4;
  if (version != 4 && version != 6)
    return base::fail(ErrorCode::kUnsupported, "neither IPv4 nor IPv6");
  PS_ASSIGN(const Carried carried,
            version == 4 ? carried_by_ipv4(packet) : carried_by_ipv6(packet));
  base::Bytes datagram = carried.datagram;
  PS_ASSIGN(const auto* udp, base::view<net::UdpHeader>(datagram));
  const unsigned length = udp->length.get();
  if (length < sizeof(net::UdpHeader) || length > datagram.size())
    return base::fail(ErrorCode::kTruncated, "the UDP length does not fit the packet");
  datagram = datagram.first(length);
  if (!checksum_holds(carried, datagram))
    return base::fail(ErrorCode::kMalformed, "the UDP checksum is wrong");
  base::Bytes message = datagram.subspan(sizeof(net::UdpHeader));
  const std::uint16_t port = udp->destination_port.get();
  switch (net::content_of_ike_port(port, message)) {
    case net::IkePortContent::kIkeFirst:
    case net::IkePortContent::kIkeKnown:
      break;
    case net::IkePortContent::kEsp:
    case net::IkePortContent::kKeepalive:
    case net::IkePortContent::kMalformed:
      return base::fail(ErrorCode::kMalformed, "no IKE message");
  }
  if (port == net::kIkeNatPort) message = message.subspan(net::kNonEspMarkerLength);
  return ike::Datagram{{carried.destination, net::Port{port}},
                       {carried.source, net::Port{udp->source_port.get()}},
                       base::to_vector(message)};
}

}  // namespace penstock::bridge
