// SPDX-License-Identifier: BSD-3-Clause
// Values as operators write them. Numbers with a unit, SPIs, keys and all over 31 bits are texts.
#include "control/config/readers.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "control/config/schema.h"

namespace penstock::config {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    return fail(ErrorCode::kLimit, fmt::format("'{}' is over 64 bits", text));
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(ErrorCode::kMalformed, fmt::format("'{}' is not a number", text));
  return value;
}

/// The integer of a place within its row's limits.
std::optional<long long> integer_of(const Place& at) {
  if (!expect(at, PlaceKind::kInteger)) return std::nullopt;
  const long long value = at.integer();
  const OptionDoc& doc = at.doc();
  if (value >= doc.low && value <= doc.high) return value;
  at.fault(fmt::format("{} is not in {} to {}", value, doc.low, doc.high));
  return std::nullopt;
}

/// Reads one text with `parse`; a bad one is a fault in its own words.
template <class T, class Parse>
bool read_text(const TextAt& text, Parse parse, T& out) {
  auto value = parse(text.text);
  if (!value) {
    text.at.fault(value.error().text);
    return false;
  }
  out = *std::move(value);
  return true;
}

template <class T, class Parse>
void read_one(const Place& at, Parse parse, T& out) {
  if (const auto text = text_of(at)) read_text(TextAt{*text, at}, parse, out);
}

template <class T, class Parse>
void read_many(const Place& at, bool commas, Parse parse, std::vector<T>& out) {
  for (const TextAt& text : texts_of(at, commas)) {
    T value{};
    if (read_text(text, parse, value)) out.push_back(std::move(value));
  }
}

}  // namespace

std::optional<std::string_view> text_of(const Place& place) {
  if (!expect(place, PlaceKind::kText)) return std::nullopt;
  return place.text();
}

std::vector<TextAt> texts_of(const Place& place, bool commas) {
  std::vector<TextAt> texts;
  const PlaceKind kind = place.kind();
  if (kind == PlaceKind::kArray || kind == PlaceKind::kList) {
    for (std::size_t i = 0; i < place.size(); ++i)
      if (const auto text = text_of(place[i])) texts.push_back({trimmed(*text), place[i]});
    return texts;
  }
  if (kind != PlaceKind::kText) {
    place.fault(fmt::format("an array of texts is wanted, and {} is there", name_of(kind)));
    return texts;
  }
  std::string_view rest = place.text();
  while (commas && rest.find(',') != std::string_view::npos) {
    texts.push_back({trimmed(rest.substr(0, rest.find(','))), place});
    rest.remove_prefix(rest.find(',') + 1);
  }
  texts.push_back({trimmed(rest), place});
  return texts;
}

Result<base::Duration> parse_duration(std::string_view text) {
  struct Unit {
    char letter;
    std::uint64_t seconds;
  };
  static constexpr Unit kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  constexpr std::uint64_t kMost_s = std::uint64_t{100} * 365 * 86400;  // 100 years
  std::uint64_t factor = 1;
  std::string_view number = text;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.letter)) continue;
    factor = unit.seconds;
    number.remove_suffix(1);
  }
  const auto value = digits(number);
  if (!value || *value > kMost_s / factor)
    return fail(ErrorCode::kMalformed,
                fmt::format("'{}' is no duration: seconds, or a number with s, m, h or d", text));
  return base::seconds{*value * factor};
}

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kLetters = "kKmMgG";
  unsigned shift = 0;
  std::string_view number = text;
  if (!text.empty() && kLetters.find(text.back()) != std::string_view::npos) {
    shift = 10 * (static_cast<unsigned>(kLetters.find(text.back())) / 2 + 1);
    number.remove_suffix(1);
  }
  const auto value = digits(number);
  if (!value)
    return fail(ErrorCode::kMalformed,
                fmt::format("'{}' is no size: octets, or a number with K, M or G", text));
  if (*value > (std::numeric_limits<std::uint64_t>::max() >> shift))
    return fail(ErrorCode::kLimit, fmt::format("'{}' is over 64 bits", text));
  return *value << shift;
}

std::optional<int> word_of(const Place& place) {
  const auto text = text_of(place);
  if (!text) return std::nullopt;
  std::string known;
  for (const Word& word : place.doc().words) {
    if (word.word == *text) {
      if (word.later.empty()) return word.value;
      not_built_yet(place, word.later);
      return std::nullopt;
    }
    if (word.later.empty()) known += fmt::format("{}`{}`", known.empty() ? "" : ", ", word.word);
  }
  place.fault(fmt::format("'{}' is none of {}", *text, known));
  return std::nullopt;
}

void Reader<std::string>::read(const Place& at, std::string& out) {
  if (!at.doc().words.empty() && !word_of(at)) return;
  if (const auto text = text_of(at)) out = *text;
}

void Reader<bool>::read(const Place& at, bool& out) {
  // swanctl.conf writes yes and no, libconfig true and false.
  if (at.kind() == PlaceKind::kText && (at.text() == "yes" || at.text() == "no")) {
    out = at.text() == "yes";
  } else if (expect(at, PlaceKind::kFlag)) {
    out = at.flag();
  }
}

void Reader<std::uint16_t>::read(const Place& at, std::uint16_t& out) {
  if (const auto value = integer_of(at)) out = static_cast<std::uint16_t>(*value);
}

void Reader<std::uint32_t>::read(const Place& at, std::uint32_t& out) {
  if (const auto value = integer_of(at)) out = static_cast<std::uint32_t>(*value);
}

void Reader<net::Port>::read(const Place& at, net::Port& out) {
  if (const auto value = integer_of(at)) out = net::Port{static_cast<std::uint16_t>(*value)};
}

void Reader<std::uint64_t>::read(const Place& at, std::uint64_t& out) {
  if (at.kind() == PlaceKind::kInteger) {
    if (at.integer() < 0)
      at.fault("it is negative");
    else
      out = static_cast<std::uint64_t>(at.integer());
    return;
  }
  const bool sized = at.doc().unit == "octets";
  read_one(
      at, [&](std::string_view text) { return sized ? parse_size(text) : digits(text); }, out);
}

void Reader<base::Duration>::read(const Place& at, base::Duration& out) {
  if (at.kind() == PlaceKind::kInteger) {
    if (at.integer() < 0)
      at.fault("it is negative");
    else
      read_text(
          TextAt{"", at},
          [&](std::string_view) { return parse_duration(fmt::format("{}", at.integer())); }, out);
    return;
  }
  read_one(at, parse_duration, out);
}

void Reader<std::vector<std::string>>::read(const Place& at, std::vector<std::string>& out) {
  out.clear();
  for (const TextAt& text : texts_of(at, false)) out.emplace_back(text.text);
}

void Reader<std::vector<unsigned>>::read(const Place& at, std::vector<unsigned>& out) {
  if (at.kind() != PlaceKind::kArray && at.kind() != PlaceKind::kList) {
    at.fault(fmt::format("an array of integers is wanted, and {} is there", name_of(at.kind())));
    return;
  }
  out.clear();
  for (std::size_t i = 0; i < at.size(); ++i)
    if (const auto value = integer_of(at[i])) out.push_back(static_cast<unsigned>(*value));
}

void Reader<net::IpAddress>::read(const Place& at, net::IpAddress& out) {
  net::IpAddress address;
  const auto text = text_of(at);
  if (!text || !read_text(TextAt{*text, at}, net::IpAddress::parse, address)) return;
  out = address;
}

void Reader<std::optional<net::IpAddress>>::read(const Place& at,
                                                 std::optional<net::IpAddress>& out) {
  net::IpAddress address;
  Reader<net::IpAddress>::read(at, address);
  if (!address.is_unspecified()) out = address;
}

void Reader<std::vector<net::IpAddress>>::read(const Place& at, std::vector<net::IpAddress>& out) {
  read_many(at, true, net::IpAddress::parse, out);
}

void Reader<std::vector<net::InterfaceAddress>>::read(const Place& at,
                                                      std::vector<net::InterfaceAddress>& out) {
  read_many(at, true, net::InterfaceAddress::parse, out);
}

void Reader<net::Prefix>::read(const Place& at, net::Prefix& out) {
  net::Prefix prefix;
  const auto text = text_of(at);
  const auto parse = [](std::string_view t) { return net::Prefix::parse(t); };
  if (!text || !read_text(TextAt{*text, at}, parse, prefix)) return;
  out = prefix;
}

void Reader<std::vector<net::Prefix>>::read(const Place& at, std::vector<net::Prefix>& out) {
  read_many(
      at, true, [](std::string_view text) { return net::Prefix::parse(text); }, out);
}

void Reader<net::MacAddress>::read(const Place& at, net::MacAddress& out) {
  read_one(at, net::parse_mac, out);
}

void Reader<net::Spi>::read(const Place& at, net::Spi& out) { read_one(at, net::parse_spi, out); }

void Reader<policy::IdentityPattern>::read(const Place& at, policy::IdentityPattern& out) {
  read_one(at, policy::IdentityPattern::parse, out);
}

void Reader<std::vector<policy::IdentityPattern>>::read(const Place& at,
                                                        std::vector<policy::IdentityPattern>& out) {
  // A distinguished name holds commas, so one text is one identity.
  read_many(at, false, policy::IdentityPattern::parse, out);
}

void Reader<policy::TrafficSelectors>::read(const Place& at, policy::TrafficSelectors& out) {
  const std::vector<TextAt> texts = texts_of(at, true);
  if (texts.size() == 1 && texts.front().text == "dynamic") {
    out.clear();
    return;
  }
  policy::TrafficSelectors selectors;
  read_many(at, true, policy::TrafficSelector::parse, selectors);
  out = std::move(selectors);
}

}  // namespace penstock::config
