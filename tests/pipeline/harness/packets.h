// SPDX-License-Identifier: BSD-3-Clause
// Packets for pipeline tests, octet by octet, with right checksums unless a test breaks them.
#pragma once

#include "lib/net/arp.h"
#include "lib/net/icmp.h"
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
