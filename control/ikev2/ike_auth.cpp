// SPDX-License-Identifier: BSD-3-Clause
// IKE_AUTH (RFC 7296 §1.2, §2.15): both ends prove who they are, and the first child SA is made. A
// child that fails leaves the IKE SA standing (§1.2, §2.21.2).
#include <algorithm>

#include "control/ikev2/child_negotiation.h"
#include "control/ikev2/exchanges.h"
#include "control/ikev2/nat.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/notify.h"
#include "control/session/authentication.h"

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

Identity identity_of(const net::IpAddress& address) {
  return {address.is_v4() ? policy::IdType::kIpv4Addr : policy::IdType::kIpv6Addr,
          base::to_vector(address.bytes())};
}

/// What we say of ourselves; `%any` is our address.
base::Result<Identity> own_identity(const IkeSa& sa, const session::ConnectionConfig& config) {
  if (config.local.id.is_any()) return identity_of(sa.local.address);
  return Identity::parse(config.local.id.text);
}

/// The peer's identity if the configuration names exactly one.
std::optional<Identity> expected_identity(const session::ConnectionConfig& config) {
  const policy::IdentityPattern& p = config.remote.id;
  if (p.is_any() || p.text.find('*') != std::string::npos) return std::nullopt;
  auto id = Identity::parse(p.text);
  if (!id) return std::nullopt;
  return *std::move(id);
}

base::Result<Identity> read_identity(const isakmp::PayloadView& payload) {
  PS_ASSIGN(const isakmp::IdPayload id, isakmp::parse_identification(payload.body));
  return Identity{policy::IdType{id.type}, base::to_vector(id.data)};
}

/// AUTH of the original initiator (`of_initiator`) or responder, by the secret for both identities.
base::Result<base::SecretBytes> auth_value(session::Services& s, const IkeSa& sa,
                                           bool of_initiator) {
  const session::SharedSecret* secret = session::find_secret(s.secrets, sa.local_id, sa.remote_id);
  if (secret == nullptr)
    return base::fail(base::ErrorCode::kNotFound, "no secret for " + sa.local_id.to_string() +
                                                      " and " + sa.remote_id.to_string());
  PS_ASSIGN(const IkeAlgorithms algorithms, algorithms_of(sa.agreed));
  const Handshake& h = *sa.handshake;
  // §2.15: the peer signs its payload's octets as it sent them, RESERVED ones too.
  const base::ByteVector body =
      of_initiator == sa.initiator
          ? isakmp::identification_body(static_cast<std::uint8_t>(sa.local_id.type),
                                        sa.local_id.data)
          : h.peer_id_body;
  const session::SignedOctets octets =
      of_initiator ? session::SignedOctets{h.init_request, h.nr, body, h.sk_pi.bytes()}
                   : session::SignedOctets{h.init_response, h.ni, body, h.sk_pr.bytes()};
  return session::psk_auth(s.crypto, *algorithms.prf, secret->secret.bytes(), octets);
}

base::Result<void> verify_auth(session::Services& s, const IkeSa& sa,
                               const isakmp::PayloadView& payload) {
  PS_ASSIGN(const isakmp::AuthPayload auth, isakmp::parse_authentication(payload.body));
  if (auth.method != isakmp::AuthenticationMethod::kSharedKey)
    return base::fail(
        base::ErrorCode::kAuthentication,
        "the peer authenticates by " + isakmp::name_of(auth.method) + ", we ask for a shared key");
  PS_ASSIGN(const base::SecretBytes wanted, auth_value(s, sa, !sa.initiator));
  if (!base::equal_constant_time(auth.data, wanted.bytes()))
    return base::fail(base::ErrorCode::kAuthentication,
                      "the AUTH value is wrong: the secrets differ");
  return {};
}

void append_id(isakmp::MessageBuilder& builder, PayloadType which, const Identity& id) {
  isakmp::append_identification(builder, which, static_cast<std::uint8_t>(id.type), id.data);
}

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

void begin_ike_auth(Machine& machine, IkeSa& sa) {
  if (!machine.take_spi_or_wait(sa)) return;
  const session::ConnectionConfig& c = sa.connection->config;
  decide_encapsulation(sa);
  if (!pick_first_child(machine, sa)) return;
  if (sa.encap && sa.local.port == kIkePort) sa.local.port = kNatPort;
  if (sa.encap && sa.remote.port == kIkePort) sa.remote.port = kNatPort;
  auto own = own_identity(sa, c);
  if (!own) return machine.close(sa, EndReason::kFailed, "local id: " + own.error().text);
  sa.local_id = *std::move(own);
  const auto expected = expected_identity(c);
  sa.remote_id = expected ? *expected : identity_of(sa.remote.address);
  const auto auth = auth_value(machine.services(), sa, true);
  if (!auth) {
    machine.report(sa, LogLevel::kError, "no_secret", auth.error().text);
    return machine.close(sa, EndReason::kFailed, auth.error().text);
  }
  OwnRequest& request = *sa.own;
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kIkeAuth);
  append_id(builder, PayloadType::kIdInitiator, sa.local_id);
  if (machine.is_first_contact(sa, expected.has_value()))
    isakmp::append_notify(builder, NotifyType::kInitialContact);
  if (expected) append_id(builder, PayloadType::kIdResponder, *expected);
  isakmp::append_authentication(builder, isakmp::AuthenticationMethod::kSharedKey, auth->bytes());
  append_child_offer(builder, request.offered, request.spi);
  append_selectors(builder, request.offered.selectors, true);
  machine.enter(sa, State::kAuthSent);
  machine.send_request(sa, builder);
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
  const auto verified =
      verify_auth(machine.services(), sa, *in.payloads.find(PayloadType::kAuthentication));
  if (!verified) return reject_responder(machine, sa, verified.error().text);
  const base::ByteVector ni = std::move(sa.handshake->ni);
  const base::ByteVector nr = std::move(sa.handshake->nr);
  machine.established(sa);
  take_first_child(machine, sa, in.payloads, {ni, nr});
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

/// The connection for both identities: the guess of IKE_SA_INIT knew addresses alone.
session::Connection* connection_for(Machine& machine, IkeSa& sa,
                                    const std::optional<Identity>& wanted_of_us) {
  const crypto::Proposal agreed = sa.agreed.as_proposal();
  const std::vector<session::OfferedProposal> offer{{1, {}, agreed}};
  session::Connection* best = nullptr;
  bool best_exact = false;
  for (session::Connection* c :
       machine.services().connections.candidates(sa.local.address, sa.remote.address)) {
    if (!c->config.remote.id.matches(sa.remote_id)) continue;
    const auto own = own_identity(sa, c->config);
    if (!own || (wanted_of_us && *own != *wanted_of_us)) continue;
    if (!session::choose_proposal(c->config.proposals, offer)) continue;
    const bool exact = expected_identity(c->config).has_value();
    if (best != nullptr && (best_exact || !exact)) continue;
    best = c;
    best_exact = exact;
  }
  return best;
}

tl::expected<void, AuthRefusal> authenticate(Machine& machine, IkeSa& sa,
                                             const isakmp::PayloadChain& payloads) {
  const auto syntax = [](const base::Error& e) {
    return tl::unexpected(AuthRefusal{NotifyType::kInvalidSyntax, e.text});
  };
  auto idi = read_identity(*payloads.find(PayloadType::kIdInitiator));
  if (!idi) return syntax(idi.error());
  std::optional<Identity> idr;
  if (const isakmp::PayloadView* p = payloads.find(PayloadType::kIdResponder)) {
    auto id = read_identity(*p);
    if (!id) return syntax(id.error());
    idr = *std::move(id);
  }
  sa.remote_id = *std::move(idi);
  sa.handshake->peer_id_body = base::to_vector(payloads.find(PayloadType::kIdInitiator)->body);
  session::Connection* connection = connection_for(machine, sa, idr);
  if (connection == nullptr)
    return tl::unexpected(
        AuthRefusal{NotifyType::kAuthenticationFailed,
                    "no connection is for " + sa.remote_id.to_string() +
                        (idr ? " asking for " + idr->to_string() : std::string())});
  machine.set_connection(sa, connection);
  sa.local_id = *own_identity(sa, connection->config);
  const auto verified =
      verify_auth(machine.services(), sa, *payloads.find(PayloadType::kAuthentication));
  if (verified) return {};
  const bool malformed = verified.error().code == base::ErrorCode::kMalformed ||
                         verified.error().code == base::ErrorCode::kTruncated;
  if (malformed) return syntax(verified.error());
  return tl::unexpected(AuthRefusal{NotifyType::kAuthenticationFailed, verified.error().text});
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

void on_ike_auth_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  sa.peer->kind = PeerRequest::Kind::kAuth;
  const auto authentic = authenticate(machine, sa, in.payloads);
  if (!authentic) return refuse_initiator(machine, sa, authentic.error());
  const auto offer = read_child_offer(in.payloads, true);
  if (!offer)
    return refuse_initiator(machine, sa, {NotifyType::kInvalidSyntax, offer.error().text});
  const bool initial_contact =
      isakmp::find_notify(in.payloads, NotifyType::kInitialContact).has_value();
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

void on_first_child_ready(Machine& machine, IkeSa& sa, ChildSa& child) {
  if (!child.failed) return answer_ike_auth(machine, sa, &child, {});
  machine.end_child(sa, child, EndReason::kReplaced);
  // §1.2: the IKE SA is created all the same.
  answer_ike_auth(machine, sa, nullptr, NotifyType::kNoAdditionalSas);
}

void answer_ike_auth(Machine& machine, IkeSa& sa, const ChildSa* child, NotifyType refusal) {
  const auto auth = auth_value(machine.services(), sa, false);
  if (!auth)
    return refuse_initiator(machine, sa, {NotifyType::kAuthenticationFailed, auth.error().text});
  isakmp::MessageBuilder builder = machine.response(sa);
  append_id(builder, PayloadType::kIdResponder, sa.local_id);
  isakmp::append_authentication(builder, isakmp::AuthenticationMethod::kSharedKey, auth->bytes());
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

}  // namespace penstock::ikev2
