// SPDX-License-Identifier: BSD-3-Clause
// NAT traversal of IKEv1 (RFC 3947), and the drafts before it: vendor ids, NAT-D payloads and what
// the peer's say, where messages go then, NAT-OA.
#pragma once

#include <array>

#include "control/ikev1/isakmp_sa.h"
#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"

namespace penstock::ikev1 {

/// One way to say it. The drafts -00 and -01 are not among them: they keep port 500 and another
/// encapsulation.
struct NatTraversal {
  std::array<std::uint8_t, 16> vendor;  ///< MD5 of its name (§3.1)
  isakmp::PayloadType nat_d;
  isakmp::PayloadType nat_oa;
  Encapsulation tunnel;
  Encapsulation transport;
};

/// As initiator all of them, as responder the one that is taken.
void append_nat_vendor_ids(isakmp::MessageBuilder& builder, const IsakmpSa& sa);
/// Takes it if it is the best so far.
void note_nat_vendor_id(IsakmpSa& sa, base::Bytes vendor);

/// Both NAT-D payloads, the peer's end first (§3.2).
/// @param force  ours is spoilt, so that the peer sees a NAT and encapsulates too
void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IsakmpSa& sa, bool force);
/// Sets nat_here and nat_there.
void detect_nat(const crypto::CryptoContext& context, IsakmpSa& sa,
                const isakmp::PayloadChain& payloads);
/// As initiator: port 4500 from now on, if there is a NAT or one is to be feigned (§4).
void float_ports(IsakmpSa& sa, bool force);

/// NAT-OA of initiator and responder, as this end sees them (§5.2). The data plane needs none: it
/// computes checksums of transport mode anew (RFC 3948 §3.1.2).
void append_original_addresses(isakmp::MessageBuilder& builder, const IsakmpSa& sa, bool ours);
/// Are those of the peer well-formed?
[[nodiscard]] isakmp::V1Result<void> check_original_addresses(const IsakmpSa& sa,
                                                              const isakmp::PayloadChain& payloads);

}  // namespace penstock::ikev1
