// SPDX-License-Identifier: BSD-3-Clause
// Selector algebra for narrowing and the SPD, and the text that swanctl.conf writes for selectors.
#include "lib/policy/traffic_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace penstock::policy {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using net::IpAddress;
using net::Prefix;

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};
// IANA "Protocol Numbers", the ones that selectors name in practice; the first name is printed.
constexpr ProtocolName kProtocols[] = {
    {"icmp", 1},  {"igmp", 2},   {"tcp", 6},     {"udp", 17},       {"gre", 47},
    {"esp", 50},  {"ah", 51},    {"icmpv6", 58}, {"ipv6-icmp", 58}, {"ospf", 89},
    {"pim", 103}, {"vrrp", 112}, {"l2tp", 115},  {"sctp", 132},
};
constexpr std::uint16_t kLastPort = 0xffff;

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

tl::unexpected<base::Error> malformed(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kMalformed, fmt::format("\"{}\": {}", text, why));
}

/// Fills the addresses from `10.1.0.0/16`, `10.1.0.1` or `10.0.0.1-10.0.0.9`.
Result<void> read_addresses(TrafficSelector& out, std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) {
    PS_ASSIGN(const Prefix prefix, Prefix::parse(text));
    out.first = prefix.first();
    out.last = prefix.last();
    return {};
  }
  PS_ASSIGN(out.first, IpAddress::parse(text.substr(0, dash)));
  PS_ASSIGN(out.last, IpAddress::parse(text.substr(dash + 1)));
  if (out.first.family() != out.last.family())
    return malformed(text, "a range has two addresses of one family");
  if (out.last < out.first) return malformed(text, "the range ends before it begins");
  return {};
}

Result<void> read_protocol(TrafficSelector& out, std::string_view word) {
  const auto named = std::ranges::find(kProtocols, word, &ProtocolName::name);
  if (named != std::end(kProtocols)) {
    out.protocol = named->number;
  } else if (word == "any" || word == "%any") {
    out.protocol = 0;
  } else if (!read_number(word, out.protocol)) {
    return malformed(word, "not a protocol's name or number");
  }
  return {};
}

Result<void> read_ports(TrafficSelector& out, std::string_view text) {
  if (text == "any" || text == "%any") return {};
  // RFC 7296 §3.13.1: without a protocol there are no ports.
  if (out.protocol == 0) return malformed(text, "ports need a protocol");
  if (text == "opaque") {
    out.first_port = kLastPort;
    out.last_port = 0;
    return {};
  }
  const auto dash = text.find('-');
  const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  if (!read_number(text.substr(0, dash), out.first_port) || !read_number(last, out.last_port))
    return malformed(text, "not a port, a range of ports, any or opaque");
  if (out.last_port < out.first_port) return malformed(text, "the range ends before it begins");
  return {};
}

/// The prefix that is exactly this range, if there is one.
std::optional<Prefix> as_prefix(const IpAddress& first, const IpAddress& last) {
  const std::vector<Prefix> cover = prefixes_of_range(first, last);
  if (cover.size() != 1) return std::nullopt;
  return cover.front();
}

bool bit_is_set(const IpAddress& address, unsigned index) {
  return ((address.octets()[index / 8] >> (7 - index % 8)) & 1U) != 0;
}

IpAddress with_octets(net::Family family, const std::array<std::uint8_t, 16>& octets) {
  if (family == net::Family::kIpv6) return IpAddress::v6(octets);
  return IpAddress::v4(std::uint32_t{octets[0]} << 24 | std::uint32_t{octets[1]} << 16 |
                       std::uint32_t{octets[2]} << 8 | std::uint32_t{octets[3]});
}

/// The next address; wraps to zero after the last.
IpAddress successor(const IpAddress& address) {
  std::array<std::uint8_t, 16> octets = address.octets();
  for (unsigned i = net::bits_of(address.family()) / 8; i-- > 0;)
    if (++octets[i] != 0) break;
  return with_octets(address.family(), octets);
}

}  // namespace

Result<TrafficSelector> TrafficSelector::parse(std::string_view text) {
  TrafficSelector out;
  const auto bracket = text.find('[');
  PS_TRY(read_addresses(out, text.substr(0, bracket)));
  if (bracket == std::string_view::npos) return out;
  if (text.back() != ']') return malformed(text, "\"]\" is missing at its end");
  const std::string_view inside = text.substr(bracket + 1, text.size() - bracket - 2);
  const auto slash = inside.find('/');
  PS_TRY(read_protocol(out, inside.substr(0, slash)));
  if (slash != std::string_view::npos) PS_TRY(read_ports(out, inside.substr(slash + 1)));
  return out;
}

TrafficSelector TrafficSelector::of(const Prefix& prefix) {
  TrafficSelector out;
  out.first = prefix.first();
  out.last = prefix.last();
  return out;
}

bool TrafficSelector::contains(const TrafficSelector& other) const {
  return intersect(other) == other;
}

bool TrafficSelector::matches(const IpAddress& address, std::uint8_t packet_protocol,
                              std::uint16_t port, bool has_ports) const {
  if (address.family() != family() || address < first || last < address) return false;
  if (protocol != 0 && protocol != packet_protocol) return false;
  if (any_port()) return true;
  // RFC 4301 §4.4.1.1: OPAQUE is a field that the packet does not show.
  if (opaque_ports() || !has_ports) return opaque_ports() && !has_ports;
  return first_port <= port && port <= last_port;
}

std::optional<TrafficSelector> TrafficSelector::intersect(const TrafficSelector& other) const {
  if (family() != other.family()) return std::nullopt;
  TrafficSelector out;
  out.first = std::max(first, other.first);
  out.last = std::min(last, other.last);
  if (out.last < out.first) return std::nullopt;
  if (protocol != 0 && other.protocol != 0 && protocol != other.protocol) return std::nullopt;
  out.protocol = std::max(protocol, other.protocol);
  // RFC 4301 §4.4.1.1: ANY includes OPAQUE; a range of ports does not.
  if (any_port() || other.any_port()) {
    const TrafficSelector& narrow = any_port() ? other : *this;
    out.first_port = narrow.first_port;
    out.last_port = narrow.last_port;
    return out;
  }
  if (opaque_ports() != other.opaque_ports()) return std::nullopt;
  if (opaque_ports()) {
    out.first_port = kLastPort;
    out.last_port = 0;
    return out;
  }
  out.first_port = std::max(first_port, other.first_port);
  out.last_port = std::min(last_port, other.last_port);
  if (out.last_port < out.first_port) return std::nullopt;
  return out;
}

std::string TrafficSelector::to_string() const {
  const std::optional<Prefix> prefix = as_prefix(first, last);
  std::string out = prefix ? prefix->to_string() : first.to_string() + "-" + last.to_string();
  if (protocol == 0 && any_port()) return out;
  const auto named = std::ranges::find(kProtocols, protocol, &ProtocolName::number);
  out += '[';
  out += protocol == 0                   ? "any"
         : named == std::end(kProtocols) ? fmt::format("{}", protocol)
                                         : std::string(named->name);
  if (opaque_ports()) {
    out += "/opaque";
  } else if (first_port == last_port) {
    out += fmt::format("/{}", first_port);
  } else if (!any_port()) {
    out += fmt::format("/{}-{}", first_port, last_port);
  }
  out += ']';
  return out;
}

std::vector<Prefix> prefixes_of_range(const IpAddress& first, const IpAddress& last) {
  std::vector<Prefix> out;
  if (first.family() != last.family() || last < first) return out;
  IpAddress at = first;
  for (;;) {
    // The largest aligned block that begins here and does not pass the end.
    auto length = static_cast<std::uint8_t>(net::bits_of(at.family()));
    while (length > 0 && !bit_is_set(at, length - 1U)) {
      const Prefix wider{at, static_cast<std::uint8_t>(length - 1U)};
      if (last < wider.last()) break;
      --length;
    }
    out.push_back(Prefix{at, length});
    const IpAddress end = out.back().last();
    if (end == last) return out;
    at = successor(end);
  }
}

}  // namespace penstock::policy
