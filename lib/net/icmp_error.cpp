// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors: the rules of RFC 1812 §4.3.2 and the packet.
#include "lib/net/icmp_error.h"

#include <algorithm>

#include "lib/base/check.h"

namespace penstock::net {

namespace {

/// An address that names one host: no error goes to or is about any other.
bool is_one_host(std::uint32_t address) {
  return !is_multicast_v4(address) && !is_class_e_v4(address) && !is_this_network_v4(address) &&
         !is_loopback_v4(address);
}

constexpr std::uint8_t kTosInternetworkControl = 0xc0;  // precedence 6

}  // namespace

bool may_answer_with_error(base::Bytes original) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(original.data());
  if (ip.fragment_offset() != 0) return false;
  if (!is_one_host(ip.source.get()) || !is_one_host(ip.destination.get())) return false;
  if (ip.protocol != kProtocolIcmp) return true;
  // Without its type it cannot be told from an error.
  const unsigned header = ip.header_length();
  return original.size() > header &&
         !is_icmp_error(std::to_integer<std::uint8_t>(original[header]));
}

std::size_t write_icmp_error(base::MutableBytes out, const IcmpError& error, base::Bytes original) {
  constexpr std::size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpHeader);
  PS_CHECK(out.size() >= kIcmpErrorMaxPacket);
  const base::Bytes quoted =
      original.first(std::min(original.size(), kIcmpErrorMaxPacket - kHeaders));
  const std::size_t length = kHeaders + quoted.size();

  auto* ip = reinterpret_cast<Ipv4Header*>(out.data());
  *ip = Ipv4Header{.version_ihl = 0x45,
                   .tos = kTosInternetworkControl,
                   .total_length = static_cast<std::uint16_t>(length),
                   .identification = error.identification,
                   .fragment = std::uint16_t{0},
                   .ttl = 64,
                   .protocol = kProtocolIcmp,
                   .checksum = std::uint16_t{0},
                   .source = error.source,
                   .destination = reinterpret_cast<const Ipv4Header*>(original.data())->source};
  set_checksum(*ip);
  auto* icmp = reinterpret_cast<IcmpHeader*>(out.data() + sizeof(Ipv4Header));
  *icmp = IcmpHeader{error.type, error.code, std::uint16_t{0}, error.rest};
  std::copy(quoted.begin(), quoted.end(), out.begin() + kHeaders);
  icmp->checksum.set(
      internet_checksum(base::Bytes(out).subspan(sizeof(Ipv4Header), length - sizeof(Ipv4Header))));
  return length;
}

}  // namespace penstock::net
