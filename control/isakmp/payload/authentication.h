// SPDX-License-Identifier: BSD-3-Clause
// Authentication payload of IKEv2 (RFC 7296 §3.8).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

struct AuthPayload {
  AuthenticationMethod method = AuthenticationMethod::kSharedKey;  ///< may be one without a name
  base::Bytes data;
};

/// @return kTruncated; kMalformed if there is no data
[[nodiscard]] base::Result<AuthPayload> parse_authentication(base::Bytes body);
void append_authentication(MessageBuilder& builder, AuthenticationMethod method, base::Bytes data);
[[nodiscard]] std::string describe(const AuthPayload& payload);  ///< "AUTH[shared key, 32 octets]"

}  // namespace penstock::isakmp
