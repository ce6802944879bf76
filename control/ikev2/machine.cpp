// SPDX-License-Identifier: BSD-3-Clause
// Machine, part one: IKE SAs and what comes in for them. A message goes: window › integrity ›
// payload chain › transition table › the exchange's file. After each input settle() starts waiting
// tasks, moves deadlines and erases what died.
#include "control/ikev2/machine.h"

#include <algorithm>
#include <limits>

#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/notify.h"
#include "control/session/ends.h"
#include "lib/base/check.h"

namespace penstock::ikev2 {

using isakmp::NotifyType;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- IKE SAs ----

IkeSa* Machine::find(std::uint64_t serial) {
  const auto found = sas_.find(serial);
  return found == sas_.end() || found->second->state == State::kDead ? nullptr
                                                                     : found->second.get();
}

IkeSpi Machine::draw_spi() {
  for (;;) {
    const IkeSpi spi{services_.random.u64()};
    if (spi.value() != 0 && table_.find(spi) == 0) return spi;
  }
}

IkeSa* Machine::create(bool initiator, IkeSpi own, IkeSpi peer) {
  if (sas_.size() >= services_.settings.ike_sas) {
    drop(IkeDrop::kIkeSaLimit);
    return nullptr;
  }
  const IkeSpi spi = own.value() != 0 ? own : draw_spi();
  const std::uint64_t serial = services_.next_serial();
  if (!table_.insert(spi, serial)) return nullptr;
  auto sa = std::make_unique<IkeSa>();
  sa->serial = serial;
  sa->initiator = initiator;
  sa->spi_i = initiator ? spi : peer;
  sa->spi_r = initiator ? peer : spi;
  sa->created = sa->last_heard = now();
  IkeSa& made = *sas_.emplace(serial, std::move(sa)).first->second;
  touch(made);
  return &made;
}

void Machine::set_connection(IkeSa& sa, session::Connection* connection) {
  if (sa.connection != nullptr) services_.connections.detach(*sa.connection, sa.serial);
  sa.connection = connection;
  if (connection != nullptr) services_.connections.attach(*connection, sa.serial);
}

void Machine::enter(IkeSa& sa, State state) {
  PS_CHECK(is_legal(sa.state, state));
  sa.state = state;
}

base::Result<IkeKeys> Machine::install_keys(IkeSa& sa, IkeKeys keys) {
  PS_ASSIGN(const IkeAlgorithms algorithms, algorithms_of(sa.agreed));
  PS_ASSIGN(crypto::SkCipher i,
            crypto::SkCipher::create(services_.crypto, *algorithms.encr, algorithms.integ,
                                     keys.ei.bytes(), keys.ai.bytes()));
  PS_ASSIGN(crypto::SkCipher r,
            crypto::SkCipher::create(services_.crypto, *algorithms.encr, algorithms.integ,
                                     keys.er.bytes(), keys.ar.bytes()));
  if (!sa.initiator) std::swap(i, r);
  sa.seal = std::move(i);
  sa.open = std::move(r);
  sa.sk_d = std::move(keys.d);
  return keys;
}

void Machine::arm_lifetime(IkeSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  sa.rekey_at.reset();
  sa.end_at.reset();
  if (c.rekey_time.count() == 0) return;
  sa.rekey_at = now() + services_.shortened(c.rekey_time, c.rand_time);
  if (c.over_time.count() != 0) sa.end_at = now() + c.rekey_time + c.over_time;
}

void Machine::established(IkeSa& sa) {
  enter(sa, State::kEstablished);
  if (sa.is_half_open()) table_.close(sa.spi_i, sa.handshake->source);
  sa.handshake.reset();
  register_identities(sa);
  sa.last_heard = sa.established_at = now();
  sa.connection->attempts = 0;
  arm_lifetime(sa);
  report(sa, base::LogLevel::kInfo, "ike_established",
         "IKE SA established as " + std::string(sa.initiator ? "initiator" : "responder") +
             ", we are " + sa.local_id.to_string() + ", " + sa.agreed.to_string());
}

void Machine::register_identities(const IkeSa& sa) {
  by_identities_[{sa.local_id, sa.remote_id}].insert(sa.serial);
  peers_.insert(sa.remote, sa.serial);
}

void Machine::forget_identities(const IkeSa& sa) {
  peers_.erase(sa.remote, sa.serial);
  const auto found = by_identities_.find({sa.local_id, sa.remote_id});
  if (found == by_identities_.end()) return;
  found->second.erase(sa.serial);
  if (found->second.empty()) by_identities_.erase(found);
}

bool Machine::is_first_contact(const IkeSa& sa, bool exact) {
  if (sa.connection->config.unique == session::UniquePolicy::kNever) return false;
  if (exact) return !by_identities_.contains({sa.local_id, sa.remote_id});
  // Wherever at its address; who has so many has been here before.
  const auto there = peers_.at({sa.remote.address, net::Port{0}}, kHintedAtOnce);
  return there.size() < kHintedAtOnce && std::ranges::none_of(there, [&](std::uint64_t serial) {
           return sas_.at(serial)->local_id == sa.local_id;
         });
}

bool Machine::admit_identity(IkeSa& sa, bool initial_contact) {
  const session::UniquePolicy unique = sa.connection->config.unique;
  const auto found = by_identities_.find({sa.local_id, sa.remote_id});
  if (found == by_identities_.end() || unique == session::UniquePolicy::kNever) return true;
  const bool replace = unique == session::UniquePolicy::kReplace;
  if (unique == session::UniquePolicy::kKeep && !initial_contact) return false;
  if (!replace && !initial_contact) return true;  // one identity may have thousands
  const std::set<std::uint64_t> others = found->second;
  for (const std::uint64_t serial : others) {
    IkeSa* other = find(serial);
    if (other == nullptr || other == &sa) continue;
    // One that came up while this handshake ran is no leftover of the peer's former life.
    if (initial_contact && other->established_at < sa.created) {
      report(*other, base::LogLevel::kInfo, "ike_replaced", "the peer says it has no other IKE SA");
      close(*other, EndReason::kReplaced, "INITIAL_CONTACT");
    } else if (replace) {
      delete_ike(*other, EndReason::kReplaced);
    }
  }
  return true;
}

bool Machine::is_taken(const IkeSa& sa, const session::SelectorPair& selectors) {
  if (!sa.nat_there) return false;
  for (const std::uint64_t serial : peers_.at({sa.remote.address, net::Port{0}}, sas_.size())) {
    const IkeSa& other = *sas_.at(serial);
    if (other.remote_id == sa.remote_id) continue;
    for (const auto& c : other.children)
      if (c->config->is_transport() && session::overlap(c->selectors.local, selectors.local) &&
          session::overlap(c->selectors.remote, selectors.remote))
        return true;
  }
  return false;
}

void Machine::inherit(IkeSa& next, const IkeSa& old) {
  set_connection(next, old.connection);
  next.local = old.local;
  next.remote = old.remote;
  next.local_id = old.local_id;
  next.remote_id = old.remote_id;
  next.nat_here = old.nat_here;
  next.nat_there = old.nat_there;
  next.encap = old.encap;
  next.last_sent = old.last_sent;
  next.fragmentation = old.fragmentation;
  next.tfc_refused = old.tfc_refused;
  next.established_at = now();
  register_identities(next);
  enter(next, State::kEstablished);
}

void Machine::close(IkeSa& sa, EndReason reason, const std::string& why) {
  if (sa.state == State::kDead) return;
  if (sa.is_half_open()) table_.close(sa.spi_i, sa.handshake->source);
  const bool initiated = sa.initiator && sa.handshake != nullptr;
  while (!sa.children.empty()) end_child(sa, *sa.children.back(), reason);
  std::vector<Task> left;
  if (sa.own) {
    if (sa.own->spi.value() != 0) services_.return_spi(sa.own->spi);
    if (!sa.own->abandoned) left.push_back(std::move(sa.own->task));
    sa.own.reset();
  }
  if (sa.peer && sa.peer->spi.value() != 0) services_.return_spi(sa.peer->spi);
  sa.peer.reset();
  std::ranges::move(sa.tasks, std::back_inserter(left));
  sa.tasks.clear();
  table_.erase(sa.own_spi());
  forget_identities(sa);
  enter(sa, State::kDead);
  touch(sa);
  if (sa.connection != nullptr)
    services_.note(session::IkeEnded{sa.connection, std::move(left), reason, why, initiated});
}

void Machine::delete_ike(IkeSa& sa, EndReason reason, session::CommandId command) {
  sa.end_reason = reason;
  if (sa.state != State::kEstablished && sa.state != State::kRekeyed &&
      sa.state != State::kDeleting) {
    close(sa, reason, "given up before it was authenticated");
    return;
  }
  if (reason == EndReason::kRequested || reason == EndReason::kExpired)
    report(sa, base::LogLevel::kInfo, "ike_deleting",
           reason == EndReason::kRequested ? "IKE SA and its children are taken down, as asked"
                                           : "IKE SA is deleted: its lifetime is over");
  Task task;
  task.kind = Task::Kind::kDeleteIke;
  task.command = command;
  put_first(sa, std::move(task));
}

// ---- messages in ----

void Machine::receive(IkeSa& sa, const session::Datagram& datagram,
                      const isakmp::MessageView& message) {
  touch(sa);
  const isakmp::Header& h = message.header();
  // RFC 7296 §3.1: the Initiator flag names the original initiator, whoever asks now.
  if (h.from_initiator() == sa.initiator) return drop(IkeDrop::kBadFlags);
  const IkeSpi theirs = h.from_initiator() ? h.initiator_spi : h.responder_spi;
  const bool first_answer = sa.state == State::kInitSent;
  if (theirs != sa.peer_spi() && !first_answer) return drop(IkeDrop::kSpiMismatch);
  if (h.is_response()) {
    receive_response(sa, datagram, message);
  } else {
    receive_request(sa, datagram, message);
  }
}

void Machine::receive_request(IkeSa& sa, const session::Datagram& datagram,
                              const isakmp::MessageView& message) {
  const std::uint32_t id = message.header().message_id.value();
  // §1.2: until its IKE_AUTH is answered the initiator knows nobody who may ask. What comes early
  // is repeated (§2.1), and what is forged costs nothing.
  if (sa.initiator && sa.handshake) return drop(IkeDrop::kUnexpectedExchange);
  // RFC 7296 §2.1, §2.3: a window of one; the last request may come again, octet for octet.
  if (sa.next_expected != 0 && id == sa.next_expected - 1)
    return repeat_answer(sa, datagram, message);
  // §2.2: the id behind the last one would be an old one.
  if (id != sa.next_expected || id == std::numeric_limits<std::uint32_t>::max())
    return drop(IkeDrop::kOutsideWindow);
  if (sa.refused) return drop(IkeDrop::kUnexpectedExchange);
  if (sa.peer) return drop(IkeDrop::kRequestInProgress);
  if (!message.encrypted()) return drop(IkeDrop::kUnprotected);
  if (!sa.open) return hold(sa, datagram, message);
  process_request(sa, datagram, message);
}

namespace {

/// §1.3.1: said about one child SA; who cannot take padding in one takes it in none.
void note_what_peer_refuses(IkeSa& sa, const isakmp::PayloadChain& payloads) {
  if (isakmp::find_notify(payloads, NotifyType::kEspTfcPaddingNotSupported)) sa.tfc_refused = true;
}

}  // namespace

void Machine::process_request(IkeSa& sa, const session::Datagram& datagram,
                              const isakmp::MessageView& message) {
  auto opened = open_message(sa, sa.fragments, message);
  if (!opened) return;
  follow_peer(sa, datagram);
  ++sa.next_expected;
  guard_message_ids(sa);
  sa.answered = std::move(opened->beginning);
  sa.peer = std::make_unique<PeerRequest>();
  sa.peer->message_id = message.header().message_id.value();
  sa.peer->exchange = message.header().exchange;
  sa.peer->local = datagram.local;
  sa.peer->remote = datagram.remote;
  const auto chain = isakmp::PayloadChain::parse(opened->first, opened->inside.bytes());
  if (!chain) {
    // §2.21.3: malformed inside a verified message ends the IKE SA at both ends.
    refuse(sa, NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax);
    sa.refused = sa.state == State::kInitDone;
    if (sa.refused) return;
    return close(sa, EndReason::kPeer, "the peer sent a malformed request");
  }
  note_what_peer_refuses(sa, *chain);
  dispatch_request(sa, {datagram, message, *chain, false, opened->inside.bytes(), opened->first});
}

void Machine::dispatch_request(IkeSa& sa, const Inbound& in) {
  if (const auto unknown = in.payloads.unknown_critical()) {
    const std::byte type{*unknown};
    refuse(sa, NotifyType::kUnsupportedCriticalPayload, IkeDrop::kUnknownCritical, {&type, 1});
    // §2.21.2: in IKE_AUTH this notification leaves no IKE SA behind.
    sa.refused = sa.state == State::kInitDone;
    return;
  }
  const Match match = find_transition(sa.state, in.message.header().exchange, Way::kRequest,
                                      PayloadSet::of(in.payloads));
  if (match.row != nullptr) return match.row->handler(*this, sa, in);
  const bool missing = match.exchange_known;
  refuse(sa, NotifyType::kInvalidSyntax,
         missing ? IkeDrop::kInvalidSyntax : IkeDrop::kUnexpectedExchange);
  sa.refused = sa.state == State::kInitDone;
  if (!sa.refused)
    close(sa, EndReason::kPeer, "the peer sent a request that its state does not allow");
}

void Machine::follow_peer(IkeSa& sa, const session::Datagram& datagram) {
  // §2.23: in IKE_AUTH the initiator may move to port 4500; later only a peer behind a NAT moves,
  // on that port, and who is behind one himself does not follow.
  const bool follows = sa.nat_there && !sa.nat_here && datagram.local.port != session::kIkePort;
  if (sa.state != State::kInitDone && !follows) return;
  sa.local = datagram.local;
  move_peer(sa, datagram.remote);
}

void Machine::receive_response(IkeSa& sa, const session::Datagram& datagram,
                               const isakmp::MessageView& message) {
  const isakmp::Header& h = message.header();
  OwnRequest* own = sa.own.get();
  if (own == nullptr || own->stage != OwnRequest::Stage::kSent ||
      own->message_id != h.message_id.value() || own->exchange != h.exchange)
    return drop(IkeDrop::kUnexpectedResponse);
  if (sa.state == State::kInitSent) {
    if (message.encrypted()) return drop(IkeDrop::kUnexpectedExchange);
    if (message.payloads().unknown_critical()) return drop(IkeDrop::kUnknownCritical);
    const Inbound in{datagram, message, message.payloads()};
    const Match match =
        find_transition(sa.state, h.exchange, Way::kResponse, PayloadSet::of(in.payloads));
    return match.row != nullptr ? match.row->handler(*this, sa, in) : drop(IkeDrop::kInvalidSyntax);
  }
  if (!message.encrypted()) {
    // §2.21.4: an unprotected INVALID_IKE_SPI comes as the answer of a peer that restarted.
    drop(IkeDrop::kUnprotected);
    if (services_.allows(session::Allowance::kStray)) hint(datagram.remote);
    return;
  }
  const auto opened = open_message(sa, own->fragments, message);
  if (!opened) return;
  follow_peer(sa, datagram);
  own->sent.stop();
  const auto chain = isakmp::PayloadChain::parse(opened->first, opened->inside.bytes());
  const Match match =
      chain ? find_transition(sa.state, h.exchange, Way::kResponse, PayloadSet::of(*chain))
            : Match{};
  if (match.row == nullptr || chain->unknown_critical()) {
    // §2.21: a response is never answered by an error; state that it leaves in doubt is cleaned up.
    drop(chain && chain->unknown_critical() ? IkeDrop::kUnknownCritical : IkeDrop::kInvalidSyntax);
    return end_in_doubt(sa, "the peer's answer is malformed");
  }
  note_what_peer_refuses(sa, *chain);
  match.row->handler(*this, sa,
                     {datagram, message, *chain, false, opened->inside.bytes(), opened->first});
}

void Machine::end_in_doubt(IkeSa& sa, const std::string& why) {
  if (sa.state == State::kDeleting) return close(sa, sa.end_reason, why);
  if (sa.handshake) return close(sa, EndReason::kFailed, why);
  // The window is free again, or the Delete would wait behind this request for ever.
  finish_own(sa, base::fail(base::ErrorCode::kMalformed, why));
  delete_ike(sa, EndReason::kExpired);
}

void Machine::repeat_first(IkeSa& sa, const session::Datagram& datagram) {
  if (!sa.answered.is_repetition(datagram.data)) return drop(IkeDrop::kNotIdentical);
  if (sa.next_expected != 1 || sa.answered.response().empty())
    return drop(IkeDrop::kRequestInProgress);
  drop(IkeDrop::kDuplicateRequest);
  services_.send(datagram.local, datagram.remote, sa.answered.response());
}

void Machine::begin_response(const session::Datagram& datagram, const isakmp::MessageView& message,
                             bool proved) {
  const isakmp::Header& h = message.header();
  IkeSa* sa = create(false, IkeSpi{}, h.initiator_spi);
  if (sa == nullptr) return;
  sa->local = datagram.local;
  sa->remote = datagram.remote;
  const Match match =
      find_transition(State::kStart, h.exchange, Way::kRequest, PayloadSet::of(message.payloads()));
  PS_CHECK(match.row != nullptr);
  match.row->handler(*this, *sa, {datagram, message, message.payloads(), proved});
}

base::Result<std::vector<session::OfferedProposal>> offered_proposals(
    const isakmp::PayloadChain& payloads) {
  const isakmp::PayloadView* body = payloads.find(isakmp::PayloadType::kSa);
  if (body == nullptr) return base::fail(base::ErrorCode::kMalformed, "no SA payload");
  PS_ASSIGN(const isakmp::SaPayload sa, isakmp::parse_sa(body->body));
  std::vector<session::OfferedProposal> result;
  for (const isakmp::ProposalView& view : sa.proposals) {
    auto proposal = isakmp::to_proposal(view);
    // §3.3.6: a proposal with a transform type that we do not know is rejected as a whole.
    if (!proposal) continue;
    result.push_back({view.number, view.spi, *std::move(proposal)});
  }
  return result;
}

}  // namespace penstock::ikev2
