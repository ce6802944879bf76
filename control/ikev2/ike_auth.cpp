// SPDX-License-Identifier: BSD-3-Clause
// IKE_AUTH (RFC 7296 §1.2, §2.15): both ends prove who they are, and the first child SA is made. A
// child that fails leaves the IKE SA standing (§1.2, §2.21.2).
#include <algorithm>

#include "control/ikev2/auth_identity.h"
#include "control/ikev2/auth_signature.h"
#include "control/ikev2/child_negotiation.h"
#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/notify.h"
#include "control/session/ends.h"
#include "lib/base/check.h"
#include "lib/policy/distinguished_name.h"

namespace penstock::ikev2 {

using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using isakmp::PayloadType;
using policy::Identity;
using session::ChildSa;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr session::ChoiceOptions kNoGroups{.ignore_groups = true};

/// §2.23: both ends see the same NATs, so both encapsulate or neither does.
void decide_encapsulation(IkeSa& sa) {
  sa.encap = sa.nat_here || sa.nat_there || sa.connection->config.encap;
}

}  // namespace

/// Of the children that wait: the first that can be asked for here. What cannot (AH, now that there
/// is a NAT) is refused, and does not stand in the others' way.
bool pick_first_child(Machine& machine, IkeSa& sa) {
  OwnRequest& own = *sa.own;
  for (;;) {
    auto request = child_request(sa, *own.task.child, own.task.packet);
    if (request) {
      request->proposals = session::without_groups(request->proposals);
      own.offered = *std::move(request);
      return true;
    }
    const std::string why = "child " + own.task.child->name + ": " + request.error().text;
    machine.report(sa, LogLevel::kWarning, "child_failed", why);
    const auto next = std::ranges::find_if(
        sa.tasks, [](const session::Task& t) { return t.kind == session::Task::Kind::kNewChild; });
    if (next == sa.tasks.end()) {
      machine.finish_own(sa, tl::unexpected(request.error()));
      machine.close(sa, EndReason::kFailed, why);
      return false;
    }
    machine.services().note(session::TaskDone{std::exchange(own.task, std::move(*next)),
                                              tl::unexpected(request.error())});
    sa.tasks.erase(next);
  }
}

// ---- initiator ----

namespace {

void cannot_authenticate(Machine& machine, IkeSa& sa, const char* code, const std::string& why) {
  machine.report(sa, LogLevel::kError, code, why);
  machine.close(sa, EndReason::kFailed, why);
}

void send_auth_request(Machine& machine, IkeSa& sa, isakmp::AuthenticationMethod method,
                       base::Bytes auth) {
  const session::ConnectionConfig& c = sa.connection->config;
  const OwnRequest& request = *sa.own;
  const auto expected = session::expected_identity(c);
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kIkeAuth);
  append_id(builder, PayloadType::kIdInitiator, sa.local_id);
  append_certificates(builder, sa);
  if (c.send_certreq) append_certificate_requests(builder, c.remote.authorities);
  if (machine.is_first_contact(sa, expected.has_value()))
    isakmp::append_notify(builder, NotifyType::kInitialContact);
  if (expected) append_id(builder, PayloadType::kIdResponder, *expected);
  isakmp::append_authentication(builder, method, auth);
  append_child_offer(builder, request.offered, request.spi);
  append_selectors(builder, request.offered.selectors, true);
  machine.enter(sa, State::kAuthSent);
  machine.send_request(sa, builder);
}

}  // namespace

void begin_ike_auth(Machine& machine, IkeSa& sa) {
  if (!machine.take_spi_or_wait(sa)) return;
  const session::ConnectionConfig& c = sa.connection->config;
  decide_encapsulation(sa);
  if (!pick_first_child(machine, sa)) return;
  if (sa.encap && sa.local.port == session::kIkePort) sa.local.port = session::kNatPort;
  if (sa.encap && sa.remote.port == session::kIkePort) sa.remote.port = session::kNatPort;
  auto own = own_identity(sa, c);
  if (!own) return machine.close(sa, EndReason::kFailed, "local id: " + own.error().text);
  sa.local_id = *std::move(own);
  const auto expected = session::expected_identity(c);
  sa.remote_id = expected ? *expected : session::identity_of(sa.remote.address);
  OwnRequest& request = *sa.own;
  if (session::signs(c.local.auth)) {
    request.stage = OwnRequest::Stage::kSigning;
    const auto signing = start_signing(machine, sa);
    if (!signing) cannot_authenticate(machine, sa, "no_certificate", signing.error().text);
    return;
  }
  const auto auth = auth_value(machine.services(), sa, true);
  if (!auth) return cannot_authenticate(machine, sa, "no_secret", auth.error().text);
  send_auth_request(machine, sa, isakmp::AuthenticationMethod::kSharedKey, auth->bytes());
}

namespace {

/// §2.21.2: the peer thinks that it is authenticated; it is told otherwise.
void reject_responder(Machine& machine, IkeSa& sa, const std::string& why) {
  machine.drop(IkeDrop::kAuthentication);
  machine.report(sa, LogLevel::kWarning, "authentication_failed",
                 "the peer is not accepted: " + why);
  sa.tasks.insert(sa.tasks.begin(), std::move(sa.own->task));
  if (sa.own->spi.value() != 0) machine.services().return_spi(sa.own->spi);
  sa.own = std::make_unique<OwnRequest>();
  sa.own->abandoned = true;
  sa.end_reason = EndReason::kFailed;
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kInformational);
  isakmp::append_notify(builder, NotifyType::kAuthenticationFailed);
  machine.enter(sa, State::kDeleting);
  machine.send_request(sa, builder);
}

/// The first child of our own request.
void take_first_child(Machine& machine, IkeSa& sa, const isakmp::PayloadChain& payloads,
                      const Nonces& nonces) {
  OwnRequest& own = *sa.own;
  const session::ChildConfig& config = *own.task.child;
  const auto fail = [&](const std::string& why) {
    machine.report(sa, LogLevel::kWarning, "child_failed", "child " + config.name + ": " + why);
    machine.finish_own(sa, base::fail(base::ErrorCode::kRefused, why));
  };
  const auto error = isakmp::find_error_notify(payloads);
  if (error || payloads.find(PayloadType::kSa) == nullptr)
    return fail("the peer refuses the child with " +
                (error ? isakmp::name_of(error->type) : std::string("no reason")));
  const auto answer = read_child_answer(payloads, sa, own.offered, kNoGroups);
  const net::Spi spi = own.spi;
  if (!answer) {
    machine.request_offer_delete(sa, protocol_of_answer(payloads, own.offered), spi);
    return fail(answer.error().text);
  }
  ChildSa& child = machine.add_child(sa, config, spi, answer->peer_spi);
  child.agreed = answer->agreed;
  child.selectors = answer->selectors;
  own.child = spi;
  own.stage = OwnRequest::Stage::kInstalling;
  auto specs = make_specs(machine.services().crypto, sa, child, nonces, {}, true);
  if (!specs) {
    machine.end_child(sa, child, EndReason::kReplaced);
    machine.request_offer_delete(sa, answer->agreed.protocol, spi);
    return fail(specs.error().text);
  }
  session::install_fresh(machine.services(), {sa.serial, sa.connection}, child, *std::move(specs));
}

void accept_responder(Machine& machine, IkeSa& sa, const isakmp::PayloadChain& payloads) {
  const base::ByteVector ni = std::move(sa.handshake->ni);
  const base::ByteVector nr = std::move(sa.handshake->nr);
  machine.established(sa);
  take_first_child(machine, sa, payloads, {ni, nr});
}

}  // namespace

void on_ike_auth_response(Machine& machine, IkeSa& sa, const Inbound& in) {
  const isakmp::PayloadView& idr = *in.payloads.find(PayloadType::kIdResponder);
  auto id = read_identity(idr);
  if (!id) return reject_responder(machine, sa, id.error().text);
  if (!sa.connection->config.remote.id.matches(*id))
    return reject_responder(
        machine, sa,
        "it says it is " + id->to_string() + ", we expect " + sa.connection->config.remote.id.text);
  sa.remote_id = *std::move(id);
  sa.handshake->peer_id_body = base::to_vector(idr.body);
  if (session::signs(sa.connection->config.remote.auth)) {
    sa.own->stage = OwnRequest::Stage::kVerifying;
    const auto judging = start_verifying(machine, sa, in, sa.connection->config.remote);
    if (!judging) reject_responder(machine, sa, judging.error().text);
    return;
  }
  const auto verified =
      verify_auth(machine.services(), sa, *in.payloads.find(PayloadType::kAuthentication));
  if (!verified) return reject_responder(machine, sa, verified.error().text);
  accept_responder(machine, sa, in.payloads);
}

void on_ike_auth_refused(Machine& machine, IkeSa& sa, const Inbound& in) {
  const auto error = isakmp::find_error_notify(in.payloads);
  const std::string why = "the peer answers IKE_AUTH with " +
                          (error ? isakmp::name_of(error->type) : std::string("no AUTH payload"));
  machine.report(sa, LogLevel::kWarning, "ike_auth_refused", why);
  machine.close(sa, EndReason::kFailed, why);
}

// ---- responder ----

namespace {

struct AuthRefusal {
  NotifyType type = NotifyType::kAuthenticationFailed;
  std::string text;
};

/// What the peer says of itself and of us.
struct Claim {
  std::optional<Identity> wanted_of_us;
  isakmp::AuthPayload auth;
};

base::Result<Claim> read_claim(IkeSa& sa, const isakmp::PayloadChain& payloads) {
  Claim claim;
  PS_ASSIGN(sa.remote_id, read_identity(*payloads.find(PayloadType::kIdInitiator)));
  if (const isakmp::PayloadView* p = payloads.find(PayloadType::kIdResponder)) {
    PS_ASSIGN(Identity id, read_identity(*p));
    claim.wanted_of_us = std::move(id);
  }
  PS_ASSIGN(claim.auth,
            isakmp::parse_authentication(payloads.find(PayloadType::kAuthentication)->body));
  sa.handshake->peer_id_body = base::to_vector(payloads.find(PayloadType::kIdInitiator)->body);
  read_signature_support(*sa.handshake, payloads);
  return claim;
}

bool is_signature(const Claim& claim) {
  return claim.auth.method != isakmp::AuthenticationMethod::kSharedKey;
}

/// Does the peer ask for us by our name? Distinguished names have several encodings.
bool asks_for(const Claim& claim, const Identity& own) {
  if (!claim.wanted_of_us || *claim.wanted_of_us == own) return true;
  return claim.wanted_of_us->type == own.type && own.type == policy::IdType::kDerAsn1Dn &&
         policy::is_same_name(claim.wanted_of_us->data, own.data);
}

/// The connection for both identities: the guess of IKE_SA_INIT knew addresses alone.
/// @param nearest  set to one that takes such a proof, of whomever
session::Connection* connection_for(Machine& machine, IkeSa& sa, const Claim& claim,
                                    session::Connection*& nearest) {
  const crypto::Proposal agreed = sa.agreed.as_proposal();
  const std::vector<session::OfferedProposal> offer{{1, {}, agreed}};
  session::Connection* best = nullptr;
  bool best_exact = false;
  for (session::Connection* c :
       machine.services().connections.candidates(sa.local.address, sa.remote.address)) {
    if (session::signs(c->config.remote.auth) != is_signature(claim)) continue;
    if (nearest == nullptr) nearest = c;
    if (!c->config.remote.id.matches(sa.remote_id)) continue;
    const auto own = own_identity(sa, c->config);
    if (!own || !asks_for(claim, *own)) continue;
    if (!session::choose_proposal(c->config.proposals, offer)) continue;
    const bool exact = session::expected_identity(c->config).has_value();
    if (best != nullptr && (best_exact || !exact)) continue;
    best = c;
    best_exact = exact;
  }
  return best;
}

/// The response stays to be repeated until the half-open limit; nothing else is processed.
void refuse_initiator(Machine& machine, IkeSa& sa, const AuthRefusal& refusal) {
  const bool syntax = refusal.type == NotifyType::kInvalidSyntax;
  machine.report(sa, LogLevel::kWarning, syntax ? "invalid_syntax" : "authentication_failed",
                 "IKE_AUTH of " + sa.remote_id.to_string() + " refused with " +
                     isakmp::name_of(refusal.type) + ": " + refusal.text);
  machine.refuse(sa, refusal.type, syntax ? IkeDrop::kInvalidSyntax : IkeDrop::kAuthentication);
  sa.refused = true;
}

}  // namespace

namespace {

AuthRefusal unknown_peer(const IkeSa& sa, const Claim& claim) {
  return {
      NotifyType::kAuthenticationFailed,
      "no connection is for " + sa.remote_id.to_string() +
          (claim.wanted_of_us ? " asking for " + claim.wanted_of_us->to_string() : std::string())};
}

AuthRefusal refusal_of(const base::Error& error) {
  const bool malformed =
      error.code == base::ErrorCode::kMalformed || error.code == base::ErrorCode::kTruncated;
  return {malformed ? NotifyType::kInvalidSyntax : NotifyType::kAuthenticationFailed, error.text};
}

/// It is who it says: its first child is made.
void accept_initiator(Machine& machine, IkeSa& sa, const isakmp::PayloadChain& payloads) {
  const auto offer = read_child_offer(payloads, true);
  if (!offer)
    return refuse_initiator(machine, sa, {NotifyType::kInvalidSyntax, offer.error().text});
  const bool initial_contact =
      isakmp::find_notify(payloads, NotifyType::kInitialContact).has_value();
  if (!machine.admit_identity(sa, initial_contact))
    return refuse_initiator(
        machine, sa,
        {NotifyType::kAuthenticationFailed, "it is connected already, and unique = keep"});
  decide_encapsulation(sa);
  const auto choice = choose_child(sa, *offer, kNoGroups);
  const auto no_child = [&](const ChildRefusal& r) {
    machine.drop(r.why);
    machine.report(sa, LogLevel::kWarning, "child_refused",
                   "first child refused with " + isakmp::name_of(r.type) + ": " + r.text);
    answer_ike_auth(machine, sa, nullptr, r.type);
  };
  if (!choice) return no_child(choice.error());
  if (choice->config->is_transport() && machine.is_taken(sa, choice->selectors))
    return no_child(taken_selectors());
  const auto spi = machine.services().take_spi();
  if (!spi)
    return no_child({NotifyType::kNoAdditionalSas, IkeDrop::kNoAdditionalSas, "no SPI is left"});
  sa.peer->number = choice->number;
  sa.peer->child = *spi;
  ChildSa& child = machine.add_child(sa, *choice->config, *spi, choice->peer_spi);
  child.agreed = choice->agreed;
  child.selectors = choice->selectors;
  const Nonces nonces{sa.handshake->ni, sa.handshake->nr};
  auto specs = make_specs(machine.services().crypto, sa, child, nonces, {}, false);
  if (!specs) {
    machine.end_child(sa, child, EndReason::kReplaced);
    return no_child({NotifyType::kNoProposalChosen, IkeDrop::kNoProposal, specs.error().text});
  }
  session::install_fresh(machine.services(), {sa.serial, sa.connection}, child, *std::move(specs));
}

}  // namespace

void on_ike_auth_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  sa.peer->kind = PeerRequest::Kind::kAuth;
  const auto claim = read_claim(sa, in.payloads);
  if (!claim)
    return refuse_initiator(machine, sa, {NotifyType::kInvalidSyntax, claim.error().text});
  session::Connection* nearest = nullptr;
  session::Connection* connection = connection_for(machine, sa, *claim, nearest);
  if (connection != nullptr) {
    machine.set_connection(sa, connection);
    sa.local_id = *own_identity(sa, connection->config);
  }
  if (is_signature(*claim) && nearest != nullptr) {
    // Whom we do not know costs the same work and gets the same answer as whom we do.
    sa.handshake->signature.stranger = connection == nullptr;
    const session::Connection& judge = connection != nullptr ? *connection : *nearest;
    const auto judging = start_verifying(machine, sa, in, judge.config.remote);
    if (!judging) refuse_initiator(machine, sa, refusal_of(judging.error()));
    return;
  }
  if (connection == nullptr) return refuse_initiator(machine, sa, unknown_peer(sa, *claim));
  const auto verified =
      verify_auth(machine.services(), sa, *in.payloads.find(PayloadType::kAuthentication));
  if (!verified) return refuse_initiator(machine, sa, refusal_of(verified.error()));
  accept_initiator(machine, sa, in.payloads);
}

void on_first_child_ready(Machine& machine, IkeSa& sa, ChildSa& child) {
  if (!child.failed) return answer_ike_auth(machine, sa, &child, {});
  machine.end_child(sa, child, EndReason::kReplaced);
  // §1.2: the IKE SA is created all the same.
  answer_ike_auth(machine, sa, nullptr, NotifyType::kNoAdditionalSas);
}

namespace {

/// Our AUTH with its method; signed already where it is a signature.
base::Result<std::pair<isakmp::AuthenticationMethod, base::SecretBytes>> own_auth(Machine& machine,
                                                                                  const IkeSa& sa) {
  const SignatureWork& work = sa.handshake->signature;
  if (session::signs(sa.connection->config.local.auth))
    return std::pair{work.choice.method, base::SecretBytes::copy_of(work.auth)};
  PS_ASSIGN(base::SecretBytes auth, auth_value(machine.services(), sa, false));
  return std::pair{isakmp::AuthenticationMethod::kSharedKey, std::move(auth)};
}

/// No AUTH of ours, no IKE SA: what was installed goes, and the peer is refused.
void cannot_answer(Machine& machine, IkeSa& sa, const std::string& why) {
  while (!sa.children.empty()) machine.end_child(sa, *sa.children.back(), EndReason::kReplaced);
  refuse_initiator(machine, sa, {NotifyType::kAuthenticationFailed, why});
}

}  // namespace

void answer_ike_auth(Machine& machine, IkeSa& sa, const ChildSa* child, NotifyType refusal) {
  SignatureWork& work = sa.handshake->signature;
  if (session::signs(sa.connection->config.local.auth) && work.auth.empty()) {
    work.child = child != nullptr ? child->spi_in : net::Spi{};
    work.child_refusal = refusal;
    const auto signing = start_signing(machine, sa);
    if (!signing) cannot_answer(machine, sa, signing.error().text);
    return;
  }
  const auto auth = own_auth(machine, sa);
  if (!auth) return cannot_answer(machine, sa, auth.error().text);
  isakmp::MessageBuilder builder = machine.response(sa);
  append_id(builder, PayloadType::kIdResponder, sa.local_id);
  append_certificates(builder, sa);
  isakmp::append_authentication(builder, auth->first, auth->second.bytes());
  if (child != nullptr) {
    append_child_answer(builder, *child, sa.peer->number);
    append_selectors(builder, child->selectors, false);
  } else {
    isakmp::append_notify(builder, refusal);
  }
  machine.respond(sa, builder);
  machine.established(sa);
  if (child == nullptr) return;
  ChildSa* installed = session::find_by_inbound(sa.children, child->spi_in);
  machine.child_installed(sa, *installed);
}

// ---- jobs ----

namespace {

void on_signed(Machine& machine, IkeSa& sa, const session::JobResult& result) {
  SignatureWork& work = sa.handshake->signature;
  base::Result<base::ByteVector> auth =
      result ? signed_auth(sa, std::get<session::SignatureResult>(*result).signature)
             : base::Result<base::ByteVector>(tl::unexpected(result.error()));
  const std::string why = auth ? std::string() : "our AUTH: " + auth.error().text;
  if (sa.initiator) {
    if (!auth) return cannot_authenticate(machine, sa, "no_certificate", why);
    return send_auth_request(machine, sa, work.choice.method, *auth);
  }
  if (!auth) return cannot_answer(machine, sa, why);
  work.auth = *std::move(auth);
  const ChildSa* child =
      work.child.value() != 0 ? session::find_by_inbound(sa.children, work.child) : nullptr;
  // It may have ended while we signed.
  const bool ended = work.child.value() != 0 && child == nullptr;
  answer_ike_auth(machine, sa, child, ended ? NotifyType::kNoAdditionalSas : work.child_refusal);
}

void on_judged(Machine& machine, IkeSa& sa, const session::JobResult& result) {
  SignatureWork& work = sa.handshake->signature;
  base::Result<void> verdict = session::check_address(sa.remote_id, sa.remote.address);
  if (!result) verdict = tl::unexpected(result.error());
  if (verdict && work.stranger)
    verdict = base::fail(base::ErrorCode::kAuthentication,
                         "no connection is for " + sa.remote_id.to_string());
  if (!verdict && sa.initiator) return reject_responder(machine, sa, verdict.error().text);
  if (!verdict)
    return refuse_initiator(machine, sa, {NotifyType::kAuthenticationFailed, verdict.error().text});
  const auto& proof = std::get<session::ProofResult>(*result);
  machine.report(sa, LogLevel::kInfo, "peer_proved",
                 sa.remote_id.to_string() + " is " + proof.subject + ", by " +
                     std::string(crypto::row_of(proof.scheme).name));
  const base::SecretBytes inside = std::move(work.inside);
  const auto payloads = isakmp::PayloadChain::parse(work.first, inside.bytes());
  PS_CHECK(payloads.has_value());  // it was read once already
  if (sa.initiator) return accept_responder(machine, sa, *payloads);
  accept_initiator(machine, sa, *payloads);
}

}  // namespace

void on_auth_job(Machine& machine, IkeSa& sa, session::JobResult result) {
  const auto step = std::exchange(sa.handshake->signature.step, SignatureWork::Step::kNone);
  if (step == SignatureWork::Step::kSigning) return on_signed(machine, sa, result);
  on_judged(machine, sa, result);
}

}  // namespace penstock::ikev2
