// SPDX-License-Identifier: BSD-3-Clause
// Attribute payload: type, identifier, and attributes as RFC 2408 §3.3 has them, which here may be
// of no octets.
#include "control/isakmp/payload/v1_configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/base/byte_io.h"

namespace penstock::isakmp {
namespace {

constexpr std::uint16_t kBasic = 0x8000;

struct NameRow {
  V1ConfigurationAttribute attribute;
  std::string_view name;
};
constexpr std::array kXauthNames{
    NameRow{V1ConfigurationAttribute::kXauthType, "XAUTH-TYPE"},
    NameRow{V1ConfigurationAttribute::kXauthUserName, "XAUTH-USER-NAME"},
    NameRow{V1ConfigurationAttribute::kXauthUserPassword, "XAUTH-USER-PASSWORD"},
    NameRow{V1ConfigurationAttribute::kXauthStatus, "XAUTH-STATUS"},
};

std::string name_of(V1ConfigurationAttribute attribute) {
  const auto* found = std::ranges::find(kXauthNames, attribute, &NameRow::attribute);
  if (found != kXauthNames.end()) return std::string(found->name);
  return isakmp::name_of(ConfigurationAttribute{static_cast<std::uint16_t>(attribute)});
}

V1Result<V1ConfigurationValue> read_value(base::ByteReader& in) {
  const auto type = in.u16();
  const auto second = in.u16();
  if (!type || !second) return broken(V1Rule::kAttributes, "an attribute is cut off");
  const V1ConfigurationAttribute attribute{static_cast<std::uint16_t>(*type & ~kBasic)};
  if ((*type & kBasic) != 0) return V1ConfigurationValue::of_u16(attribute, *second);
  const auto octets = in.take(*second);
  if (!octets) return broken(V1Rule::kAttributes, "an attribute is cut off");
  return V1ConfigurationValue::of(attribute, *octets);
}

}  // namespace

V1ConfigurationValue V1ConfigurationValue::empty(V1ConfigurationAttribute attribute) {
  return {attribute, false, {}};
}

V1ConfigurationValue V1ConfigurationValue::of(V1ConfigurationAttribute attribute,
                                              base::Bytes octets) {
  return {attribute, false, base::SecretBytes::copy_of(octets)};
}

V1ConfigurationValue V1ConfigurationValue::of_u16(V1ConfigurationAttribute attribute,
                                                  std::uint16_t value) {
  const std::array octets{std::byte(value >> 8U), std::byte(value & 0xffU)};
  return {attribute, true, base::SecretBytes::copy_of(octets)};
}

std::optional<std::uint16_t> V1ConfigurationValue::u16() const {
  if (octets.size() != 2) return std::nullopt;
  return base::ByteReader(octets.bytes()).u16().value();
}

const V1ConfigurationValue* V1ConfigurationPayload::find(V1ConfigurationAttribute attribute) const {
  const auto found = std::ranges::find(values, attribute, &V1ConfigurationValue::attribute);
  return found == values.end() ? nullptr : &*found;
}

V1Result<V1ConfigurationPayload> parse_v1_configuration(base::Bytes body) {
  base::ByteReader in(body);
  const auto type = in.u8();
  const auto reserved = in.u8();
  const auto identifier = in.u16();
  if (!type || !reserved || !identifier) return broken(V1Rule::kAttributes, "ATTR is cut off");
  // RFC 2408 §5.3: what is reserved is zero.
  if (*reserved != 0) return broken(V1Rule::kReserved, "ATTR");
  V1ConfigurationPayload out{ConfigurationType{*type}, *identifier, {}};
  while (!in.empty()) {
    if (out.values.size() == kMaxV1ConfigurationValues)
      return broken(V1Rule::kLimit, "more attributes than kMaxV1ConfigurationValues");
    PS_ASSIGN(V1ConfigurationValue value, read_value(in));
    out.values.push_back(std::move(value));
  }
  return out;
}

void append_v1_configuration(MessageBuilder& builder, const V1ConfigurationPayload& payload) {
  base::ByteWriter& out = builder.begin(PayloadType::kV1Configuration);
  out.u8(static_cast<std::uint8_t>(payload.type));
  out.u8(0);
  out.u16(payload.identifier);
  for (const V1ConfigurationValue& value : payload.values) {
    const auto type = static_cast<std::uint16_t>(value.attribute);
    out.u16(value.basic ? static_cast<std::uint16_t>(type | kBasic) : type);
    if (!value.basic) out.u16(static_cast<std::uint16_t>(value.octets.size()));
    out.append(value.octets.bytes());
  }
  builder.end();
}

std::string describe(const V1ConfigurationPayload& payload) {
  std::string out = "ATTR[" + name_of(payload.type);
  for (const V1ConfigurationValue& value : payload.values) out += " " + name_of(value.attribute);
  return out + "]";
}

}  // namespace penstock::isakmp
