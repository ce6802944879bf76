// SPDX-License-Identifier: BSD-3-Clause
// ICMP (RFC 792), with the next-hop MTU of RFC 1191 §4.
#pragma once

#include "lib/base/endian.h"

namespace penstock::net {

inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpSourceQuench = 4;
inline constexpr std::uint8_t kIcmpRedirect = 5;
inline constexpr std::uint8_t kIcmpEchoRequest = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;

// Codes of kIcmpUnreachable.
inline constexpr std::uint8_t kIcmpNetUnreachable = 0;
inline constexpr std::uint8_t kIcmpHostUnreachable = 1;
inline constexpr std::uint8_t kIcmpProtocolUnreachable = 2;
inline constexpr std::uint8_t kIcmpPortUnreachable = 3;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;
inline constexpr std::uint8_t kIcmpAdminProhibited = 13;  ///< RFC 1812 §5.2.7.1

struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  base::Be16 checksum;
  base::Be32 rest;  ///< echo: identifier, sequence; fragmentation needed: 0, MTU
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

/// RFC 1122 §3.2.2: types that report an error. No error is ever sent about one of these.
[[nodiscard]] constexpr bool is_icmp_error(std::uint8_t type) {
  return type == kIcmpUnreachable || type == kIcmpSourceQuench || type == kIcmpRedirect ||
         type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
}

}  // namespace penstock::net
