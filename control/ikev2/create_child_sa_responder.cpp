// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA for child SAs, as responder: collisions first (RFC 7296 §2.25), then choice, key
// exchange (with PFS), installation, answer. The outbound half of a successor waits for the peer
// (design §4.5).
#include <algorithm>

#include "control/ikev2/child_negotiation.h"
#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using base::LogLevel;
using crypto::DhGroupId;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

namespace {

bool is_closing(const IkeSa& sa, const ChildSa& child) {
  if (!child.live()) return true;
  return std::ranges::any_of(sa.tasks, [&](const Task& t) {
    return t.kind == Task::Kind::kDeleteChild && t.spi == child.spi_in;
  });
}

bool is_rekeying_ike(const IkeSa& sa) {
  return sa.own && !sa.own->abandoned && sa.own->task.kind == Task::Kind::kRekeyIke;
}

void temporary_failure(Machine& machine, IkeSa& sa) {
  machine.refuse(sa, NotifyType::kTemporaryFailure, IkeDrop::kTemporaryFailure);
}

void refuse_not_found(Machine& machine, IkeSa& sa, const isakmp::ChildReference& ref) {
  machine.drop(IkeDrop::kChildNotFound);
  isakmp::MessageBuilder builder = machine.response(sa);
  // §2.25: the SPI is copied from REKEY_SA.
  isakmp::append_child_notify(builder, NotifyType::kChildSaNotFound, ref.protocol, ref.spi);
  machine.respond(sa, builder);
}

/// §2.21.3: fatal at both ends.
void refuse_syntax(Machine& machine, IkeSa& sa, const std::string& why) {
  machine.refuse(sa, NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax);
  machine.report(sa, LogLevel::kWarning, "invalid_syntax", "CREATE_CHILD_SA: " + why);
  machine.close(sa, EndReason::kPeer, "the peer sent a malformed CREATE_CHILD_SA");
}

void refuse_child(Machine& machine, IkeSa& sa, const ChildRefusal& refusal) {
  machine.report(sa, LogLevel::kWarning, "child_refused",
                 "child refused with " + isakmp::name_of(refusal.type) + ": " + refusal.text);
  machine.refuse(sa, refusal.type, refusal.why);
}

struct Request {
  ChildOffer offer;
  base::ByteVector nonce;
  isakmp::KePayload ke;
};

base::Result<Request> read_request(const isakmp::PayloadChain& payloads) {
  PS_ASSIGN(ChildOffer offer, read_child_offer(payloads, true));
  PS_ASSIGN(const isakmp::NoncePayload nonce,
            isakmp::parse_nonce(payloads.find(PayloadType::kNonce)->body));
  Request request{std::move(offer), base::to_vector(nonce.data), {}};
  if (const isakmp::PayloadView* p = payloads.find(PayloadType::kKeyExchange)) {
    PS_ASSIGN(request.ke, isakmp::parse_key_exchange(p->body));
  }
  return request;
}

/// The choice is made: key exchange if there is one, then the child.
void go_on(Machine& machine, IkeSa& sa, const Request& request, const ChildChoice& choice,
           const ChildSa* old) {
  session::Services& s = machine.services();
  PeerRequest& peer = *sa.peer;
  const auto spi = s.take_spi();
  if (!spi)
    return refuse_child(
        machine, sa,
        {NotifyType::kTemporaryFailure, IkeDrop::kNoAdditionalSas, "no SPI is there now"});
  peer.kind = old != nullptr ? PeerRequest::Kind::kRekeyChild : PeerRequest::Kind::kNewChild;
  peer.spi = *spi;
  if (old != nullptr) peer.old_spi = old->spi_in;
  peer.config = choice.config;
  peer.agreed = choice.agreed;
  peer.number = choice.number;
  peer.peer_spi = choice.peer_spi;
  peer.selectors = choice.selectors;
  peer.ni = request.nonce;
  peer.nr = s.random_bytes(isakmp::kOwnNonceOctets);
  peer.peer_public = base::to_vector(request.ke.data);
  // §2.8.1: noted now; which of the two stands is known when ours is answered.
  if (old != nullptr && sa.own && sa.own->task.kind == Task::Kind::kRekeyChild &&
      sa.own->task.spi == old->spi_in) {
    sa.own->collision = Collision{*spi, 0, std::min(peer.ni, peer.nr)};
    peer.collides = true;
  }
  if (peer.agreed.group == DhGroupId::kNone) return make_peer_child(machine, sa, {});
  peer.job = s.start_job({sa.serial, true}, session::GenerateKeyPair{peer.agreed.group});
}

}  // namespace

void on_create_child_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  if (sa.contested != 0) settle_by_use(machine, sa);
  // §2.25.2; an IKE SA that a collision made takes children when that is settled.
  if (is_rekeying_ike(sa) || sa.redundant) return temporary_failure(machine, sa);
  const ChildSa* old = nullptr;
  if (const auto rekey = isakmp::find_notify(in.payloads, NotifyType::kRekeySa)) {
    const auto ref = isakmp::child_of(*rekey);
    if (!ref) return refuse_syntax(machine, sa, ref.error().text);
    // §2.25: the child that it names is not one of ours if it is of another protocol.
    old = session::find_by_outbound(sa.children, ref->protocol, ref->spi);
    // It may be the child that our own request is about to make.
    if (old == nullptr && machine.is_busy_with_children(sa)) return temporary_failure(machine, sa);
    if (old == nullptr) return refuse_not_found(machine, sa, *ref);
    if (is_closing(sa, *old)) return temporary_failure(machine, sa);
  }
  const auto request = read_request(in.payloads);
  if (!request) return refuse_syntax(machine, sa, request.error().text);
  if (sa.children.size() >= machine.services().settings.children_per_ike_sa)
    return refuse_child(machine, sa,
                        {NotifyType::kNoAdditionalSas, IkeDrop::kNoAdditionalSas,
                         "the IKE SA has as many children as it may"});
  const session::ChoiceOptions options{.preferred_group = request->ke.group};
  const auto choice = old != nullptr ? choose_successor(sa, *old, request->offer, options)
                                     : choose_child(sa, request->offer, options);
  if (!choice) return refuse_child(machine, sa, choice.error());
  if (old == nullptr && choice->config->is_transport() && machine.is_taken(sa, choice->selectors))
    return refuse_child(machine, sa, taken_selectors());
  const DhGroupId group = choice->agreed.group;
  if (group != DhGroupId::kNone && group != request->ke.group) {
    machine.drop(IkeDrop::kInvalidKe);
    isakmp::MessageBuilder builder = machine.response(sa);
    isakmp::append_invalid_ke(builder, group);
    return machine.respond(sa, builder);
  }
  if (group != DhGroupId::kNone && machine.services().jobs_full())
    return temporary_failure(machine, sa);
  go_on(machine, sa, *request, *choice, old);
}

void on_create_child_too_late(Machine& machine, IkeSa& sa, const Inbound& in) {
  static_cast<void>(in);
  temporary_failure(machine, sa);
}

void on_peer_child_key_pair(Machine& machine, IkeSa& sa, crypto::DhKeyPair pair) {
  PeerRequest& peer = *sa.peer;
  peer.own_public = pair.public_value;
  peer.job = machine.services().start_job(
      {sa.serial, true},
      session::ComputeSharedSecret{std::move(pair), std::move(peer.peer_public)});
}

void make_peer_child(Machine& machine, IkeSa& sa, base::Bytes secret) {
  PeerRequest& peer = *sa.peer;
  const ChildSa* old = session::find_by_inbound(sa.children, peer.old_spi);
  if (peer.kind == PeerRequest::Kind::kRekeyChild && (old == nullptr || !old->live()))
    return temporary_failure(machine, sa);
  const net::Spi spi = peer.spi;
  ChildSa& child = machine.add_child(sa, *peer.config, spi, peer.peer_spi);
  peer.child = spi;
  child.agreed = peer.agreed;
  child.selectors = peer.selectors;
  auto specs = make_specs(machine.services().crypto, sa, child, {peer.ni, peer.nr}, secret, false);
  if (!specs) {
    machine.end_child(sa, child, EndReason::kReplaced);
    return refuse_child(machine, sa,
                        {NotifyType::kNoProposalChosen, IkeDrop::kNoProposal, specs.error().text});
  }
  if (peer.kind == PeerRequest::Kind::kRekeyChild) {
    session::install_successor(machine.services(), child, *old, *std::move(specs));
  } else {
    session::install_fresh(machine.services(), {sa.serial, sa.connection}, child,
                           *std::move(specs));
  }
}

void peer_child_ready(Machine& machine, IkeSa& sa, ChildSa& child) {
  PeerRequest& peer = *sa.peer;
  if (child.failed) {
    machine.end_child(sa, child, EndReason::kReplaced);
    return machine.refuse(sa, NotifyType::kTemporaryFailure, IkeDrop::kInstallFailed);
  }
  isakmp::MessageBuilder builder = machine.response(sa);
  append_child_answer(builder, child, peer.number);
  isakmp::append_nonce(builder, peer.nr);
  if (child.agreed.group != DhGroupId::kNone)
    isakmp::append_key_exchange(builder, child.agreed.group, peer.own_public);
  append_selectors(builder, child.selectors, false);
  ChildSa* old = session::find_by_inbound(sa.children, peer.old_spi);
  machine.respond(sa, builder);
  machine.child_installed(sa, child);
  if (old == nullptr) return;
  // While ours for the same child is under way, it decides what becomes of the old one.
  if (old->state == ChildState::kInstalled) {
    old->state = ChildState::kRekeyed;
    old->rekey_at.reset();
  }
  if (!child.redundant) child.switch_by = machine.now() + session::kSwitchBound;
}

}  // namespace penstock::ikev2
