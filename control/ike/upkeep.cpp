// SPDX-License-Identifier: BSD-3-Clause
// Upkeep works on outcomes: what exchanges tell of tasks, children and IKE SAs that ended. It
// starts tasks and IKE SAs and never looks into a message.
#include "control/ike/upkeep.h"

#include <algorithm>

namespace penstock::ike {

using session::ChildConfig;
using session::ChildMode;
using session::Connection;
using session::EndAction;
using session::EndReason;
using session::Task;

namespace {

session::Report about(const Connection& c, base::LogLevel level, std::string code,
                      std::string text) {
  return {level, c.config.name, {}, std::move(code), std::move(text)};
}

policy::PolicyRule standing_rule(const session::Settings& settings, const Connection& c,
                                 const ChildConfig& child) {
  policy::PolicyRule rule;
  net::IpAddress remote;
  std::optional<net::Family> family;
  if (!c.config.remote_addrs.empty()) {
    remote = c.config.remote_addrs.front().address;
    family = remote.family();
  }
  const net::IpAddress own =
      session::own_address(settings.local_addresses, c.config, family).value_or(net::IpAddress{});
  rule.local_ts = session::or_dynamic(child.local_ts, own);
  rule.remote_ts = session::or_dynamic(child.remote_ts, remote);
  if (child.is_transport()) {
    rule.local_ts = session::of_host(rule.local_ts, own);
    rule.remote_ts = session::of_host(rule.remote_ts, remote);
  }
  rule.priority = child.priority;
  rule.name = c.config.name + "/" + child.name;
  return rule;
}

}  // namespace

// ---- standing policies ----

void Upkeep::install_standing(Connection& c, const ChildConfig& child) {
  policy::PolicyRule rule = standing_rule(services_.settings, c, child);
  rule.id = services_.slots.next_policy();
  if (rule.priority == 0) rule.priority = policy::kPriorityPassDrop;
  rule.action = child.mode == ChildMode::kPass ? policy::PolicyAction::kBypass
                                               : policy::PolicyAction::kDiscard;
  c.policies.push_back({&child, rule.id, {}});
  const session::SaToken token =
      services_.new_token({session::TokenOwner::What::kPolicy, {}, {}, {}});
  services_.emit(session::InstallPolicy{token, std::move(rule)});
}

void Upkeep::install_trap(Connection& c, const ChildConfig& child) {
  const auto there = [&](const session::StandingPolicy& p) { return p.child == &child; };
  if (std::ranges::any_of(c.policies, there)) return;
  policy::PolicyRule rule = standing_rule(services_.settings, c, child);
  session::Slot slot;
  slot.connection = &c;
  slot.child = &child;
  slot.policy = rule.id = services_.slots.next_policy();
  rule.slot = services_.slots.allocate(slot);
  rule.priority = policy::kPriorityTrap;
  rule.action = policy::PolicyAction::kProtect;
  c.policies.push_back({&child, rule.id, rule.slot});
  const session::SaToken token =
      services_.new_token({session::TokenOwner::What::kPolicy, rule.slot, {}, {}});
  services_.emit(session::InstallPolicy{token, std::move(rule)});
}

void Upkeep::standing_policy_result(const session::TokenOwner& owner,
                                    const base::Result<void>& result) {
  static_cast<void>(owner);
  if (result) return;
  services_.drops.count(session::IkeDrop::kInstallFailed);
  services_.emit(session::Report{base::LogLevel::kError,
                                 {},
                                 {},
                                 "install_failed",
                                 "the data plane refuses a policy: " + result.error().text});
}

void Upkeep::begin(Connection& c) {
  for (const ChildConfig& child : c.config.children) {
    if (!child.is_negotiated()) {
      install_standing(c, child);
    } else if (child.start_action == session::StartAction::kTrap) {
      install_trap(c, child);
    } else if (child.start_action == session::StartAction::kStart && c.config.can_be_dialled()) {
      Task task;
      task.kind = Task::Kind::kNewChild;
      task.child = &child;
      bring_up(c, std::move(task));
    }
  }
}

void Upkeep::take_down(Connection& c) {
  for (const session::StandingPolicy& p : c.policies) {
    services_.emit(session::RemovePolicy{p.id});
    if (p.slot.value() != 0) services_.slots.release(p.slot);
  }
  c.policies.clear();
  std::vector<Task> waiting = std::move(c.waiting);
  c.waiting.clear();
  if (c.redial_at) redialled_.erase(c.redial);
  c.redial_at.reset();
  for (Task& t : waiting)
    fail(std::move(t), {base::ErrorCode::kRefused, "the connection was taken down"});
  const std::vector<std::uint64_t> serials = c.ike_sas;
  for (const std::uint64_t serial : serials) machines_.delete_ike(serial, EndReason::kRequested);
}

void Upkeep::shut_down() {
  closing_ = true;
  for (const auto& [name, c] : services_.connections.all()) take_down(*c);
  machines_.delete_orphans();
}

// ---- bringing up ----

void Upkeep::fail(Task task, base::Error error) {
  services_.note(session::TaskDone{std::move(task), tl::unexpected(std::move(error))});
}

void Upkeep::bring_up(Connection& c, Task task) {
  if (closing_ || c.removed)
    return fail(std::move(task), {base::ErrorCode::kRefused, "the connection is closing"});
  for (const std::uint64_t serial : c.ike_sas) {
    const Use use = machines_.use_of(serial);
    if (use != Use::kDialling && use != Use::kEstablished) continue;
    if (!machines_.add_task(serial, task))
      fail(std::move(task), {base::ErrorCode::kLimit, "too many tasks wait at the IKE SA"});
    return;
  }
  if (c.redial_at) {
    if (c.waiting.size() >= ikev2::kMaxTasks)
      return fail(std::move(task), {base::ErrorCode::kLimit, "too many tasks wait for a redial"});
    return c.waiting.push_back(std::move(task));
  }
  std::vector<Task> tasks;
  tasks.push_back(std::move(task));
  dial(c, std::move(tasks));
}

void Upkeep::dial(Connection& c, std::vector<Task> tasks) {
  if (tasks.empty() || machines_.initiate(c, tasks)) return;
  for (Task& t : tasks)
    fail(std::move(t), {base::ErrorCode::kRefused,
                        "connection " + c.config.name +
                            " cannot be dialled: it needs a host as remote address, a local "
                            "address and room for an IKE SA"});
}

bool Upkeep::is_up(const Connection& c, const ChildConfig& child) const {
  return std::ranges::any_of(c.ike_sas, [&](std::uint64_t serial) {
    return machines_.use_of(serial) != Use::kNone &&
           std::ranges::any_of(machines_.children(serial),
                               [&](const auto& s) { return s->config == &child && s->live(); });
  });
}

Task* Upkeep::pending(Connection& c, const ChildConfig& child) {
  const auto wanted = [&](const Task& t) {
    return t.kind == Task::Kind::kNewChild && t.child == &child;
  };
  for (const std::uint64_t serial : c.ike_sas)
    if (Task* task = machines_.pending(serial, child)) return task;
  const auto found = std::ranges::find_if(c.waiting, wanted);
  return found == c.waiting.end() ? nullptr : &*found;
}

void Upkeep::acquire(const policy::SaEvent& event) {
  const session::Slot* slot = services_.slots.find(event.slot);
  // A negotiated child's slot stands empty only while its SA is replaced: that is under way.
  if (slot == nullptr || slot->ike_sa != 0 || slot->connection == nullptr) return;
  Connection& c = *slot->connection;
  if (pending(c, *slot->child) != nullptr) return;
  Task task;
  task.kind = Task::Kind::kNewChild;
  task.child = slot->child;
  task.packet = event.packet;
  services_.emit(about(c, base::LogLevel::kInfo, "acquire",
                       "a packet " + event.packet.source.to_string() + " > " +
                           event.packet.destination.to_string() + " asks for child " +
                           slot->child->name));
  bring_up(c, std::move(task));
}

// ---- endings ----

void Upkeep::child_ended(const session::ChildEnded& ended) {
  Connection& c = *ended.connection;
  if (closing_ || c.removed) return;
  const ChildConfig& child = *ended.child;
  EndAction action = EndAction::kClear;
  if (ended.reason == EndReason::kPeer) action = child.close_action;
  if (ended.reason == EndReason::kExpired) action = EndAction::kRestart;
  if (ended.reason == EndReason::kTimeout)
    action = child.dpd_action != EndAction::kClear ? child.dpd_action : c.config.dpd_action;
  if (action == EndAction::kTrap) return install_trap(c, child);
  if (action != EndAction::kRestart || is_up(c, child) || pending(c, child) != nullptr) return;
  if (!c.config.can_be_dialled() && c.ike_sas.empty()) return;
  Task task;
  task.kind = Task::Kind::kNewChild;
  task.child = &child;
  bring_up(c, std::move(task));
}

void Upkeep::redial_later(Connection& c, base::Duration wait) {
  if (c.redial_at) return;
  c.redial_at = services_.now.mono + wait;
  c.redial = ++last_redial_;
  redialled_.emplace(c.redial, &c);
  redials_.set(last_redial_, *c.redial_at);
}

void Upkeep::ike_ended(session::IkeEnded ended) {
  Connection& c = *ended.connection;
  std::vector<Task> anew;
  for (Task& t : ended.tasks) {
    const bool deletion = t.kind == Task::Kind::kDeleteIke || t.kind == Task::Kind::kDeleteChild;
    if (deletion) {
      services_.note(session::TaskDone{std::move(t), "deleted"});
    } else if (t.kind != Task::Kind::kNewChild || ended.reason == EndReason::kRequested) {
      fail(std::move(t), {base::ErrorCode::kRefused, ended.why});
    } else {
      t.not_before = {};
      t.attempts = 0;
      anew.push_back(std::move(t));
    }
  }
  if (anew.empty()) return;
  if (ended.initiated) ++c.attempts;
  const bool again = c.config.keyingtries == 0 || c.attempts < c.config.keyingtries;
  if (!again || closing_ || c.removed) {
    c.attempts = 0;
    for (Task& t : anew) fail(std::move(t), {base::ErrorCode::kTimeout, ended.why});
    return;
  }
  const bool refused = ended.initiated && ended.reason == EndReason::kFailed;
  std::ranges::move(anew, std::back_inserter(c.waiting));
  redial_later(c, refused ? kRedialAfterRefusal : base::Duration{});
}

void Upkeep::tick() {
  while (const auto key = redials_.pop_due(services_.now.mono)) {
    const auto found = redialled_.find(*key);
    if (found == redialled_.end()) continue;
    Connection& c = *found->second;
    redialled_.erase(found);
    c.redial_at.reset();
    std::vector<Task> tasks = std::move(c.waiting);
    c.waiting.clear();
    for (Task& t : tasks) {
      if (t.command.value() == 0 && is_up(c, *t.child)) {
        services_.note(session::TaskDone{std::move(t), "it is up already"});
        continue;
      }
      bring_up(c, std::move(t));
    }
  }
}

}  // namespace penstock::ike
