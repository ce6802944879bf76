// SPDX-License-Identifier: BSD-3-Clause
// Quick Mode (RFC 2409 §5.5), as initiator. SPI and key pair (with PFS) › offer › choice › shared
// secret › installation › HASH(3), and for a rekey the Delete of the replaced child.
#include <algorithm>

#include "control/ikev1/children.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/nat.h"
#include "control/ikev1/private_groups.h"
#include "control/isakmp/payload/v1_octets.h"

namespace penstock::ikev1 {

using base::ErrorCode;
using base::LogLevel;
using crypto::DhGroupId;
using isakmp::ExchangeType;
using isakmp::PayloadType;
using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

namespace {

bool same(const session::SelectorPair& a, const session::SelectorPair& b) {
  return a.local == b.local && a.remote == b.remote;
}

bool is_rekey(const Exchange& x) { return x.task.kind == Task::Kind::kRekeyChild; }

void send_offer(Machine& machine, IsakmpSa& sa, Exchange& x) {
  isakmp::MessageBuilder builder =
      machine.hashed_message(sa, ExchangeType::kV1QuickMode, x.message_id);
  for (QuickSa* q : x.sas()) {
    q->encap = sa.encap;
    const isakmp::V1SaPayload offer = phase2_offer(
        *q->config, {q->spi, q->outer}, encapsulation(sa, *q->config, q->encap), x.group);
    if (offer.proposals.empty())
      return fail_quick(machine, sa, x, "no proposal can be said in IKEv1");
    isakmp::append_v1_sa(builder, offer);
  }
  builder.append(PayloadType::kV1Nonce, x.ni);
  if (x.group != DhGroupId::kNone) builder.append(PayloadType::kV1KeyExchange, x.own_public);
  builder.append(PayloadType::kV1Identification, x.id_i);
  builder.append(PayloadType::kV1Identification, x.id_r);
  if (x.encap && x.config->is_transport()) append_original_addresses(builder, sa, true);
  base::ByteVector message = machine.seal_phase2(sa, builder, x.message_id, {}, x.iv);
  machine.transmit(sa, message);
  x.state = QuickState::kOffered;
  x.sent.start(std::move(message), machine.now(), machine.services().settings.retransmission);
}

/// RFC 2409 §5.5: children that wait to be begun and have these selectors go along.
void take_companions(Machine& machine, IsakmpSa& sa, Exchange& x) {
  if (!sa.connection->config.several_sas) return;
  const auto is_one_of_them = [&](const session::ChildConfig* c) {
    return std::ranges::any_of(x.sas(), [&](const QuickSa* q) { return q->config == c; });
  };
  for (auto it = sa.tasks.begin(); it != sa.tasks.end() && x.more.size() + 1 < kMaxQuickSas;) {
    const session::ChildConfig* c = it->child;
    const bool waits = it->kind == Task::Kind::kNewChild && it->not_before <= machine.now();
    if (!waits || c == nullptr || is_one_of_them(c) ||
        c->is_transport() != x.config->is_transport() ||
        usable_group(machine, sa, proposals_of(*c)) != x.group ||
        !same(selectors_of(sa, *c), x.selectors)) {
      ++it;
      continue;
    }
    QuickSa& q = x.more.emplace_back();
    q.config = c;
    q.task = std::move(*it);
    it = sa.tasks.erase(it);
  }
}

/// @return false: the exchange is over
bool prepare(Machine& machine, IsakmpSa& sa, Exchange& x) {
  if (x.config != nullptr) return true;
  x.config = x.task.child;
  if (is_rekey(x)) {
    ChildSa* old = session::find_by_inbound(sa.children, x.task.spi);
    // While the task waited, the child may have gone or been replaced.
    if (old == nullptr || old->state != ChildState::kInstalled) {
      machine.finish_own(sa, x, "the child SA is replaced or gone already");
      return false;
    }
    old->state = ChildState::kRekeying;
    x.replaces = old->spi_in;
    x.task.child = x.config = old->config;
    x.selectors = old->selectors;
    x.group = old->agreed.group;
  } else {
    x.selectors = selectors_of(sa, *x.config);
  }
  if (x.group == DhGroupId::kNone) x.group = usable_group(machine, sa, proposals_of(*x.config));
  if (!set_private_group(machine, sa, x)) {
    fail_quick(machine, sa, x, crypto::name_of(x.group) + " is not agreed with the peer");
    return false;
  }
  if (!is_rekey(x)) take_companions(machine, sa, x);
  if (sa.children.size() + x.more.size() >= machine.services().settings.children_per_ike_sa) {
    fail_quick(machine, sa, x, "the ISAKMP SA has as many children as it may");
    return false;
  }
  x.id_i = client_id(x.selectors.local.front());
  x.id_r = client_id(x.selectors.remote.front());
  x.ni = machine.services().random_bytes(kOwnNonceOctets);
  return true;
}

/// RESPONDER-LIFETIME within the answer (RFC 2407 §4.6.3.1).
void note_lifetime(Exchange& x, const isakmp::PayloadChain& payloads) {
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kV1Notification) continue;
    const auto notify = isakmp::parse_v1_notify(p.body);
    if (!notify || notify->type != isakmp::V1NotifyType::kResponderLifetime) continue;
    const Lifetimes granted = responder_lifetime(notify->protocol, notify->data);
    const auto spi = base::ByteReader(notify->spi).u32();
    for (QuickSa* q : x.sas()) {
      const bool meant = !spi || net::Spi{*spi} == q->choice.spi ||
                         (q->choice.outer && net::Spi{*spi} == q->choice.outer->spi);
      if (meant) q->choice.lives = shorter(q->choice.lives, granted);
    }
  }
}

base::Result<void> check_ids(const Exchange& x, const isakmp::PayloadChain& payloads) {
  std::vector<base::Bytes> ids;
  for (const isakmp::PayloadView& p : payloads)
    if (p.type == PayloadType::kV1Identification) ids.push_back(p.body);
  if (ids.size() != 2 || !std::ranges::equal(ids[0], x.id_i) || !std::ranges::equal(ids[1], x.id_r))
    return base::fail(ErrorCode::kRefused, "the answer has other client identities than ours");
  return {};
}

base::Result<void> read_sa(const IsakmpSa& sa, const Exchange& x, QuickSa& q,
                           const isakmp::V1SaPayload& answer) {
  PS_TRY(check_single(answer, q.config->bundle));
  if (answer.situation != q.config->situation)
    return base::fail(ErrorCode::kRefused,
                      "its situation is " + isakmp::describe(answer.situation));
  PS_ASSIGN(q.choice,
            choose_for(*q.config, encapsulation(sa, *q.config, q.encap), x.group, answer));
  return {};
}

/// The answer is sound: what it says is kept until the shared secret is there.
base::Result<void> read_answer(const IsakmpSa& sa, Exchange& x, const Inbound& in) {
  const auto words = [](const isakmp::V1Fault& fault) {
    return base::fail(ErrorCode::kMalformed,
                      std::string(isakmp::row_of(fault.rule).name) + ": " + fault.text);
  };
  // RFC 2409 §5.5: an SA payload for each of ours, in our order.
  const std::vector<base::Bytes> bodies = sa_bodies(in.payloads);
  const std::vector<QuickSa*> sas = x.sas();
  if (bodies.size() != sas.size())
    return base::fail(ErrorCode::kRefused, "the answer has not as many SA payloads as the offer");
  for (std::size_t i = 0; i < sas.size(); ++i) {
    const auto answer = isakmp::parse_v1_sa(bodies[i]);
    if (!answer) return words(answer.error());
    PS_TRY(read_sa(sa, x, *sas[i], *answer));
  }
  const auto nonce = isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Nonce));
  if (!nonce) return words(nonce.error());
  x.nr = base::to_vector(*nonce);
  PS_TRY(check_ids(x, in.payloads));
  const isakmp::PayloadView* ke = in.payloads.find(PayloadType::kV1KeyExchange);
  if ((ke != nullptr) != (x.group != DhGroupId::kNone))
    return base::fail(ErrorCode::kRefused, "a KE payload is missing or was not asked for");
  if (ke != nullptr) x.peer_public = base::to_vector(ke->body);
  const auto addresses = check_original_addresses(sa, in.payloads);
  if (!addresses) return words(addresses.error());
  note_lifetime(x, in.payloads);
  return {};
}

base::Result<void> make_own_child(Machine& machine, IsakmpSa& sa, Exchange& x, QuickSa& q,
                                  base::Bytes secret) {
  const ChildSa* old = session::find_by_inbound(sa.children, q.replaces);
  // The peer may have made the same child at the same time.
  if (old == nullptr) old = predecessor(machine, sa, x, *q.config);
  ChildSa& child = machine.add_child(sa, x, q);
  PS_ASSIGN(auto specs, make_specs(machine.services().crypto, sa, child, x, q, secret));
  if (old != nullptr) {
    session::install_successor(machine.services(), child, *old, std::move(specs));
  } else if (x.awaits_connected) {
    session::install_larval(machine.services(), {sa.serial, sa.connection}, child,
                            std::move(specs));
  } else {
    session::install_fresh(machine.services(), {sa.serial, sa.connection}, child, std::move(specs));
  }
  return {};
}

void make_own_children(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret) {
  for (QuickSa* q : x.sas())
    if (const auto made = make_own_child(machine, sa, x, *q, secret); !made)
      return fail_quick(machine, sa, x, made.error().text);
}

void send_confirmation(Machine& machine, IsakmpSa& sa, Exchange& x) {
  isakmp::MessageBuilder builder = machine.message(sa, ExchangeType::kV1QuickMode, x.message_id);
  builder.append(PayloadType::kV1Hash,
                 phase2_last_hash(machine.services().crypto, *sa.algorithms.prf, sa.keys.a.bytes(),
                                  x.message_id, {x.ni, x.nr})
                     .bytes());
  base::ByteVector message = machine.seal(sa, builder.finish(), x.iv);
  machine.transmit(sa, message);
  // Nobody answers it: it is repeated when the peer's message comes again.
  x.answered.answer(std::move(message));
}

}  // namespace

void begin_quick_mode(Machine& machine, IsakmpSa& sa, Exchange& x) {
  if (!prepare(machine, sa, x) || !machine.take_spi_or_wait(sa, x)) return;
  if (x.group == DhGroupId::kNone || !x.own_public.empty()) return send_offer(machine, sa, x);
  x.job = machine.services().start_job({sa.serial, false},
                                       session::GenerateKeyPair{x.group, x.private_group});
}

bool commits(const Inbound& in) { return (in.message.header().flags & isakmp::kFlagV1Commit) != 0; }

void let_out(session::Services& services, ChildSa& child) {
  const session::Slot* slot = services.slots.find(child.slot);
  if (child.outbound == nullptr || slot == nullptr) return;
  // A successor's slot has its policy already.
  if (slot->policy_installed) return session::switch_outbound(services, child);
  session::complete_fresh(services, child);
}

void on_quick_choice(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in) {
  x.sent.stop();
  x.answered.begin(in.message.bytes());
  const auto read = read_answer(sa, x, in);
  if (!read) {
    machine.drop(IkeDrop::kInvalidSyntax);
    return fail_quick(machine, sa, x, read.error().text);
  }
  x.awaits_connected = commits(in);
  if (x.group == DhGroupId::kNone) return make_own_children(machine, sa, x, {});
  x.job = machine.services().start_job(
      {sa.serial, false},
      session::ComputeSharedSecret{std::move(x.pair), x.peer_public, x.private_group});
}

void on_quick_key_pair(Machine& machine, IsakmpSa& sa, Exchange& x, crypto::DhKeyPair pair) {
  x.job = {};
  x.own_public = pair.public_value;
  x.pair = std::move(pair);
  if (x.ours) return send_offer(machine, sa, x);
  x.job = machine.services().start_job(
      {sa.serial, true},
      session::ComputeSharedSecret{std::move(x.pair), x.peer_public, x.private_group});
}

void on_quick_shared_secret(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret) {
  x.job = {};
  if (x.ours) return make_own_children(machine, sa, x, secret);
  make_peer_children(machine, sa, x, secret);
}

void fail_exchange(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  if (x.type == ExchangeType::kV1NewGroupMode) return fail_new_group(machine, sa, x, why);
  fail_quick(machine, sa, x, why);
}

void fail_quick(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  const std::string name = x.config != nullptr ? x.config->name : "?";
  machine.report(sa, LogLevel::kWarning, "child_failed", "child " + name + ": " + why);
  for (const QuickSa* q : x.sas()) {
    ChildSa* child = session::find_by_inbound(sa.children, q->child);
    if (q->child.value() != 0 && child != nullptr && child->state == ChildState::kInstalling)
      machine.end_child(sa, *child, EndReason::kReplaced);
    ChildSa* old = session::find_by_inbound(sa.children, q->replaces);
    if (old == nullptr || old->state != ChildState::kRekeying) continue;
    old->state = ChildState::kInstalled;
    old->rekey_at = machine.now() + kRekeyAgain;
  }
  if (!x.ours) return machine.finish(x);
  machine.finish_own(sa, x, base::fail(ErrorCode::kRefused, why));
}

namespace {

void own_child_ready(Machine& machine, IsakmpSa& sa, const Exchange& x, const QuickSa& q,
                     ChildSa& child) {
  machine.child_installed(sa, child, q.choice);
  ChildSa* old = session::find_by_inbound(sa.children, q.replaces);
  if (old == nullptr && !x.awaits_connected) return let_out(machine.services(), child);
  const base::Duration wait = x.awaits_connected ? kCommitTime : kConfirmTime;
  child.switch_by = machine.now() + wait;
  if (old != nullptr) machine.replaced(sa, *old, wait + kConfirmTime);
}

/// All that its SA payloads are to make is there, whole.
enum class Progress : std::uint8_t { kWaits, kFailed, kReady };
Progress progress_of(const IsakmpSa& sa, Exchange& x) {
  Progress all = Progress::kReady;
  for (const QuickSa* q : x.sas()) {
    const ChildSa* child = session::find_by_inbound(sa.children, q->child);
    if (child == nullptr || child->failed) return Progress::kFailed;
    if (child->pending != 0) all = Progress::kWaits;
  }
  return all;
}

void exchange_ready(Machine& machine, IsakmpSa& sa, Exchange& x) {
  if (!x.ours) return send_quick_answer(machine, sa, x);
  send_confirmation(machine, sa, x);
  machine.finish_own(sa, x, x.replaces.value() != 0 ? "child SA rekeyed" : "child SA installed");
  for (const QuickSa* q : x.sas())
    own_child_ready(machine, sa, x, *q, *session::find_by_inbound(sa.children, q->child));
}

}  // namespace

void on_child_ready(Machine& machine, IsakmpSa& sa, ChildSa& child) {
  Exchange* x = nullptr;
  const QuickSa* made = nullptr;
  for (auto& [id, one] : sa.exchanges)
    for (const QuickSa* q : one.sas())
      if (q->child == child.spi_in) {
        x = &one;
        made = q;
      }
  if (x == nullptr) return machine.child_installed(sa, child, {});
  if (x->active()) {
    const Progress progress = progress_of(sa, *x);
    if (progress == Progress::kFailed)
      return fail_quick(machine, sa, *x, "the data plane could not install it");
    if (progress == Progress::kReady) exchange_ready(machine, sa, *x);
    return;
  }
  if (!child.failed) return peer_child_ready(machine, sa, *x, *made, child);
  send_delete_child(machine, sa, child);
  machine.end_child(sa, child, EndReason::kExpired);
}

}  // namespace penstock::ikev1
