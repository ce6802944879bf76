// SPDX-License-Identifier: BSD-3-Clause
// Key Exchange payload of IKEv2 (RFC 7296 §3.4).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"
#include "lib/crypto/algorithms.h"

namespace penstock::isakmp {

struct KePayload {
  crypto::DhGroupId group = crypto::DhGroupId::kNone;  ///< may be a number that we do not have
  base::Bytes data;  ///< not empty; its length is checked by dh_shared_secret()
};

/// @return kTruncated if the fixed part is not there, kMalformed if there is no data
[[nodiscard]] base::Result<KePayload> parse_key_exchange(base::Bytes body);
void append_key_exchange(MessageBuilder& builder, crypto::DhGroupId group, base::Bytes data);
[[nodiscard]] std::string describe(const KePayload& payload);  ///< "KE[x25519, 32 octets]"

}  // namespace penstock::isakmp
