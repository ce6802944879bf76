// SPDX-License-Identifier: BSD-3-Clause
// Commands: up, down and rekey, each answered once: when its tasks are done, one of them failed for
// good, or its time is over.
#pragma once

#include <map>

#include "control/ike/engine_io.h"
#include "control/ike/upkeep.h"

namespace penstock::ike {

class Commands {
 public:
  Commands(session::Services& services, Machines& machines, Upkeep& upkeep)
      : services_(services), machines_(machines), upkeep_(upkeep) {}

  void start(CommandId id, const Command& command);
  /// A task ended; nothing if no command waits for it.
  void task_done(const session::TaskDone& done);
  void tick();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const { return deadlines_.next(); }

 private:
  struct Pending {
    std::size_t remaining = 0;
    std::size_t done = 0;
    std::string text;
    std::optional<base::Error> failure;
  };

  void up(CommandId id, Pending& pending, session::Connection& connection, const Command& command);
  void down(CommandId id, Pending& pending, session::Connection& connection,
            const Command& command);
  void rekey(CommandId id, Pending& pending, session::Connection& connection,
             const Command& command);
  void reply(CommandId id, base::Result<std::string> result);
  void finish_if_done(CommandId id);

  session::Services& services_;
  Machines& machines_;
  Upkeep& upkeep_;
  std::map<CommandId, Pending> pending_;
  session::Deadlines deadlines_;
};

}  // namespace penstock::ike
