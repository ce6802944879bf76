// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/harness/packets.h"

#include <algorithm>

namespace penstock::pipeline {

namespace {

void append(ByteVector& to, Bytes more) {
  const std::size_t before = to.size();
  to.resize(before + more.size());
  std::copy(more.begin(), more.end(), to.begin() + static_cast<std::ptrdiff_t>(before));
}

}  // namespace

std::uint32_t ip(std::string_view text) { return net::IpAddress::parse(text).value().v4_value(); }

ByteVector ipv4(const Ipv4Spec& spec, Bytes payload) {
  const std::size_t header = 20 + spec.options.size();
  net::Ipv4Header h{};
  h.version_ihl = static_cast<std::uint8_t>(0x40U | header / 4U);
  h.tos = spec.tos;
  h.total_length.set(static_cast<std::uint16_t>(header + payload.size()));
  h.identification.set(spec.identification);
  h.fragment.set(spec.fragment);
  h.ttl = spec.ttl;
  h.protocol = spec.protocol;
  h.source.set(spec.source);
  h.destination.set(spec.destination);
  ByteVector out;
  append(out, base::bytes_of(h));
  append(out, spec.options);
  net::set_checksum(*reinterpret_cast<net::Ipv4Header*>(out.data()));
  append(out, payload);
  return out;
}

ByteVector udp(std::string_view source, std::string_view destination, std::uint16_t source_port,
               std::uint16_t destination_port, Bytes payload, Ipv4Spec rest) {
  rest.source = ip(source);
  rest.destination = ip(destination);
  rest.protocol = net::kProtocolUdp;
  net::UdpHeader h{source_port, destination_port,
                   static_cast<std::uint16_t>(sizeof(net::UdpHeader) + payload.size()),
                   std::uint16_t{0}};
  ByteVector datagram;
  append(datagram, base::bytes_of(h));
  append(datagram, payload);
  h.checksum.set(net::udp_checksum_v4(rest.source, rest.destination, datagram));
  std::copy_n(base::bytes_of(h).begin(), sizeof(h), datagram.begin());
  return ipv4(rest, datagram);
}

ByteVector icmp(std::string_view source, std::string_view destination, std::uint8_t type,
                std::uint8_t code, std::uint32_t rest, Bytes payload, Ipv4Spec spec) {
  spec.source = ip(source);
  spec.destination = ip(destination);
  spec.protocol = net::kProtocolIcmp;
  net::IcmpHeader h{type, code, std::uint16_t{0}, rest};
  ByteVector message;
  append(message, base::bytes_of(h));
  append(message, payload);
  h.checksum.set(net::internet_checksum(message));
  std::copy_n(base::bytes_of(h).begin(), sizeof(h), message.begin());
  return ipv4(spec, message);
}

ByteVector frame(const net::MacAddress& destination, const net::MacAddress& source,
                 std::uint16_t ether_type, Bytes payload) {
  const net::EthernetHeader h{destination, source, ether_type};
  ByteVector out;
  append(out, base::bytes_of(h));
  append(out, payload);
  return out;
}

ByteVector arp(std::uint16_t operation, const net::MacAddress& sender_mac, std::string_view sender,
               const net::MacAddress& target_mac, std::string_view target) {
  const net::ArpPacket packet{.hardware = net::kArpHardwareEthernet,
                              .protocol = net::kEtherTypeIpv4,
                              .hardware_size = 6,
                              .protocol_size = 4,
                              .operation = operation,
                              .sender_mac = sender_mac,
                              .sender_ip = ip(sender),
                              .target_mac = target_mac,
                              .target_ip = ip(target)};
  const auto to = operation == net::kArpRequest ? net::kBroadcastMac : target_mac;
  return frame(to, sender_mac, net::kEtherTypeArp, base::bytes_of(packet));
}

net::Ipv6Octets ip6(std::string_view text) { return net::IpAddress::parse(text).value().octets(); }

ByteVector ipv6(const Ipv6Spec& spec, Bytes payload) {
  const net::Ipv6Header h{6U << 28 | std::uint32_t{spec.traffic_class} << 20,
                          static_cast<std::uint16_t>(spec.extensions.size() + payload.size()),
                          spec.next_header,
                          spec.hop_limit,
                          ip6(spec.source),
                          ip6(spec.destination)};
  ByteVector out;
  append(out, base::bytes_of(h));
  append(out, spec.extensions);
  append(out, payload);
  return out;
}

namespace {

/// Adds a checksum to the 16 bits at `at` of an upper layer's message.
ByteVector with_checksum(Ipv6Spec spec, std::uint8_t protocol, ByteVector message, std::size_t at) {
  if (spec.extensions.empty()) spec.next_header = protocol;
  const ByteVector header = ipv6(spec, {});
  const base::Be16 sum{net::upper_checksum(*reinterpret_cast<const net::Ipv6Header*>(header.data()),
                                           protocol, message)};
  std::copy_n(base::bytes_of(sum).begin(), sizeof(sum),
              message.begin() + static_cast<std::ptrdiff_t>(at));
  return ipv6(spec, message);
}

}  // namespace

ByteVector udp6(std::string_view source, std::string_view destination, std::uint16_t source_port,
                std::uint16_t destination_port, Bytes payload, Ipv6Spec rest) {
  rest.source = source;
  rest.destination = destination;
  const net::UdpHeader h{source_port, destination_port,
                         static_cast<std::uint16_t>(sizeof(net::UdpHeader) + payload.size()),
                         std::uint16_t{0}};
  ByteVector datagram;
  append(datagram, base::bytes_of(h));
  append(datagram, payload);
  return with_checksum(rest, net::kProtocolUdp, datagram, 6);
}

ByteVector icmp6(std::string_view source, std::string_view destination, std::uint8_t type,
                 std::uint8_t code, std::uint32_t rest, Bytes payload, Ipv6Spec spec) {
  spec.source = source;
  spec.destination = destination;
  const net::IcmpHeader h{type, code, std::uint16_t{0}, rest};
  ByteVector message;
  append(message, base::bytes_of(h));
  append(message, payload);
  return with_checksum(spec, net::kProtocolIcmpv6, message, 2);
}

ByteVector fragment_header(std::uint8_t next, unsigned offset, bool more,
                           std::uint32_t identification) {
  const net::Ipv6FragmentHeader h{next, 0, static_cast<std::uint16_t>(offset | (more ? 1U : 0U)),
                                  identification};
  return base::to_vector(base::bytes_of(h));
}

bool is_sound6(const ByteVector& sent) {
  if (sent.size() < sizeof(net::EthernetHeader) + sizeof(net::Ipv6Header)) return false;
  const auto& header = ip6_of(sent);
  if (header.version() != 6 || header.payload_length.get() != payload6_of(sent).size())
    return false;
  if (header.next_header != net::kProtocolUdp && header.next_header != net::kProtocolIcmpv6)
    return true;
  return net::upper_checksum(header, header.next_header, payload6_of(sent)) == 0;
}

ByteVector pattern(std::size_t size) {
  ByteVector out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i & 0xffU);
  return out;
}

bool is_sound(const ByteVector& sent) {
  if (sent.size() < sizeof(net::EthernetHeader) + sizeof(net::Ipv4Header)) return false;
  const auto& header = ip_of(sent);
  if (net::internet_checksum(packet_of(sent).first(header.header_length())) != 0) return false;
  if (header.total_length.get() != packet_of(sent).size()) return false;
  if ((header.fragment.get() & ~net::kIpv4DontFragment) != 0) return true;
  if (header.protocol == net::kProtocolIcmp) return net::internet_checksum(payload_of(sent)) == 0;
  if (header.protocol == net::kProtocolUdp)
    return net::udp_checksum_v4(header.source.get(), header.destination.get(), payload_of(sent)) ==
           0xffff;
  return true;
}

}  // namespace penstock::pipeline
