// SPDX-License-Identifier: BSD-3-Clause
// Commands turn into tasks that carry the command's id; the end of the last one is the answer.
#include "control/ike/commands.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::ike {

using base::ErrorCode;
using session::ChildConfig;
using session::Connection;
using session::EndReason;
using session::Task;

namespace {

bool wanted(const Command& command, const ChildConfig& child) {
  return child.is_negotiated() && (command.child.empty() || command.child == child.name);
}

std::string_view verb(Command::Kind kind) {
  switch (kind) {
    case Command::Kind::kUp:
      return "up";
    case Command::Kind::kDown:
      return "down";
    case Command::Kind::kRekey:
      return "rekeyed";
  }
  return "done";
}

}  // namespace

void Commands::start(CommandId id, const Command& command) {
  Connection* c = services_.connections.find(command.connection);
  if (c == nullptr)
    return reply(id, base::fail(ErrorCode::kNotFound, "no connection " + command.connection));
  const auto named = [&](const ChildConfig& child) { return child.name == command.child; };
  if (!command.child.empty() && std::ranges::none_of(c->config.children, named))
    return reply(id, base::fail(ErrorCode::kNotFound,
                                "connection " + c->config.name + " has no child " + command.child));
  Pending& pending = pending_[id];
  pending.text = fmt::format("{}{}{} is {}", command.connection, command.child.empty() ? "" : "/",
                             command.child, verb(command.kind));
  deadlines_.set(id.value(), services_.now.mono + command.timeout);
  switch (command.kind) {
    case Command::Kind::kUp:
      up(id, pending, *c, command);
      break;
    case Command::Kind::kDown:
      down(id, pending, *c, command);
      break;
    case Command::Kind::kRekey:
      rekey(id, pending, *c, command);
      break;
  }
  finish_if_done(id);
}

void Commands::up(CommandId id, Pending& pending, Connection& c, const Command& command) {
  for (const ChildConfig& child : c.config.children) {
    if (!wanted(command, child)) continue;
    if (upkeep_.is_up(c, child)) {
      ++pending.done;
      continue;
    }
    if (Task* task = upkeep_.pending(c, child)) {
      if (pending_.contains(task->command)) {  // not one that was answered with a timeout
        pending.failure = {ErrorCode::kExists,
                           "child " + child.name + " is coming up already; another waits for it"};
        continue;
      }
      task->command = id;
      ++pending.remaining;
      // The next attempt is not put off for somebody who waits.
      continue;
    }
    Task task;
    task.kind = Task::Kind::kNewChild;
    task.child = &child;
    task.command = id;
    ++pending.remaining;
    upkeep_.bring_up(c, std::move(task));
  }
  if (pending.remaining + pending.done == 0 && !pending.failure)
    pending.failure = {ErrorCode::kNotFound, "there is no child to bring up"};
}

void Commands::down(CommandId id, Pending& pending, Connection& c, const Command& command) {
  const std::vector<std::uint64_t> serials = c.ike_sas;
  for (const std::uint64_t serial : serials) {
    if (command.child.empty()) {
      if (machines_.has_keys(serial)) ++pending.remaining;
      ++pending.done;
      machines_.delete_ike(serial, EndReason::kRequested, id);
      continue;
    }
    std::vector<net::Spi> spis;  // IKEv1 ends a child at once
    for (const auto& child : machines_.children(serial))
      if (child->config->name == command.child && child->live()) spis.push_back(child->spi_in);
    for (const net::Spi spi : spis) {
      ++pending.remaining;
      machines_.request_child_delete(serial, spi, id);
    }
  }
  if (command.child.empty()) {
    std::vector<Task> waiting = std::move(c.waiting);
    c.waiting.clear();
    for (Task& t : waiting) {
      ++pending.done;
      services_.note(session::TaskDone{std::move(t),
                                       base::fail(ErrorCode::kRefused, "taken down by a command")});
    }
  }
  if (pending.remaining + pending.done == 0)
    pending.failure = {ErrorCode::kNotFound, "it is not up"};
}

void Commands::rekey(CommandId id, Pending& pending, Connection& c, const Command& command) {
  for (const std::uint64_t serial : c.ike_sas) {
    if (machines_.use_of(serial) != Use::kEstablished) continue;
    Task task;
    task.command = id;
    if (command.ike) {
      task.kind = Task::Kind::kRekeyIke;
      if (machines_.add_task(serial, task)) ++pending.remaining;
      continue;
    }
    for (const auto& child : machines_.children(serial)) {
      if (!wanted(command, *child->config) || !child->live()) continue;
      task.kind = Task::Kind::kRekeyChild;
      task.child = child->config;
      task.spi = child->spi_in;
      if (machines_.add_task(serial, task)) ++pending.remaining;
    }
  }
  if (pending.remaining == 0) pending.failure = {ErrorCode::kNotFound, "it is not up"};
}

void Commands::task_done(const session::TaskDone& done) {
  const auto found = pending_.find(done.task.command);
  if (done.task.command.value() == 0 || found == pending_.end()) return;
  Pending& p = found->second;
  if (p.remaining > 0) --p.remaining;
  ++p.done;
  if (!done.result && !p.failure) p.failure = done.result.error();
  finish_if_done(found->first);
}

void Commands::finish_if_done(CommandId id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.remaining != 0) return;
  Pending& p = found->second;
  base::Result<std::string> result = std::move(p.text);
  if (p.failure) result = tl::unexpected(*std::move(p.failure));
  reply(id, std::move(result));
}

void Commands::reply(CommandId id, base::Result<std::string> result) {
  pending_.erase(id);
  deadlines_.clear(id.value());
  services_.emit(session::CommandReply{id, std::move(result)});
}

void Commands::tick() {
  while (const auto key = deadlines_.pop_due(services_.now.mono))
    reply(CommandId{*key}, base::fail(ErrorCode::kTimeout, "not done in time; it goes on"));
}

}  // namespace penstock::ike
