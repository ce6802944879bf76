// SPDX-License-Identifier: BSD-3-Clause
// New Group Mode (RFC 2409 §5.6): offer › answer, both under HASH, after phase 1. What a peer
// proposes is refused by its size before anything is computed; whether its prime is safe, a job
// finds out. Ours are proposed before the Quick Mode that wants them, whose task waits here.
#include <algorithm>

#include "control/ikev1/exchanges.h"
#include "control/ikev1/private_groups.h"

namespace penstock::ikev1 {

using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::PayloadType;
using isakmp::V1NotifyType;
using session::IkeDrop;

namespace {

constexpr auto kNewGroup = ExchangeType::kV1NewGroupMode;

void agree(Machine& machine, IsakmpSa& sa, const Exchange& x) {
  sa.groups.insert_or_assign(x.group, *x.private_group);
  machine.report(sa, LogLevel::kInfo, "private_group_agreed",
                 crypto::name_of(x.group) + " is agreed: MODP of " +
                     std::to_string(8 * x.private_group->prime.size()) + " bits");
}

/// What waited goes on, with the group or without it.
void resume(Machine& machine, IsakmpSa& sa, Exchange& x) {
  session::Task task = std::move(x.task);
  machine.finish(x);
  if (sa.own_exchange == x.message_id) sa.own_exchange = 0;
  sa.tasks.insert(sa.tasks.begin(), std::move(task));
  machine.touch(sa);
}

// ---- responder ----

/// RFC 2409 §5.6: ATTRIBUTES-NOT-SUPPORTED for a group that is not acceptable.
void refuse(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  machine.drop(IkeDrop::kNoProposal);
  machine.report(sa, LogLevel::kInfo, "private_group_refused",
                 "a New Group Mode is refused with " +
                     isakmp::name_of(V1NotifyType::kAttributesNotSupported) + ": " + why);
  send_notify(machine, sa, {1, V1NotifyType::kAttributesNotSupported, {}, {}});
  machine.finish(x);
}

void send_group_answer(Machine& machine, IsakmpSa& sa, Exchange& x) {
  isakmp::MessageBuilder builder = machine.hashed_message(sa, kNewGroup, x.message_id);
  isakmp::append_v1_sa(builder, {{x.choice.answer}});
  base::ByteVector message = machine.seal_phase2(sa, builder, x.message_id, {}, x.iv);
  machine.transmit(sa, message);
  x.answered.answer(std::move(message));
  machine.finish(x);
}

/// @return why not; empty: it may be tested, or need not
std::string objection(Machine& machine, const IsakmpSa& sa, const OfferedGroup& offered) {
  const crypto::PrivateGroup* known = find_group(machine, sa, offered.id);
  if (known != nullptr && *known != offered.group) return "its number stands for another group";
  if (known == nullptr && sa.groups.size() >= kMaxPrivateGroups)
    return "there are as many private groups as there may be";
  return {};
}

bool is_configured(const IsakmpSa& sa, const OfferedGroup& offered) {
  return std::ranges::any_of(sa.connection->config.private_groups, [&](const auto& own) {
    return own.id() == offered.id && own.group == offered.group;
  });
}

}  // namespace

void on_new_group_offer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in) {
  const auto payload = isakmp::parse_v1_sa(in.payloads.find(PayloadType::kV1Sa)->body);
  if (!payload) {
    machine.broken(payload.error());
    return refuse(machine, sa, x, payload.error().text);
  }
  auto offered = read_group(*payload);
  if (!offered) return refuse(machine, sa, x, offered.error().text);
  const bool ours = is_configured(sa, *offered);
  if (!ours && !sa.connection->config.accept_private_groups)
    return refuse(machine, sa, x, "the connection takes none of the peer's");
  const std::string why = objection(machine, sa, *offered);
  if (!why.empty()) return refuse(machine, sa, x, why);
  x.group = offered->id;
  x.private_group = std::move(offered->group);
  x.choice.answer = std::move(offered->answer);
  if (ours || find_group(machine, sa, x.group) != nullptr) return on_group_tested(machine, sa, x);
  // One prime at a time, and so many a peer.
  const bool testing = std::ranges::any_of(sa.exchanges, [&](const auto& entry) {
    return entry.second.type == kNewGroup && entry.second.state == QuickState::kAnswered;
  });
  if (sa.group_tests >= kMaxGroupTests) return refuse(machine, sa, x, "too many were tested");
  if (testing || machine.services().jobs_full()) {
    // Not remembered: the same message, repeated, may find room.
    machine.drop(IkeDrop::kJobLimit);
    return Machine::forget(sa, x);
  }
  ++sa.group_tests;
  x.state = QuickState::kAnswered;
  x.job = machine.services().start_job({sa.serial, true}, session::CheckGroup{*x.private_group});
}

void on_group_tested(Machine& machine, IsakmpSa& sa, Exchange& x) {
  x.job = {};
  agree(machine, sa, x);
  send_group_answer(machine, sa, x);
}

// ---- initiator ----

void begin_new_group_mode(Machine& machine, IsakmpSa& sa, Exchange& x,
                          const session::PrivateGroupConfig& group) {
  x.group = group.id();
  x.private_group = group.group;
  isakmp::MessageBuilder builder = machine.hashed_message(sa, kNewGroup, x.message_id);
  isakmp::append_v1_sa(builder, group_offer(x.group, *x.private_group));
  base::ByteVector message = machine.seal_phase2(sa, builder, x.message_id, {}, x.iv);
  machine.transmit(sa, message);
  x.state = QuickState::kOffered;
  x.sent.start(std::move(message), machine.now(), machine.services().settings.retransmission);
}

void on_new_group_answer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in) {
  x.answered.begin(in.message.bytes());
  const auto payload = isakmp::parse_v1_sa(in.payloads.find(PayloadType::kV1Sa)->body);
  if (!payload) {
    machine.broken(payload.error());
    return fail_new_group(machine, sa, x, payload.error().text);
  }
  const auto answer = read_group(*payload);
  const bool same = answer && check_single(*payload) && answer->id == x.group &&
                    answer->group == *x.private_group;
  if (!same) return fail_new_group(machine, sa, x, "the answer is not what we offered");
  agree(machine, sa, x);
  resume(machine, sa, x);
}

void fail_new_group(Machine& machine, IsakmpSa& sa, Exchange& x, const std::string& why) {
  if (!x.ours) return refuse(machine, sa, x, why);
  machine.report(sa, LogLevel::kWarning, "private_group_failed",
                 crypto::name_of(x.group) + " is not agreed: " + why);
  sa.refused_groups.insert(x.group);
  resume(machine, sa, x);
}

}  // namespace penstock::ikev1
