// SPDX-License-Identifier: BSD-3-Clause
// Audit: what the data plane refused and RFC 4303 §4 wants in an audit log, as lines of the log.
// Strangers cause these events: the lines are bounded, and say how many are missing.
#pragma once

#include <cstdint>

#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/base/token_bucket.h"
#include "lib/policy/sa_event.h"

namespace penstock::bridge {

inline constexpr std::uint64_t kAuditLinesPerSecond = 2;
inline constexpr std::uint64_t kAuditLinesAtOnce = 10;

class Audit {
 public:
  explicit Audit(base::Log& log) : log_(log) {}

  /// Of events that are not for an audit log nothing is said.
  void event(base::MonoTime now, const policy::SaEvent& event);

 private:
  base::Log& log_;
  base::TokenBucket lines_{kAuditLinesPerSecond, kAuditLinesAtOnce};
  std::uint64_t unsaid_ = 0;
};

}  // namespace penstock::bridge
