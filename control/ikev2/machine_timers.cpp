// SPDX-License-Identifier: BSD-3-Clause
// Machine, part three: results of jobs and installations, events of the data plane, deadlines
// (retransmission, lifetimes, liveness) and settling after an input.
#include <algorithm>
#include <utility>

#include "control/ikev2/exchanges.h"
#include "control/ikev2/machine.h"
#include "control/session/ends.h"
#include "lib/net/udp.h"

namespace penstock::ikev2 {

using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- results ----

namespace {

void key_pair_made(Machine& m, IkeSa& sa, bool for_peer, crypto::DhKeyPair pair) {
  if (sa.handshake) return on_init_key_pair(m, sa, std::move(pair));
  const bool ike = for_peer ? sa.peer->kind == PeerRequest::Kind::kRekeyIke
                            : sa.own->task.kind == Task::Kind::kRekeyIke;
  if (ike) return on_rekey_ike_key_pair(m, sa, for_peer, std::move(pair));
  on_child_key_pair(m, sa, for_peer, std::move(pair));
}

void secret_made(Machine& m, IkeSa& sa, bool for_peer, base::Bytes secret) {
  if (sa.handshake) return on_init_shared_secret(m, sa, secret);
  const bool ike = for_peer ? sa.peer->kind == PeerRequest::Kind::kRekeyIke
                            : sa.own->task.kind == Task::Kind::kRekeyIke;
  if (ike) return on_rekey_ike_shared_secret(m, sa, for_peer, secret);
  on_child_shared_secret(m, sa, for_peer, secret);
}

/// RFC 6989 §2: the peer's public value did not pass, or OpenSSL failed.
void job_failed(Machine& m, IkeSa& sa, bool for_peer, const base::Error& error) {
  m.drop(IkeDrop::kKeyExchangeFailed);
  const std::string why = "the key exchange failed: " + error.text;
  m.report(sa, base::LogLevel::kWarning, "key_exchange_failed", why);
  if (sa.handshake) return m.close(sa, EndReason::kFailed, why);
  if (for_peer) return m.refuse(sa, isakmp::NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax);
  const bool answered = !sa.own->nr.empty();
  const net::Spi spi = sa.own->spi;
  if (answered && spi.value() != 0) m.request_offer_delete(sa, sa.own->agreed.protocol, spi);
  m.finish_own(sa, base::fail(error.code, why));
}

}  // namespace

void Machine::job_done(const session::JobOwner& owner, session::JobResult result) {
  IkeSa* sa = find(owner.ike_sa);
  if (sa == nullptr) return;
  touch(*sa);
  // The request that the job was for may be gone.
  const bool wanted =
      owner.for_peer ? sa->peer && sa->peer->job == owner.id : sa->own && sa->own->job == owner.id;
  if (!sa->handshake && !wanted) return;
  if (sa->handshake && sa->handshake->signature.step != SignatureWork::Step::kNone)
    return on_auth_job(*this, *sa, std::move(result));
  if (!result) return job_failed(*this, *sa, owner.for_peer, result.error());
  if (auto* pair = std::get_if<crypto::DhKeyPair>(&*result))
    return key_pair_made(*this, *sa, owner.for_peer, std::move(*pair));
  secret_made(*this, *sa, owner.for_peer,
              std::get<session::SharedSecretResult>(*result).secret.bytes());
}

IkeSa* Machine::owner_of(policy::ChildSlot id) {
  const session::Slot* slot = services_.slots.find(id);
  return slot == nullptr ? nullptr : find(slot->ike_sa);
}

void Machine::sa_result(const session::TokenOwner& owner, const base::Result<void>& result) {
  IkeSa* sa = owner_of(owner.slot);
  ChildSa* child = sa == nullptr ? nullptr : session::find_by_inbound(sa->children, owner.spi);
  if (child == nullptr || child->pending == 0) {
    return session::part_of_nobody(services_, owner, result.has_value());
  }
  touch(*sa);
  if (!result) {
    drop(IkeDrop::kInstallFailed);
    report(*sa, base::LogLevel::kError, "install_failed",
           "the data plane refuses child " + child->config->name + ": " + result.error().text);
  }
  session::part_installed(services_, sa->children, *child, owner.what, result.has_value());
  if (child->pending != 0) return;
  if (child->state == ChildState::kInstalling) {
    if (sa->handshake) return on_first_child_ready(*this, *sa, *child);
    return on_child_ready(*this, *sa, *child);
  }
  // A later switch of the outbound half failed: a child that cannot send is no child.
  if (child->failed && child->live()) request_child_delete(*sa, child->spi_in, EndReason::kExpired);
}

// ---- events of the data plane ----

void Machine::first_packet(const policy::SaEvent& event) {
  IkeSa* sa = owner_of(event.slot);
  ChildSa* child = sa == nullptr ? nullptr : session::find_by_inbound(sa->children, event.spi);
  if (child == nullptr || !child->live()) return;
  // Design §4.5: the peer uses the successor, so it can take what we send by it.
  session::switch_outbound(services_, *child);
  touch(*sa);
}

namespace {

/// Whose SA an event is about, in either direction.
ChildSa* child_of(const IkeSa& sa, const policy::SaEvent& event) {
  const bool inbound = event.direction == policy::Direction::kInbound;
  const auto found = std::ranges::find_if(sa.children, [&](const auto& c) {
    return (inbound ? c->spi_in : c->spi_out) == event.spi && c->slot == event.slot;
  });
  return found == sa.children.end() ? nullptr : found->get();
}

}  // namespace

void Machine::soft_expiry(const policy::SaEvent& event) {
  IkeSa* sa = owner_of(event.slot);
  if (sa == nullptr) return;
  ChildSa* child = child_of(*sa, event);
  if (child == nullptr || child->state != ChildState::kInstalled) return;
  child->rekey_at = now();
  touch(*sa);
}

void Machine::hard_expiry(const policy::SaEvent& event) {
  IkeSa* sa = owner_of(event.slot);
  if (sa == nullptr) return;
  ChildSa* child = child_of(*sa, event);
  if (child == nullptr || !child->live()) return;
  child->end_at = now();
  touch(*sa);
}

void Machine::peer_moved(const policy::SaEvent& event) {
  IkeSa* sa = owner_of(event.slot);
  // §2.23: who is behind a NAT himself does not follow.
  if (sa == nullptr || sa->state != State::kEstablished || !sa->nat_there || sa->nat_here) return;
  touch(*sa);
  move_peer(*sa, event.remote);
}

void Machine::move_peer(IkeSa& sa, const net::Endpoint& remote) {
  if (sa.remote == remote) return;
  const bool indexed = peers_.erase(sa.remote, sa.serial);
  sa.remote = remote;
  if (!indexed) return;
  peers_.insert(remote, sa.serial);
  report(sa, base::LogLevel::kInfo, "peer_moved",
         "the peer's NAT gives it another address: " + remote.to_string());
  for (const auto& child : sa.children) {
    // The selectors of transport mode are the old address: such a child is made anew.
    if (child->config->is_transport() && child->remote != remote.address) {
      if (child->live()) request_child_delete(sa, child->spi_in, EndReason::kExpired);
      continue;
    }
    session::follow_peer(services_, *child, remote);
  }
}

void Machine::hint(const net::Endpoint& remote) {
  drop(IkeDrop::kHint);
  for (const std::uint64_t serial : peers_.at(remote, kHintedAtOnce)) {
    IkeSa& sa = *sas_.at(serial);
    if (sa.state != State::kEstablished) continue;
    if (sa.last_hint != base::MonoTime{} && now() - sa.last_hint < kHintInterval) continue;
    sa.last_hint = now();
    if (sa.own || !sa.tasks.empty()) continue;  // what is under way tells as well
    add_task(sa, Task{});
  }
}

void Machine::unknown_spi(const policy::SaEvent& event) {
  for (const std::uint64_t serial : peers_.at(event.remote, kHintedAtOnce)) {
    IkeSa& sa = *sas_.at(serial);
    if (sa.state != State::kEstablished || sa.own || !sa.tasks.empty()) continue;
    Task task;
    task.kind = Task::Kind::kReportUnknownSpi;
    task.spi = event.spi;
    add_task(sa, std::move(task));
    return;
  }
}

// ---- deadlines ----

namespace {

void earliest(std::optional<base::MonoTime>& best, const std::optional<base::MonoTime>& at) {
  if (at && (!best || *at < *best)) best = at;
}

std::optional<base::MonoTime> liveness_due(const IkeSa& sa) {
  if (sa.state != State::kEstablished || sa.own || !sa.tasks.empty() || sa.traffic_asked)
    return std::nullopt;
  const base::Duration delay = sa.connection->config.dpd_delay;
  if (delay.count() == 0) return std::nullopt;
  return sa.last_heard + delay;
}

std::optional<base::MonoTime> keepalive_due(const IkeSa& sa) {
  if (sa.state != State::kEstablished || !sa.nat_here || sa.local.port != session::kNatPort)
    return std::nullopt;
  return sa.last_sent + session::kNatKeepaliveInterval;
}

}  // namespace

void Machine::check_liveness(IkeSa& sa) {
  session::AskTraffic ask{sa.serial, {}};
  for (const auto& c : sa.children)
    if (c->inbound_there) ask.inbound.push_back(c->spi_in);
  if (ask.inbound.empty()) {
    add_task(sa, Task{});
    return;
  }
  sa.traffic_asked = true;
  services_.emit(std::move(ask));
}

void Machine::traffic(std::uint64_t ike_sa, const std::vector<session::InboundTraffic>& inbound) {
  IkeSa* sa = find(ike_sa);
  if (sa == nullptr || !std::exchange(sa->traffic_asked, false)) return;
  touch(*sa);
  for (const session::InboundTraffic& t : inbound) {
    ChildSa* child = session::find_by_inbound(sa->children, t.spi);
    if (child == nullptr || t.packets == child->packets_in) continue;
    child->packets_in = t.packets;
    // §2.4: a fresh protected message on any of its child SAs shows that the peer lives.
    sa->last_heard = now();
  }
  const auto liveness = liveness_due(*sa);
  if (liveness && *liveness <= now()) add_task(*sa, Task{});
}

std::optional<base::MonoTime> Machine::deadline_of(const IkeSa& sa) const {
  std::optional<base::MonoTime> best;
  if (sa.own) earliest(best, sa.own->sent.due);
  if (sa.fragments) earliest(best, sa.fragments->until());
  earliest(best, sa.end_at);
  if (sa.state == State::kEstablished) earliest(best, sa.rekey_at);
  earliest(best, liveness_due(sa));
  earliest(best, keepalive_due(sa));
  if (!sa.own)
    for (const Task& t : sa.tasks)
      if (t.not_before > now()) earliest(best, t.not_before);
  for (const auto& c : sa.children) {
    if (c->state == ChildState::kInstalled) earliest(best, c->rekey_at);
    earliest(best, c->end_at);
    earliest(best, c->switch_by);
    earliest(best, c->linger_until);
  }
  return best;
}

void Machine::rearm(const IkeSa& sa) {
  const auto at = deadline_of(sa);
  if (at) {
    deadlines_.set(sa.serial, *at);
  } else {
    deadlines_.clear(sa.serial);
  }
}

void Machine::tick() {
  while (const auto serial = deadlines_.pop_due(now())) {
    IkeSa* sa = find(*serial);
    if (sa == nullptr) continue;
    touch(*sa);
    on_deadline(*sa);
  }
}

void Machine::repeat_request(IkeSa& sa) {
  if (!sa.own || !sa.own->sent.due || *sa.own->sent.due > now()) return;
  // §2.21.1: an unauthenticated refusal that still stands after one more try is believed.
  const bool refused = sa.handshake && !sa.handshake->refusal.empty() && sa.own->sent.sent > 1;
  if (!refused && sa.own->sent.repeat(now(), services_.settings.retransmission)) {
    services_.send_all(sa.local, sa.remote, sa.own->sent.message);
    return;
  }
  if (refused) return close(sa, EndReason::kFailed, sa.handshake->refusal);
  drop(IkeDrop::kGivenUp);
  if (sa.state == State::kDeleting) {
    return close(sa, sa.end_reason, "the peer did not answer the Delete");
  }
  if (sa.state == State::kRekeyed) return close(sa, EndReason::kReplaced, "rekeyed");
  report(sa, base::LogLevel::kWarning, "peer_dead",
         "no answer to " + isakmp::name_of(sa.own->exchange) + " request " +
             std::to_string(sa.own->message_id) + " after " + std::to_string(sa.own->sent.sent) +
             " transmissions");
  close(sa, EndReason::kTimeout, "the peer does not answer");
}

void Machine::on_child_deadlines(IkeSa& sa) {
  std::vector<ChildSa*> over;
  for (const auto& c : sa.children) {
    if (c->switch_by && *c->switch_by <= now()) session::switch_outbound(services_, *c);
    if (c->linger_until && *c->linger_until <= now()) over.push_back(c.get());
    if (c->end_at && *c->end_at <= now()) {
      c->end_at.reset();
      report(sa, base::LogLevel::kInfo, "child_expired",
             "child " + c->config->name + " reached its hard lifetime");
      request_child_delete(sa, c->spi_in, EndReason::kExpired);
    } else if (c->state == ChildState::kInstalled && c->rekey_at && *c->rekey_at <= now()) {
      c->rekey_at.reset();
      Task task;
      task.kind = Task::Kind::kRekeyChild;
      task.child = c->config;
      task.spi = c->spi_in;
      add_task(sa, std::move(task));
    }
  }
  for (ChildSa* c : over) end_child(sa, *c, EndReason::kReplaced);
}

void Machine::on_deadline(IkeSa& sa) {
  repeat_request(sa);
  if (sa.state == State::kDead) return;
  if (sa.fragments && sa.fragments->until() <= now()) {
    // RFC 7383 §2.6: as if no request had come.
    sa.fragments.reset();
    drop(IkeDrop::kFragmentTimeout);
  }
  if (sa.end_at && *sa.end_at <= now()) {
    sa.end_at.reset();
    if (sa.handshake) {
      return close(sa, EndReason::kFailed, "not authenticated in time");
    }
    const bool replaced = sa.state == State::kRekeyed || sa.redundant;
    return delete_ike(sa, replaced ? EndReason::kReplaced : EndReason::kExpired);
  }
  if (sa.state == State::kEstablished && sa.rekey_at && *sa.rekey_at <= now()) {
    sa.rekey_at.reset();
    Task task;
    task.kind = Task::Kind::kRekeyIke;
    add_task(sa, std::move(task));
  }
  const auto liveness = liveness_due(sa);
  if (liveness && *liveness <= now()) check_liveness(sa);
  const auto keepalive = keepalive_due(sa);
  if (keepalive && *keepalive <= now()) {
    services_.send(sa.local, sa.remote, {net::kNatKeepalive});
    sa.last_sent = now();
  }
  on_child_deadlines(sa);
}

void Machine::settle() {
  while (!touched_.empty()) {
    const std::uint64_t serial = *touched_.begin();
    touched_.erase(touched_.begin());
    const auto found = sas_.find(serial);
    if (found == sas_.end()) continue;
    IkeSa& sa = *found->second;
    if (sa.state != State::kDead) {
      pump(sa);
      touched_.erase(serial);
    }
    if (sa.state == State::kDead) {
      deadlines_.clear(serial);
      set_connection(sa, nullptr);
      sas_.erase(found);
      continue;
    }
    rearm(sa);
  }
}

}  // namespace penstock::ikev2
