// SPDX-License-Identifier: BSD-3-Clause
// IPv6 header (RFC 8200 §3).
#pragma once

#include <array>

#include "lib/base/endian.h"

namespace penstock::net {

struct Ipv6Header {
  base::Be32 version_class_flow;
  base::Be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::array<std::uint8_t, 16> source;
  std::array<std::uint8_t, 16> destination;

  [[nodiscard]] unsigned version() const { return version_class_flow.get() >> 28; }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

}  // namespace penstock::net
