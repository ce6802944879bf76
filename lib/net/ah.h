// SPDX-License-Identifier: BSD-3-Clause
// AH (RFC 4302 §2), the ICV behind it, and what of the headers in front of it routers may change.
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/endian.h"

namespace penstock::net {

struct AhHeader {
  std::uint8_t next_header;
  std::uint8_t payload_length;  ///< the header's length in 32-bit words, minus 2
  base::Be16 reserved;
  base::Be32 spi;
  base::Be32 sequence;

  /// Header, ICV and padding.
  [[nodiscard]] unsigned octets() const { return (payload_length + 2U) * 4U; }
};
static_assert(sizeof(AhHeader) == 12 && alignof(AhHeader) == 1);

/// From the header to its SPI: from there on it is laid out as ESP is.
inline constexpr unsigned kAhSpiOffset = 4;
/// RFC 4302 §2.6: whole words of 32 bits over IPv4, of 64 over IPv6.
inline constexpr unsigned kAhAlignment = 4;
inline constexpr unsigned kAhAlignment6 = 8;

/// Header, ICV field (of AES-GMAC with its IV) and padding.
[[nodiscard]] constexpr unsigned ah_octets(unsigned icv_field, unsigned alignment) {
  return (unsigned{sizeof(AhHeader)} + icv_field + alignment - 1) / alignment * alignment;
}

/// RFC 4302 §3.3.3.1.1.2: whole options are zeroed, but for those of appendix A1's first list.
/// @param options  a list that parse has checked
void zero_mutable_options(base::MutableBytes options);

/// RFC 4302 §3.3.3.1.2.2: the data of hop-by-hop and destination options that say that it may
/// change on its way (RFC 8200 §4.2). A routing header has been followed to its end already, so it
/// is as at the destination (appendix A2).
/// @param headers  IPv6 header and the extension headers in front of AH, that parse has checked
void zero_mutable_options6(base::MutableBytes headers);

}  // namespace penstock::net
