// SPDX-License-Identifier: BSD-3-Clause
// NAT detection (RFC 7296 §2.23): both notifies, and what the peer's say.
#pragma once

#include "control/ikev2/ike_sa.h"
#include "control/isakmp/message_builder.h"

namespace penstock::ikev2 {

/// @param force  the source hash is spoilt, so that the peer sees a NAT and encapsulates too
void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IkeSa& sa, bool force);

/// Sets nat_here and nat_there; without the notifies the peer does not speak NAT traversal.
void detect_nat(const crypto::CryptoContext& context, IkeSa& sa,
                const isakmp::PayloadChain& payloads);

}  // namespace penstock::ikev2
