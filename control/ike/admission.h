// SPDX-License-Identifier: BSD-3-Clause
// Admission: what a stranger's first request must pass before anything is kept for it (RFC 7296
// §2.6): limits of half-open IKE SAs, all and per source, and stateless cookies.
#pragma once

#include "control/ike/engine.h"
#include "control/isakmp/message_view.h"
#include "control/session/services.h"
#include "control/session/session_table.h"
#include "lib/base/token_bucket.h"

namespace penstock::ike {

/// A cookie's secret is this long in use, and as long again accepted.
inline constexpr base::Duration kCookieSecretLife = base::seconds{60};
/// Answers to unprotected messages, a second and saved up (§2.21.4).
inline constexpr std::uint64_t kStrangerAnswers = 200;
inline constexpr std::uint64_t kStrangerBurst = 400;

class Admission {
 public:
  Admission(const EngineLimits& limits, session::Services& services)
      : limits_(limits), services_(services) {}

  enum class Verdict : std::uint8_t { kAccept, kDrop, kAskCookie };
  /// Counts the reason of a drop.
  [[nodiscard]] Verdict judge(const session::SessionTable& table, const net::Endpoint& source,
                              const isakmp::MessageView& message);
  /// The value for N(COOKIE): it depends on Ni, the source and SPIi alone.
  [[nodiscard]] base::ByteVector cookie_for(const net::Endpoint& source,
                                            const isakmp::MessageView& message);
  /// May one more answer go to an unprotected message?
  [[nodiscard]] bool may_answer();

 private:
  enum class Cookie : std::uint8_t { kNone, kGood, kBad };
  [[nodiscard]] Cookie check_cookie(const net::Endpoint& source,
                                    const isakmp::MessageView& message);
  [[nodiscard]] base::ByteVector make(std::uint8_t version, base::Bytes secret,
                                      const net::Endpoint& source,
                                      const isakmp::MessageView& message) const;
  void rotate();

  const EngineLimits& limits_;
  session::Services& services_;
  base::TokenBucket answers_{kStrangerAnswers, kStrangerBurst};
  base::SecretBytes secret_, former_;
  std::uint8_t version_ = 0;
  base::MonoTime rotated_{};
};

}  // namespace penstock::ike
