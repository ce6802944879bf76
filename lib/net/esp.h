// SPDX-License-Identifier: BSD-3-Clause
// ESP (RFC 4303 §2). The IV and the ciphertext follow the header; the ICV ends the packet.
#pragma once

#include "lib/base/endian.h"

namespace penstock::net {

struct EspHeader {
  base::Be32 spi;
  base::Be32 sequence;  ///< the low 32 bits
};
static_assert(sizeof(EspHeader) == 8 && alignof(EspHeader) == 1);

/// Ends the plaintext, after the padding.
struct EspTrailer {
  std::uint8_t pad_length;
  std::uint8_t next_header;
};
static_assert(sizeof(EspTrailer) == 2 && alignof(EspTrailer) == 1);

inline constexpr unsigned kEspMaxPadding = 255;

}  // namespace penstock::net
