// SPDX-License-Identifier: BSD-3-Clause
// EAP payload of IKEv2 (RFC 7296 §3.16): one EAP packet (RFC 3748 §4), not interpreted here.
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

struct EapPayload {
  std::uint8_t code = 0;  ///< 1 request, 2 response, 3 success, 4 failure
  std::uint8_t identifier = 0;
  base::Bytes packet;  ///< the whole EAP packet
};

/// @return kTruncated; kMalformed if EAP's own Length is not the payload's
[[nodiscard]] base::Result<EapPayload> parse_eap(base::Bytes body);
void append_eap(MessageBuilder& builder, base::Bytes packet);
[[nodiscard]] std::string describe(const EapPayload& payload);  ///< "EAP[request 7]"

}  // namespace penstock::isakmp
