// SPDX-License-Identifier: BSD-3-Clause
// Machine, part three: results of jobs and installations, events of the data plane, deadlines
// (retransmission, lifetimes, liveness), successors that take over, and settling after an input.
#include <algorithm>
#include <utility>

#include "control/ikev1/encryption.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/machine.h"
#include "control/ikev1/proof.h"
#include "control/session/ends.h"
#include "lib/net/udp.h"

namespace penstock::ikev1 {

using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- results ----

void Machine::job_done(const session::JobOwner& owner, session::JobResult result) {
  IsakmpSa* sa = find(owner.ike_sa);
  if (sa == nullptr) return;
  touch(*sa);
  const auto waits = [&](const auto& entry) { return entry.second.job == owner.id; };
  const auto found = std::ranges::find_if(sa->exchanges, waits);
  Exchange* x = found == sa->exchanges.end() ? nullptr : &found->second;
  if (x != nullptr && !x->active()) return;
  if (x == nullptr && (!sa->phase1 || !sa->phase1->busy)) return;
  if (!result && x != nullptr && x->type == isakmp::ExchangeType::kV1NewGroupMode)
    return fail_new_group(*this, *sa, *x, result.error().text);
  if (!result && x == nullptr && sa->phase1->closed) {
    sa->phase1->busy = false;
    return on_not_opened(*this, *sa, result.error());
  }
  if (!result && x == nullptr && sa->phase1->sharing && encrypts(*sa)) {
    // What a wrong nonce made of KE may be no public value: it ends as a wrong HASH does.
    result = session::SharedSecretResult{
        base::SecretBytes::copy_of(services_.random_bytes(kOwnNonceOctets))};
  }
  if (!result) {
    // RFC 6989 §2: the peer's public value did not pass, or OpenSSL failed.
    drop(IkeDrop::kKeyExchangeFailed);
    if (x == nullptr && sa->phase1->judging)
      return on_verdict(*this, *sa, tl::unexpected(result.error()));
    const std::string why = "the key exchange failed: " + result.error().text;
    report(*sa, base::LogLevel::kWarning, "key_exchange_failed", why);
    if (x != nullptr) return fail_quick(*this, *sa, *x, why);
    return close(*sa, EndReason::kFailed, why);
  }
  if (x == nullptr) return phase1_job_done(*sa, *std::move(result));
  if (std::holds_alternative<session::GroupResult>(*result)) return on_group_tested(*this, *sa, *x);
  if (auto* pair = std::get_if<crypto::DhKeyPair>(&*result))
    return on_quick_key_pair(*this, *sa, *x, std::move(*pair));
  on_quick_shared_secret(*this, *sa, *x,
                         std::get<session::SharedSecretResult>(*result).secret.bytes());
}

void Machine::phase1_job_done(IsakmpSa& sa, session::JobResult::value_type result) {
  const Phase1Steps& steps = steps_of(sa);
  if (std::holds_alternative<session::ProofResult>(result)) return on_verdict(*this, sa, {});
  sa.phase1->busy = sa.phase1->sharing = false;
  if (auto* encrypted = std::get_if<session::EncryptedResult>(&result)) {
    sa.phase1->ciphertexts = std::move(encrypted->ciphertexts);
    return steps.veiled(*this, sa);
  }
  if (const auto* decrypted = std::get_if<session::DecryptedResult>(&result))
    return on_opened(*this, sa, decrypted->plaintexts);
  if (auto* pair = std::get_if<crypto::DhKeyPair>(&result)) {
    sa.phase1->pair = std::move(*pair);
    return steps.key_pair(*this, sa);
  }
  if (const auto* secret = std::get_if<session::SharedSecretResult>(&result))
    return steps.shared_secret(*this, sa, secret->secret.bytes());
  steps.prove(*this, sa, std::get<session::SignatureResult>(result).signature);
}

IsakmpSa* Machine::owner_of(policy::ChildSlot id) {
  const session::Slot* slot = services_.slots.find(id);
  return slot == nullptr ? nullptr : find(slot->ike_sa);
}

void Machine::sa_result(const session::TokenOwner& owner, const base::Result<void>& result) {
  IsakmpSa* sa = owner_of(owner.slot);
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
  session::part_installed(services_, sa->children, *child, owner.what, result.has_value(),
                          owner.outer.value() != 0);
  if (child->pending != 0) return;
  if (child->state == ChildState::kInstalling) return on_child_ready(*this, *sa, *child);
  // A later switch of the outbound half failed: a child that cannot send is no child.
  if (child->failed && child->live()) request_child_delete(*sa, child->spi_in, EndReason::kExpired);
}

// ---- events of the data plane ----

namespace {

/// Of a bundle either SA may tell.
ChildSa* child_of(IsakmpSa& sa, const policy::SaEvent& event) {
  const bool in = event.direction == policy::Direction::kInbound;
  const auto found = std::ranges::find_if(sa.children, [&](const auto& c) {
    const bool inner = (in ? c->spi_in : c->spi_out) == event.spi;
    const bool outer =
        c->outer != nullptr && (in ? c->outer->spi_in : c->outer->spi_out) == event.spi;
    return (inner || outer) && (in || c->state != ChildState::kLingering);
  });
  return found == sa.children.end() ? nullptr : found->get();
}

}  // namespace

void Machine::soft_expiry(const policy::SaEvent& event) {
  IsakmpSa* sa = owner_of(event.slot);
  ChildSa* child = sa == nullptr ? nullptr : child_of(*sa, event);
  if (child == nullptr || child->state != ChildState::kInstalled) return;
  child->rekey_at = now();
  touch(*sa);
}

void Machine::hard_expiry(const policy::SaEvent& event) {
  IsakmpSa* sa = owner_of(event.slot);
  ChildSa* child = sa == nullptr ? nullptr : child_of(*sa, event);
  if (child == nullptr || !child->live()) return;
  child->end_at = now();
  touch(*sa);
}

void Machine::peer_moved(const policy::SaEvent& event) {
  IsakmpSa* sa = owner_of(event.slot);
  if (sa == nullptr || sa->state != State::kEstablished || !sa->nat_there || sa->nat_here) return;
  touch(*sa);
  move_peer(*sa, event.remote);
}

// ---- liveness ----

namespace {

void earliest(std::optional<base::MonoTime>& best, const std::optional<base::MonoTime>& at) {
  if (at && (!best || *at < *best)) best = at;
}

std::optional<base::MonoTime> liveness_due(const IsakmpSa& sa) {
  if (sa.state != State::kEstablished || !sa.dpd || sa.own_exchange != 0 || !sa.tasks.empty() ||
      sa.traffic_asked || sa.superseded)
    return std::nullopt;
  const base::Duration delay = sa.connection->config.dpd_delay;
  if (delay.count() == 0) return std::nullopt;
  return sa.last_heard + delay;
}

std::optional<base::MonoTime> keepalive_due(const IsakmpSa& sa) {
  if (sa.state != State::kEstablished || !sa.nat_here || sa.local.port != session::kNatPort)
    return std::nullopt;
  return sa.last_sent + session::kNatKeepaliveInterval;
}

}  // namespace

void Machine::check_liveness(IsakmpSa& sa) {
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
  IsakmpSa* sa = find(ike_sa);
  if (sa == nullptr || !std::exchange(sa->traffic_asked, false)) return;
  touch(*sa);
  for (const session::InboundTraffic& t : inbound) {
    ChildSa* child = session::find_by_inbound(sa->children, t.spi);
    if (child == nullptr || t.packets == child->packets_in) continue;
    child->packets_in = t.packets;
    // RFC 3706 §5.4: traffic of the peer's is proof enough that it lives.
    sa->last_heard = now();
  }
  const auto liveness = liveness_due(*sa);
  if (liveness && *liveness <= now()) add_task(*sa, Task{});
}

// ---- successors ----

void Machine::rekey(IsakmpSa& sa) {
  sa.rekey_at.reset();
  const bool under_way = std::ranges::any_of(sas_, [&](const auto& entry) {
    return entry.second->replaces == sa.serial && entry.second->state != State::kDead;
  });
  if (under_way) return;
  IsakmpSa* next = initiate(*sa.connection, {});
  if (next != nullptr) next->replaces = sa.serial;
}

void Machine::take_over(IsakmpSa& heir, IsakmpSa& old, const ChildSa& child) {
  const auto found =
      std::ranges::find_if(old.children, [&](const auto& c) { return c.get() == &child; });
  session::give_slot(services_, child.slot, heir.serial);
  heir.children.push_back(std::move(*found));
  old.children.erase(found);
  touch(heir);
  touch(old);
}

void Machine::adopt(IsakmpSa& heir, IsakmpSa& old) {
  while (!old.children.empty()) take_over(heir, old, *old.children.back());
  std::ranges::move(old.tasks, std::back_inserter(heir.tasks));
  old.tasks.clear();
  heir.groups.insert(old.groups.begin(), old.groups.end());
  for (const auto& child : heir.children)
    if (child->remote != heir.remote.address) session::follow_peer(services_, *child, heir.remote);
  touch(heir);
}

namespace {

/// Both ends must see the same one as the newest: of two made at once, cookies decide.
bool is_newer(const IsakmpSa& a, const IsakmpSa& b) {
  const base::Duration gap = a.established_at - b.established_at;
  if (gap > kMadeAtOnce || -gap > kMadeAtOnce) return gap.count() > 0;
  return a.cookies.i > b.cookies.i;
}

}  // namespace

bool Machine::hand_over(IsakmpSa& sa) {
  // IKEv1 does not say that one ISAKMP SA succeeds another: the newest one between the same
  // identities over the same connection has the children, which live on (RFC 2408 §4.3).
  IsakmpSa* newest = &sa;
  for (IsakmpSa* other : siblings(sa))
    if (other->connection == sa.connection && other->has_keys() == sa.has_keys() &&
        is_newer(*other, *newest))
      newest = other;
  sa.superseded = newest != &sa;
  if (!sa.superseded) return false;
  sa.rekey_at.reset();
  const bool busy =
      std::ranges::any_of(sa.exchanges, [](const auto& entry) { return entry.second.active(); });
  if (busy) return true;
  adopt(*newest, sa);
  // Who began it ends it, once late messages have come; else the other end does.
  const base::MonoTime end = now() + (sa.initiator ? session::kLinger : kReplacedLife);
  if (!sa.end_at || *sa.end_at > end) sa.end_at = end;
  return true;
}

// ---- deadlines ----

std::optional<base::MonoTime> Machine::deadline_of(const IsakmpSa& sa) const {
  std::optional<base::MonoTime> best;
  if (sa.phase1) earliest(best, sa.phase1->sent.due);
  earliest(best, sa.blind.due);
  if (sa.fragments) earliest(best, sa.fragments->until());
  earliest(best, sa.end_at);
  if (sa.state == State::kEstablished) earliest(best, sa.rekey_at);
  earliest(best, liveness_due(sa));
  earliest(best, keepalive_due(sa));
  for (const auto& [id, x] : sa.exchanges) {
    earliest(best, x.sent.due);
    earliest(best, x.forget_at);
  }
  if (sa.own_exchange == 0)
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

void Machine::rearm(const IsakmpSa& sa) {
  const auto at = deadline_of(sa);
  if (at) {
    deadlines_.set(sa.serial, *at);
  } else {
    deadlines_.clear(sa.serial);
  }
}

void Machine::tick() {
  while (const auto serial = deadlines_.pop_due(now())) {
    IsakmpSa* sa = find(*serial);
    if (sa == nullptr) continue;
    touch(*sa);
    on_deadline(*sa);
  }
}

void Machine::on_exchange_deadlines(IsakmpSa& sa) {
  std::erase_if(sa.exchanges, [&](const auto& entry) {
    return entry.second.forget_at && *entry.second.forget_at <= now();
  });
  for (auto& [id, x] : sa.exchanges) {
    if (!x.sent.due || *x.sent.due > now()) continue;
    if (x.sent.repeat(now(), services_.settings.retransmission)) {
      if (!sa.unconfirmed.empty()) transmit(sa, sa.unconfirmed);
      transmit(sa, x.sent.message);
      continue;
    }
    drop(IkeDrop::kGivenUp);
    x.sent.stop();
    const std::string what = x.probe ? "R-U-THERE" : isakmp::name_of(x.type);
    if (!x.ours) {
      fail_exchange(*this, sa, x, "the peer does not confirm it");
      continue;
    }
    report(sa, base::LogLevel::kWarning, "peer_dead",
           "no answer to " + what + " after " + std::to_string(x.sent.sent) + " transmissions");
    return close(sa, EndReason::kTimeout, "the peer does not answer");
  }
}

void Machine::on_child_deadlines(IsakmpSa& sa) {
  std::vector<ChildSa*> over;
  std::vector<net::Spi> expired;
  for (const auto& c : sa.children) {
    if (c->linger_until && *c->linger_until <= now()) over.push_back(c.get());
    if (c->switch_by && *c->switch_by <= now()) {
      c->switch_by.reset();
      let_out(services_, *c);
    }
    if (c->end_at && *c->end_at <= now()) {
      c->end_at.reset();
      expired.push_back(c->spi_in);
    } else if (c->state == ChildState::kInstalled && c->rekey_at && *c->rekey_at <= now()) {
      c->rekey_at.reset();
      // Of several that both ends made at once the one that seals goes on, the others end.
      const session::Slot* slot = services_.slots.find(c->slot);
      if (slot != nullptr && slot->sealing != c->spi_in) continue;
      Task task;
      task.kind = Task::Kind::kRekeyChild;
      task.child = c->config;
      task.spi = c->spi_in;
      add_task(sa, std::move(task));
    }
  }
  for (ChildSa* c : over) end_child(sa, *c, EndReason::kReplaced);
  for (const net::Spi spi : expired) {
    const ChildSa* child = session::find_by_inbound(sa.children, spi);
    if (child == nullptr) continue;
    const bool replaced = child->state == ChildState::kRekeyed;
    if (!replaced)
      report(sa, base::LogLevel::kInfo, "child_expired",
             "child " + child->config->name + " reached its hard lifetime");
    request_child_delete(sa, spi, replaced ? EndReason::kReplaced : EndReason::kExpired);
  }
}

void Machine::on_deadline(IsakmpSa& sa) {
  if (sa.fragments && sa.fragments->until() <= now()) {
    drop(IkeDrop::kFragmentTimeout);
    sa.fragments.reset();
  }
  if (sa.phase1 && sa.phase1->sent.due && *sa.phase1->sent.due <= now()) {
    session::OutstandingMessage& sent = sa.phase1->sent;
    // An unauthenticated refusal that still stands after one more try is believed.
    const std::string& refusal = sa.phase1->refusal;
    const bool refused = !refusal.empty() && sent.sent > 1;
    if (refused || !sent.repeat(now(), services_.settings.retransmission)) {
      if (!refused) drop(IkeDrop::kGivenUp);
      return close(sa, refused ? EndReason::kFailed : EndReason::kTimeout,
                   refused ? refusal : "the peer does not answer");
    }
    transmit(sa, sent.message);
  }
  if (sa.end_at && *sa.end_at <= now()) {
    sa.end_at.reset();
    if (sa.phase1) return close(sa, EndReason::kFailed, "not authenticated in time");
    const bool replaced = siblings(sa).size() > 1 && sa.children.empty();
    return delete_ike(sa, replaced ? EndReason::kReplaced : EndReason::kExpired);
  }
  if (sa.state != State::kEstablished) return;
  if (sa.blind.due && *sa.blind.due <= now()) {
    if (sa.blind.sent < kBlindTransmissions &&
        sa.blind.repeat(now(), services_.settings.retransmission)) {
      transmit(sa, sa.blind.message);
    } else {
      sa.blind.stop();
    }
  }
  if (sa.rekey_at && *sa.rekey_at <= now()) rekey(sa);
  const auto liveness = liveness_due(sa);
  if (liveness && *liveness <= now()) check_liveness(sa);
  const auto keepalive = keepalive_due(sa);
  if (keepalive && *keepalive <= now()) {
    services_.send(sa.local, sa.remote, {net::kNatKeepalive});
    sa.last_sent = now();
  }
  on_exchange_deadlines(sa);
  if (sa.state == State::kEstablished) on_child_deadlines(sa);
}

void Machine::settle() {
  while (!touched_.empty()) {
    const std::uint64_t serial = *touched_.begin();
    touched_.erase(touched_.begin());
    const auto found = sas_.find(serial);
    if (found == sas_.end()) continue;
    IsakmpSa& sa = *found->second;
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

}  // namespace penstock::ikev1
