// SPDX-License-Identifier: BSD-3-Clause
// Traffic selectors: a range of addresses, a protocol and a range of ports (RFC 4301 §4.4.1.1,
// RFC 7296 §3.13.1).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/address.h"

namespace penstock::policy {

/// The selector fields of one packet, host order. For ICMP the source port is 0 and the
/// destination port is type * 256 + code (RFC 4301 §4.4.1.1, RFC 7296 §3.13.1).
struct PacketSelectors {
  net::IpAddress source;
  net::IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  bool has_ports = true;  ///< false for a fragment that does not hold them

  friend bool operator==(const PacketSelectors&, const PacketSelectors&) = default;
};

/// One side of a selector pair. Ranges are inclusive; addresses are of one family.
struct TrafficSelector {
  net::IpAddress first;
  net::IpAddress last;
  std::uint8_t protocol = 0;         ///< 0: any
  std::uint16_t first_port = 0;      ///< OPAQUE is 65535..0 (RFC 7296 §3.13.1)
  std::uint16_t last_port = 0xffff;  ///< ANY is 0..65535

  /// `10.1.0.0/16`, `10.0.0.1-10.0.0.9`, with `[proto/port]` or `[proto/first-last]` after it, as
  /// swanctl.conf writes them: `10.1.0.0/16[tcp/80]`, `10.1.0.1[udp/1024-2047]`,
  /// `10.1.0.0/16[icmp]`.
  [[nodiscard]] static base::Result<TrafficSelector> parse(std::string_view text);
  [[nodiscard]] static TrafficSelector of(const net::Prefix& prefix);

  [[nodiscard]] net::Family family() const { return first.family(); }
  [[nodiscard]] bool any_port() const { return first_port == 0 && last_port == 0xffff; }
  [[nodiscard]] bool opaque_ports() const { return first_port > last_port; }
  [[nodiscard]] bool contains(const TrafficSelector& other) const;
  /// Does this side of the packet fit? Without ports in the packet only ANY (or OPAQUE) fits.
  [[nodiscard]] bool matches(const net::IpAddress& address, std::uint8_t packet_protocol,
                             std::uint16_t port, bool has_ports) const;
  /// What both have in common, or nothing.
  [[nodiscard]] std::optional<TrafficSelector> intersect(const TrafficSelector& other) const;
  /// In the form that parse() reads.
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const TrafficSelector&, const TrafficSelector&) = default;
};

using TrafficSelectors = std::vector<TrafficSelector>;

/// The prefixes that cover an inclusive range exactly, in ascending order (at most 2 * 128 - 2).
[[nodiscard]] std::vector<net::Prefix> prefixes_of_range(const net::IpAddress& first,
                                                         const net::IpAddress& last);

}  // namespace penstock::policy
