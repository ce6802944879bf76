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

bool is_rekey(const Exchange& x) { return x.task.kind == Task::Kind::kRekeyChild; }

void send_offer(Machine& machine, IsakmpSa& sa, Exchange& x) {
  isakmp::MessageBuilder builder =
      machine.hashed_message(sa, ExchangeType::kV1QuickMode, x.message_id);
  x.encap = sa.encap;
  const isakmp::V1SaPayload offer =
      phase2_offer(*x.config, {x.spi, x.outer}, encapsulation(sa, *x.config, x.encap), x.group);
  if (offer.proposals.empty())
    return fail_quick(machine, sa, x, "no proposal can be said in IKEv1");
  isakmp::append_v1_sa(builder, offer);
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
  if (sa.children.size() >= machine.services().settings.children_per_ike_sa) {
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
    const auto life = responder_lifetime(notify->protocol, notify->data);
    if (life && (!x.choice.life || *life < *x.choice.life)) x.choice.life = life;
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

/// The answer is sound: what it says is kept until the shared secret is there.
base::Result<void> read_answer(const IsakmpSa& sa, Exchange& x, const Inbound& in) {
  const auto words = [](const isakmp::V1Fault& fault) {
    return base::fail(ErrorCode::kMalformed,
                      std::string(isakmp::row_of(fault.rule).name) + ": " + fault.text);
  };
  const auto answer = isakmp::parse_v1_sa(in.payloads.find(PayloadType::kV1Sa)->body);
  if (!answer) return words(answer.error());
  PS_TRY(check_single(*answer, x.config->bundle));
  if (answer->situation != x.config->situation)
    return base::fail(ErrorCode::kRefused,
                      "its situation is " + isakmp::describe(answer->situation));
  PS_ASSIGN(x.choice,
            choose_for(*x.config, encapsulation(sa, *x.config, x.encap), x.group, *answer));
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

void make_own_child(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret) {
  const ChildSa* old = session::find_by_inbound(sa.children, x.replaces);
  // The peer may have made the same child at the same time.
  if (old == nullptr) old = predecessor(machine, sa, *x.config, x.selectors);
  ChildSa& child = machine.add_child(sa, x);
  auto specs = make_specs(machine.services().crypto, sa, child, x, secret);
  if (!specs) return fail_quick(machine, sa, x, specs.error().text);
  if (old != nullptr) {
    session::install_successor(machine.services(), child, *old, *std::move(specs));
  } else if (x.awaits_connected) {
    session::install_larval(machine.services(), {sa.serial, sa.connection}, child,
                            *std::move(specs));
  } else {
    session::install_fresh(machine.services(), {sa.serial, sa.connection}, child,
                           *std::move(specs));
  }
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
  if (x.group == DhGroupId::kNone) return make_own_child(machine, sa, x, {});
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
  if (x.ours) return make_own_child(machine, sa, x, secret);
  make_peer_child(machine, sa, x, secret);
}

void fail_exchange(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  if (x.type == ExchangeType::kV1NewGroupMode) return fail_new_group(machine, sa, x, why);
  fail_quick(machine, sa, x, why);
}

void fail_quick(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  const std::string name = x.config != nullptr ? x.config->name : "?";
  machine.report(sa, LogLevel::kWarning, "child_failed", "child " + name + ": " + why);
  ChildSa* child = session::find_by_inbound(sa.children, x.child);
  if (x.child.value() != 0 && child != nullptr && child->state == ChildState::kInstalling)
    machine.end_child(sa, *child, EndReason::kReplaced);
  ChildSa* old = session::find_by_inbound(sa.children, x.replaces);
  if (old != nullptr && old->state == ChildState::kRekeying) {
    old->state = ChildState::kInstalled;
    old->rekey_at = machine.now() + kRekeyAgain;
  }
  if (!x.ours) return machine.finish(x);
  machine.finish_own(sa, x, base::fail(ErrorCode::kRefused, why));
}

namespace {

void own_child_ready(Machine& machine, IsakmpSa& sa, Exchange& x, ChildSa& child) {
  send_confirmation(machine, sa, x);
  machine.child_installed(sa, child, x.choice);
  ChildSa* old = session::find_by_inbound(sa.children, x.replaces);
  machine.finish_own(sa, x, x.replaces.value() != 0 ? "child SA rekeyed" : "child SA installed");
  if (old == nullptr && !x.awaits_connected) return let_out(machine.services(), child);
  const base::Duration wait = x.awaits_connected ? kCommitTime : kConfirmTime;
  child.switch_by = machine.now() + wait;
  if (old != nullptr) machine.replaced(sa, *old, wait + kConfirmTime);
}

}  // namespace

void on_child_ready(Machine& machine, IsakmpSa& sa, ChildSa& child) {
  const auto made = [&](const auto& entry) { return entry.second.child == child.spi_in; };
  const auto found = std::ranges::find_if(sa.exchanges, made);
  if (found == sa.exchanges.end()) return machine.child_installed(sa, child, {});
  Exchange& x = found->second;
  if (child.failed) {
    if (x.active()) return fail_quick(machine, sa, x, "the data plane could not install it");
    send_delete_child(machine, sa, child);
    return machine.end_child(sa, child, EndReason::kExpired);
  }
  if (!x.ours) return peer_child_ready(machine, sa, x, child);
  own_child_ready(machine, sa, x, child);
}

}  // namespace penstock::ikev1
