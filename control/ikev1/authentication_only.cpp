// SPDX-License-Identifier: BSD-3-Clause
// The Authentication Only Exchange (RFC 2408 §4.6): SA and nonce › the same, identity and proof ›
// the initiator's identity and proof, all in clear. It makes no keys: what it establishes says who
// both ends are and protects nothing, no Quick Mode and no Delete either. What AUTH is the RFCs
// leave open: decision 14.
#include "control/ikev1/clear_exchanges.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/methods.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/proof.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr auto kOnly = ExchangeType::kV1AuthenticationOnly;

}  // namespace

// ---- initiator ----

void begin_authentication_only(Machine& machine, IsakmpSa& sa) { send_clear_offer(machine, sa); }

void on_only_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto choice = read_choice(machine, sa, in, crypto::DhGroupId::kNone);
  if (!choice) return;
  const auto nonce = take_nonce(sa, in);
  if (!nonce) return machine.broken(nonce.error());
  sa.cookies.r = in.message.header().responder_spi;
  if (!set_agreed(machine, sa, *choice)) return;
  const auto taken = take_clear_proof(sa, in);
  if (!taken) return reject_peer(machine, sa, taken.error());
  note_vendor_ids(sa, in.payloads);
  if (!derive_clear_skeyid(machine, sa)) return;
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

// ---- responder ----

void on_only_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_nonce(sa, in);
  const bool full = machine.services().jobs_full();
  if (!taken) machine.broken(taken.error());
  if (full) machine.drop(IkeDrop::kJobLimit);
  if (!taken || full)
    return machine.close(sa, EndReason::kFailed, taken ? "too many wait" : taken.error().text);
  auto offer = judge_offer(machine, sa, in);
  if (!offer || !set_own_identity(machine, sa)) return;
  note_requests(sa, in.payloads);
  sa.phase1->reply = clear_answer(machine, sa, offer->answer);
  if (!derive_clear_skeyid(machine, sa)) return;
  accept_message(machine, sa, in.message.bytes());
  machine.enter(sa, State::kAnswered);
  start_proof(machine, sa);
}

void on_only_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_clear_proof(sa, in);
  if (!taken) return reject_peer(machine, sa, taken.error());
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

// ---- both ----

void on_only_prove(Machine& machine, IsakmpSa& sa, base::Bytes value) {
  if (!sa.initiator) {
    isakmp::MessageBuilder builder = *std::exchange(sa.phase1->reply, std::nullopt);
    append_identity(sa, builder);
    append_proof(sa, builder, value);
    if (peer_signs(sa)) append_certificate_requests(machine, sa, builder);
    append_vendor_ids(sa, builder);
    return machine.send_phase1(sa, builder.finish());
  }
  isakmp::MessageBuilder builder = machine.message(sa, kOnly, 0);
  append_identity(sa, builder);
  append_proof(sa, builder, value);
  base::ByteVector message = builder.finish();
  machine.transmit(sa, message);
  // Nobody answers it, and nothing comes after it: it is repeated by timer, a few times.
  sa.blind.start(std::move(message), machine.now(), machine.services().settings.retransmission);
  machine.established(sa);
}

void on_only_peer_proved(Machine& machine, IsakmpSa& sa) {
  accept_message(machine, sa, sa.phase1->judged);
  // INITIAL-CONTACT would be in clear, and no AUTH covers it.
  if (!machine.admit_identity(sa, false))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  return sa.initiator ? start_proof(machine, sa) : machine.established(sa);
}

}  // namespace penstock::ikev1
