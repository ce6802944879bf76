// SPDX-License-Identifier: BSD-3-Clause
// NAT Original Address payload of IKEv1 (RFC 3947 §5.2).
#pragma once

#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"
#include "lib/net/address.h"

namespace penstock::isakmp {

/// @return kNat if it is neither ID_IPV4_ADDR nor ID_IPV6_ADDR with an address of its length
[[nodiscard]] V1Result<net::IpAddress> parse_v1_nat_oa(base::Bytes body);
/// @param which  kV1NatOa, or what a draft before RFC 3947 had for it
void append_v1_nat_oa(MessageBuilder& builder, PayloadType which, const net::IpAddress& address);

}  // namespace penstock::isakmp
