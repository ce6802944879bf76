// SPDX-License-Identifier: BSD-3-Clause
// NAT traversal of IKEv1 (RFC 3947): NAT-D payloads, what the peer's say, where messages go then.
#pragma once

#include "control/ikev1/isakmp_sa.h"
#include "control/isakmp/message_builder.h"

namespace penstock::ikev1 {

/// Both NAT-D payloads, the peer's end first (§3.2).
/// @param force  ours is spoilt, so that the peer sees a NAT and encapsulates too
void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IsakmpSa& sa, bool force);
/// Sets nat_here and nat_there.
void detect_nat(const crypto::CryptoContext& context, IsakmpSa& sa,
                const isakmp::PayloadChain& payloads);
/// As initiator: port 4500 from now on, if there is a NAT or one is to be feigned (§4).
void float_ports(IsakmpSa& sa, bool force);

}  // namespace penstock::ikev1
