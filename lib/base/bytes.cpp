// SPDX-License-Identifier: BSD-3-Clause
// Octets: comparison in constant time and hexadecimal, for every room.
#include "lib/base/bytes.h"

namespace penstock::base {

bool equal_constant_time(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
  // The barrier keeps the compiler from leaving the loop early.
  asm volatile("" : "+r"(difference));
  return difference == 0;
}

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15U]);
  }
  return text;
}

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_separator(char c) { return c == ' ' || c == ':' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

Result<ByteVector> from_hex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  ByteVector bytes;
  bytes.reserve(text.size() / 2);
  int high = -1;
  for (const char c : text) {
    if (is_separator(c) && high < 0) continue;
    const int digit = digit_of(c);
    if (digit < 0) return fail(ErrorCode::kMalformed, "not a hexadecimal digit");
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  if (high >= 0) return fail(ErrorCode::kMalformed, "odd number of hexadecimal digits");
  return bytes;
}

}  // namespace penstock::base
