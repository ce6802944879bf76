// SPDX-License-Identifier: BSD-3-Clause
// Big-endian integers for wire formats: alignment 1, so a struct of them lies anywhere.
// Used in lib/net and control/isakmp and nowhere else.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace penstock::base {

/// An unsigned integer stored in network byte order.
template <class T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  BigEndian(T host) { set(host); }  // NOLINT(google-explicit-constructor): reads as a number

  [[nodiscard]] T get() const {
    T wire;
    std::memcpy(&wire, bytes_, sizeof(T));
    return swap(wire);
  }
  void set(T host) {
    const T wire = swap(host);
    std::memcpy(bytes_, &wire, sizeof(T));
  }

 private:
  static constexpr T swap(T v) {
    if constexpr (std::endian::native == std::endian::big) {
      return v;
    } else if constexpr (sizeof(T) == 2) {
      return __builtin_bswap16(v);
    } else if constexpr (sizeof(T) == 4) {
      return __builtin_bswap32(v);
    } else {
      return __builtin_bswap64(v);
    }
  }
  std::uint8_t bytes_[sizeof(T)]{};
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);
static_assert(sizeof(Be64) == 8 && alignof(Be64) == 1);

}  // namespace penstock::base
