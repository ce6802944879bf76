// SPDX-License-Identifier: BSD-3-Clause
// Aggressive Mode (RFC 2409 §5.1 to §5.4): SA, key exchange, nonce and identity › the same and the
// responder's proof › the initiator's proof. Identities are in clear, and with a pre-shared key the
// answer lets whoever asks try secrets at leisure: the configuration must allow it. The responder
// computes with a pre-shared key no shared secret before the last message comes.
#include "control/ikev1/encryption.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/nat.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/proof.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using isakmp::PayloadType;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr auto kAggressive = ExchangeType::kV1AggressiveMode;

/// The key pair is made before anything is agreed, so there is one group and one method.
std::vector<AuthMethod> only_method(const IsakmpSa& sa) {
  std::vector<AuthMethod> methods = methods_of(sa.connection->config);
  if (methods.size() > 1) methods.resize(1);
  return methods;
}

/// Under public keys the first message uses hash, PRF and cipher already: it offers one suite.
isakmp::V1SaPayload offer_of(const IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  isakmp::V1SaPayload offer =
      phase1_offer(c.proposals, only_method(sa), sa.agreed.group, configured_life(c));
  offer.situation = c.situation;
  if (!offer.proposals.empty() && method_of(sa.auth).veil != Veil::kNone)
    offer.proposals.front().transforms.resize(1);
  return offer;
}

void append_nat(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  if (sa.nat != nullptr)
    append_nat_detection(builder, machine.services().crypto, sa, sa.connection->config.encap);
}

/// KE, nonce and identity behind the SA payload.
void append_own_keys(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  if (encrypts(sa)) {
    // What we speak is said in front of the nonce: read or not, it does not hang on its key.
    append_vendor_ids(sa, builder);
    return append_veiled_keys(machine, sa, builder);
  }
  append_keys(machine, sa, builder);
  append_identity(sa, builder);
}

/// Everything of the first two messages but the proof.
base::Result<void> take_first(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  if (encrypts(sa)) {
    take_veiled_identity(sa, in.payloads);
  } else {
    PS_TRY(take_identity(sa, *in.payloads.find(PayloadType::kV1Identification)));
  }
  note_requests(sa, in.payloads);
  const auto taken = take_keys(sa, in);
  if (taken) return {};
  machine.broken(taken.error());
  return base::fail(base::ErrorCode::kMalformed, taken.error().text);
}

void take_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  auto taken = take_first(machine, sa, in);
  if (taken) taken = take_evidence(sa, in.payloads);
  if (!taken) return reject_peer(machine, sa, taken.error());
  note_vendor_ids(sa, in.payloads);
  detect_nat(machine.services().crypto, sa, in.payloads);
  sa.phase1->judged = base::to_vector(in.message.bytes());
  if (needs_shared_secret(sa)) return start_shared_secret(machine, sa);
  // HASH needs no shared secret: a forger's answer costs none.
  if (derive_early_skeyid(machine, sa)) judge_peer(machine, sa);
}

void take_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_first(machine, sa, in);
  const bool full = machine.services().jobs_full();
  if (full) machine.drop(IkeDrop::kJobLimit);
  if (!taken || full)
    return machine.close(sa, EndReason::kFailed, taken ? "too many wait" : taken.error().text);
  if (encrypts(sa)) settle_connection(machine, sa);
  if (!set_own_identity(machine, sa)) return;
  note_vendor_ids(sa, in.payloads);
  accept_message(machine, sa, in.message.bytes());
  machine.enter(sa, State::kKeyed);
  start_key_pair(machine, sa);
}

}  // namespace

// ---- initiator ----

void begin_aggressive_mode(Machine& machine, IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  const std::vector<AuthMethod> methods = only_method(sa);
  if (!methods.empty()) sa.auth = methods.front();
  sa.agreed.group = session::first_group(c.proposals);
  const isakmp::V1SaPayload offer = methods.empty() ? isakmp::V1SaPayload{} : offer_of(sa);
  if (offer.proposals.empty())
    return machine.close(sa, EndReason::kFailed, "no proposal can be said in IKEv1");
  if (encrypts(sa)) {
    const auto only = choose_phase1(c.proposals, methods, sa.agreed.group, offer);
    if (!only) return machine.close(sa, EndReason::kFailed, only.error().text);
    if (!set_agreed(machine, sa, *only)) return;
  }
  if (set_own_identity(machine, sa)) start_key_pair(machine, sa);
}

void on_aggressive_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto choice = read_choice(machine, sa, in, sa.agreed.group);
  if (!choice) return;
  if (encrypts(sa) && !(choice->agreed == sa.agreed)) return machine.drop(IkeDrop::kNoProposal);
  sa.cookies.r = in.message.header().responder_spi;
  if (!set_agreed(machine, sa, *choice)) return;
  if (!encrypts(sa)) return take_answer(machine, sa, in);
  if (!start_opening(machine, sa, in, take_answer)) sa.cookies.r = IkeSpi{};
}

// ---- responder ----

void on_aggressive_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto id = take_identity(sa, *in.payloads.find(PayloadType::kV1Identification));
  auto offer = judge_offer(machine, sa, in);
  if (!offer) return;
  sa.phase1->answer = std::move(offer->answer);
  if (encrypts(sa)) {
    if (!start_opening(machine, sa, in, take_offer))
      machine.close(sa, EndReason::kFailed, "the first message is none");
    return;
  }
  if (!id) {
    machine.broken({isakmp::V1Rule::kIdInformation, id.error().text});
    return machine.close(sa, EndReason::kFailed, id.error().text);
  }
  take_offer(machine, sa, in);
}

void on_aggressive_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_evidence(sa, in.payloads);
  if (!taken) return reject_peer(machine, sa, taken.error());
  detect_nat(machine.services().crypto, sa, in.payloads);
  float_ports(sa, sa.connection->config.encap);
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

// ---- both ----

void on_aggressive_key_pair(Machine& machine, IsakmpSa& sa) {
  if (encrypts(sa)) return start_veiling(machine, sa);
  on_aggressive_veiled(machine, sa);
}

void on_aggressive_veiled(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  isakmp::MessageBuilder builder = machine.message(sa, kAggressive, 0);
  if (sa.initiator) {
    isakmp::append_v1_sa(builder, offer_of(sa));
    append_own_keys(machine, sa, builder);
    append_certificate_requests(machine, sa, builder);
    if (!encrypts(sa)) append_vendor_ids(sa, builder);
    base::ByteVector message = finish_veiled(machine, sa, builder);
    p.sai_b = first_body(message);
    machine.enter(sa, State::kOffered);
    return machine.send_phase1(sa, std::move(message));
  }
  isakmp::append_v1_sa(builder, {{p.answer}, sa.connection->config.situation});
  append_own_keys(machine, sa, builder);
  p.reply = std::move(builder);
  if (needs_shared_secret(sa)) return start_shared_secret(machine, sa);
  if (derive_early_skeyid(machine, sa)) start_proof(machine, sa);
}

void on_aggressive_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret) {
  if (!derive_keys(machine, sa, secret)) return;
  if (sa.initiator) return sa.phase1->proved ? start_proof(machine, sa) : judge_peer(machine, sa);
  return sa.phase1->reply ? start_proof(machine, sa) : retry_held(machine, sa);
}

void on_aggressive_prove(Machine& machine, IsakmpSa& sa, base::Bytes value) {
  Phase1& p = *sa.phase1;
  if (!sa.initiator) {
    isakmp::MessageBuilder builder = *std::exchange(p.reply, std::nullopt);
    append_proof(sa, builder, value);
    append_certificate_requests(machine, sa, builder);
    append_nat(machine, sa, builder);
    if (!encrypts(sa)) append_vendor_ids(sa, builder);
    return machine.send_phase1(sa, finish_veiled(machine, sa, builder));
  }
  isakmp::MessageBuilder builder = machine.message(sa, kAggressive, 0);
  append_proof(sa, builder, value);
  float_ports(sa, sa.connection->config.encap);
  append_nat(machine, sa, builder);
  if (machine.is_first_contact(sa)) append_initial_contact(sa, builder);
  sa.unconfirmed = machine.seal(sa, builder.finish(), sa.iv);
  machine.transmit(sa, sa.unconfirmed);
  // Nobody answers it: it is repeated when the peer's message comes again, and before a request
  // that stays without an answer.
  sa.answered.answer(sa.unconfirmed);
  machine.established(sa);
}

void on_aggressive_peer_proved(Machine& machine, IsakmpSa& sa) {
  accept_message(machine, sa, sa.phase1->judged);
  const bool initial = !sa.initiator && sa.phase1->initial_contact;
  if (!machine.admit_identity(sa, initial))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  if (!sa.initiator) return machine.established(sa);
  return sa.has_keys() ? start_proof(machine, sa) : start_shared_secret(machine, sa);
}

}  // namespace penstock::ikev1
