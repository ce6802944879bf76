// SPDX-License-Identifier: BSD-3-Clause
// Retransmission: who asks repeats its request with back-off until it is answered; who answers
// keeps its last response and repeats it only when the identical request comes again (RFC 7296
// §2.1).
#pragma once

#include <optional>

#include "lib/base/bytes.h"
#include "lib/base/time.h"

namespace penstock::session {

struct RetransmissionPolicy {
  base::Duration base = base::milliseconds{1000};
  double factor = 1.8;  ///< each wait is this much longer than the one before (RFC 7296 §2.4)
  unsigned tries = 5;   ///< repetitions after the first transmission

  /// How long to wait after transmission number `sent` (1 is the first).
  [[nodiscard]] base::Duration wait_after(unsigned sent) const;
  /// From the first transmission to giving up.
  [[nodiscard]] base::Duration total() const;
};

/// The request that we repeat.
struct OutstandingMessage {
  base::ByteVector message;  ///< or its fragments, one after another
  unsigned sent = 0;         ///< transmissions so far
  std::optional<base::MonoTime> due;

  void start(base::ByteVector bytes, base::MonoTime now, const RetransmissionPolicy& policy);
  /// Counts one more transmission at `now`.
  /// @return false if the tries are used up: give up
  [[nodiscard]] bool repeat(base::MonoTime now, const RetransmissionPolicy& policy);
  void stop() { due.reset(); }
};

/// The response that we repeat.
class AnsweredRequest {
 public:
  void remember(base::Bytes request, base::ByteVector response);
  /// Remembers the request alone, while its answer is being made.
  void begin(base::Bytes request);
  /// The same request came in other octets: it is known by these from now on.
  void recognise(base::Bytes request);
  /// Is this the request again, octet for octet? (compared by a hash of it)
  [[nodiscard]] bool is_repetition(base::Bytes request) const;
  void answer(base::ByteVector response) { response_ = std::move(response); }
  [[nodiscard]] const base::ByteVector& response() const { return response_; }

 private:
  std::size_t request_octets_ = 0;
  std::uint64_t request_hash_ = 0;
  base::ByteVector response_;
};

}  // namespace penstock::session
