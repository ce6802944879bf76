// SPDX-License-Identifier: BSD-3-Clause
// What the exchanges of phase 1 share: the offer and its judgement, keys, who the peer is.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// How long an ISAKMP SA lasts by its connection; 0: no limit.
[[nodiscard]] base::Duration configured_life(const session::ConnectionConfig& config);

/// Vendor ids of what we speak: RFC 3947, RFC 3706.
void append_vendor_ids(isakmp::MessageBuilder& builder);
void note_vendor_ids(IsakmpSa& sa, const isakmp::PayloadChain& payloads);

/// The body of a message's first payload.
[[nodiscard]] base::ByteVector first_body(base::Bytes message);
/// The message was right: it is answered again if it comes again, and our own is no longer
/// repeated.
void accept_message(Machine& machine, IsakmpSa& sa, const Inbound& in);

/// As responder: connection and proposal for an offer. What fits nowhere is refused and forgotten.
[[nodiscard]] std::optional<Choice> judge_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
/// @return false: closed, because an algorithm is missing
bool set_agreed(Machine& machine, IsakmpSa& sa, const Choice& choice);

void start_shared_secret(Machine& machine, IsakmpSa& sa);
/// SKEYID and all that comes of it, from the secret for the identities that are known by now.
/// @return false: closed, because there is no secret
bool derive_keys(Machine& machine, IsakmpSa& sa, base::Bytes g_xy);

/// ID and HASH payloads of ours.
void append_proof(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder);
void append_initial_contact(const IsakmpSa& sa, isakmp::MessageBuilder& builder);
/// Identity and HASH of the peer: right, and of this connection or another one with the same key.
[[nodiscard]] base::Result<void> check_peer(Machine& machine, IsakmpSa& sa, const Inbound& in);
/// The message is dropped; the exchange goes on, for it may be a forger's.
void reject_peer(Machine& machine, IsakmpSa& sa, const base::Error& why);

[[nodiscard]] bool find_notify(const isakmp::PayloadChain& payloads, isakmp::V1NotifyType type);

}  // namespace penstock::ikev1
