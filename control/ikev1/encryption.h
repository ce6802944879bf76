// SPDX-License-Identifier: BSD-3-Clause
// Phase 1 under public keys: nonces and identities out and in (RFC 2409 §5.2, and §5.3, where a key
// made of the nonce hides all that follows it). Jobs do the RSA. Whatever a ciphertext held, the
// exchange goes the same way to its end, where HASH is wrong (CVE-2018-5389).
#pragma once

#include "control/ikev1/transitions.h"

namespace penstock::ikev1 {

// ---- ours ----

/// Draws our nonce and encrypts it, and with it our identity; the exchange's `veiled` goes on.
void start_veiling(Machine& machine, IsakmpSa& sa);
/// KE, nonce and identity in the method's order, with HASH(1) of who began.
void append_veiled_keys(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder);
/// In the revised mode all behind the nonce is encrypted now, HASH_R excepted.
[[nodiscard]] base::ByteVector finish_veiled(Machine& machine, IsakmpSa& sa,
                                             isakmp::MessageBuilder& builder);

// ---- the peer's ----

/// `then` gets the message's payloads in clear after a job.
/// @return false: dropped, for what everybody can see
[[nodiscard]] bool start_opening(Machine& machine, IsakmpSa& sa, const Inbound& in,
                                 Phase1Handler then);
void on_opened(Machine& machine, IsakmpSa& sa, const std::vector<base::SecretBytes>& plaintexts);
/// Its ciphertexts are none for our key.
void on_not_opened(Machine& machine, IsakmpSa& sa, const base::Error& why);
/// Whom the peer says it is, or rubbish: that ends at the proof, and not before.
void take_veiled_identity(IsakmpSa& sa, const isakmp::PayloadChain& payloads);
/// As responder: the connection that the identity belongs to, or a decoy.
void settle_connection(Machine& machine, IsakmpSa& sa);

}  // namespace penstock::ikev1
