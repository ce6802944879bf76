// SPDX-License-Identifier: BSD-3-Clause
// What the exchanges of RFC 2408 §4 that RFC 2409 does not define share: Base and Authentication
// Only. Both begin with SA and nonce, and prove identities before there is a shared secret.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// As initiator: SA and nonce.
void send_clear_offer(Machine& machine, IsakmpSa& sa);
/// SA payload with the choice, and our nonce.
[[nodiscard]] isakmp::MessageBuilder clear_answer(Machine& machine, IsakmpSa& sa,
                                                  const isakmp::V1Proposal& choice);
/// The peer's nonce, kept.
[[nodiscard]] isakmp::V1Result<void> take_nonce(IsakmpSa& sa, const Inbound& in);
/// The peer's public value, kept.
[[nodiscard]] isakmp::V1Result<void> take_public(IsakmpSa& sa, const Inbound& in);
/// The peer's identity and proof, kept.
[[nodiscard]] base::Result<void> take_clear_proof(IsakmpSa& sa, const Inbound& in);

/// What HASH is keyed with where g^xy is not there yet, or never (decision 14): SKEYID of a
/// pre-shared key, else prf(hash(Ni_b | Nr_b), CKY-I | CKY-R). Who has no secret is judged by one
/// of nobody's.
/// @return false: closed, because there is no key of ours
bool derive_clear_skeyid(Machine& machine, IsakmpSa& sa);

}  // namespace penstock::ikev1
