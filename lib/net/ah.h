// SPDX-License-Identifier: BSD-3-Clause
// AH (RFC 4302 §2). The ICV follows.
#pragma once

#include "lib/base/endian.h"

namespace penstock::net {

struct AhHeader {
  std::uint8_t next_header;
  std::uint8_t payload_length;  ///< the header's length in 32-bit words, minus 2
  base::Be16 reserved;
  base::Be32 spi;
  base::Be32 sequence;
};
static_assert(sizeof(AhHeader) == 12 && alignof(AhHeader) == 1);

}  // namespace penstock::net
