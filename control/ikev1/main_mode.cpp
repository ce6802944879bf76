// SPDX-License-Identifier: BSD-3-Clause
// Main Mode (RFC 2409 §5.4) with a pre-shared key: SA payloads › key exchange and nonces ›
// identities and hashes, enciphered. The shared secret is computed by the responder only when the
// last message proves that its sender got our key: strangers cost one key pair and no more.
#include "control/ikev1/exchanges.h"
#include "control/ikev1/nat.h"
#include "control/ikev1/phase1.h"
#include "control/isakmp/payload/v1_octets.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using isakmp::PayloadType;
using isakmp::V1Rule;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr auto kMain = ExchangeType::kV1MainMode;

/// KE and nonce of the peer, kept.
isakmp::V1Result<void> take_keys(IsakmpSa& sa, const Inbound& in) {
  PS_ASSIGN(const base::Bytes ke,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1KeyExchange)));
  PS_ASSIGN(const base::Bytes nonce,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Nonce)));
  const crypto::DhRow* group = crypto::find_dh(sa.agreed.group);
  if (group == nullptr || ke.size() != group->public_octets)
    return isakmp::broken(V1Rule::kKeyInformation,
                          std::to_string(ke.size()) + " octets are not of the group");
  sa.phase1->peer_public = base::to_vector(ke);
  (sa.initiator ? sa.phase1->nr : sa.phase1->ni) = base::to_vector(nonce);
  return {};
}

void send_keys(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  base::ByteVector& nonce = sa.initiator ? p.ni : p.nr;
  nonce = machine.services().random_bytes(kOwnNonceOctets);
  p.own_public = p.pair.public_value;
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  builder.append(PayloadType::kV1KeyExchange, p.own_public);
  builder.append(PayloadType::kV1Nonce, nonce);
  if (sa.nat_t)
    append_nat_detection(builder, machine.services().crypto, sa, sa.connection->config.encap);
  machine.send_phase1(sa, builder.finish());
}

void start_key_pair(Machine& machine, IsakmpSa& sa) {
  sa.phase1->busy = true;
  machine.services().start_job({sa.serial, !sa.initiator},
                               session::GenerateKeyPair{sa.agreed.group});
}

}  // namespace

// ---- initiator ----

void begin_main_mode(Machine& machine, IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  const isakmp::V1SaPayload offer = phase1_offer(c.proposals, AuthMethod::kPsk, configured_life(c));
  if (offer.proposals.empty())
    return machine.close(sa, EndReason::kFailed, "no proposal can be said in IKEv1");
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  isakmp::append_v1_sa(builder, offer);
  append_vendor_ids(builder);
  base::ByteVector message = builder.finish();
  sa.phase1->sai_b = first_body(message);
  machine.enter(sa, State::kOffered);
  machine.send_phase1(sa, std::move(message));
}

void on_main_choice(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto answer = isakmp::parse_v1_sa(in.payloads.find(PayloadType::kV1Sa)->body);
  if (!answer) return machine.broken(answer.error());
  const auto single = check_single(*answer);
  const auto choice =
      single ? choose_phase1(sa.connection->config.proposals, AuthMethod::kPsk, *answer)
             : base::Result<Choice>(tl::unexpected(single.error()));
  if (!choice) {
    // Not authenticated: it is noted, and the request goes on for some time.
    sa.phase1->refusal = "the answer is not what we offered: " + choice.error().text;
    return machine.drop(IkeDrop::kNoProposal);
  }
  sa.cookies.r = in.message.header().responder_spi;
  if (!set_agreed(machine, sa, *choice)) return;
  note_vendor_ids(sa, in.payloads);
  accept_message(machine, sa, in);
  start_key_pair(machine, sa);
}

void on_main_key_answer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_keys(sa, in);
  if (!taken) return machine.broken(taken.error());
  detect_nat(machine.services().crypto, sa, in.payloads);
  float_ports(sa, sa.connection->config.encap);
  accept_message(machine, sa, in);
  start_shared_secret(machine, sa);
}

void on_main_answered_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto checked = check_peer(machine, sa, in);
  if (!checked) return reject_peer(machine, sa, checked.error());
  accept_message(machine, sa, in);
  if (!machine.admit_identity(sa, false))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  machine.established(sa);
}

// ---- responder ----

void on_main_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  auto offer = judge_offer(machine, sa, in);
  if (!offer) return;
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  isakmp::append_v1_sa(builder, {{offer->answer}});
  append_vendor_ids(builder);
  accept_message(machine, sa, in);
  machine.enter(sa, State::kAnswered);
  machine.send_phase1(sa, builder.finish());
}

void on_main_key_request(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto taken = take_keys(sa, in);
  if (!taken) return machine.broken(taken.error());
  if (machine.services().jobs_full()) return machine.drop(IkeDrop::kJobLimit);
  detect_nat(machine.services().crypto, sa, in.payloads);
  float_ports(sa, sa.connection->config.encap);
  accept_message(machine, sa, in);
  machine.enter(sa, State::kKeyed);
  start_key_pair(machine, sa);
}

void on_main_proof(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const auto checked = check_peer(machine, sa, in);
  if (!checked) return reject_peer(machine, sa, checked.error());
  const bool initial = find_notify(in.payloads, isakmp::V1NotifyType::kInitialContact);
  accept_message(machine, sa, in);
  if (!machine.admit_identity(sa, initial))
    return machine.close(sa, EndReason::kFailed, "another ISAKMP SA with this peer is kept");
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  append_proof(machine, sa, builder);
  machine.send_phase1(sa, machine.seal(sa, builder.finish(), sa.iv));
  machine.established(sa);
}

// ---- both ----

void on_main_key_pair(Machine& machine, IsakmpSa& sa, crypto::DhKeyPair pair) {
  sa.phase1->busy = false;
  sa.phase1->pair = std::move(pair);
  if (sa.initiator) machine.enter(sa, State::kExchanged);
  send_keys(machine, sa);
}

void on_main_shared_secret(Machine& machine, IsakmpSa& sa, base::Bytes secret) {
  sa.phase1->busy = false;
  if (!derive_keys(machine, sa, secret)) return;
  if (!sa.initiator) return retry_held(machine, sa);
  isakmp::MessageBuilder builder = machine.message(sa, kMain, 0);
  append_proof(machine, sa, builder);
  if (machine.is_first_contact(sa)) append_initial_contact(sa, builder);
  machine.enter(sa, State::kProving);
  machine.send_phase1(sa, machine.seal(sa, builder.finish(), sa.iv));
}

}  // namespace penstock::ikev1
