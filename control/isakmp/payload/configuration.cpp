// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload: a type and attributes, whose values the pools of control/session read.
#include "control/isakmp/payload/configuration.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

using base::ErrorCode;
using base::fail;

struct Fixed {
  std::uint8_t type;
  std::uint8_t reserved[3];  // ignored on receipt, RFC 7296 §3.15
};
static_assert(sizeof(Fixed) == 4);

struct AttributeHeader {
  base::Be16 type;  // the first bit is reserved and ignored, RFC 7296 §3.15.1
  base::Be16 length;
};
static_assert(sizeof(AttributeHeader) == 4);
constexpr std::uint16_t kTypeMask = 0x7fff;

}  // namespace

base::Result<ConfigurationPayload> parse_configuration(base::Bytes body) {
  base::ByteReader in(body);
  PS_ASSIGN(const Fixed* fixed, in.take<Fixed>());
  ConfigurationPayload out{ConfigurationType{fixed->type}, {}};
  while (!in.empty()) {
    if (out.values.size() == kMaxConfigurationAttributes)
      return fail(ErrorCode::kLimit, "CP: more attributes than kMaxConfigurationAttributes");
    PS_ASSIGN(const AttributeHeader* header, in.take<AttributeHeader>());
    PS_ASSIGN(const base::Bytes value, in.take(header->length.get()));
    const auto type = static_cast<std::uint16_t>(header->type.get() & kTypeMask);
    out.values.push_back({ConfigurationAttribute{type}, value});
  }
  return out;
}

void append_configuration(MessageBuilder& builder, ConfigurationType type,
                          std::span<const ConfigurationValue> values) {
  base::ByteWriter& out = builder.begin(PayloadType::kConfiguration);
  out.put(Fixed{static_cast<std::uint8_t>(type), {}});
  for (const ConfigurationValue& value : values) {
    out.put(AttributeHeader{base::Be16{static_cast<std::uint16_t>(value.attribute)},
                            base::Be16{static_cast<std::uint16_t>(value.value.size())}});
    out.append(value.value);
  }
  builder.end();
}

std::string describe(const ConfigurationPayload& payload) {
  std::string out = "CP[" + name_of(payload.type);
  for (const ConfigurationValue& value : payload.values) out += " " + name_of(value.attribute);
  return out + "]";
}

}  // namespace penstock::isakmp
