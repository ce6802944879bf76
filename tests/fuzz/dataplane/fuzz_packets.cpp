// SPDX-License-Identifier: BSD-3-Clause
// What is made right of the fuzzer's packets, and those of the peers.
#include "tests/fuzz/dataplane/fuzz_packets.h"

#include <algorithm>

#include "lib/net/checksum.h"
#include "lib/net/icmp.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::fuzz {

namespace {

constexpr std::size_t kMostPieces = 32;

net::Ipv4Header* ipv4_of(ByteVector& packet) {
  return packet.size() < sizeof(net::Ipv4Header)
             ? nullptr
             : reinterpret_cast<net::Ipv4Header*>(packet.data());
}
/// Only if is_v6().
net::Ipv6Header& ipv6_of(ByteVector& packet) {
  return *reinterpret_cast<net::Ipv6Header*>(packet.data());
}

/// The place of an upper layer's checksum behind its first octet; 0: it has none that matters.
std::size_t checksum_at(std::uint8_t protocol) {
  switch (protocol) {
    case net::kProtocolIcmp:
    case net::kProtocolIcmpv6:
      return offsetof(net::IcmpHeader, checksum);
    case net::kProtocolUdp:
      return offsetof(net::UdpHeader, checksum);
    default:
      return 0;
  }
}

void set_sum(ByteVector& packet, std::size_t at, std::uint16_t value) {
  const base::Be16 sum{value};
  std::memcpy(packet.data() + at, &sum, sizeof(sum));
}

ByteVector ipv4_piece(const ByteVector& packet, std::size_t header, std::size_t begin,
                      std::size_t end) {
  ByteVector piece = base::to_vector(Bytes(packet).first(header));
  const Bytes part = Bytes(packet).subspan(begin, end - begin);
  piece.insert(piece.end(), part.begin(), part.end());
  auto word = static_cast<std::uint16_t>((begin - header) / 8);
  if (end < packet.size()) word |= net::kIpv4MoreFragments;
  ipv4_of(piece)->fragment = base::Be16{word};
  return piece;
}

/// RFC 8200 §4.5; the extension headers all go into the first piece.
ByteVector ipv6_piece(const ByteVector& packet, std::size_t begin, std::size_t end) {
  ByteVector piece = base::to_vector(Bytes(packet).first(sizeof(net::Ipv6Header)));
  net::Ipv6Header& ip = ipv6_of(piece);
  const bool more = end < packet.size();
  const net::Ipv6FragmentHeader header{
      ip.next_header, 0,
      static_cast<std::uint16_t>((begin - sizeof(ip)) | (more ? net::kIpv6MoreFragments : 0U)),
      ip.version_class_flow.get()};
  ip.next_header = net::kExtensionFragment;
  const Bytes octets = base::bytes_of(header);
  piece.insert(piece.end(), octets.begin(), octets.end());
  const Bytes part = Bytes(packet).subspan(begin, end - begin);
  piece.insert(piece.end(), part.begin(), part.end());
  return piece;
}

}  // namespace

bool is_v6(Bytes packet) {
  return packet.size() >= sizeof(net::Ipv6Header) &&
         std::to_integer<unsigned>(packet.front()) >> 4U == 6;
}

ByteVector ip_packet(const net::IpAddress& source, const net::IpAddress& destination,
                     std::uint8_t protocol, Bytes payload, std::uint8_t tos) {
  ByteVector packet;
  if (source.is_v4()) {
    net::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.tos = tos;
    ip.ttl = 64;
    ip.protocol = protocol;
    ip.source = base::Be32{source.v4_value()};
    ip.destination = base::Be32{destination.v4_value()};
    packet = base::to_vector(base::bytes_of(ip));
  } else {
    net::Ipv6Header ip{6U << 28U, std::uint16_t{0}, protocol,
                       64,        source.octets(),  destination.octets()};
    ip.set_traffic_class(tos);
    packet = base::to_vector(base::bytes_of(ip));
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  make_sound(packet);
  return packet;
}

ByteVector udp_packet(const net::IpAddress& source, const net::IpAddress& destination,
                      std::uint16_t port, Bytes payload, std::uint8_t tos) {
  const net::UdpHeader udp{port, port,
                           static_cast<std::uint16_t>(sizeof(net::UdpHeader) + payload.size()),
                           std::uint16_t{0}};
  ByteVector datagram = base::to_vector(base::bytes_of(udp));
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  ByteVector packet = ip_packet(source, destination, net::kProtocolUdp, datagram, tos);
  set_upper_checksum(packet);
  return packet;
}

void set_header_checksum(ByteVector& packet) {
  net::Ipv4Header* ip = ipv4_of(packet);
  if (ip == nullptr || is_v6(packet)) return;
  if (ip->header_length() < sizeof(*ip) || ip->header_length() > packet.size()) return;
  ip->checksum = base::Be16{0};
  ip->checksum = base::Be16{net::internet_checksum(Bytes(packet).first(ip->header_length()))};
}

void set_upper_checksum(ByteVector& packet) {
  std::size_t upper = 0;
  std::uint8_t protocol = 0;
  if (is_v6(packet)) {
    net::Ipv6Chain chain;
    if (net::follow_chain(packet, chain) || chain.fragment != 0) return;
    upper = chain.octets;
    protocol = chain.protocol;
  } else {
    const net::Ipv4Header* ip = ipv4_of(packet);
    if (ip == nullptr || (ip->fragment.get() & ~net::kIpv4DontFragment) != 0) return;
    upper = ip->header_length();
    protocol = ip->protocol;
    if (protocol != net::kProtocolIcmp) return;
  }
  const std::size_t at = checksum_at(protocol);
  if (at == 0 || upper + at + sizeof(base::Be16) > packet.size()) return;
  set_sum(packet, upper + at, 0);
  const Bytes message = Bytes(packet).subspan(upper);
  const std::uint16_t sum = is_v6(packet) ? net::upper_checksum(ipv6_of(packet), protocol, message)
                                          : net::internet_checksum(message);
  set_sum(packet, upper + at, sum == 0 && protocol == net::kProtocolUdp ? 0xffff : sum);
}

void make_sound(ByteVector& packet) {
  if (is_v6(packet)) {
    ipv6_of(packet).payload_length.set(
        static_cast<std::uint16_t>(packet.size() - sizeof(net::Ipv6Header)));
    return;
  }
  net::Ipv4Header* ip = ipv4_of(packet);
  if (ip == nullptr) return;
  const unsigned words = std::clamp<unsigned>(ip->version_ihl & 15U, 5, 15);
  ip->version_ihl = static_cast<std::uint8_t>(0x40U | (words * 4 <= packet.size() ? words : 5U));
  ip->total_length = base::Be16{static_cast<std::uint16_t>(packet.size())};
  set_header_checksum(packet);
}

void set_addresses(ByteVector& packet, const net::IpAddress& source,
                   const net::IpAddress& destination) {
  if (is_v6(packet)) {
    ipv6_of(packet).source = source.octets();
    ipv6_of(packet).destination = destination.octets();
  } else if (net::Ipv4Header* ip = ipv4_of(packet); ip != nullptr && source.is_v4()) {
    ip->source = base::Be32{source.v4_value()};
    ip->destination = base::Be32{destination.v4_value()};
  }
}

void place(ByteVector& packet, std::uint8_t addresses) {
  const Places& places = is_v6(packet) ? places6() : places4();
  set_addresses(packet, places[addresses >> 4U], places[addresses & 15U]);
}

void number(ByteVector& packet, std::uint16_t value) {
  constexpr std::size_t kAt =
      sizeof(net::Ipv6Header) + offsetof(net::Ipv6FragmentHeader, identification);
  const base::Be16 wire{value};
  if (!is_v6(packet)) {
    if (net::Ipv4Header* ip = ipv4_of(packet); ip != nullptr) ip->identification = wire;
    return set_header_checksum(packet);
  }
  const bool fragment = ipv6_of(packet).next_header == net::kExtensionFragment &&
                        packet.size() >= kAt + sizeof(base::Be32);
  std::memcpy(packet.data() + (fragment ? kAt + 2 : 2), &wire, sizeof(wire));
}

std::vector<ByteVector> cut(const ByteVector& packet, std::uint16_t octets) {
  const bool v6 = is_v6(packet);
  if (packet.size() < sizeof(net::Ipv4Header)) return {};
  const std::size_t header =
      v6 ? sizeof(net::Ipv6Header) : (std::to_integer<unsigned>(packet[0]) & 15U) * 4U;
  const std::size_t size = std::max<std::size_t>(octets / 8U * 8U, 8U);
  std::vector<ByteVector> pieces;
  for (std::size_t at = header; at < packet.size() && pieces.size() < kMostPieces; at += size) {
    const std::size_t end = std::min(at + size, packet.size());
    pieces.push_back(v6 ? ipv6_piece(packet, at, end) : ipv4_piece(packet, header, at, end));
    make_sound(pieces.back());
  }
  return pieces;
}

void pad(ByteVector& text, std::size_t block, std::uint8_t next) {
  std::uint8_t octets = 0;
  while ((text.size() + 2) % block != 0) text.push_back(std::byte{++octets});
  text.push_back(std::byte{octets});
  text.push_back(std::byte{next});
}

Carried carried_by(Bytes packet) {
  const bool v6 = is_v6(packet);
  const std::size_t header = v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  if (packet.size() < header) return {};
  const std::size_t named_at =
      v6 ? offsetof(net::Ipv6Header, next_header) : offsetof(net::Ipv4Header, protocol);
  return {std::to_integer<std::uint8_t>(packet[named_at]), base::to_vector(packet.subspan(header))};
}

void hide_mutable(ByteVector& packet) {
  if (is_v6(packet)) {
    ipv6_of(packet).version_class_flow.set(6U << 28U);
    ipv6_of(packet).hop_limit = 0;
  } else if (net::Ipv4Header* ip = ipv4_of(packet); ip != nullptr) {
    ip->tos = 0;
    ip->fragment.set(0);
    ip->ttl = 0;
    ip->checksum.set(0);
  }
}

}  // namespace penstock::fuzz
