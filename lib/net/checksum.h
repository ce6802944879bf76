// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Values are in host
// order, ready for a Be16.
#pragma once

#include <bit>
#include <cstring>

#include "lib/base/bytes.h"

namespace penstock::net {

/// Adds the 16-bit words of `octets` in memory order; an odd last octet is padded with 0. Parts
/// may be summed one after the other if all but the last have an even length.
[[nodiscard]] inline std::uint64_t add_words(base::Bytes octets, std::uint64_t sum) {
  const std::byte* p = octets.data();
  std::size_t left = octets.size();
  for (; left >= 4; left -= 4, p += 4) {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof(word));
    sum += word;
  }
  if (left != 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, p, left);
    sum += word;
  }
  return sum;
}

/// Folds to 16 bits and complements. RFC 1071 §2 (B): the sum does not depend on the byte order,
/// so only the result is swapped.
[[nodiscard]] inline std::uint16_t finish_checksum(std::uint64_t sum) {
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  const auto folded = static_cast<std::uint16_t>(~sum);
  return std::endian::native == std::endian::little ? __builtin_bswap16(folded) : folded;
}

/// 0 when computed over octets that hold their own right checksum.
[[nodiscard]] inline std::uint16_t internet_checksum(base::Bytes octets) {
  return finish_checksum(add_words(octets, 0));
}

/// RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m').
[[nodiscard]] constexpr std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t before,
                                                       std::uint16_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
  sum += static_cast<std::uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace penstock::net
