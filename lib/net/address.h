// SPDX-License-Identifier: BSD-3-Clause
// Addresses, prefixes, ranges and endpoints of both IP versions, as plain values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/base/strong.h"

namespace penstock::net {

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

using Port = base::Strong<struct PortTag, std::uint16_t>;  ///< TCP or UDP port, host order
using Spi = base::Strong<struct SpiTag, std::uint32_t>;    ///< RFC 4301 §4.1, host order
using Vrf = base::Strong<struct VrfTag, std::uint16_t>;    ///< routing instance, 0 for now

using MacAddress = std::array<std::uint8_t, 6>;  ///< as on the wire

/// An IPv4 or IPv6 address: 16 octets in network order; IPv4 lies in the first 4, the rest is 0.
class IpAddress {
 public:
  constexpr IpAddress() = default;  ///< 0.0.0.0
  [[nodiscard]] static IpAddress v4(std::uint32_t host_order);
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& network_order);
  /// @param octets 4 or 16, network order
  [[nodiscard]] static base::Result<IpAddress> from_bytes(base::Bytes octets);
  /// @return kMalformed unless `text` is a whole IPv4 or IPv6 address
  [[nodiscard]] static base::Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::kIpv4; }
  [[nodiscard]] bool is_unspecified() const;
  /// fe80::/10 (RFC 4291 §2.5.6); RFC 3927 addresses of IPv4 are routed like any.
  [[nodiscard]] bool is_link_local() const {
    return !is_v4() && octets_[0] == 0xfe && (octets_[1] & 0xc0U) == 0x80;
  }
  /// IPv4 in host order; only for is_v4().
  [[nodiscard]] std::uint32_t v4_value() const;
  /// 4 or 16 octets, network order, borrowed from this address.
  [[nodiscard]] base::Bytes bytes() const;
  [[nodiscard]] const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  [[nodiscard]] std::string to_string() const;

  /// IPv4 sorts before IPv6, then by value.
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> octets_{};
};

/// Bits of an address: 32 or 128.
[[nodiscard]] constexpr unsigned bits_of(Family family) {
  return family == Family::kIpv4 ? 32U : 128U;
}

/// An address and a prefix length; host bits are 0.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// `10.0.0.0/8`, or an address alone for a host prefix.
  /// @return kMalformed; also if host bits are set, unless `allow_host_bits` (they are cleared
  /// then)
  [[nodiscard]] static base::Result<Prefix> parse(std::string_view text,
                                                  bool allow_host_bits = false);
  [[nodiscard]] bool contains(const IpAddress& a) const;
  [[nodiscard]] IpAddress first() const { return address; }
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] std::string to_string() const;
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// The prefix that holds this address alone.
[[nodiscard]] inline Prefix host_prefix(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(bits_of(address.family()))};
}

/// An interface's own address: it keeps its host bits beside the prefix length.
struct InterfaceAddress {
  IpAddress address;
  std::uint8_t length = 0;

  [[nodiscard]] static base::Result<InterfaceAddress> parse(std::string_view text);
  [[nodiscard]] Prefix prefix() const;
  [[nodiscard]] std::string to_string() const;
  friend constexpr auto operator<=>(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// Where a datagram comes from or goes to.
struct Endpoint {
  IpAddress address;
  Port port;

  [[nodiscard]] std::string to_string() const;  ///< `192.0.2.1:500`, `[2001:db8::1]:500`
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// `02:00:00:00:00:09`
[[nodiscard]] base::Result<MacAddress> parse_mac(std::string_view text);
[[nodiscard]] std::string to_string(const MacAddress& mac);

/// `0x00001001`; reading takes decimal too. SPIs 0-255 are reserved (RFC 4303 §2.1): kMalformed.
[[nodiscard]] base::Result<Spi> parse_spi(std::string_view text);
[[nodiscard]] std::string to_string(Spi spi);

}  // namespace penstock::net

template <>
struct std::hash<penstock::net::IpAddress> {
  std::size_t operator()(const penstock::net::IpAddress& a) const noexcept;
};
template <>
struct std::hash<penstock::net::Endpoint> {
  std::size_t operator()(const penstock::net::Endpoint& e) const noexcept;
};
