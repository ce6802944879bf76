// SPDX-License-Identifier: BSD-3-Clause
// Reads an ICMP error down to the SPI and the sequence number that it quotes. Nothing in it is
// trusted beyond its length.
#include "dataplane/path_mtu.h"

#include <algorithm>
#include <cstring>

#include "dataplane/addresses.h"
#include "lib/net/ah.h"
#include "lib/net/esp.h"
#include "lib/net/icmp.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using base::Bytes;
using dpdk::PacketMeta;
using policy::SaEvent;

namespace {

/// The packet that the error is about.
struct Quoted {
  net::IpAddress source;
  net::IpAddress destination;
  std::uint8_t protocol = 0;
  unsigned total_length = 0;
  Bytes upper;  ///< behind the IP header, as far as it is quoted
};

std::optional<Quoted> quoted_ipv4(Bytes packet) {
  if (packet.size() < sizeof(net::Ipv4Header)) return std::nullopt;
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(packet.data());
  const unsigned header = ip.header_length();
  const bool readable =
      ip.version() == 4 && header >= net::kIpv4MinHeader && header <= packet.size();
  if (!readable || ip.fragment_offset() != 0) return std::nullopt;
  return Quoted{net::IpAddress::v4(ip.source.get()), net::IpAddress::v4(ip.destination.get()),
                ip.protocol, ip.total_length.get(), packet.subspan(header)};
}

std::optional<Quoted> quoted_ipv6(Bytes packet) {
  if (packet.size() < sizeof(net::Ipv6Header)) return std::nullopt;
  const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(packet.data());
  net::Ipv6Chain chain;
  if (ip.version() != 6 || net::follow_chain(packet, chain)) return std::nullopt;
  if ((chain.fragment & net::kIpv6OffsetMask) != 0) return std::nullopt;
  return Quoted{net::IpAddress::v6(ip.source), net::IpAddress::v6(ip.destination), chain.protocol,
                ip.payload_length.get() + unsigned{sizeof(ip)}, packet.subspan(chain.octets)};
}

/// RFC 1191 §7.1, what networks carry. A router that tells no MTU is older than that RFC: the next
/// one below the packet that was too big.
unsigned plateau_below(unsigned total_length) {
  static constexpr unsigned kPlateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
  const auto* found = std::find_if(std::begin(kPlateaus), std::end(kPlateaus),
                                   [&](unsigned plateau) { return plateau < total_length; });
  return found == std::end(kPlateaus) ? net::kIpv4MinMtu : *found;
}

/// @return 0 if the message tells none
unsigned mtu_of(const net::IcmpHeader& icmp, bool v6, const Quoted& quoted) {
  if (v6) return icmp.type == net::kIcmp6PacketTooBig ? icmp.rest.get() : 0;
  if (icmp.type != net::kIcmpUnreachable || icmp.code != net::kIcmpFragmentationNeeded) return 0;
  const unsigned told = icmp.rest.get() & 0xffffU;
  return told != 0 ? told : plateau_below(quoted.total_length);
}

/// The SPI and the number behind it, of ESP in UDP (RFC 3948) or not, or of AH.
/// @return whether it is one of them and both are quoted: of AH RFC 792's eight octets are too few
bool read_ipsec(const Quoted& quoted, SaEvent& event) {
  Bytes upper = quoted.upper;
  if (quoted.protocol == net::kProtocolUdp) {
    if (upper.size() < sizeof(net::UdpHeader)) return false;
    const auto& udp = *reinterpret_cast<const net::UdpHeader*>(upper.data());
    event.local.port = net::Port{udp.source_port.get()};
    event.remote.port = net::Port{udp.destination_port.get()};
    upper = upper.subspan(sizeof(udp));
  } else if (quoted.protocol == net::kProtocolAh) {
    if (upper.size() < net::kAhSpiOffset) return false;
    event.protocol = policy::IpsecProtocol::kAh;
    upper = upper.subspan(net::kAhSpiOffset);
  } else if (quoted.protocol != net::kProtocolEsp) {
    return false;
  }
  net::EspHeader header;  // from its SPI on AH is laid out like that
  if (upper.size() < sizeof(header)) return false;
  std::memcpy(&header, upper.data(), sizeof(header));
  event.spi = net::Spi{header.spi.get()};
  event.sequence = header.sequence.get();
  return true;
}

}  // namespace

std::optional<SaEvent> path_mtu_told_by(const dpdk::Packet* error) {
  const PacketMeta& meta = dpdk::meta(error);
  const bool v6 = is_ipv6(meta);
  const Bytes message = dpdk::bytes(error).subspan(meta.header_length);
  if (message.size() < sizeof(net::IcmpHeader)) return std::nullopt;
  const std::uint16_t sum = v6 ? net::upper_checksum(ipv6_of(error), net::kProtocolIcmpv6, message)
                               : net::internet_checksum(message);
  if (sum != 0) return std::nullopt;
  const auto& icmp = *reinterpret_cast<const net::IcmpHeader*>(message.data());
  const Bytes packet = message.subspan(sizeof(icmp));
  const auto quoted = v6 ? quoted_ipv6(packet) : quoted_ipv4(packet);
  if (!quoted || quoted->source != destination_of(error)) return std::nullopt;
  const unsigned mtu = mtu_of(icmp, v6, *quoted);
  if (mtu == 0) return std::nullopt;
  SaEvent event;
  event.kind = policy::SaEventKind::kPathMtu;
  event.direction = policy::Direction::kOutbound;
  if (!read_ipsec(*quoted, event)) return std::nullopt;
  event.local.address = quoted->source;
  event.remote.address = quoted->destination;
  event.mtu = static_cast<std::uint16_t>(std::min(mtu, net::kIpv4MaxPacket));
  return event;
}

}  // namespace penstock::dataplane
