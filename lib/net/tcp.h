// SPDX-License-Identifier: BSD-3-Clause
// TCP header (RFC 9293 §3.1), as far as a gateway reads it.
#pragma once

#include "lib/base/endian.h"

namespace penstock::net {

inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpOptionEnd = 0;
inline constexpr std::uint8_t kTcpOptionNop = 1;
inline constexpr std::uint8_t kTcpOptionMss = 2;
inline constexpr unsigned kTcpMssLength = 4;  ///< kind, length, value

struct TcpHeader {
  base::Be16 source_port;
  base::Be16 destination_port;
  base::Be32 sequence;
  base::Be32 acknowledgement;
  std::uint8_t offset;  ///< in its upper half, words of 4 octets
  std::uint8_t flags;
  base::Be16 window;
  base::Be16 checksum;
  base::Be16 urgent;

  [[nodiscard]] unsigned header_length() const { return (offset >> 4U) * 4U; }
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

}  // namespace penstock::net
