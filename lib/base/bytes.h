// SPDX-License-Identifier: BSD-3-Clause
// Octets: views, owned buffers, hexadecimal, a constant-time comparison.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace penstock::base {

using Bytes = std::span<const std::byte>;   ///< a view; never outlives what it looks at
using MutableBytes = std::span<std::byte>;  ///< a view that may write
using ByteVector = std::vector<std::byte>;  ///< owned octets that are no secret

/// The octets of a string literal or view, without a terminator.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline ByteVector to_vector(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

/// C libraries want `unsigned char*`.
[[nodiscard]] inline const std::uint8_t* u8(const std::byte* p) {
  return reinterpret_cast<const std::uint8_t*>(p);
}
[[nodiscard]] inline std::uint8_t* u8(std::byte* p) { return reinterpret_cast<std::uint8_t*>(p); }

/// True if both have the same length and octets; the time taken depends on the length alone.
[[nodiscard]] bool equal_constant_time(Bytes a, Bytes b);

/// Lower-case hexadecimal, no prefix.
[[nodiscard]] std::string to_hex(Bytes bytes);

/// Reads hexadecimal; an optional `0x`, and spaces, colons and line ends between octets, are
/// allowed.
/// @return kMalformed on an odd digit count or any other character
[[nodiscard]] Result<ByteVector> from_hex(std::string_view text);

}  // namespace penstock::base
