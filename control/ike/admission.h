// SPDX-License-Identifier: BSD-3-Clause
// Admission: what a stranger's first request must pass before anything is kept for it (RFC 7296
// §2.6): limits of half-open IKE SAs, all and per source, and stateless cookies.
#pragma once

#include "control/ike/engine.h"
#include "control/isakmp/message_view.h"
#include "control/session/services.h"
#include "control/session/session_table.h"

namespace penstock::ike {

/// A cookie's secret is this long in use, and as long again accepted.
inline constexpr base::Duration kCookieSecretLife = base::seconds{60};

class Admission {
 public:
  Admission(const EngineLimits& limits, session::Services& services)
      : limits_(limits), services_(services) {}

  /// kAcceptProved: a cookie shows that the source takes what is sent to it.
  enum class Verdict : std::uint8_t { kAccept, kAcceptProved, kDrop, kAskCookie };
  /// Counts the reason of a drop.
  [[nodiscard]] Verdict judge(const session::SessionTable& table, const net::Endpoint& source,
                              const isakmp::MessageView& message);
  /// The value for N(COOKIE): it depends on Ni, the source and SPIi alone.
  [[nodiscard]] base::ByteVector cookie_for(const net::Endpoint& source,
                                            const isakmp::MessageView& message);

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
  base::SecretBytes secret_, former_;
  std::uint8_t version_ = 0;
  base::MonoTime rotated_{};
};

}  // namespace penstock::ike
