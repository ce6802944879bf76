// SPDX-License-Identifier: BSD-3-Clause
// Authentication payload: method and value. The value is computed and checked in control/session.
#include "control/isakmp/payload/authentication.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

struct Fixed {
  std::uint8_t method;
  std::uint8_t reserved[3];  // ignored on receipt, RFC 7296 §3.8
};
static_assert(sizeof(Fixed) == 4);

}  // namespace

base::Result<AuthPayload> parse_authentication(base::Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const base::Bytes data = body.subspan(sizeof(Fixed));
  if (data.empty()) return base::fail(base::ErrorCode::kMalformed, "AUTH: there is no value");
  return AuthPayload{AuthenticationMethod{fixed->method}, data};
}

void append_authentication(MessageBuilder& builder, AuthenticationMethod method, base::Bytes data) {
  base::ByteWriter& out = builder.begin(PayloadType::kAuthentication);
  out.put(Fixed{static_cast<std::uint8_t>(method), {}});
  out.append(data);
  builder.end();
}

std::string describe(const AuthPayload& payload) {
  return fmt::format("AUTH[{}, {} octets]", name_of(payload.method), payload.data.size());
}

}  // namespace penstock::isakmp
