// SPDX-License-Identifier: BSD-3-Clause
// EAP payload: the frame of an EAP packet.
#include "control/isakmp/payload/eap.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

struct EapHeader {  // RFC 3748 §4
  std::uint8_t code;
  std::uint8_t identifier;
  base::Be16 length;
};
static_assert(sizeof(EapHeader) == 4);
constexpr std::string_view kCodes[] = {"?", "request", "response", "success", "failure"};

}  // namespace

base::Result<EapPayload> parse_eap(base::Bytes body) {
  PS_ASSIGN(const EapHeader* header, base::view<EapHeader>(body));
  // RFC 7296 §3.16: Length is four less than that of the payload.
  if (header->length.get() != body.size())
    return base::fail(base::ErrorCode::kMalformed, "EAP: its Length is not the payload's");
  return EapPayload{header->code, header->identifier, body};
}

void append_eap(MessageBuilder& builder, base::Bytes packet) {
  builder.append(PayloadType::kEap, packet);
}

std::string describe(const EapPayload& payload) {
  const std::string_view code = payload.code < std::size(kCodes) ? kCodes[payload.code] : kCodes[0];
  return fmt::format("EAP[{} {}]", code, payload.identifier);
}

}  // namespace penstock::isakmp
