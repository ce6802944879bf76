// SPDX-License-Identifier: BSD-3-Clause
// Readers: how a value of each type is written in the file. A reader leaves its target alone and
// tells a fault if it cannot.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/place.h"

namespace penstock::config {

/// One word of a choice.
struct Word {
  std::string_view word;
  int value = 0;
  std::string_view later = {};  ///< known, but not built yet: what it belongs to
};

/// A text of a list, and where it stands.
struct TextAt {
  std::string_view text;
  Place at;
};

/// The texts of an array or list, or of one text; that is split at commas if `commas`.
[[nodiscard]] std::vector<TextAt> texts_of(const Place& place, bool commas);
/// The text of a place, or a fault.
[[nodiscard]] std::optional<std::string_view> text_of(const Place& place);

/// `1h`, `30m`, `20s`, `1d`, or seconds. @return kMalformed
[[nodiscard]] base::Result<base::Duration> parse_duration(std::string_view text);
/// `100`, `64K`, `10M`, `2G`, powers of 1024. @return kMalformed, kLimit over 64 bits
[[nodiscard]] base::Result<std::uint64_t> parse_size(std::string_view text);
/// As swanctl.conf: `0x` and hexadecimal, `0s` and Base64, or the octets of the text themselves.
[[nodiscard]] base::Result<base::SecretBytes> parse_secret(std::string_view text);
/// Hexadecimal, an optional `0x`.
[[nodiscard]] base::Result<base::SecretBytes> parse_key(std::string_view text);

template <class T>
struct Reader;

// Each reads into `out`, and says in one or two words what is written.
#define PS_READER(type, kind)                       \
  template <>                                       \
  struct Reader<type> {                             \
    static constexpr std::string_view kKind = kind; \
    static void read(const Place& at, type& out);   \
  }

PS_READER(std::string, "text");
PS_READER(bool, "flag");
PS_READER(std::uint16_t, "integer");
PS_READER(std::uint32_t, "integer");
PS_READER(std::uint64_t, "size");
PS_READER(base::Duration, "duration");
PS_READER(std::vector<std::string>, "texts");
PS_READER(std::vector<unsigned>, "integers");
PS_READER(net::IpAddress, "address");
PS_READER(std::optional<net::IpAddress>, "address");
PS_READER(std::vector<net::IpAddress>, "addresses");
PS_READER(std::vector<net::InterfaceAddress>, "addresses");
PS_READER(net::Prefix, "prefix");
PS_READER(std::vector<net::Prefix>, "prefixes");
PS_READER(net::MacAddress, "MAC address");
PS_READER(net::Port, "integer");
PS_READER(net::Spi, "SPI");
PS_READER(policy::IdentityPattern, "identity");
PS_READER(std::vector<policy::IdentityPattern>, "identities");
PS_READER(policy::TrafficSelectors, "selectors");
#undef PS_READER

/// The value of a word of the row's choice.
[[nodiscard]] std::optional<int> word_of(const Place& place);

template <class T>
requires std::is_enum_v<T>
struct Reader<T> {
  static constexpr std::string_view kKind = "word";
  static void read(const Place& at, T& out) {
    if (const auto value = word_of(at)) out = static_cast<T>(*value);
  }
};

}  // namespace penstock::config
