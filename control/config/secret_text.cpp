// SPDX-License-Identifier: BSD-3-Clause
// Secrets and keys as text: hexadecimal, Base64 (RFC 4648 §4), or the octets themselves. Nothing
// here keeps a copy that is not wiped, and no fault repeats what it read.
#include "control/config/readers.h"

namespace penstock::config {

using base::ErrorCode;
using base::fail;
using base::Result;
using base::SecretBytes;

namespace {

Result<SecretBytes> from_hexadecimal(std::string_view text) {
  auto octets = base::from_hex(text);
  if (!octets) return fail(ErrorCode::kMalformed, "it is not hexadecimal with whole octets");
  SecretBytes secret = SecretBytes::copy_of(*octets);
  base::wipe(*octets);
  return secret;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

Result<SecretBytes> from_base64(std::string_view text) {
  const auto wrong = [] { return fail(ErrorCode::kMalformed, "it is not Base64"); };
  if (text.size() % 4 != 0) return wrong();
  std::size_t digits = text.size();
  while (digits != 0 && text.size() - digits < 2 && text[digits - 1] == '=') --digits;
  SecretBytes secret(digits * 3 / 4);
  std::uint32_t bits = 0;
  std::size_t written = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int value = base64_value(text[i]);
    if (value < 0) return wrong();
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    const unsigned waiting = static_cast<unsigned>((i + 1) * 6 - written * 8);
    if (waiting >= 8)
      secret.mutable_bytes()[written++] = static_cast<std::byte>((bits >> (waiting - 8)) & 0xff);
  }
  return secret;
}

}  // namespace

Result<SecretBytes> parse_key(std::string_view text) { return from_hexadecimal(text); }

Result<SecretBytes> parse_secret(std::string_view text) {
  if (text.starts_with("0x")) return from_hexadecimal(text.substr(2));
  if (text.starts_with("0s")) return from_base64(text.substr(2));
  return SecretBytes::copy_of(base::as_bytes(text));
}

}  // namespace penstock::config
