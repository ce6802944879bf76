// SPDX-License-Identifier: BSD-3-Clause
// TSi and TSr: a count and that many ranges.
#include "control/isakmp/payload/traffic_selectors.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::ByteReader;
using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

struct Fixed {
  std::uint8_t count;
  std::uint8_t reserved[3];  // ignored on receipt, RFC 7296 §3.13
};
static_assert(sizeof(Fixed) == 4);

struct SelectorHeader {
  std::uint8_t type;
  std::uint8_t protocol;
  Be16 length;  ///< with this header
};
static_assert(sizeof(SelectorHeader) == 4);

struct Ports {
  Be16 first;
  Be16 last;
};
static_assert(sizeof(Ports) == 4);

/// The two types there are, and the length of an address in them.
struct RangeType {
  TsType type;
  std::size_t address_octets;
};
constexpr RangeType kRangeTypes[] = {{TsType::kIpv4AddrRange, 4}, {TsType::kIpv6AddrRange, 16}};

tl::unexpected<base::Error> bad(std::string_view why) {
  return fail(ErrorCode::kMalformed, "TS: " + std::string(why));
}

/// @param body  after the selector's header
Result<TsSelector> read_range(std::uint8_t protocol, Bytes body, std::size_t address_octets) {
  if (body.size() != sizeof(Ports) + 2 * address_octets) return bad("Selector Length");
  ByteReader in(body);
  PS_ASSIGN(const Ports* ports, in.take<Ports>());
  PS_ASSIGN(const Bytes first, in.take(address_octets));
  TsSelector out;
  out.protocol = protocol;
  out.first_port = ports->first.get();
  out.last_port = ports->last.get();
  PS_ASSIGN(out.first, net::IpAddress::from_bytes(first));
  PS_ASSIGN(out.last, net::IpAddress::from_bytes(in.rest()));
  if (out.last < out.first) return bad("a range of addresses ends before it begins");
  // RFC 7296 §3.13.1: the one backward range of ports is OPAQUE.
  const bool opaque = out.first_port == 0xffff && out.last_port == 0;
  if (out.last_port < out.first_port && !opaque)
    return bad("a range of ports ends before it begins");
  return out;
}

}  // namespace

Result<TsPayload> parse_traffic_selectors(Bytes body) {
  ByteReader in(body);
  PS_ASSIGN(const Fixed* fixed, in.take<Fixed>());
  if (fixed->count == 0) return bad("there is no selector");
  if (fixed->count > kMaxSelectors)
    return fail(ErrorCode::kLimit, fmt::format("TS: more than {} selectors", kMaxSelectors));
  TsPayload out;
  out.selectors.reserve(fixed->count);
  for (std::size_t i = 0; i < fixed->count; ++i) {
    PS_ASSIGN(const SelectorHeader* header, in.take<SelectorHeader>());
    const std::size_t length = header->length.get();
    if (length < sizeof(SelectorHeader)) return bad("Selector Length");
    PS_ASSIGN(const Bytes rest, in.take(length - sizeof(SelectorHeader)));
    const RangeType* range = nullptr;
    for (const RangeType& row : kRangeTypes)
      if (row.type == TsType{header->type}) range = &row;
    if (range == nullptr) {
      ++out.skipped;
      continue;
    }
    PS_ASSIGN(const TsSelector selector, read_range(header->protocol, rest, range->address_octets));
    out.selectors.push_back(selector);
  }
  if (!in.empty()) return bad("octets are left after the last selector");
  return out;
}

void append_traffic_selectors(MessageBuilder& builder, PayloadType which,
                              std::span<const TsSelector> selectors) {
  PS_CHECK(!selectors.empty() && selectors.size() <= 255);
  base::ByteWriter& out = builder.begin(which);
  out.put(Fixed{static_cast<std::uint8_t>(selectors.size()), {}});
  for (const TsSelector& selector : selectors) {
    const RangeType& range = kRangeTypes[selector.first.is_v4() ? 0 : 1];
    PS_CHECK(selector.first.family() == selector.last.family());
    const std::size_t octets = sizeof(SelectorHeader) + sizeof(Ports) + 2 * range.address_octets;
    out.put(SelectorHeader{static_cast<std::uint8_t>(range.type), selector.protocol,
                           Be16{static_cast<std::uint16_t>(octets)}});
    out.put(Ports{Be16{selector.first_port}, Be16{selector.last_port}});
    out.append(selector.first.bytes());
    out.append(selector.last.bytes());
  }
  builder.end();
}

std::string describe(const TsPayload& payload) {
  std::string out = "[";
  for (const TsSelector& s : payload.selectors) {
    if (out.size() > 1) out += ", ";
    out += s.first.to_string() + "-" + s.last.to_string();
    if (s.protocol == 0 && s.first_port == 0 && s.last_port == 0xffff) continue;
    out += fmt::format("[{}/{}-{}]", s.protocol, s.first_port, s.last_port);
  }
  if (payload.skipped != 0) out += fmt::format(", {} of unknown types", payload.skipped);
  return out + "]";
}

}  // namespace penstock::isakmp
