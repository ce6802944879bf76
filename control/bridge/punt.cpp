// SPDX-License-Identifier: BSD-3-Clause
// From the punt rings to the engine. The worker has checked the IP header already; this reads it
// again from octets alone, so that it can be tested and fuzzed without a worker.
#include "control/bridge/punt.h"

#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::bridge {
namespace {

using base::ErrorCode;

/// RFC 768: with the pseudo header, over octets that hold their checksum, the sum is 0.
bool checksum_holds(const net::Ipv4Header& ip, base::Bytes datagram) {
  const net::UdpHeader& udp = *reinterpret_cast<const net::UdpHeader*>(datagram.data());
  if (udp.checksum.get() == 0) return true;  // RFC 768: none was made; RFC 3948 §2.2 wants none
  struct Pseudo {
    base::Be32 source, destination;
    std::uint8_t zero = 0, protocol = net::kProtocolUdp;
    base::Be16 length;
  } pseudo{ip.source, ip.destination, 0, net::kProtocolUdp,
           base::Be16{static_cast<std::uint16_t>(datagram.size())}};
  static_assert(sizeof(Pseudo) == 12);
  return net::finish_checksum(
             net::add_words(datagram, net::add_words(base::bytes_of(pseudo), 0))) == 0;
}

}  // namespace

base::Result<ike::Datagram> ike_datagram_of(base::Bytes packet) {
  PS_ASSIGN(const auto* ip, base::view<net::Ipv4Header>(packet));
  if (ip->version() != 4) return base::fail(ErrorCode::kUnsupported, "only IPv4 carries IKE here");
  const unsigned header = ip->header_length();
  const unsigned total = ip->total_length.get();
  if (header < net::kIpv4MinHeader || header > total || total > packet.size())
    return base::fail(ErrorCode::kTruncated, "the IP lengths do not fit the packet");
  if (ip->protocol != net::kProtocolUdp || ip->more_fragments() || ip->fragment_offset() != 0)
    return base::fail(ErrorCode::kMalformed, "not a whole UDP datagram");
  base::Bytes datagram = packet.first(total).subspan(header);
  PS_ASSIGN(const auto* udp, base::view<net::UdpHeader>(datagram));
  const unsigned length = udp->length.get();
  if (length < sizeof(net::UdpHeader) || length > datagram.size())
    return base::fail(ErrorCode::kTruncated, "the UDP length does not fit the packet");
  datagram = datagram.first(length);
  if (!checksum_holds(*ip, datagram))
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
  return ike::Datagram{{net::IpAddress::v4(ip->destination.get()), net::Port{port}},
                       {net::IpAddress::v4(ip->source.get()), net::Port{udp->source_port.get()}},
                       base::to_vector(message)};
}

}  // namespace penstock::bridge
