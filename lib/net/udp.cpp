// SPDX-License-Identifier: BSD-3-Clause
// UDP checksums and whole packets, and the split of the IKE ports. Lies between classify and punt
// on the way in, and at inject on the way out.
#include "lib/net/udp.h"

#include <algorithm>

#include "lib/net/ipv4.h"
#include "lib/net/ipv6.h"

namespace penstock::net {

using base::Bytes;

IkePortContent content_of_ike_port(std::uint16_t port, Bytes payload) {
  if (port == kIkeNatPort) {
    // RFC 3948 §2.3: a receiver ignores keepalives; one octet 0xff.
    if (payload.size() == 1 && payload[0] == kNatKeepalive) return IkePortContent::kKeepalive;
    // RFC 3948 §2.1: an SPI is never 0, so four octets 0 are the marker of IKE.
    if (payload.size() < kNonEspMarkerLength) return IkePortContent::kMalformed;
    const bool marker = std::all_of(payload.begin(), payload.begin() + kNonEspMarkerLength,
                                    [](std::byte b) { return b == std::byte{0}; });
    if (!marker) return IkePortContent::kEsp;
    payload = payload.subspan(kNonEspMarkerLength);
  }
  if (payload.size() < kIkeHeaderLength) return IkePortContent::kMalformed;
  // RFC 7296 §3.1: octets 8 to 15 are the responder's SPI, 0 in the first message.
  const Bytes responder_spi = payload.subspan(8, 8);
  const bool first = std::all_of(responder_spi.begin(), responder_spi.end(),
                                 [](std::byte b) { return b == std::byte{0}; });
  return first ? IkePortContent::kIkeFirst : IkePortContent::kIkeKnown;
}

std::uint16_t upper_checksum_v4(std::uint32_t source, std::uint32_t destination,
                                std::uint8_t protocol, Bytes message) {
  struct PseudoHeader {
    base::Be32 source;
    base::Be32 destination;
    std::uint8_t zero;
    std::uint8_t protocol;
    base::Be16 length;
  };
  static_assert(sizeof(PseudoHeader) == 12);
  const PseudoHeader pseudo{source, destination, 0, protocol,
                            static_cast<std::uint16_t>(message.size())};
  return finish_checksum(add_words(base::bytes_of(pseudo), add_words(message, 0)));
}

std::uint16_t udp_checksum_v4(std::uint32_t source, std::uint32_t destination, Bytes datagram) {
  const std::uint16_t checksum = upper_checksum_v4(source, destination, kProtocolUdp, datagram);
  return checksum == 0 ? std::uint16_t{0xffff} : checksum;  // RFC 768: 0 means "no checksum"
}

base::Result<std::size_t> write_udp_packet(base::MutableBytes out, const UdpPacketV4& header,
                                           Bytes prefix, Bytes payload) {
  const std::size_t udp_length = sizeof(UdpHeader) + prefix.size() + payload.size();
  const std::size_t length = sizeof(Ipv4Header) + udp_length;
  if (length > kIpv4MaxPacket || length > out.size())
    return base::fail(base::ErrorCode::kLimit, "the datagram does not fit a packet");

  auto* ip = reinterpret_cast<Ipv4Header*>(out.data());
  *ip = Ipv4Header{.version_ihl = 0x45,
                   .tos = header.tos,
                   .total_length = static_cast<std::uint16_t>(length),
                   .identification = header.identification,
                   .fragment = std::uint16_t{0},
                   .ttl = header.ttl,
                   .protocol = kProtocolUdp,
                   .checksum = std::uint16_t{0},
                   .source = header.source,
                   .destination = header.destination};
  set_checksum(*ip);
  const base::MutableBytes datagram = out.subspan(sizeof(Ipv4Header), udp_length);
  auto* udp = reinterpret_cast<UdpHeader*>(datagram.data());
  *udp = UdpHeader{header.source_port, header.destination_port,
                   static_cast<std::uint16_t>(udp_length), std::uint16_t{0}};
  auto end = std::copy(prefix.begin(), prefix.end(), datagram.begin() + sizeof(UdpHeader));
  std::copy(payload.begin(), payload.end(), end);
  udp->checksum.set(udp_checksum_v4(header.source, header.destination, datagram));
  return length;
}

base::Result<std::size_t> write_udp_packet(base::MutableBytes out, const UdpPacketV6& header,
                                           Bytes prefix, Bytes payload) {
  const std::size_t udp_length = sizeof(UdpHeader) + prefix.size() + payload.size();
  const std::size_t length = sizeof(Ipv6Header) + udp_length;
  if (length > kIpv4MaxPacket || length > out.size())
    return base::fail(base::ErrorCode::kLimit, "the datagram does not fit a packet");

  auto* ip = reinterpret_cast<Ipv6Header*>(out.data());
  *ip = Ipv6Header{6U << 28 | std::uint32_t{header.traffic_class} << 20,
                   static_cast<std::uint16_t>(udp_length),
                   kProtocolUdp,
                   header.hop_limit,
                   header.source,
                   header.destination};
  const base::MutableBytes datagram = out.subspan(sizeof(Ipv6Header), udp_length);
  auto* udp = reinterpret_cast<UdpHeader*>(datagram.data());
  *udp = UdpHeader{header.source_port, header.destination_port,
                   static_cast<std::uint16_t>(udp_length), std::uint16_t{0}};
  auto end = std::copy(prefix.begin(), prefix.end(), datagram.begin() + sizeof(UdpHeader));
  std::copy(payload.begin(), payload.end(), end);
  const std::uint16_t sum = upper_checksum(*ip, kProtocolUdp, datagram);
  udp->checksum.set(sum == 0 ? 0xffff : sum);  // RFC 8200 §8.1
  return length;
}

}  // namespace penstock::net
