// SPDX-License-Identifier: BSD-3-Clause
// Main Mode (RFC 2409 §5.1 to §5.4): SA payloads › key exchange and nonces › identities and proofs,
// enciphered. The shared secret is computed by the responder only when the last message proves that
// its sender got our key: strangers cost one key pair and no more.
#include <tuple>

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

constexpr auto kMain = ExchangeType::kV1MainMode;

void send_keys(Machine& machine, IsakmpSa& sa) {
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  if (encrypts(sa)) {
    append_veiled_keys(machine, sa, builder);
  } else {
    append_keys(machine, sa, builder);
  }
  append_certificate_requests(machine, sa, builder);
  if (sa.nat != nullptr)
    append_nat_detection(builder, machine.services().crypto, sa, sa.connection->config.encap);
  machine.send_phase1(sa, encrypts(sa) ? finish_veiled(machine, sa, builder) : builder.finish());
}

/// The peer's KE, nonce and, if it is hidden among them, identity.
isakmp::V1Result<void> take_peer_keys(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  PS_TRY(take_keys(sa, in));
  if (encrypts(sa)) take_veiled_identity(sa, in.payloads);
  note_requests(sa, in.payloads);
  detect_nat(machine.services().crypto, sa, in.payloads);
  float_ports(sa, sa.connection->config.encap);
  return {};
}

void take_key_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_peer_keys(machine, sa, in);
  if (!taken) return machine.broken(taken.error());
  accept_message(machine, sa, in.message.bytes());
  start_shared_secret(machine, sa);
}

void take_key_request(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_peer_keys(machine, sa, in);
  if (!taken) return machine.broken(taken.error());
  if (encrypts(sa)) settle_connection(machine, sa);
  accept_message(machine, sa, in.message.bytes());
  machine.enter(sa, State::kKeyed);
  start_key_pair(machine, sa);
}

}  // namespace

// ---- initiator ----

void begin_main_mode(Machine& machine, IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  isakmp::V1SaPayload offer =
      phase1_offer(c.proposals, methods_of(c), crypto::DhGroupId::kNone, configured_life(c));
  if (offer.proposals.empty())
    return machine.close(sa, EndReason::kFailed, "no proposal can be said in IKEv1");
  offer.situation = c.situation;
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  isakmp::append_v1_sa(builder, offer);
  append_vendor_ids(sa, builder);
  base::ByteVector message = builder.finish();
  sa.phase1->sai_b = first_body(message);
  machine.enter(sa, State::kOffered);
  machine.send_phase1(sa, std::move(message));
}

void on_main_choice(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto choice = read_choice(machine, sa, in, crypto::DhGroupId::kNone);
  if (!choice) return;
  sa.cookies.r = in.message.header().responder_spi;
  if (!set_agreed(machine, sa, *choice)) return;
  note_vendor_ids(sa, in.payloads);
  accept_message(machine, sa, in.message.bytes());
  start_key_pair(machine, sa);
}

void on_main_key_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  if (!encrypts(sa)) return take_key_answer(machine, sa, in);
  std::ignore = start_opening(machine, sa, in, take_key_answer);
}

// ---- responder ----

void on_main_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  auto offer = judge_offer(machine, sa, in);
  if (!offer) return;
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  isakmp::append_v1_sa(builder, {{offer->answer}, sa.connection->config.situation});
  append_vendor_ids(sa, builder);
  accept_message(machine, sa, in.message.bytes());
  machine.enter(sa, State::kAnswered);
  machine.send_phase1(sa, builder.finish());
}

void on_main_key_request(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  if (machine.services().jobs_full()) return machine.drop(IkeDrop::kJobLimit);
  if (!encrypts(sa)) return take_key_request(machine, sa, in);
  std::ignore = start_opening(machine, sa, in, take_key_request);
}

// ---- both ----

void on_main_key_pair(Machine& machine, IsakmpSa& sa) {
  if (encrypts(sa)) return start_veiling(machine, sa);
  on_main_veiled(machine, sa);
}

void on_main_veiled(Machine& machine, IsakmpSa& sa) {
  if (sa.initiator) machine.enter(sa, State::kExchanged);
  send_keys(machine, sa);
}

void on_main_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret) {
  if (!derive_keys(machine, sa, secret)) return;
  if (!sa.initiator) return retry_held(machine, sa);
  start_proof(machine, sa);
}

void on_main_prove(Machine& machine, IsakmpSa& sa, base::Bytes value) {
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  if (!encrypts(sa)) append_identity(sa, builder);
  append_proof(sa, builder, value);
  if (sa.initiator && machine.is_first_contact(sa)) append_initial_contact(sa, builder);
  if (sa.initiator) machine.enter(sa, State::kProving);
  machine.send_phase1(sa, machine.seal(sa, builder.finish(), sa.iv));
  if (!sa.initiator) machine.established(sa);
}

void on_main_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  base::Result<void> taken;
  if (!encrypts(sa)) taken = take_identity(sa, *in.payloads.find(PayloadType::kV1Identification));
  if (taken) taken = take_evidence(sa, in.payloads);
  if (!taken) return reject_peer(machine, sa, taken.error());
  // As initiator most peers ask here, where they say who they are.
  note_requests(sa, in.payloads);
  sa.phase1->judged = base::to_vector(in.message.bytes());
  judge_peer(machine, sa);
}

void on_main_peer_proved(Machine& machine, IsakmpSa& sa) {
  accept_message(machine, sa, sa.phase1->judged);
  const bool initial = !sa.initiator && sa.phase1->initial_contact;
  if (!machine.admit_identity(sa, initial))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  if (sa.initiator) return machine.established(sa);
  start_proof(machine, sa);
}

}  // namespace penstock::ikev1
