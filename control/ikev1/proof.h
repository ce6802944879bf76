// SPDX-License-Identifier: BSD-3-Clause
// Who both ends of phase 1 are, and how they prove it: HASH by a pre-shared key (RFC 2409 §5.4), or
// a signature of HASH (§5.1, RFC 4754), which a job makes or judges.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// Certificates that are read of one message; a notary takes fewer and says so.
inline constexpr std::size_t kMaxCertificatesRead = 16;
/// Certificate Request payloads of ours in a message: room is left for other payloads.
inline constexpr std::size_t kMaxRequests = 16;

// ---- ours ----

/// By the configuration, with the credential that the agreed method needs: a distinguished name has
/// the octets of the certificate's subject (RFC 4945 §3.1.5).
[[nodiscard]] base::Result<policy::Identity> own_identity(const IsakmpSa& sa,
                                                          const session::ConnectionConfig& config);
/// The same, kept.
/// @return false: closed, because there is none
bool set_own_identity(Machine& machine, IsakmpSa& sa);
/// The body of our ID payload.
[[nodiscard]] base::ByteVector own_id_body(const IsakmpSa& sa);
void append_identity(const IsakmpSa& sa, isakmp::MessageBuilder& builder);
/// The exchange's `prove` goes on with our HASH at once, or with our signature after a job.
void start_proof(Machine& machine, IsakmpSa& sa);
/// Certificates, if they are wanted, and HASH or signature.
void append_proof(const IsakmpSa& sa, isakmp::MessageBuilder& builder, base::Bytes value);
/// Names the authorities that we trust, of every connection that the peer may turn out to be; if
/// they are more than kMaxRequests, none (RFC 4945 §3.2.7).
void append_certificate_requests(Machine& machine, const IsakmpSa& sa,
                                 isakmp::MessageBuilder& builder);
void append_initial_contact(const IsakmpSa& sa, isakmp::MessageBuilder& builder);

// ---- the peer's ----

/// Does it ask for our certificates, and under which authorities?
void note_requests(IsakmpSa& sa, const isakmp::PayloadChain& payloads);
/// Whom it says it is, kept.
[[nodiscard]] base::Result<void> take_identity(IsakmpSa& sa, const isakmp::PayloadView& payload);
/// Its proof, kept.
[[nodiscard]] base::Result<void> take_evidence(IsakmpSa& sa, const isakmp::PayloadChain& payloads);
/// Is it right, and of this connection or another one with the same key? Then `peer_proved` of the
/// exchange goes on; else reject_peer().
void judge_peer(Machine& machine, IsakmpSa& sa);
/// What the job says of a signature.
void on_verdict(Machine& machine, IsakmpSa& sa, const base::Result<void>& verdict);
/// The message is dropped; the exchange goes on, for it may be a forger's.
void reject_peer(Machine& machine, IsakmpSa& sa, const base::Error& why);

}  // namespace penstock::ikev1
