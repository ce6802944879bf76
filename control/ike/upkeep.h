// SPDX-License-Identifier: BSD-3-Clause
// Upkeep: brings connections to what is configured: standing policies, start actions, acquires,
// dialling again, what follows when a child or an IKE SA ends.
#pragma once

#include "control/ike/machines.h"
#include "control/session/services.h"

namespace penstock::ike {

/// After a refusal the peer is left alone for so long before the next attempt.
inline constexpr base::Duration kRedialAfterRefusal = base::seconds{10};

class Upkeep {
 public:
  Upkeep(session::Services& services, Machines& machines)
      : services_(services), machines_(machines) {}

  /// Installs the connection's standing policies and starts what is to be started.
  void begin(session::Connection& connection);
  /// Removes the standing policies and deletes the IKE SAs.
  void take_down(session::Connection& connection);

  /// A child by an IKE SA that is there, or by dialling. A failure comes as its command's end.
  void bring_up(session::Connection& connection, session::Task task);
  void acquire(const policy::SaEvent& event);
  void standing_policy_result(const session::TokenOwner& owner, const base::Result<void>& result);
  void child_ended(const session::ChildEnded& ended);
  /// Tasks that nobody needs again are ended; the others are dialled for again.
  void ike_ended(session::IkeEnded ended);
  void tick();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const { return redials_.next(); }
  void shut_down();

  /// Is the child up, or on its way?
  [[nodiscard]] bool is_up(const session::Connection& connection,
                           const session::ChildConfig& child) const;
  [[nodiscard]] session::Task* pending(session::Connection& connection,
                                       const session::ChildConfig& child);

 private:
  void install_standing(session::Connection& connection, const session::ChildConfig& child);
  void install_trap(session::Connection& connection, const session::ChildConfig& child);
  void dial(session::Connection& connection, std::vector<session::Task> tasks);
  void fail(session::Task task, base::Error error);
  void redial_later(session::Connection& connection, base::Duration wait);

  session::Services& services_;
  Machines& machines_;
  session::Deadlines redials_;
  std::map<std::uint64_t, session::Connection*> redialled_;
  std::uint64_t last_redial_ = 0;
  bool closing_ = false;
};

}  // namespace penstock::ike
