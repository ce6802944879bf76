// SPDX-License-Identifier: BSD-3-Clause
// Parts of Base and Authentication Only. NAT traversal is not among them: RFC 3947 defines it for
// Main and Aggressive Mode. Nor is INITIAL-CONTACT: no AUTH would cover it.
#include "control/ikev1/clear_exchanges.h"

#include "control/ikev1/methods.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/proof.h"
#include "control/isakmp/payload/v1_octets.h"

namespace penstock::ikev1 {

using isakmp::PayloadType;
using session::EndReason;

namespace {

void append_nonce(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  base::ByteVector& nonce = sa.initiator ? sa.phase1->ni : sa.phase1->nr;
  nonce = machine.services().random_bytes(kOwnNonceOctets);
  builder.append(PayloadType::kV1Nonce, nonce);
}

}  // namespace

void send_clear_offer(Machine& machine, IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  const std::vector<AuthMethod> methods = methods_for(sa.exchange, c);
  isakmp::V1SaPayload offer =
      phase1_offer(c.proposals, methods, crypto::DhGroupId::kNone, configured_life(c));
  if (offer.proposals.empty())
    return machine.close(sa, EndReason::kFailed, "no proposal can be said in this exchange");
  // Signatures or none, whichever is chosen: certificates are asked for by that.
  sa.auth = methods.front();
  offer.situation = c.situation;
  isakmp::MessageBuilder builder = machine.message(sa, sa.exchange, 0);
  isakmp::append_v1_sa(builder, offer);
  append_nonce(machine, sa, builder);
  append_certificate_requests(machine, sa, builder);
  append_vendor_ids(sa, builder);
  base::ByteVector message = builder.finish();
  sa.phase1->sai_b = first_body(message);
  machine.enter(sa, State::kOffered);
  machine.send_phase1(sa, std::move(message));
}

isakmp::MessageBuilder clear_answer(Machine& machine, IsakmpSa& sa,
                                    const isakmp::V1Proposal& choice) {
  isakmp::MessageBuilder builder = machine.message(sa, sa.exchange, 0);
  isakmp::append_v1_sa(builder, {{choice}, sa.connection->config.situation});
  append_nonce(machine, sa, builder);
  return builder;
}

isakmp::V1Result<void> take_nonce(IsakmpSa& sa, const Inbound& in) {
  PS_ASSIGN(const base::Bytes nonce,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Nonce)));
  (sa.initiator ? sa.phase1->nr : sa.phase1->ni) = base::to_vector(nonce);
  return {};
}

isakmp::V1Result<void> take_public(IsakmpSa& sa, const Inbound& in) {
  PS_ASSIGN(const base::Bytes ke,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1KeyExchange)));
  const crypto::DhRow* group = crypto::find_dh(sa.agreed.group);
  if (group == nullptr || ke.size() != group->public_octets)
    return isakmp::broken(isakmp::V1Rule::kKeyInformation,
                          std::to_string(ke.size()) + " octets are not of the group");
  sa.phase1->peer_public = base::to_vector(ke);
  return {};
}

base::Result<void> take_clear_proof(IsakmpSa& sa, const Inbound& in) {
  PS_TRY(take_identity(sa, *in.payloads.find(PayloadType::kV1Identification)));
  PS_TRY(take_evidence(sa, in.payloads));
  note_requests(sa, in.payloads);
  return {};
}

bool derive_clear_skeyid(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  if (method_of(sa.auth).skeyid == SkeyidForm::kPsk) {
    // Base alone needs the initiator's own secret before the peer said who it is.
    const bool own = sa.initiator && sa.exchange == isakmp::ExchangeType::kV1Base;
    p.decoy = !own && secret_for(machine, sa, sa.connection->config) == nullptr;
    return derive_early_skeyid(machine, sa);
  }
  sa.keys.skeyid =
      skeyid_of_encryption(machine.services().crypto, sa.algorithms, {p.ni, p.nr}, sa.cookies);
  return true;
}

}  // namespace penstock::ikev1
