// SPDX-License-Identifier: BSD-3-Clause
// Nonce payload: random octets.
#include "control/isakmp/payload/nonce.h"

#include <fmt/format.h>

namespace penstock::isakmp {

base::Result<NoncePayload> parse_nonce(base::Bytes body) {
  // RFC 7296 §3.9: the size MUST be between 16 and 256 octets.
  if (body.size() < kMinNonceOctets || body.size() > kMaxNonceOctets)
    return base::fail(base::ErrorCode::kMalformed,
                      fmt::format("No: {} octets are not 16 to 256", body.size()));
  return NoncePayload{body};
}

void append_nonce(MessageBuilder& builder, base::Bytes data) {
  builder.append(PayloadType::kNonce, data);
}

std::string describe(const NoncePayload& payload) {
  return fmt::format("No[{} octets]", payload.data.size());
}

}  // namespace penstock::isakmp
