// SPDX-License-Identifier: BSD-3-Clause
// Task: an exchange that we want to start. Tasks queue at their IKE SA, whose window is one request
// (RFC 7296 §2.3), and carry the command that asked for them.
#pragma once

#include <optional>

#include "control/session/connection_config.h"
#include "control/session/values.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::session {

/// Why an SA ended; decides what comes next.
enum class EndReason : std::uint8_t {
  kRequested,  ///< by a command, the configuration or shutting down
  kPeer,       ///< the peer deleted it: close_action
  kTimeout,    ///< the peer does not answer: dpd_action
  kExpired,    ///< its hard lifetime was reached: it is made anew
  kReplaced,   ///< the peer came again (INITIAL_CONTACT, `unique`), or a rekey took its place
  kFailed,     ///< it never came up
};

struct Task {
  enum class Kind : std::uint8_t {
    kNewChild,
    kRekeyChild,
    kDeleteChild,
    kRekeyIke,
    kDeleteIke,
    kLiveness,
    kReportUnknownSpi,  ///< INVALID_SPI for ESP that nobody knows (RFC 7296 §1.5)
  };
  Kind kind = Kind::kLiveness;
  const ChildConfig* child = nullptr;  ///< kNewChild; else borrowed for texts
  net::Spi spi;                        ///< the child's inbound SPI, for kRekeyChild, kDeleteChild
  crypto::ProtocolId protocol = crypto::ProtocolId::kEsp;  ///< kDeleteChild: of the child
  std::optional<policy::PacketSelectors> packet;  ///< kNewChild by acquire (RFC 7296 §2.9)
  CommandId command;                              ///< 0: nobody waits
  base::MonoTime not_before{};  ///< TEMPORARY_FAILURE: not at once again (RFC 7296 §2.25)
  std::uint8_t attempts = 0;
  EndReason reason = EndReason::kRequested;  ///< kDeleteChild: what the end of it means
};

struct Connection;

/// A task came to its end: the command that waits for it is told.
struct TaskDone {
  Task task;
  base::Result<std::string> result;
};
/// A child ended, with nothing in its place.
struct ChildEnded {
  Connection* connection = nullptr;
  const ChildConfig* child = nullptr;
  EndReason reason{};
};
/// An IKE SA ended with these tasks undone.
struct IkeEnded {
  Connection* connection = nullptr;
  std::vector<Task> tasks;
  EndReason reason{};
  std::string why;
  bool initiated = false;  ///< by us, and it never came up: `keyingtries` counts
};
/// What exchanges tell the engine; it acts after the input is processed.
using Outcome = std::variant<TaskDone, ChildEnded, IkeEnded>;

}  // namespace penstock::session
