// SPDX-License-Identifier: BSD-3-Clause
// CREATE_CHILD_SA that rekeys the IKE SA (RFC 7296 §1.3.2, §2.18), from either end, always with a
// key exchange. The new IKE SA inherits the children; of two that a collision made, the one without
// the lowest nonce does (§2.8.2).
#include <algorithm>

#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using base::ErrorCode;
using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::EndReason;
using session::IkeDrop;
using session::Task;

namespace {

base::Result<IkeSpi> ike_spi_of(const session::OfferedProposal& proposal) {
  base::ByteReader reader(proposal.spi);
  PS_ASSIGN(const std::uint64_t value, reader.u64());
  // §3.1: never zero.
  if (!reader.empty() || value == 0)
    return base::fail(ErrorCode::kMalformed, "the new IKE SA's SPI is not eight octets");
  return IkeSpi{value};
}

base::ByteVector octets_of(IkeSpi spi) {
  base::ByteWriter w;
  w.u64(spi.value());
  return w.release();
}

/// The children and what waits for them move over; the old IKE SA waits for its end.
void hand_over(Machine& machine, IkeSa& old, IkeSa& next) {
  next.redundant = false;
  next.contested = 0;
  next.end_reason = old.end_reason;
  next.end_at.reset();
  machine.arm_lifetime(next);
  for (auto& child : old.children) {
    if (session::Slot* slot = machine.services().slots.find(child->slot))
      slot->ike_sa = next.serial;
    next.children.push_back(std::move(child));
  }
  old.children.clear();
  for (Task& t : old.tasks) {
    const bool moves = t.kind == Task::Kind::kNewChild || t.kind == Task::Kind::kRekeyChild ||
                       t.kind == Task::Kind::kDeleteChild;
    if (moves) {
      next.tasks.push_back(std::move(t));
    } else if (t.kind == Task::Kind::kRekeyIke) {
      machine.services().note(session::TaskDone{std::move(t), "IKE SA rekeyed"});
    } else if (t.kind == Task::Kind::kDeleteIke) {
      next.tasks.insert(next.tasks.begin(), std::move(t));
    }
  }
  old.tasks.clear();
  old.rekey_at.reset();
  machine.enter(old, State::kRekeyed);
  old.end_at = machine.now() + kRekeyedPatience;
  machine.touch(old);
  machine.touch(next);
  machine.report(next, LogLevel::kInfo, "ike_rekeyed",
                 "IKE SA rekeyed by " + std::string(next.initiator ? "us" : "the peer") + ", " +
                     next.agreed.to_string());
}

/// A new IKE SA with keys, without children yet.
IkeSa* make_next(Machine& machine, IkeSa& old, bool initiator, IkeSpi own, IkeSpi peer,
                 const session::Agreed& agreed, const Nonces& nonces, base::Bytes secret) {
  const crypto::CryptoContext& crypto = machine.services().crypto;
  const crypto::PrfRow* old_prf = crypto::find_prf(old.agreed.prf);
  const auto algorithms = algorithms_of(agreed);
  IkeSa* next = algorithms ? machine.create(initiator, own, peer) : nullptr;
  if (next == nullptr) return nullptr;
  next->agreed = agreed;
  const base::SecretBytes seed =
      skeyseed_of_rekey(crypto, *old_prf, old.sk_d.bytes(), secret, nonces);
  const auto keys = machine.install_keys(
      *next, derive_ike_keys(crypto, *algorithms, seed.bytes(), nonces, next->spi_i, next->spi_r));
  if (!keys) {
    machine.close(*next, EndReason::kReplaced, keys.error().text);
    return nullptr;
  }
  machine.inherit(*next, old);
  next->redundant = true;
  next->end_at = machine.now() + kRekeyedPatience;
  return next;
}

}  // namespace

// ---- our request ----

void begin_rekey_ike(Machine& machine, IkeSa& sa) {
  OwnRequest& own = *sa.own;
  const crypto::Proposals& proposals = sa.connection->config.proposals;
  if (own.ni.empty()) {
    own.ni = machine.services().random_bytes(isakmp::kOwnNonceOctets);
    own.ike_spi = machine.draw_spi();
    // The group that both ends are known to accept is tried first.
    own.group = sa.agreed.group;
  }
  if (own.pair.group != own.group) {
    own.stage = OwnRequest::Stage::kKeyPair;
    own.job = machine.services().start_job({sa.serial, false}, session::GenerateKeyPair{own.group});
    return;
  }
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kCreateChildSa);
  isakmp::append_sa(builder, proposals, octets_of(own.ike_spi));
  isakmp::append_nonce(builder, own.ni);
  isakmp::append_key_exchange(builder, own.group, own.pair.public_value);
  machine.send_request(sa, builder);
}

namespace {

base::Result<base::ByteVector> read_answer(IkeSa& sa, const Inbound& in) {
  OwnRequest& own = *sa.own;
  PS_ASSIGN(const auto offers, offered_proposals(in.payloads));
  PS_ASSIGN(const session::Agreed agreed,
            session::accept_answer(sa.connection->config.proposals, offers,
                                   {.preferred_group = own.group}));
  PS_ASSIGN(const IkeSpi spi, ike_spi_of(offers.front()));
  PS_ASSIGN(const isakmp::KePayload ke,
            isakmp::parse_key_exchange(in.payloads.find(PayloadType::kKeyExchange)->body));
  PS_ASSIGN(const isakmp::NoncePayload nonce,
            isakmp::parse_nonce(in.payloads.find(PayloadType::kNonce)->body));
  if (agreed.group != own.group || ke.group != own.group)
    return base::fail(ErrorCode::kRefused, "the answer's group is not the one that we sent");
  own.agreed = agreed;
  own.peer_ike_spi = spi;
  own.nr = base::to_vector(nonce.data);
  return base::to_vector(ke.data);
}

}  // namespace

void on_rekey_ike_response(Machine& machine, IkeSa& sa, const Inbound& in) {
  OwnRequest& own = *sa.own;
  auto ke = own.task.kind == Task::Kind::kRekeyIke
                ? read_answer(sa, in)
                : base::Result<base::ByteVector>(
                      base::fail(ErrorCode::kMalformed, "an IKE SA in place of a child SA"));
  if (!ke) {
    // The peer has an IKE SA that we cannot use: the two ends are out of step (§2.21.3).
    machine.drop(IkeDrop::kInvalidSyntax);
    machine.report(sa, LogLevel::kWarning, "ike_rekey_failed", ke.error().text);
    machine.finish_own(sa, base::fail(ErrorCode::kRefused, ke.error().text));
    return machine.delete_ike(sa, EndReason::kExpired);
  }
  own.stage = OwnRequest::Stage::kShared;
  own.job = machine.services().start_job(
      {sa.serial, false}, session::ComputeSharedSecret{std::move(own.pair), *std::move(ke)});
}

namespace {

void own_rekey_done(Machine& machine, IkeSa& sa, base::Bytes secret) {
  OwnRequest& own = *sa.own;
  IkeSa* next = make_next(machine, sa, true, own.ike_spi, own.peer_ike_spi, own.agreed,
                          {own.ni, own.nr}, secret);
  if (next == nullptr) {
    machine.finish_own(sa, base::fail(ErrorCode::kLimit, "no room for another IKE SA"));
    return machine.delete_ike(sa, EndReason::kExpired);
  }
  const bool loses = own.collision && std::min(own.ni, own.nr) < own.collision->lower_nonce;
  if (!loses) {
    hand_over(machine, sa, *next);
    machine.finish_own(sa, "IKE SA rekeyed");
    return machine.delete_ike(sa, EndReason::kReplaced);
  }
  // §2.8.2: ours goes. If the peer's is not made yet, the children wait here for it.
  settle_ike_collision(machine, sa);
  machine.finish_own(sa, "IKE SA rekeyed by the peer at the same time");
  machine.delete_ike(*next, EndReason::kReplaced);
}

}  // namespace

void settle_ike_collision(Machine& machine, IkeSa& sa) {
  IkeSa* winner = machine.find(sa.own->collision->ike_sa);
  if (winner != nullptr) hand_over(machine, sa, *winner);
}

void settle_by_use(Machine& machine, IkeSa& sa) {
  // §2.8.2: the peer works on the IKE SA that it made, so it did not notice our rekey, or won.
  IkeSa* old = machine.find(sa.contested);
  sa.contested = 0;
  if (old != nullptr && old->state == State::kEstablished) hand_over(machine, *old, sa);
}

// ---- the peer's request ----

void on_rekey_ike_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  const auto refuse_syntax = [&](const base::Error& e) {
    machine.refuse(sa, NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax);
    machine.close(sa, EndReason::kPeer, "a malformed request to rekey the IKE SA: " + e.text);
  };
  // §2.25.1: not while a child SA is being made, rekeyed or closed.
  if (machine.is_busy_with_children(sa) || sa.redundant || machine.services().jobs_full())
    return machine.refuse(sa, NotifyType::kTemporaryFailure, IkeDrop::kTemporaryFailure);
  const auto offers = offered_proposals(in.payloads);
  if (!offers) return refuse_syntax(offers.error());
  const auto ke = isakmp::parse_key_exchange(in.payloads.find(PayloadType::kKeyExchange)->body);
  if (!ke) return refuse_syntax(ke.error());
  const auto nonce = isakmp::parse_nonce(in.payloads.find(PayloadType::kNonce)->body);
  if (!nonce) return refuse_syntax(nonce.error());
  const auto choice = session::choose_proposal(sa.connection->config.proposals, *offers,
                                               {.preferred_group = ke->group});
  if (!choice) {
    machine.report(sa, LogLevel::kWarning, "no_proposal", choice.error().text);
    return machine.refuse(sa, NotifyType::kNoProposalChosen, IkeDrop::kNoProposal);
  }
  const auto spi = ike_spi_of((*offers)[choice->index]);
  if (!spi) return refuse_syntax(spi.error());
  if (choice->agreed.group != ke->group) {
    machine.drop(IkeDrop::kInvalidKe);
    isakmp::MessageBuilder builder = machine.response(sa);
    isakmp::append_invalid_ke(builder, choice->agreed.group);
    return machine.respond(sa, builder);
  }
  session::Services& s = machine.services();
  PeerRequest& peer = *sa.peer;
  peer.kind = PeerRequest::Kind::kRekeyIke;
  peer.agreed = choice->agreed;
  peer.number = (*offers)[choice->index].number;
  peer.peer_ike_spi = *spi;
  peer.ike_spi = machine.draw_spi();
  peer.ni = base::to_vector(nonce->data);
  peer.nr = s.random_bytes(isakmp::kOwnNonceOctets);
  peer.peer_public = base::to_vector(ke->data);
  if (sa.own && sa.own->task.kind == Task::Kind::kRekeyIke) {
    sa.own->collision = Collision{{}, 0, std::min(peer.ni, peer.nr)};
    peer.collides = true;
  }
  peer.job = s.start_job({sa.serial, true}, session::GenerateKeyPair{peer.agreed.group});
}

namespace {

void peer_rekey_done(Machine& machine, IkeSa& sa, base::Bytes secret) {
  PeerRequest& peer = *sa.peer;
  IkeSa* next = make_next(machine, sa, false, peer.ike_spi, peer.peer_ike_spi, peer.agreed,
                          {peer.ni, peer.nr}, secret);
  if (next == nullptr)
    return machine.refuse(sa, NotifyType::kTemporaryFailure, IkeDrop::kIkeSaLimit);
  isakmp::MessageBuilder builder = machine.response(sa);
  isakmp::append_sa_choice(builder, peer.agreed.as_proposal(), peer.number, octets_of(next->spi_r));
  isakmp::append_nonce(builder, peer.nr);
  isakmp::append_key_exchange(builder, peer.agreed.group, peer.own_public);
  machine.respond(sa, builder);
  // Ours won already (§2.8.2): the peer will delete the one that it made.
  if (sa.state != State::kEstablished) return;
  if (sa.own && sa.own->collision) {
    sa.own->collision->ike_sa = next->serial;
    next->contested = sa.serial;
    return;
  }
  hand_over(machine, sa, *next);
  if (sa.own) sa.own->abandoned = true;
}

}  // namespace

// ---- jobs ----

void on_rekey_ike_key_pair(Machine& machine, IkeSa& sa, bool for_peer, crypto::DhKeyPair pair) {
  if (!for_peer) {
    sa.own->pair = std::move(pair);
    return begin_rekey_ike(machine, sa);
  }
  PeerRequest& peer = *sa.peer;
  peer.own_public = pair.public_value;
  peer.job = machine.services().start_job(
      {sa.serial, true},
      session::ComputeSharedSecret{std::move(pair), std::move(peer.peer_public)});
}

void on_rekey_ike_shared_secret(Machine& machine, IkeSa& sa, bool for_peer, base::Bytes secret) {
  for_peer ? peer_rekey_done(machine, sa, secret) : own_rekey_done(machine, sa, secret);
}

}  // namespace penstock::ikev2
