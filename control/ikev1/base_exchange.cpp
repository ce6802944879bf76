// SPDX-License-Identifier: BSD-3-Clause
// The Base Exchange (RFC 2408 §4.4): SA and nonces › the initiator's key exchange, identity and
// proof › the responder's. Identities are in clear. What AUTH is the RFCs leave open: decision 14.
// The responder computes nothing before the initiator has proved who it is.
#include "control/ikev1/clear_exchanges.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/methods.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/proof.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using isakmp::PayloadType;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr auto kBase = ExchangeType::kV1Base;

/// KE, identity and proof of the peer's message, kept.
base::Result<void> take_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  PS_TRY(take_clear_proof(sa, in));
  const auto taken = take_public(sa, in);
  if (taken) return {};
  machine.broken(taken.error());
  return base::fail(base::ErrorCode::kMalformed, taken.error().text);
}

}  // namespace

// ---- initiator ----

void begin_base_exchange(Machine& machine, IsakmpSa& sa) { send_clear_offer(machine, sa); }

void on_base_choice(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto choice = read_choice(machine, sa, in, crypto::DhGroupId::kNone);
  if (!choice) return;
  const auto taken = take_nonce(sa, in);
  if (!taken) return machine.broken(taken.error());
  sa.cookies.r = in.message.header().responder_spi;
  if (!set_agreed(machine, sa, *choice)) return;
  note_vendor_ids(sa, in.payloads);
  note_requests(sa, in.payloads);
  accept_message(machine, sa, in.message.bytes());
  start_key_pair(machine, sa);
}

void on_base_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_proof(machine, sa, in);
  if (!taken) return reject_peer(machine, sa, taken.error());
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

// ---- responder ----

void on_base_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_nonce(sa, in);
  if (!taken) {
    machine.broken(taken.error());
    return machine.close(sa, EndReason::kFailed, taken.error().text);
  }
  auto offer = judge_offer(machine, sa, in);
  if (!offer) return;
  note_requests(sa, in.payloads);
  isakmp::MessageBuilder builder = clear_answer(machine, sa, offer->answer);
  if (peer_signs(sa)) append_certificate_requests(machine, sa, builder);
  append_vendor_ids(sa, builder);
  accept_message(machine, sa, in.message.bytes());
  machine.enter(sa, State::kAnswered);
  machine.send_phase1(sa, builder.finish());
}

void on_base_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_proof(machine, sa, in);
  if (!taken) return reject_peer(machine, sa, taken.error());
  if (machine.services().jobs_full()) return machine.drop(IkeDrop::kJobLimit);
  if (!derive_clear_skeyid(machine, sa) || !set_own_identity(machine, sa)) return;
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

// ---- both ----

void on_base_key_pair(Machine& machine, IsakmpSa& sa) {
  sa.phase1->own_public = sa.phase1->pair.public_value;
  if (!sa.initiator || derive_clear_skeyid(machine, sa)) start_proof(machine, sa);
}

void on_base_prove(Machine& machine, IsakmpSa& sa, base::Bytes value) {
  isakmp::MessageBuilder builder = machine.message(sa, kBase, 0);
  builder.append(PayloadType::kV1KeyExchange, sa.phase1->own_public);
  append_identity(sa, builder);
  append_proof(sa, builder, value);
  if (!sa.initiator) {
    sa.phase1->reply = std::move(builder);
    return start_shared_secret(machine, sa);
  }
  machine.enter(sa, State::kProving);
  machine.send_phase1(sa, builder.finish());
}

void on_base_peer_proved(Machine& machine, IsakmpSa& sa) {
  accept_message(machine, sa, sa.phase1->judged);
  // INITIAL-CONTACT would be in clear, and no AUTH covers it.
  if (!machine.admit_identity(sa, false))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  if (sa.initiator) return start_shared_secret(machine, sa);
  machine.enter(sa, State::kKeyed);
  start_key_pair(machine, sa);
}

void on_base_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret) {
  if (!derive_keys(machine, sa, secret)) return;
  if (!sa.initiator)
    machine.send_phase1(sa, std::exchange(sa.phase1->reply, std::nullopt)->finish());
  machine.established(sa);
}

}  // namespace penstock::ikev1
