// SPDX-License-Identifier: BSD-3-Clause
// What the exchanges of phase 1 share: the offer and its judgement, keys.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// When an ISAKMP SA is to have a successor, which is always a new phase 1: IKEv1 rekeys none
/// without proving identities anew. 0: never by time.
[[nodiscard]] base::Duration renewal_time(const session::ConnectionConfig& config);
/// How long an ISAKMP SA lasts by its connection; 0: no limit.
[[nodiscard]] base::Duration configured_life(const session::ConnectionConfig& config);

[[nodiscard]] isakmp::ExchangeType exchange_of(session::Phase1Exchange exchange);
[[nodiscard]] bool is_aggressive(const IsakmpSa& sa);
/// @return nullptr if there is none for us and whom the peer is, or is presumed to be
[[nodiscard]] const session::SharedSecret* secret_for(Machine& machine, const IsakmpSa& sa,
                                                      const session::ConnectionConfig& config);

/// Vendor ids of what we speak: NAT traversal (RFC 3947), RFC 3706, fragments.
void append_vendor_ids(const IsakmpSa& sa, isakmp::MessageBuilder& builder);
void note_vendor_ids(IsakmpSa& sa, const isakmp::PayloadChain& payloads);

/// The body of a message's first payload.
[[nodiscard]] base::ByteVector first_body(base::Bytes message);
/// The message was right: it is answered again if it comes again, and our own is no longer
/// repeated.
void accept_message(Machine& machine, IsakmpSa& sa, base::Bytes message);

/// As responder: connection and proposal for an offer. What fits nowhere is refused and forgotten.
[[nodiscard]] std::optional<Choice> judge_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
/// As initiator: what was chosen of our offer. If it is none of that, it is noted, and the exchange
/// goes on: the answer is not authenticated.
[[nodiscard]] std::optional<Choice> read_choice(Machine& machine, IsakmpSa& sa, const Inbound& in,
                                                crypto::DhGroupId group);
/// @return false: closed, because an algorithm is missing
bool set_agreed(Machine& machine, IsakmpSa& sa, const Choice& choice);

/// KE and nonce of the peer, kept.
[[nodiscard]] isakmp::V1Result<void> take_keys(IsakmpSa& sa, const Inbound& in);
/// Ours, with a nonce drawn now.
void append_keys(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder);
void start_key_pair(Machine& machine, IsakmpSa& sa);
void start_shared_secret(Machine& machine, IsakmpSa& sa);

/// SKEYID of forms that need no shared secret.
/// @return false: closed, because there is no key
bool derive_early_skeyid(Machine& machine, IsakmpSa& sa);
/// SKEYID, unless it is there, and all that comes of it.
/// @return false: closed, because there is no key or no identity of ours
bool derive_keys(Machine& machine, IsakmpSa& sa, base::Bytes g_xy);

}  // namespace penstock::ikev1
