// SPDX-License-Identifier: BSD-3-Clause
// SpdKey: the selector fields of one packet as the classifier compares them (RFC 4301 §4.4.1.1).
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>

#include "lib/dpdk/packet.h"
#include "lib/net/address.h"
#include "lib/net/ipv6.h"
#include "lib/policy/sa_spec.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::ipsec {

/// An IPv4 address in host order: it sorts and masks as a number.
struct Ipv4Value {
  static constexpr unsigned kBits = 32;
  std::uint32_t value = 0;

  [[nodiscard]] static Ipv4Value of(const net::IpAddress& a) { return {a.v4_value()}; }
  /// Ones in the first `length` bits.
  [[nodiscard]] static Ipv4Value mask(unsigned length) {
    return {length == 0 ? 0U : ~std::uint32_t{0} << (kBits - length)};
  }
  /// Leading bits that both have in common.
  [[nodiscard]] static unsigned common_bits(const Ipv4Value& a, const Ipv4Value& b) {
    return static_cast<unsigned>(std::countl_zero(a.value ^ b.value));
  }
  [[nodiscard]] std::uint64_t folded() const { return value; }
  friend Ipv4Value operator&(Ipv4Value a, Ipv4Value b) { return {a.value & b.value}; }
  friend constexpr auto operator<=>(const Ipv4Value&, const Ipv4Value&) = default;
};

/// An IPv6 address as two halves in host order.
struct Ipv6Value {
  static constexpr unsigned kBits = 128;
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] static Ipv6Value of(const net::Ipv6Octets& octets) {
    base::Be64 halves[2];
    std::memcpy(halves, octets.data(), sizeof(halves));
    return {halves[0].get(), halves[1].get()};
  }
  [[nodiscard]] static Ipv6Value of(const net::IpAddress& a) { return of(a.octets()); }
  [[nodiscard]] static Ipv6Value mask(unsigned length) {
    const auto half = [](unsigned bits) {
      return bits == 0 ? std::uint64_t{0} : ~std::uint64_t{0} << (64 - bits);
    };
    return {half(length < 64 ? length : 64), half(length < 64 ? 0 : length - 64)};
  }
  [[nodiscard]] static unsigned common_bits(const Ipv6Value& a, const Ipv6Value& b) {
    const int high = std::countl_zero(a.high ^ b.high);
    return static_cast<unsigned>(high < 64 ? high : 64 + std::countl_zero(a.low ^ b.low));
  }
  [[nodiscard]] std::uint64_t folded() const {
    return high * 0x9e3779b97f4a7c15ULL ^ std::rotl(low, 32);
  }
  friend Ipv6Value operator&(const Ipv6Value& a, const Ipv6Value& b) {
    return {a.high & b.high, a.low & b.low};
  }
  friend constexpr auto operator<=>(const Ipv6Value&, const Ipv6Value&) = default;
};

/// Protocols whose one "port" is a type (RFC 4301 §4.4.1.1): ICMP, ICMPv6, Mobility Header.
/// A packet of theirs has its type in SpdKey::source_port and nothing in destination_port: RFC 4301
/// §4.4.1.3 C and D compare the type with the sender's side of the policy alone.
[[nodiscard]] constexpr bool port_is_type(std::uint8_t protocol) {
  return protocol == 1 || protocol == 58 || protocol == 135;
}

/// Protocols that have a port selector at all: the above, TCP, UDP, DCCP, SCTP, UDP-Lite.
[[nodiscard]] constexpr bool has_port_selector(std::uint8_t protocol) {
  return protocol == 6 || protocol == 17 || port_is_type(protocol) || protocol == 33 ||
         protocol == 132 || protocol == 136;
}

/// As the packet shows them, host order.
template <class Address>
struct SpdKeyOf {
  Address source;
  Address destination;
  std::uint16_t source_port = 0;       ///< ICMP: type * 256 + code
  std::uint16_t destination_port = 0;  ///< ICMP: not looked at
  std::uint8_t protocol = 0;
  /// False where the packet shows none: a fragment but the first, or a protocol without ports.
  bool has_ports = true;
  net::Vrf vrf;

  [[nodiscard]] static SpdKeyOf of(const policy::PacketSelectors& packet, net::Vrf vrf = {}) {
    const bool type = port_is_type(packet.protocol);
    return {.source = Address::of(packet.source),
            .destination = Address::of(packet.destination),
            .source_port = type ? packet.destination_port : packet.source_port,
            .destination_port = type ? std::uint16_t{0} : packet.destination_port,
            .protocol = packet.protocol,
            .has_ports = packet.has_ports && has_port_selector(packet.protocol),
            .vrf = vrf};
  }
};

using SpdKey = SpdKeyOf<Ipv4Value>;
using SpdKey6 = SpdKeyOf<Ipv6Value>;
static_assert(sizeof(SpdKey) == 16);

/// Of an IPv4 packet whose meta describes the header where its data starts.
[[nodiscard]] inline SpdKey spd_key(const dpdk::PacketMeta& meta) {
  const bool type = port_is_type(meta.protocol);
  return {.source = {meta.source},
          .destination = {meta.destination},
          .source_port = type ? meta.destination_port : meta.source_port,
          .destination_port = type ? std::uint16_t{0} : meta.destination_port,
          .protocol = meta.protocol,
          .has_ports = (meta.flags & dpdk::kHasPorts) != 0 && has_port_selector(meta.protocol),
          .vrf = net::Vrf{meta.vrf}};
}

/// Of an IPv6 packet; its addresses are in the header where its data starts.
[[nodiscard]] inline SpdKey6 spd_key6(const dpdk::Packet* packet) {
  const SpdKey rest = spd_key(dpdk::meta(packet));
  const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(dpdk::data(packet));
  return {.source = Ipv6Value::of(ip.source),
          .destination = Ipv6Value::of(ip.destination),
          .source_port = rest.source_port,
          .destination_port = rest.destination_port,
          .protocol = rest.protocol,
          .has_ports = rest.has_ports,
          .vrf = rest.vrf};
}

}  // namespace penstock::ipsec
