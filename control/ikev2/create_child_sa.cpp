// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA for child SAs (RFC 7296 §1.3.1, §1.3.3), as initiator. Key pair (with PFS) ›
// request › response › shared secret › installation › delete of the replaced one. Collisions are
// settled by the lowest nonce (§2.8.1).
#include <algorithm>

#include "control/ikev2/child_negotiation.h"
#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using base::ErrorCode;
using base::LogLevel;
using crypto::DhGroupId;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

namespace {

bool is_rekey(const OwnRequest& own) { return own.task.kind == Task::Kind::kRekeyChild; }

ChildSa* replaced_by(const IkeSa& sa, const OwnRequest& own) {
  return is_rekey(own) ? session::find_by_inbound(sa.children, own.task.spi) : nullptr;
}

/// The child goes on as it was, or, if the peer rekeyed it too, waits for the peer's delete.
void restore(Machine& machine, IkeSa& sa, bool try_again) {
  ChildSa* old = replaced_by(sa, *sa.own);
  if (old == nullptr || old->state != ChildState::kRekeying) return;
  old->rekey_at.reset();
  const auto& collision = sa.own->collision;
  const bool replaced =
      collision && session::find_by_inbound(sa.children, collision->child) != nullptr;
  old->state = replaced ? ChildState::kRekeyed : ChildState::kInstalled;
  if (replaced) return;
  if (try_again) old->rekey_at = machine.now() + kRekeyAgain;
}

void fail_own(Machine& machine, IkeSa& sa, const std::string& why) {
  restore(machine, sa, true);
  const std::string name = sa.own->task.child != nullptr ? sa.own->task.child->name : "?";
  machine.report(sa, LogLevel::kWarning, "child_failed", "child " + name + ": " + why);
  machine.finish_own(sa, base::fail(ErrorCode::kRefused, why));
}

void send_create_child(Machine& machine, IkeSa& sa) {
  OwnRequest& own = *sa.own;
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kCreateChildSa);
  // §1.3.3: the child SA is named by the SPI that we expect in inbound packets.
  if (is_rekey(own))
    isakmp::append_child_notify(builder, NotifyType::kRekeySa,
                                own.offered.proposals.front().protocol, own.task.spi);
  append_child_offer(builder, own.offered, own.spi);
  isakmp::append_nonce(builder, own.ni);
  if (own.group != DhGroupId::kNone)
    isakmp::append_key_exchange(builder, own.group, own.pair.public_value);
  append_selectors(builder, own.offered.selectors, true);
  machine.send_request(sa, builder);
}

/// The answer is sound: what it says is kept until the shared secret is there.
base::Result<void> read_answer(IkeSa& sa, const Inbound& in, base::ByteVector& ke_data) {
  OwnRequest& own = *sa.own;
  PS_ASSIGN(const isakmp::NoncePayload nonce,
            isakmp::parse_nonce(in.payloads.find(PayloadType::kNonce)->body));
  PS_ASSIGN(const ChildAnswer answer,
            read_child_answer(in.payloads, sa, own.offered, {.preferred_group = own.group}));
  // §2.9.2: a successor is never narrower than what it replaces.
  const session::SelectorPair& asked = own.offered.selectors;
  if (is_rekey(own) && (!session::covers(answer.selectors.local, asked.local) ||
                        !session::covers(answer.selectors.remote, asked.remote)))
    return base::fail(ErrorCode::kRefused, "the answer narrows the child that it replaces");
  if (answer.agreed.group != own.group)
    return base::fail(ErrorCode::kRefused, "the answer's group is not the one that we sent");
  if (own.group != DhGroupId::kNone) {
    const isakmp::PayloadView* p = in.payloads.find(PayloadType::kKeyExchange);
    if (p == nullptr) return base::fail(ErrorCode::kMalformed, "the answer lacks its KE payload");
    PS_ASSIGN(const isakmp::KePayload ke, isakmp::parse_key_exchange(p->body));
    if (ke.group != own.group)
      return base::fail(ErrorCode::kMalformed, "the KE payload is of another group");
    ke_data = base::to_vector(ke.data);
  }
  own.nr = base::to_vector(nonce.data);
  own.agreed = answer.agreed;
  own.peer_spi = answer.peer_spi;
  own.chosen = answer.selectors;
  return {};
}

/// §2.8.1: both ends rekeyed the same child; ours goes if its exchange has the lowest nonce.
bool loses_collision(const OwnRequest& own) {
  return own.collision && std::min(own.ni, own.nr) < own.collision->lower_nonce;
}

void make_own_child(Machine& machine, IkeSa& sa, base::Bytes secret) {
  OwnRequest& own = *sa.own;
  const net::Spi spi = own.spi;
  ChildSa& child = machine.add_child(sa, *own.task.child, spi, own.peer_spi);
  own.child = spi;
  own.stage = OwnRequest::Stage::kInstalling;
  child.agreed = own.agreed;
  child.selectors = own.chosen;
  auto specs = make_specs(machine.services().crypto, sa, child, {own.ni, own.nr}, secret, true);
  if (!specs) {
    machine.end_child(sa, child, EndReason::kReplaced);
    machine.request_offer_delete(sa, own.agreed.protocol, spi);
    return fail_own(machine, sa, specs.error().text);
  }
  const ChildSa* old = replaced_by(sa, own);
  if (old != nullptr) {
    child.redundant = loses_collision(own);
    session::install_successor(machine.services(), child, *old, *std::move(specs));
  } else {
    session::install_fresh(machine.services(), {sa.serial, sa.connection}, child,
                           *std::move(specs));
  }
}

}  // namespace

void begin_create_child(Machine& machine, IkeSa& sa) {
  OwnRequest& own = *sa.own;
  ChildSa* old = replaced_by(sa, own);
  if (is_rekey(own)) {
    // While the task waited, the child may have gone or been replaced.
    const bool there = old != nullptr && (old->state == ChildState::kInstalled ||
                                          old->state == ChildState::kRekeying);
    if (!there) return machine.finish_own(sa, "the child SA is replaced or gone already");
    // The peer's rekey of it is being answered: that one is enough.
    if (sa.peer && sa.peer->kind == PeerRequest::Kind::kRekeyChild &&
        sa.peer->old_spi == own.task.spi && old->state == ChildState::kInstalled)
      return machine.postpone_own(sa);
    old->state = ChildState::kRekeying;
    own.task.child = old->config;
  }
  const session::ChildConfig& config = *own.task.child;
  if (sa.children.size() >= machine.services().settings.children_per_ike_sa)
    return fail_own(machine, sa, "the IKE SA has as many children as it may");
  if (own.offered.proposals.empty()) {
    auto request =
        old != nullptr ? successor_request(*old) : child_request(sa, config, own.task.packet);
    if (!request) return fail_own(machine, sa, request.error().text);
    own.offered = *std::move(request);
  }
  if (!machine.take_spi_or_wait(sa)) return;
  if (own.ni.empty()) {
    own.ni = machine.services().random_bytes(isakmp::kOwnNonceOctets);
    // The group that made the old child is known to be accepted.
    const bool known = old != nullptr && old->agreed.group != DhGroupId::kNone;
    own.group = known ? old->agreed.group : session::first_group(own.offered.proposals);
  }
  if (own.group != DhGroupId::kNone && own.pair.group != own.group) {
    own.stage = OwnRequest::Stage::kKeyPair;
    own.job = machine.services().start_job({sa.serial, false}, session::GenerateKeyPair{own.group});
    return;
  }
  send_create_child(machine, sa);
}

void on_create_child_response(Machine& machine, IkeSa& sa, const Inbound& in) {
  OwnRequest& own = *sa.own;
  if (own.task.kind != Task::Kind::kNewChild && !is_rekey(own)) {
    machine.drop(IkeDrop::kInvalidSyntax);
    machine.finish_own(sa, base::fail(ErrorCode::kMalformed, "a child SA in place of an IKE SA"));
    return machine.delete_ike(sa, EndReason::kExpired);
  }
  base::ByteVector ke_data;
  const auto answer = read_answer(sa, in, ke_data);
  if (!answer) {
    machine.drop(IkeDrop::kInvalidSyntax);
    // The peer has a child SA that we cannot use: it is named by the SPI that we offered.
    machine.request_offer_delete(sa, protocol_of_answer(in.payloads, own.offered), own.spi);
    return fail_own(machine, sa, answer.error().text);
  }
  if (own.group == DhGroupId::kNone) return make_own_child(machine, sa, {});
  own.stage = OwnRequest::Stage::kShared;
  own.job = machine.services().start_job(
      {sa.serial, false}, session::ComputeSharedSecret{std::move(own.pair), std::move(ke_data)});
}

void on_child_key_pair(Machine& machine, IkeSa& sa, bool for_peer, crypto::DhKeyPair pair) {
  if (for_peer) return on_peer_child_key_pair(machine, sa, std::move(pair));
  sa.own->pair = std::move(pair);
  begin_create_child(machine, sa);
}

void on_child_shared_secret(Machine& machine, IkeSa& sa, bool for_peer, base::Bytes secret) {
  if (for_peer) return make_peer_child(machine, sa, secret);
  make_own_child(machine, sa, secret);
}

// ---- refusals ----

namespace {

void yield_to_peer(Machine& machine, IkeSa& sa) {
  restore(machine, sa, true);
  machine.finish_own(sa, "the peer rekeyed the child SA first");
}

void child_not_found(Machine& machine, IkeSa& sa) {
  ChildSa* old = replaced_by(sa, *sa.own);
  // §2.8.1: the peer's own rekey came first, and it has deleted the old child already.
  if (sa.own->collision || old == nullptr) return yield_to_peer(machine, sa);
  // §2.25: the two ends disagree; ours goes silently and the child is made anew.
  Task anew;
  anew.kind = Task::Kind::kNewChild;
  anew.child = old->config;
  anew.command = sa.own->task.command;
  sa.own->task.command = {};
  machine.end_child(sa, *old, EndReason::kReplaced);
  machine.finish_own(sa, "the peer did not know the child SA");
  machine.add_task(sa, std::move(anew));
}

void temporary_failure(Machine& machine, IkeSa& sa) {
  OwnRequest& own = *sa.own;
  if (own.task.kind == Task::Kind::kRekeyIke) {
    if (!own.collision) return machine.postpone_own(sa);
    settle_ike_collision(machine, sa);
    return machine.finish_own(sa, "the peer rekeyed the IKE SA first");
  }
  if (own.collision) return yield_to_peer(machine, sa);
  restore(machine, sa, false);
  machine.postpone_own(sa);
}

/// §1.3: only a group that we offered, and not the one that we just tried.
bool take_wanted_group(Machine& machine, IkeSa& sa, const isakmp::NotifyPayload& notify) {
  OwnRequest& own = *sa.own;
  const bool ike = own.task.kind == Task::Kind::kRekeyIke;
  const auto group = isakmp::invalid_ke_group_of(notify);
  const crypto::Proposals& offered = ike ? sa.connection->config.proposals : own.offered.proposals;
  if (!group || *group == own.group || !session::offers_group(offered, *group) ||
      ++own.rounds > kMaxRounds)
    return false;
  own.group = *group;
  own.sent.stop();
  ike ? begin_rekey_ike(machine, sa) : begin_create_child(machine, sa);
  return true;
}

}  // namespace

void on_create_child_refused(Machine& machine, IkeSa& sa, const Inbound& in) {
  OwnRequest& own = *sa.own;
  const auto error = isakmp::find_error_notify(in.payloads);
  if (own.abandoned) return machine.finish_own(sa, "no longer wanted");
  if (error && error->type == NotifyType::kTemporaryFailure) return temporary_failure(machine, sa);
  if (error && error->type == NotifyType::kChildSaNotFound && is_rekey(own))
    return child_not_found(machine, sa);
  if (error && error->type == NotifyType::kInvalidKePayload &&
      take_wanted_group(machine, sa, *error))
    return;
  const std::string why =
      "the peer answers CREATE_CHILD_SA with " +
      (error ? isakmp::name_of(error->type) : std::string("nothing to make an SA of"));
  if (own.task.kind == Task::Kind::kRekeyIke) {
    if (own.collision) settle_ike_collision(machine, sa);
    machine.report(sa, LogLevel::kWarning, "ike_rekey_failed", why);
    if (sa.state == State::kEstablished && sa.end_at) sa.rekey_at = machine.now() + kRekeyAgain;
    machine.finish_own(sa, base::fail(ErrorCode::kRefused, why));
  } else {
    fail_own(machine, sa, why);
  }
  // §2.21.3: INVALID_SYNTAX is fatal at both ends.
  if (error && error->type == NotifyType::kInvalidSyntax)
    machine.close(sa, EndReason::kExpired, why);
}

void on_answer_too_late(Machine& machine, IkeSa& sa, const Inbound& in) {
  static_cast<void>(in);
  machine.finish_own(sa, "the IKE SA was rekeyed meanwhile");
}

// ---- installed ----

namespace {

void own_rekey_ready(Machine& machine, IkeSa& sa, ChildSa& child) {
  OwnRequest& own = *sa.own;
  ChildSa* old = replaced_by(sa, own);
  ChildSa* rival =
      own.collision ? session::find_by_inbound(sa.children, own.collision->child) : nullptr;
  machine.child_installed(sa, child);
  child.redundant = loses_collision(own);
  if (child.redundant) {
    restore(machine, sa, true);
    machine.request_child_delete(sa, child.spi_in, EndReason::kReplaced);
    return machine.finish_own(sa, "child SA rekeyed by the peer at the same time");
  }
  if (rival != nullptr) rival->redundant = true;
  session::switch_outbound(machine.services(), child);
  if (old != nullptr) {
    old->state = ChildState::kRekeyed;
    old->rekey_at.reset();
    old->switch_by.reset();
    machine.request_child_delete(sa, old->spi_in, EndReason::kReplaced);
  }
  machine.finish_own(sa, "child SA rekeyed");
}

}  // namespace

void on_child_ready(Machine& machine, IkeSa& sa, ChildSa& child) {
  if (sa.peer && sa.peer->child == child.spi_in) return peer_child_ready(machine, sa, child);
  const bool ours =
      sa.own && sa.own->child == child.spi_in && sa.own->stage == OwnRequest::Stage::kInstalling;
  if (child.failed) {
    child.redundant = true;
    const net::Spi spi = child.spi_in;
    if (ours) fail_own(machine, sa, "the data plane could not install it");
    return machine.request_child_delete(sa, spi, EndReason::kReplaced);
  }
  if (!ours) return machine.child_installed(sa, child);
  const isakmp::ChildReference made{child.agreed.protocol, child.spi_out};
  if (std::ranges::find(sa.own->deleted_early, made) != sa.own->deleted_early.end()) {
    machine.end_child(sa, child, EndReason::kReplaced);
    return fail_own(machine, sa, "the peer deleted it before it was installed");
  }
  if (is_rekey(*sa.own)) return own_rekey_ready(machine, sa, child);
  machine.child_installed(sa, child);
  machine.finish_own(sa, "child SA installed");
}

}  // namespace penstock::ikev2
