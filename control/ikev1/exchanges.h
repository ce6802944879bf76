// SPDX-License-Identifier: BSD-3-Clause
// The handlers of the transition tables, and how each exchange begins and goes on after a job or an
// installation. One file an exchange: main_mode, aggressive_mode, base_exchange,
// authentication_only, quick_mode (and its responder), new_group_mode, informational.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

// ---- main_mode.cpp ----
void begin_main_mode(Machine& machine, IsakmpSa& sa);
void on_main_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_main_choice(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_main_key_request(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_main_key_answer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_main_proof(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_main_key_pair(Machine& machine, IsakmpSa& sa);
void on_main_veiled(Machine& machine, IsakmpSa& sa);
void on_main_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret);
void on_main_prove(Machine& machine, IsakmpSa& sa, base::Bytes value);
void on_main_peer_proved(Machine& machine, IsakmpSa& sa);

// ---- aggressive_mode.cpp ----
void begin_aggressive_mode(Machine& machine, IsakmpSa& sa);
void on_aggressive_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_aggressive_answer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_aggressive_proof(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_aggressive_key_pair(Machine& machine, IsakmpSa& sa);
void on_aggressive_veiled(Machine& machine, IsakmpSa& sa);
void on_aggressive_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret);
void on_aggressive_prove(Machine& machine, IsakmpSa& sa, base::Bytes value);
void on_aggressive_peer_proved(Machine& machine, IsakmpSa& sa);

// ---- base_exchange.cpp ----
void begin_base_exchange(Machine& machine, IsakmpSa& sa);
void on_base_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_base_choice(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_base_proof(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_base_answer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_base_key_pair(Machine& machine, IsakmpSa& sa);
void on_base_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret);
void on_base_prove(Machine& machine, IsakmpSa& sa, base::Bytes value);
void on_base_peer_proved(Machine& machine, IsakmpSa& sa);

// ---- authentication_only.cpp: no key pair, no shared secret ----
void begin_authentication_only(Machine& machine, IsakmpSa& sa);
void on_only_offer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_only_answer(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_only_proof(Machine& machine, IsakmpSa& sa, const Inbound& in);
void on_only_prove(Machine& machine, IsakmpSa& sa, base::Bytes value);
void on_only_peer_proved(Machine& machine, IsakmpSa& sa);

// ---- quick_mode.cpp ----
void begin_quick_mode(Machine& machine, IsakmpSa& sa, Exchange& x);
void on_quick_choice(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in);
void on_quick_key_pair(Machine& machine, IsakmpSa& sa, Exchange& x, crypto::DhKeyPair pair);
void on_quick_shared_secret(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret);
/// The peer has the other half: ours seals from now on.
void let_out(session::Services& services, session::ChildSa& child);
/// Does the message have the commit bit (RFC 2408 §3.1)?
[[nodiscard]] bool commits(const Inbound& in);
/// The peer or we give up an exchange of phase 2, whichever.
void fail_exchange(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why);
/// A Quick Mode: what it was to make is taken back.
void fail_quick(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why);
/// All parts of its child that were asked for are installed, or one is not.
void on_child_ready(Machine& machine, IsakmpSa& sa, session::ChildSa& child);

// ---- quick_mode_responder.cpp ----
void on_quick_offer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in);
void on_quick_proof(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in);
/// @param secret  empty without PFS
void make_peer_children(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret);
/// Their inbound halves are there.
void send_quick_answer(Machine& machine, IsakmpSa& sa, Exchange& x);
/// The peer confirmed it, and all of it is there.
void peer_child_ready(Machine& machine, IsakmpSa& sa, Exchange& x, const QuickSa& made,
                      session::ChildSa& child);

// ---- new_group_mode.cpp ----
void begin_new_group_mode(Machine& machine, IsakmpSa& sa, Exchange& x,
                          const session::PrivateGroupConfig& group);
void on_new_group_offer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in);
void on_new_group_answer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in);
/// The peer's prime is safe.
void on_group_tested(Machine& machine, IsakmpSa& sa, Exchange& x);
void fail_new_group(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why);

// ---- informational.cpp ----
void on_informational(Machine& machine, IsakmpSa& sa, const Inbound& in);
void send_probe(Machine& machine, IsakmpSa& sa, session::Task task);
void send_delete_isakmp(Machine& machine, IsakmpSa& sa);
void send_delete_child(Machine& machine, IsakmpSa& sa, const session::ChildSa& child);
/// The child of a Quick Mode in which we set the commit bit is there (RFC 2408 §3.1).
void send_connected(Machine& machine, IsakmpSa& sa, Exchange& x, const session::ChildSa& child);
void send_notify(Machine& machine, IsakmpSa& sa, const isakmp::V1NotifyPayload& notify);

}  // namespace penstock::ikev1
