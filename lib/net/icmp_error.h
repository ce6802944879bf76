// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors (RFC 792; RFC 1122 §3.2.2; RFC 1812 §4.3.2): when one may be sent, and its octets.
#pragma once

#include "lib/base/bytes.h"
#include "lib/net/icmp.h"
#include "lib/net/ipv4.h"

namespace penstock::net {

/// RFC 1812 §4.3.2.3: an error holds as much of the original as fits into 576 octets.
inline constexpr unsigned kIcmpErrorMaxPacket = 576;

/// RFC 1812 §4.3.2.7: never about an ICMP error, a fragment but the first, a packet to or from an
/// address that is not one host's. `original` is a well-formed IPv4 packet; whether it came as a
/// link-layer broadcast the caller knows.
[[nodiscard]] bool may_answer_with_error(base::Bytes original);

struct IcmpError {
  std::uint8_t type;
  std::uint8_t code;
  std::uint32_t rest;    ///< fragmentation needed: the MTU (RFC 1191 §4)
  std::uint32_t source;  ///< an address of ours, host order
  std::uint16_t identification;
};

/// A whole IPv4 packet to the source of `original`, checksums done, TOS internetwork control
/// (RFC 1812 §4.3.2.5).
/// @param out  at least kIcmpErrorMaxPacket octets
/// @return its length
std::size_t write_icmp_error(base::MutableBytes out, const IcmpError& error, base::Bytes original);

}  // namespace penstock::net
