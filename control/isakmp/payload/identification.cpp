// SPDX-License-Identifier: BSD-3-Clause
// Identification payloads: type and value. What an identity means is policy::Identity's business.
#include "control/isakmp/payload/identification.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/net/address.h"

namespace penstock::isakmp {
namespace {

using base::ErrorCode;
using base::fail;

struct Fixed {
  std::uint8_t type;
  std::uint8_t protocol;  // with the port: reserved in IKEv2, ignored on receipt (RFC 7296 §3.5)
  base::Be16 port;
};
static_assert(sizeof(Fixed) == 4);

/// Types whose data has one length only (RFC 7296 §3.5, RFC 2407 §4.6.2).
struct FixedLength {
  std::uint8_t type;
  std::size_t octets;
};
constexpr FixedLength kFixedLengths[] = {{1, 4}, {4, 8}, {5, 16}, {6, 32}, {7, 8}, {8, 32}};
constexpr std::uint8_t kIpv4Addr = 1;
constexpr std::uint8_t kIpv6Addr = 5;

bool is_printable(base::Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) {
    return std::to_integer<unsigned>(b) >= 0x20 && std::to_integer<unsigned>(b) < 0x7f;
  });
}

std::string type_name(std::uint8_t type) {
  for (const RegistryRow& row : id_type_registry())
    if (row.number == type) return std::string(row.name);
  return fmt::format("id({})", type);
}

}  // namespace

base::Result<IdPayload> parse_identification(base::Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const base::Bytes data = body.subspan(sizeof(Fixed));
  if (data.empty()) return fail(ErrorCode::kMalformed, "ID: there is no identity");
  if (data.size() > kMaxIdOctets) return fail(ErrorCode::kLimit, "ID: longer than kMaxIdOctets");
  for (const FixedLength& row : kFixedLengths)
    if (row.type == fixed->type && row.octets != data.size())
      return fail(ErrorCode::kMalformed,
                  fmt::format("ID: {} with {} octets", type_name(fixed->type), data.size()));
  return IdPayload{fixed->type, fixed->protocol, fixed->port.get(), data};
}

base::ByteVector identification_body(std::uint8_t type, base::Bytes data, std::uint8_t protocol,
                                     std::uint16_t port) {
  base::ByteWriter out;
  out.put(Fixed{type, protocol, base::Be16{port}});
  out.append(data);
  return out.release();
}

void append_identification(MessageBuilder& builder, PayloadType which, std::uint8_t type,
                           base::Bytes data) {
  builder.append(which, identification_body(type, data));
}

std::string describe(const IdPayload& payload) {
  std::string value = is_printable(payload.data) ? std::string(base::as_text(payload.data))
                                                 : "0x" + base::to_hex(payload.data);
  if (payload.type == kIpv4Addr || payload.type == kIpv6Addr)
    if (const auto address = net::IpAddress::from_bytes(payload.data)) value = address->to_string();
  return type_name(payload.type) + " " + value;
}

}  // namespace penstock::isakmp
