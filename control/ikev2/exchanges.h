// SPDX-License-Identifier: BSD-3-Clause
// The handlers of the transition table, and how each exchange begins and goes on after a job or an
// installation. One file an exchange: ike_sa_init, ike_auth, create_child_sa (and its
// responder), rekey_ike, informational.
#pragma once

#include "control/ikev2/machine.h"

namespace penstock::ikev2 {

// ---- ike_sa_init.cpp ----
void begin_ike_sa_init(Machine& machine, IkeSa& sa);
void on_init_key_pair(Machine& machine, IkeSa& sa, crypto::DhKeyPair pair);
void on_init_shared_secret(Machine& machine, IkeSa& sa, base::Bytes secret);
void on_ike_sa_init_request(Machine& machine, IkeSa& sa, const Inbound& in);
void on_ike_sa_init_response(Machine& machine, IkeSa& sa, const Inbound& in);
void on_ike_sa_init_refused(Machine& machine, IkeSa& sa, const Inbound& in);
/// To answer a message without keeping anything: INVALID_KE_PAYLOAD, COOKIE, INVALID_IKE_SPI, ….
[[nodiscard]] isakmp::MessageBuilder stateless_answer(const isakmp::Header& request);

// ---- ike_auth.cpp ----
void begin_ike_auth(Machine& machine, IkeSa& sa);
void on_ike_auth_request(Machine& machine, IkeSa& sa, const Inbound& in);
void on_ike_auth_response(Machine& machine, IkeSa& sa, const Inbound& in);
void on_ike_auth_refused(Machine& machine, IkeSa& sa, const Inbound& in);
/// A signature was made or judged, or could not be.
void on_auth_job(Machine& machine, IkeSa& sa, session::JobResult result);
/// The first child was installed, or not: the responder answers, the initiator is done.
void on_first_child_ready(Machine& machine, IkeSa& sa, session::ChildSa& child);
void answer_ike_auth(Machine& machine, IkeSa& sa, const session::ChildSa* child,
                     isakmp::NotifyType refusal);

// ---- create_child_sa.cpp ----
void begin_create_child(Machine& machine, IkeSa& sa);
void on_create_child_response(Machine& machine, IkeSa& sa, const Inbound& in);
void on_create_child_refused(Machine& machine, IkeSa& sa, const Inbound& in);
void on_answer_too_late(Machine& machine, IkeSa& sa, const Inbound& in);
void on_child_key_pair(Machine& machine, IkeSa& sa, bool for_peer, crypto::DhKeyPair pair);
void on_child_shared_secret(Machine& machine, IkeSa& sa, bool for_peer, base::Bytes secret);
void on_child_ready(Machine& machine, IkeSa& sa, session::ChildSa& child);

// ---- create_child_sa_responder.cpp ----
void on_create_child_request(Machine& machine, IkeSa& sa, const Inbound& in);
void on_create_child_too_late(Machine& machine, IkeSa& sa, const Inbound& in);
void on_peer_child_key_pair(Machine& machine, IkeSa& sa, crypto::DhKeyPair pair);
/// @param secret  empty without PFS
void make_peer_child(Machine& machine, IkeSa& sa, base::Bytes secret);
void peer_child_ready(Machine& machine, IkeSa& sa, session::ChildSa& child);

// ---- rekey_ike.cpp ----
void begin_rekey_ike(Machine& machine, IkeSa& sa);
void on_rekey_ike_request(Machine& machine, IkeSa& sa, const Inbound& in);
void on_rekey_ike_response(Machine& machine, IkeSa& sa, const Inbound& in);
void on_rekey_ike_key_pair(Machine& machine, IkeSa& sa, bool for_peer, crypto::DhKeyPair pair);
void on_rekey_ike_shared_secret(Machine& machine, IkeSa& sa, bool for_peer, base::Bytes secret);
/// Our request to rekey was refused or forgotten: the peer's colliding one stands (§2.25.2).
void settle_ike_collision(Machine& machine, IkeSa& sa);
/// The peer makes or deletes a child on an IKE SA whose collision is undecided.
void settle_by_use(Machine& machine, IkeSa& sa);

// ---- informational.cpp ----
void begin_informational(Machine& machine, IkeSa& sa);
void on_informational_request(Machine& machine, IkeSa& sa, const Inbound& in);
void on_informational_response(Machine& machine, IkeSa& sa, const Inbound& in);

}  // namespace penstock::ikev2
