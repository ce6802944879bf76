// SPDX-License-Identifier: BSD-3-Clause
// Machine, part one: ISAKMP SAs and what comes in for them. A message goes: rules of RFC 2408 §5 ›
// cookies › duplicate? › cipher › payload chain › transition table › the exchange's file.
#include "control/ikev1/machine.h"

#include <algorithm>

#include "control/ikev1/exchanges.h"
#include "control/ikev1/methods.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/protection.h"
#include "control/session/ends.h"
#include "lib/base/check.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using isakmp::PayloadSet;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- ISAKMP SAs ----

IsakmpSa* Machine::find(std::uint64_t serial) {
  const auto found = sas_.find(serial);
  return found == sas_.end() || found->second->state == State::kDead ? nullptr
                                                                     : found->second.get();
}

IsakmpSa* Machine::create(bool initiator, IkeSpi peer) {
  if (sas_.size() >= services_.settings.ike_sas) {
    drop(IkeDrop::kIkeSaLimit);
    return nullptr;
  }
  // RFC 2408 §2.5.3: not to be guessed, and of use only from where the first message came.
  IkeSpi own{services_.random.u64()};
  while (own.value() == 0 || table_.find(own) != 0) own = IkeSpi{services_.random.u64()};
  auto sa = std::make_unique<IsakmpSa>();
  sa->serial = services_.next_serial();
  PS_CHECK(table_.insert(own, sa->serial));
  sa->initiator = initiator;
  sa->cookies = initiator ? Cookies{own, peer} : Cookies{peer, own};
  sa->created = sa->last_heard = now();
  sa->phase1 = std::make_unique<Phase1>();
  IsakmpSa& made = *sas_.emplace(sa->serial, std::move(sa)).first->second;
  touch(made);
  return &made;
}

IsakmpSa* Machine::initiate(session::Connection& connection, std::vector<Task> tasks) {
  const session::ConnectionConfig& c = connection.config;
  if (!c.can_be_dialled() || c.proposals.empty()) return nullptr;
  const net::IpAddress remote = c.remote_addrs.front().address;
  const auto local = session::own_address(services_.settings.local_addresses, c, remote.family());
  if (!local) return nullptr;
  IsakmpSa* sa = create(true, IkeSpi{});
  if (sa == nullptr) return nullptr;
  set_connection(*sa, &connection);
  sa->local = {*local, c.local_port};
  sa->remote = {remote, c.remote_port};
  sa->tasks = std::move(tasks);
  sa->exchange = exchange_of(c.dialled_by());
  steps_of(*sa).begin(*this, *sa);
  return sa;
}

void Machine::set_connection(IsakmpSa& sa, session::Connection* connection) {
  if (sa.connection != nullptr) services_.connections.detach(*sa.connection, sa.serial);
  sa.connection = connection;
  if (connection != nullptr) services_.connections.attach(*connection, sa.serial);
}

void Machine::enter(IsakmpSa& sa, State state) {
  PS_CHECK(is_legal(sa.state, state));
  sa.state = state;
}

void Machine::arm_lifetime(IsakmpSa& sa) {
  const session::ConnectionConfig& c = sa.connection->config;
  base::Duration life = configured_life(c);
  // The shorter of both: the peer ends it then, whatever we think.
  if (sa.life && (life.count() == 0 || *sa.life < life)) life = *sa.life;
  if (life.count() == 0) return;
  sa.end_at = now() + life;
  const base::Duration wanted = renewal_time(c);
  const base::Duration soft = wanted.count() != 0 && wanted < life ? wanted : life - life / 10;
  if (c.can_be_dialled()) sa.rekey_at = now() + services_.shortened(soft, c.rand_time);
}

void Machine::established(IsakmpSa& sa) {
  enter(sa, State::kEstablished);
  if (sa.is_half_open()) table_.close(sa.cookies.i, sa.phase1->source);
  sa.phase1.reset();
  sa.end_at.reset();
  if (!sa.has_keys()) {
    // Authentication Only (RFC 2408 §4.6): nothing that needs protection is spoken of.
    sa.keys = {};
    sa.dpd = false;
  }
  by_identities_[{sa.local_id, sa.remote_id}].insert(sa.serial);
  by_contact_[{sa.remote.address, sa.local_id}].insert(&sa);
  sa.last_heard = sa.established_at = now();
  sa.connection->attempts = 0;
  arm_lifetime(sa);
  report(sa, base::LogLevel::kInfo, "ike_established",
         "ISAKMP SA established by " + isakmp::name_of(sa.exchange) + " as " +
             std::string(sa.initiator ? "initiator" : "responder") + ", we are " +
             sa.local_id.to_string() + ", " +
             (sa.has_keys() ? sa.agreed.to_string() : "without keys: it protects nothing"));
  for (IsakmpSa* other : siblings(sa)) touch(*other);
  if (!sa.initiator) tell_lifetime(sa);
}

void Machine::tell_lifetime(IsakmpSa& sa) {
  const base::Duration life = configured_life(sa.connection->config);
  if (life.count() == 0) return;
  const Lifetimes told = to_be_told({life, {}}, {sa.life, {}});
  // RFC 2407 §4.6.3.1: under the protection of the ISAKMP SA.
  const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
  const base::ByteVector data = responder_lifetime_of(1, told);
  if (told.any()) send_informational(sa, {1, isakmp::V1NotifyType::kResponderLifetime, spi, data});
}

std::vector<IsakmpSa*> Machine::siblings(const IsakmpSa& sa) {
  std::vector<IsakmpSa*> all;
  const auto found = by_identities_.find({sa.local_id, sa.remote_id});
  if (found == by_identities_.end()) return all;
  for (const std::uint64_t serial : found->second)
    if (IsakmpSa* other = find(serial)) all.push_back(other);
  return all;
}

bool Machine::is_first_contact(const IsakmpSa& sa) const {
  if (sa.connection->config.unique == session::UniquePolicy::kNever) return false;
  const auto there = by_contact_.find({sa.remote.address, sa.local_id});
  return there == by_contact_.end() || std::ranges::none_of(there->second, [](const auto* other) {
           return other->state == State::kEstablished;
         });
}

bool Machine::admit_identity(IsakmpSa& sa, bool initial_contact) {
  const session::UniquePolicy unique = sa.connection->config.unique;
  if (unique == session::UniquePolicy::kNever || !initial_contact) return true;
  for (IsakmpSa* other : siblings(sa)) {
    // One that came up while this phase 1 ran is no leftover of the peer's former life.
    if (other == &sa || other->established_at >= sa.created) continue;
    report(*other, base::LogLevel::kInfo, "ike_replaced", "the peer says it has no other SA");
    close(*other, EndReason::kReplaced, "INITIAL_CONTACT");
  }
  return true;
}

void Machine::close(IsakmpSa& sa, EndReason reason, const std::string& why) {
  if (sa.state == State::kDead) return;
  if (sa.is_half_open()) table_.close(sa.cookies.i, sa.phase1->source);
  // A rekey that failed is tried again while the old SA lasts.
  if (sa.phase1)
    if (IsakmpSa* old = find(sa.replaces)) {
      old->rekey_at = now() + kRekeyAgain;
      touch(*old);
    }
  const bool initiated = sa.initiator && sa.phase1 != nullptr;
  // RFC 2408 §4.3: children live on by another ISAKMP SA, if there is one.
  if (reason == EndReason::kPeer || reason == EndReason::kExpired)
    for (IsakmpSa* heir : siblings(sa))
      if (heir != &sa && heir->connection == sa.connection && !sa.children.empty())
        adopt(*heir, sa);
  while (!sa.children.empty()) end_child(sa, *sa.children.back(), reason);
  std::vector<Task> left;
  for (auto& [id, x] : sa.exchanges) {
    return_spis(x);
    if (!x.ours || !x.active()) continue;
    for (QuickSa* q : x.sas()) left.push_back(std::move(q->task));
  }
  sa.exchanges.clear();
  sa.own_exchange = 0;
  std::ranges::move(sa.tasks, std::back_inserter(left));
  sa.tasks.clear();
  table_.erase(sa.own_cookie());
  const auto found = by_identities_.find({sa.local_id, sa.remote_id});
  if (found != by_identities_.end()) {
    found->second.erase(sa.serial);
    if (found->second.empty()) by_identities_.erase(found);
  }
  (void)leave_contact(sa);
  enter(sa, State::kDead);
  touch(sa);
  if (sa.connection != nullptr)
    services_.note(session::IkeEnded{sa.connection, std::move(left), reason, why, initiated});
}

void Machine::delete_ike(IsakmpSa& sa, EndReason reason, session::CommandId command) {
  if (sa.state == State::kDead) return;
  if (sa.state != State::kEstablished)
    return close(sa, reason, "given up before it was authenticated");
  // RFC 2408 §5.15: a Delete is told, not asked for; nobody answers.
  if (sa.has_keys()) {
    for (const auto& child : sa.children) send_delete_child(*this, sa, *child);
    send_delete_isakmp(*this, sa);
  }
  if (reason == EndReason::kRequested || reason == EndReason::kExpired)
    report(sa, base::LogLevel::kInfo, "ike_deleting",
           reason == EndReason::kRequested ? "ISAKMP SA and its children are taken down, as asked"
                                           : "ISAKMP SA is deleted: its lifetime is over");
  if (command.value() != 0) {
    Task task;
    task.kind = Task::Kind::kDeleteIke;
    task.command = command;
    sa.tasks.insert(sa.tasks.begin(), std::move(task));
  }
  close(sa, reason, "deleted");
}

// ---- messages in ----

IsakmpSa* Machine::find_by_cookies(const isakmp::Header& h) {
  // No flag says who began: one of the cookies is ours.
  if (IsakmpSa* sa = find(table_.find(h.initiator_spi)); sa != nullptr && sa->initiator)
    return sa->state == State::kOffered || sa->cookies.r == h.responder_spi ? sa : nullptr;
  if (IsakmpSa* sa = find(table_.find(h.responder_spi)); sa != nullptr && !sa->initiator)
    return sa->cookies.i == h.initiator_spi ? sa : nullptr;
  return nullptr;
}

void Machine::receive(const session::Datagram& datagram, bool closing) {
  const auto message = isakmp::read_v1_message(datagram.data);
  if (!message) return broken(message.error());
  if (message->header().next_payload == isakmp::PayloadType::kV1Fragment)
    return receive_fragment(datagram, *message);
  receive_whole(datagram, *message, closing);
}

void Machine::receive_whole(const session::Datagram& datagram, const isakmp::MessageView& message,
                            bool closing) {
  const isakmp::Header& h = message.header();
  const bool informational = h.exchange == ExchangeType::kV1Informational;
  if (h.responder_spi.value() == 0 && !informational) {
    if (!closing) receive_first(datagram, message);
    return;
  }
  IsakmpSa* sa = find_by_cookies(h);
  if (sa != nullptr) touch(*sa);
  if (informational && !message.encrypted()) return receive_unprotected(sa, datagram, message);
  if (sa == nullptr) return broken({isakmp::V1Rule::kCookie, {}});
  if (h.message_id.value() == 0) return receive_phase1(*sa, datagram, message);
  receive_phase2(*sa, datagram, message);
}

bool Machine::is_from_peer(const IsakmpSa& sa, const session::Datagram& datagram) {
  // A NAT gives port 4500 another number (RFC 3947 §4).
  return datagram.remote == sa.remote ||
         (datagram.remote.address == sa.remote.address && datagram.local.port != session::kIkePort);
}

void Machine::receive_first(const session::Datagram& datagram, const isakmp::MessageView& message) {
  const isakmp::Header& h = message.header();
  // Our own first message, sent back to us: answered, we would prove our identity to ourselves.
  if (table_.find(h.initiator_spi) != 0) return drop(IkeDrop::kSpiMismatch);
  if (IsakmpSa* sa = find(table_.find_half_open(h.initiator_spi, datagram.remote))) {
    touch(*sa);
    return receive_phase1(*sa, datagram, message);
  }
  if (message.encrypted()) return broken({isakmp::V1Rule::kFlags, "the first message"});
  const Phase1Transition* row = find_phase1(h.exchange, Proof::kAny, State::kStart, false,
                                            PayloadSet::of(message.payloads()));
  // RFC 2409 §5: the SA payload stands in front.
  if (row == nullptr || h.next_payload != isakmp::PayloadType::kV1Sa)
    return drop(IkeDrop::kUnexpectedExchange);
  if (table_.half_open() >= services_.settings.half_open) return drop(IkeDrop::kHalfOpenLimit);
  if (table_.half_open_of(datagram.remote.address) >= services_.settings.half_open_per_source)
    return drop(IkeDrop::kHalfOpenSourceLimit);
  IsakmpSa* sa = create(false, h.initiator_spi);
  if (sa == nullptr) return;
  sa->exchange = h.exchange;
  sa->local = datagram.local;
  sa->remote = sa->phase1->source = datagram.remote;
  sa->end_at = now() + services_.settings.half_open_timeout;
  table_.open(h.initiator_spi, datagram.remote, sa->serial);
  row->handler(*this, *sa, {datagram, message, message.payloads()});
}

void Machine::receive_phase1(IsakmpSa& sa, const session::Datagram& datagram,
                             const isakmp::MessageView& message) {
  if (sa.answered.is_repetition(message.bytes())) {
    if (sa.answered.response().empty()) return drop(IkeDrop::kRequestInProgress);
    drop(IkeDrop::kDuplicateRequest);
    // Who asks repeats by timer; who answers repeats on a duplicate alone, and to where it went
    // before (CVE-2016-5361).
    if (!sa.initiator || !sa.unconfirmed.empty()) put_out(sa, sa.answered.response());
    return;
  }
  if (!sa.phase1 || message.header().exchange != sa.exchange)
    return drop(IkeDrop::kUnexpectedExchange);
  if (!is_from_peer(sa, datagram)) return drop(IkeDrop::kSpiMismatch);
  // Who has not seen our cookie may have made up its address: only a first message has none.
  if (!sa.initiator && message.header().responder_spi != sa.cookies.r)
    return drop(IkeDrop::kSpiMismatch);
  if (sa.phase1->busy) return drop(IkeDrop::kRequestInProgress);
  const bool last = sa.state == State::kKeyed && proves_with_shared_secret(sa.exchange);
  if (!sa.has_keys() && (message.encrypted() || (last && is_aggressive(sa)))) {
    if (!last) return drop(IkeDrop::kUnexpectedExchange);
    if (services_.jobs_full()) return drop(IkeDrop::kJobLimit);
    sa.phase1->held = datagram;
    return start_shared_secret(*this, sa);
  }
  process_phase1(sa, datagram, message);
}

void Machine::process_phase1(IsakmpSa& sa, const session::Datagram& datagram,
                             const isakmp::MessageView& message) {
  const bool sealed = message.encrypted().has_value();
  isakmp::V1Result<isakmp::PayloadChain> chain = message.payloads();
  base::ByteVector iv = sa.iv;
  base::ByteVector inside;
  if (sealed) {
    auto plain = decipher(services_.crypto, *sa.algorithms.encr, sa.cipher_key.bytes(),
                          message.encrypted()->body, iv);
    if (!plain) return failed_phase1(sa);
    inside = *std::move(plain);
    chain = isakmp::read_v1_inside(message.header().next_payload, inside);
    if (!chain) return failed_phase1(sa);
  }
  const Phase1Transition* row =
      find_phase1(sa.exchange, peer_proof(sa), sa.state, sealed, PayloadSet::of(*chain));
  if (row == nullptr) return drop(IkeDrop::kUnexpectedExchange);
  std::swap(sa.iv, iv);
  sa.phase1->iv_before = iv;
  const session::Datagram before{sa.local, sa.remote, {}};
  sa.local = datagram.local;
  sa.remote = datagram.remote;
  const State state = sa.state;
  const bool was_busy = sa.phase1->busy;
  row->handler(*this, sa, {datagram, message, *chain, inside});
  // Not taken, or not yet, while it is decrypted: a forger's message changes nothing.
  const bool taken = sa.state != state || !sa.phase1 || sa.phase1->busy != was_busy;
  if (taken && !(sa.phase1 && sa.phase1->closed)) return;
  sa.iv = std::move(iv);
  sa.local = before.local;
  sa.remote = before.remote;
}

void Machine::failed_phase1(IsakmpSa& sa) {
  drop(IkeDrop::kAuthentication);
  const std::string why = "a message does not decipher: the secrets may differ";
  if (services_.allows(session::Allowance::kReport))
    report(sa, base::LogLevel::kWarning, "authentication_failed", why);
  if (++sa.phase1->failures >= kMaxFailures) close(sa, EndReason::kFailed, why);
}

void retry_held(Machine& machine, IsakmpSa& sa) {
  if (!sa.phase1 || !sa.phase1->held) return;
  const session::Datagram held = std::move(*sa.phase1->held);
  sa.phase1->held.reset();
  const auto message = isakmp::read_v1_message(held.data);
  if (message) machine.process_phase1(sa, held, *message);
}

void Machine::receive_unprotected(IsakmpSa* sa, const session::Datagram& datagram,
                                  const isakmp::MessageView& message) {
  drop(IkeDrop::kHint);
  const isakmp::PayloadView* payload =
      message.payloads().find(isakmp::PayloadType::kV1Notification);
  if (payload == nullptr) return;
  const auto notify = isakmp::parse_v1_notify(payload->body);
  if (!notify) return broken(notify.error());
  if (sa == nullptr || !isakmp::is_error(notify->type) ||
      sa->remote.address != datagram.remote.address)
    return;
  // RFC 2408 §5.14: unauthenticated, so it is told and not acted on at once.
  if (sa->phase1 && sa->initiator && sa->phase1->refusal.empty()) {
    sa->phase1->refusal = "the peer answers with " + isakmp::name_of(notify->type);
    report(*sa, base::LogLevel::kWarning, "phase1_refused", sa->phase1->refusal);
  } else if (sa->state == State::kEstablished) {
    hint(*sa);
  }
}

void Machine::hint(IsakmpSa& sa) {
  if (now() - sa.last_hint < kHintInterval || !sa.dpd) return;
  sa.last_hint = now();
  Task task;
  task.kind = Task::Kind::kLiveness;
  add_task(sa, std::move(task));
}

// ---- phase 2 ----

void Machine::receive_phase2(IsakmpSa& sa, const session::Datagram& datagram,
                             const isakmp::MessageView& message) {
  if (sa.state != State::kEstablished || !sa.has_keys()) return drop(IkeDrop::kUnexpectedExchange);
  if (!message.encrypted()) return drop(IkeDrop::kUnprotected);
  const ExchangeType exchange = message.header().exchange;
  if (exchange == ExchangeType::kV1QuickMode || exchange == ExchangeType::kV1NewGroupMode)
    return receive_exchange(sa, datagram, message);
  if (exchange != ExchangeType::kV1Informational) return drop(IkeDrop::kUnexpectedExchange);
  const std::uint32_t id = message.header().message_id.value();
  if (is_used(sa, exchange, id)) {
    // RFC 3706 §5.4: our answer may be lost, and who asked asks again.
    const bool again = sa.informational.is_repetition(message.bytes());
    if (!again || sa.informational.response().empty()) return drop(IkeDrop::kReplayed);
    drop(IkeDrop::kDuplicateRequest);
    return transmit(sa, sa.informational.response());
  }
  base::ByteVector iv = phase2_iv(services_.crypto, sa.algorithms, sa.iv, id);
  const auto plain = decipher(services_.crypto, *sa.algorithms.encr, sa.cipher_key.bytes(),
                              message.encrypted()->body, iv);
  if (!plain) return drop(IkeDrop::kIntegrity);
  const auto chain = isakmp::read_v1_inside(message.header().next_payload, *plain);
  if (!chain) return drop(IkeDrop::kIntegrity);
  const Inbound in{datagram, message, *chain, *plain};
  if (!verify_hash(sa, in, {})) return drop(IkeDrop::kIntegrity);
  use(sa, exchange, id);
  sa.informational.begin(message.bytes());
  heard(sa, datagram);
  on_informational(*this, sa, in);
}

namespace {

/// Are as many exchanges under way as may be, and none is over that could make room?
bool is_full(const IsakmpSa& sa) {
  const auto is_over = [](const auto& entry) { return entry.second.forget_at.has_value(); };
  return sa.exchanges.size() >= kMaxExchanges && std::ranges::none_of(sa.exchanges, is_over);
}

}  // namespace

void Machine::receive_exchange(IsakmpSa& sa, const session::Datagram& datagram,
                               const isakmp::MessageView& message) {
  const std::uint32_t id = message.header().message_id.value();
  const auto known = sa.exchanges.find(id);
  if (known != sa.exchanges.end() && known->second.answered.is_repetition(message.bytes())) {
    const base::ByteVector& answer = known->second.answered.response();
    if (answer.empty()) return drop(IkeDrop::kRequestInProgress);
    drop(IkeDrop::kDuplicateRequest);
    return transmit(sa, answer);
  }
  if (known == sa.exchanges.end()) {
    // Over and forgotten, or one of ours that comes back.
    if (is_used(sa, message.header().exchange, id)) return drop(IkeDrop::kReplayed);
    if (is_full(sa)) return drop(IkeDrop::kNoAdditionalSas);
  }
  Exchange fresh;
  fresh.type = message.header().exchange;
  fresh.message_id = id;
  fresh.iv = phase2_iv(services_.crypto, sa.algorithms, sa.iv, id);
  Exchange& x = known == sa.exchanges.end() ? fresh : known->second;
  // Until its answer is out, or after its end, nothing more is expected of the peer.
  if (x.probe || !x.active() || x.type != message.header().exchange)
    return drop(IkeDrop::kUnexpectedExchange);
  base::ByteVector iv = x.iv;
  const auto plain = decipher(services_.crypto, *sa.algorithms.encr, sa.cipher_key.bytes(),
                              message.encrypted()->body, iv);
  if (!plain) return drop(IkeDrop::kIntegrity);
  const auto chain = isakmp::read_v1_inside(message.header().next_payload, *plain);
  if (!chain) return drop(IkeDrop::kIntegrity);
  const QuickTransition* row = find_quick(x.type, x.state, x.ours, PayloadSet::of(*chain));
  if (row == nullptr) return drop(IkeDrop::kUnexpectedExchange);
  const Inbound in{datagram, message, *chain, *plain};
  // HASH(3) is over other things than what follows it: its handler looks at it.
  const bool last = row->state == QuickState::kAnswered;
  if (!last && !verify_hash(sa, in, x.ours ? base::Bytes(x.ni) : base::Bytes{}))
    return drop(IkeDrop::kIntegrity);
  if (!last) heard(sa, datagram);
  if (known != sa.exchanges.end()) {
    std::swap(x.iv, iv);
    row->handler(*this, sa, x, in);
    if (!last) return;
    // Not taken: a forger's message changes nothing.
    if (x.state != row->state) return heard(sa, datagram);
    x.iv = std::move(iv);
    return;
  }
  use(sa, fresh.type, id);
  Exchange& made = begin_exchange(sa, id);
  made.type = fresh.type;
  made.iv = std::move(iv);
  made.answered.begin(message.bytes());
  row->handler(*this, sa, made, in);
}

bool Machine::verify_hash(const IsakmpSa& sa, const Inbound& in, base::Bytes ni) const {
  // RFC 2409 §5.5, §5.7: HASH stands in front.
  if (in.payloads.size() == 0) return false;
  const isakmp::PayloadView& hash = in.payloads.payloads().front();
  if (hash.type != isakmp::PayloadType::kV1Hash ||
      in.message.header().next_payload != isakmp::PayloadType::kV1Hash)
    return false;
  const base::Bytes rest = hashed_part(isakmp::PayloadType::kV1Hash, in.inside);
  const base::SecretBytes wanted =
      phase2_hash(services_.crypto, *sa.algorithms.prf, sa.keys.a.bytes(),
                  in.message.header().message_id.value(), ni, rest);
  return base::equal_constant_time(hash.body, wanted.bytes());
}

void Machine::heard(IsakmpSa& sa, const session::Datagram& datagram) {
  sa.last_heard = now();
  sa.unconfirmed.clear();
  // RFC 3947 §4: only a peer behind a NAT moves, and who is behind one himself does not follow.
  if (!sa.nat_there || sa.nat_here || datagram.local.port == session::kIkePort) return;
  move_peer(sa, datagram.remote);
}

bool Machine::leave_contact(const IsakmpSa& sa) {
  const auto there = by_contact_.find({sa.remote.address, sa.local_id});
  if (there == by_contact_.end() || there->second.erase(&sa) == 0) return false;
  if (there->second.empty()) by_contact_.erase(there);
  return true;
}

void Machine::move_peer(IsakmpSa& sa, const net::Endpoint& remote) {
  if (sa.remote == remote) return;
  const bool listed = leave_contact(sa);
  sa.remote = remote;
  if (listed) by_contact_[{remote.address, sa.local_id}].insert(&sa);
  report(sa, base::LogLevel::kInfo, "peer_moved", "the peer is now at " + remote.to_string());
  for (const auto& child : sa.children) {
    // The selectors of transport mode are the old address: such a child is made anew.
    if (child->config->is_transport() && child->remote != remote.address) {
      if (child->live()) request_child_delete(sa, child->spi_in, EndReason::kExpired);
      continue;
    }
    session::follow_peer(services_, *child, remote);
  }
}

bool Machine::is_taken(const IsakmpSa& sa, const session::SelectorPair& selectors) const {
  if (!sa.nat_there) return false;
  return std::ranges::any_of(sas_, [&](const auto& entry) {
    const IsakmpSa& other = *entry.second;
    if (other.remote.address != sa.remote.address || other.remote_id == sa.remote_id) return false;
    return std::ranges::any_of(other.children, [&](const auto& c) {
      return c->config->is_transport() && session::overlap(c->selectors.local, selectors.local) &&
             session::overlap(c->selectors.remote, selectors.remote);
    });
  });
}

}  // namespace penstock::ikev1
