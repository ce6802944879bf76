// SPDX-License-Identifier: BSD-3-Clause
// Key Exchange payload: group and public value.
#include "control/isakmp/payload/key_exchange.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

struct Fixed {
  base::Be16 group;
  base::Be16 reserved;  // ignored on receipt, RFC 7296 §3.4 and §2.5
};
static_assert(sizeof(Fixed) == 4);

}  // namespace

base::Result<KePayload> parse_key_exchange(base::Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const base::Bytes data = body.subspan(sizeof(Fixed));
  if (data.empty()) return base::fail(base::ErrorCode::kMalformed, "KE: there is no public value");
  return KePayload{crypto::DhGroupId{fixed->group.get()}, data};
}

void append_key_exchange(MessageBuilder& builder, crypto::DhGroupId group, base::Bytes data) {
  base::ByteWriter& out = builder.begin(PayloadType::kKeyExchange);
  out.put(Fixed{base::Be16{static_cast<std::uint16_t>(group)}, {}});
  out.append(data);
  builder.end();
}

std::string describe(const KePayload& payload) {
  return fmt::format("KE[{}, {} octets]", crypto::name_of(payload.group), payload.data.size());
}

}  // namespace penstock::isakmp
