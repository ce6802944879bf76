// SPDX-License-Identifier: BSD-3-Clause
// One of the two machines has an IKE SA of this serial, or none has.
#include "control/ike/machines.h"

#include <algorithm>

namespace penstock::ike {

using session::Task;

namespace {

Use use(const ikev2::IkeSa& sa) {
  const auto deletes = [](const Task& t) { return t.kind == Task::Kind::kDeleteIke; };
  // Its delete is under way or next: nothing is begun with it any more.
  if (sa.state == ikev2::State::kDeleting || (sa.own && deletes(sa.own->task)) ||
      std::ranges::any_of(sa.tasks, deletes))
    return Use::kNone;
  if (sa.initiator && sa.handshake != nullptr) return Use::kDialling;
  return sa.state == ikev2::State::kEstablished && !sa.redundant ? Use::kEstablished : Use::kOther;
}

Use use(const ikev1::IsakmpSa& sa) {
  if (sa.initiator && sa.phase1 != nullptr) return Use::kDialling;
  return sa.state == ikev1::State::kEstablished ? Use::kEstablished : Use::kOther;
}

}  // namespace

bool Machines::initiate(session::Connection& connection, std::vector<Task> tasks) {
  if (connection.config.version == session::IkeVersion::kIkev1)
    return v1_.initiate(connection, std::move(tasks)) != nullptr;
  return v2_.initiate(connection, std::move(tasks)) != nullptr;
}

Use Machines::use_of(std::uint64_t serial) {
  if (const ikev2::IkeSa* sa = v2_.find(serial)) return use(*sa);
  if (const ikev1::IsakmpSa* sa = v1_.find(serial)) return use(*sa);
  return Use::kNone;
}

bool Machines::has_keys(std::uint64_t serial) {
  if (const ikev2::IkeSa* sa = v2_.find(serial)) return sa->handshake == nullptr;
  const ikev1::IsakmpSa* sa = v1_.find(serial);
  return sa != nullptr && sa->phase1 == nullptr;
}

bool Machines::add_task(std::uint64_t serial, Task task) {
  if (ikev2::IkeSa* sa = v2_.find(serial)) return v2_.add_task(*sa, std::move(task));
  ikev1::IsakmpSa* sa = v1_.find(serial);
  return sa != nullptr && v1_.add_task(*sa, std::move(task));
}

void Machines::delete_ike(std::uint64_t serial, session::EndReason reason,
                          session::CommandId command) {
  if (ikev2::IkeSa* sa = v2_.find(serial)) return v2_.delete_ike(*sa, reason, command);
  if (ikev1::IsakmpSa* sa = v1_.find(serial)) v1_.delete_ike(*sa, reason, command);
}

void Machines::delete_orphans() {
  const auto orphaned = [](const session::Connection* c) { return c == nullptr || c->removed; };
  for (const auto& [serial, sa] : v2_.all())
    if (orphaned(sa->connection)) v2_.delete_ike(*sa, session::EndReason::kRequested);
  for (const auto& [serial, sa] : v1_.all())
    if (orphaned(sa->connection)) v1_.delete_ike(*sa, session::EndReason::kRequested);
}

void Machines::request_child_delete(std::uint64_t serial, net::Spi spi,
                                    session::CommandId command) {
  const auto reason = session::EndReason::kRequested;
  if (ikev2::IkeSa* sa = v2_.find(serial))
    return v2_.request_child_delete(*sa, spi, reason, command);
  if (ikev1::IsakmpSa* sa = v1_.find(serial)) v1_.request_child_delete(*sa, spi, reason, command);
}

const session::ChildSas& Machines::children(std::uint64_t serial) {
  static const session::ChildSas kNone;
  if (const ikev2::IkeSa* sa = v2_.find(serial)) return sa->children;
  const ikev1::IsakmpSa* sa = v1_.find(serial);
  return sa == nullptr ? kNone : sa->children;
}

namespace {

bool brings_up(const Task& task, const session::ChildConfig& child) {
  return task.kind == Task::Kind::kNewChild && task.child == &child;
}

Task* find_in(std::vector<Task>& tasks, const session::ChildConfig& child) {
  const auto found =
      std::ranges::find_if(tasks, [&](const Task& t) { return brings_up(t, child); });
  return found == tasks.end() ? nullptr : &*found;
}

}  // namespace

Task* Machines::pending(std::uint64_t serial, const session::ChildConfig& child) {
  if (ikev2::IkeSa* sa = v2_.find(serial)) {
    if (sa->own && brings_up(sa->own->task, child)) return &sa->own->task;
    return find_in(sa->tasks, child);
  }
  ikev1::IsakmpSa* sa = v1_.find(serial);
  if (sa == nullptr) return nullptr;
  ikev1::Exchange* own = sa->own();
  if (own != nullptr && brings_up(own->task, child)) return &own->task;
  return find_in(sa->tasks, child);
}

}  // namespace penstock::ike
