// SPDX-License-Identifier: BSD-3-Clause
// PolicyRule: one entry of the ordered SPD (RFC 4301 §4.4.1) as a plain value.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "lib/policy/sa_spec.h"

namespace penstock::policy {

enum class PolicyAction : std::uint8_t { kProtect, kBypass, kDiscard };

[[nodiscard]] constexpr std::string_view name_of(PolicyAction action) {
  switch (action) {
    case PolicyAction::kProtect:
      return "protect";
    case PolicyAction::kBypass:
      return "bypass";
    case PolicyAction::kDiscard:
      return "discard";
  }
  return "?";
}

/// Names a rule to its owner: unique, never reused while the process lives.
using PolicyId = base::Strong<struct PolicyIdTag, std::uint64_t>;

/// A rule holds for outbound traffic local → remote and, mirrored, for inbound remote → local.
/// Every pair of a local and a remote selector is covered.
struct PolicyRule {
  PolicyId id;
  std::uint32_t priority = 0;  ///< lower is looked at first; equal ones in order of insertion
  PolicyAction action = PolicyAction::kDiscard;
  net::Vrf vrf;
  InterfaceId interface_id;
  ChildSlot slot;  ///< for kProtect: whose outbound SA seals, and whose acquire is raised
  TrafficSelectors local_ts;
  TrafficSelectors remote_ts;
  std::string name;
};

/// Priorities: bypass and discard children are meant to cut holes, so they come first;
/// a negotiated child comes before the trap that it fulfils.
inline constexpr std::uint32_t kPriorityPassDrop = 1000;
inline constexpr std::uint32_t kPriorityChild = 2000;
inline constexpr std::uint32_t kPriorityTrap = 3000;

}  // namespace penstock::policy
