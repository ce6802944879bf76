// SPDX-License-Identifier: BSD-3-Clause
// Packets for pipeline tests, octet by octet, with right checksums unless a test breaks them.
#pragma once

#include "lib/net/arp.h"
#include "lib/net/icmp.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::pipeline {

using base::Bytes;
using base::ByteVector;

/// 10.1.0.9 as a number: `ip("10.1.0.9")`.
[[nodiscard]] std::uint32_t ip(std::string_view text);

struct Ipv4Spec {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint8_t protocol = net::kProtocolUdp;
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t identification = 1;
  std::uint16_t fragment = 0;  ///< flags and offset, as in the header
  ByteVector options{};        ///< a multiple of 4 octets
};

[[nodiscard]] ByteVector ipv4(const Ipv4Spec& spec, Bytes payload);
/// UDP with its checksum.
[[nodiscard]] ByteVector udp(std::string_view source, std::string_view destination,
                             std::uint16_t source_port, std::uint16_t destination_port,
                             Bytes payload, Ipv4Spec rest = {});
[[nodiscard]] ByteVector icmp(std::string_view source, std::string_view destination,
                              std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                              Bytes payload, Ipv4Spec spec = {});
[[nodiscard]] ByteVector frame(const net::MacAddress& destination, const net::MacAddress& source,
                               std::uint16_t ether_type, Bytes payload);
[[nodiscard]] ByteVector arp(std::uint16_t operation, const net::MacAddress& sender_mac,
                             std::string_view sender, const net::MacAddress& target_mac,
                             std::string_view target);

// ---- IPv6 ----

[[nodiscard]] net::Ipv6Octets ip6(std::string_view text);
struct Ipv6Spec {
  std::string_view source{};
  std::string_view destination{};
  std::uint8_t next_header = net::kProtocolUdp;
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  ByteVector extensions{};  ///< in front of the payload; next_header names the first of them
};
[[nodiscard]] ByteVector ipv6(const Ipv6Spec& spec, Bytes payload);
/// UDP and ICMPv6 with their checksums; behind `rest.extensions` if there are any.
[[nodiscard]] ByteVector udp6(std::string_view source, std::string_view destination,
                              std::uint16_t source_port, std::uint16_t destination_port,
                              Bytes payload, Ipv6Spec rest = {});
[[nodiscard]] ByteVector icmp6(std::string_view source, std::string_view destination,
                               std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                               Bytes payload, Ipv6Spec spec = {});
/// A Fragment header (RFC 8200 §4.5); offset in octets.
[[nodiscard]] ByteVector fragment_header(std::uint8_t next, unsigned offset, bool more,
                                         std::uint32_t identification);
[[nodiscard]] inline const net::Ipv6Header& ip6_of(const ByteVector& sent) {
  return *reinterpret_cast<const net::Ipv6Header*>(sent.data() + sizeof(net::EthernetHeader));
}
/// Behind the IPv6 header.
[[nodiscard]] inline Bytes payload6_of(const ByteVector& sent) {
  return Bytes(sent).subspan(sizeof(net::EthernetHeader) + sizeof(net::Ipv6Header));
}
[[nodiscard]] inline const net::IcmpHeader& icmp6_of(const ByteVector& sent) {
  return *reinterpret_cast<const net::IcmpHeader*>(payload6_of(sent).data());
}
/// Version, payload length, and the checksum of UDP or ICMPv6.
[[nodiscard]] bool is_sound6(const ByteVector& sent);

/// Octets 0, 1, 2 …
[[nodiscard]] ByteVector pattern(std::size_t size);

/// Views of what came out.
[[nodiscard]] inline const net::EthernetHeader& ethernet_of(const ByteVector& sent) {
  return *reinterpret_cast<const net::EthernetHeader*>(sent.data());
}
[[nodiscard]] inline const net::Ipv4Header& ip_of(const ByteVector& sent) {
  return *reinterpret_cast<const net::Ipv4Header*>(sent.data() + sizeof(net::EthernetHeader));
}
[[nodiscard]] inline Bytes packet_of(const ByteVector& sent) {
  return Bytes(sent).subspan(sizeof(net::EthernetHeader));
}
[[nodiscard]] inline Bytes payload_of(const ByteVector& sent) {
  return packet_of(sent).subspan(ip_of(sent).header_length());
}
[[nodiscard]] inline const net::IcmpHeader& icmp_of(const ByteVector& sent) {
  return *reinterpret_cast<const net::IcmpHeader*>(payload_of(sent).data());
}
/// IPv4 header checksum, total length, and the ICMP or UDP checksum.
[[nodiscard]] bool is_sound(const ByteVector& sent);

}  // namespace penstock::pipeline
