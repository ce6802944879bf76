// SPDX-License-Identifier: BSD-3-Clause
// What certificates and signatures add to IKE_SA_INIT and IKE_AUTH: SIGNATURE_HASH_ALGORITHMS (RFC
// 7427 §4), CERTREQ and CERT (RFC 7296 §3.6, §3.7), and the jobs that sign and judge.
#pragma once

#include "control/ikev2/machine.h"
#include "control/session/authentication.h"

namespace penstock::ikev2 {

/// <SignedOctets> of the original initiator or responder (§2.15).
[[nodiscard]] session::SignedOctets signed_parts(const IkeSa& sa, bool of_initiator,
                                                 base::Bytes identity_body);
/// The identity payload's body of that end.
[[nodiscard]] base::ByteVector identity_body(const IkeSa& sa, bool of_initiator);

// ---- IKE_SA_INIT ----

/// Initiator: what the connection needs.
void append_signature_hashes(isakmp::MessageBuilder& builder,
                             const session::ConnectionConfig& config);
/// Responder: what any connection for these addresses needs, CERTREQ too.
void append_signature_support(Machine& machine, const IkeSa& sa, isakmp::MessageBuilder& builder);
/// The peer's hashes, and what it asks for.
void read_signature_support(Handshake& handshake, const isakmp::PayloadChain& payloads);

// ---- IKE_AUTH ----

/// Our credential for this peer; nullptr without one.
[[nodiscard]] const session::Credential* credential_for(const IkeSa& sa,
                                                        const session::ConnectionConfig& config);
void append_certificate_requests(isakmp::MessageBuilder& builder,
                                 std::span<const session::AuthorityHash> authorities);
/// Our chain, if it is configured or asked for.
void append_certificates(isakmp::MessageBuilder& builder, const IkeSa& sa);

/// Starts the job that makes our AUTH.
/// @return why there can be none
[[nodiscard]] base::Result<void> start_signing(Machine& machine, IkeSa& sa);
/// The AUTH payload's data of what the job made.
[[nodiscard]] base::Result<base::ByteVector> signed_auth(const IkeSa& sa, base::Bytes signature);

/// Starts the job that judges the peer's AUTH; `in` is kept until it is done.
/// @param remote  what the connection, or the one that it might have been, takes
/// @return why the peer is refused at once
[[nodiscard]] base::Result<void> start_verifying(Machine& machine, IkeSa& sa, const Inbound& in,
                                                 const session::PeerAuth& remote);
}  // namespace penstock::ikev2
