// SPDX-License-Identifier: BSD-3-Clause
// Fragments: those of one IKEv1 message until they are all there, as Cisco and Microsoft cut them.
// Nobody vouches for one: what stands in it shows when the whole message is read. So of two with
// one number the younger is believed, for the peer repeats its own, and what makes no message
// waits for one that does.
#pragma once

#include <optional>

#include "control/isakmp/payload/v1_fragment.h"
#include "control/session/parts.h"
#include "lib/net/address.h"

namespace penstock::ikev1 {

class Fragments {
 public:
  /// What those of one message have in common.
  struct Origin {
    net::Endpoint from;
    isakmp::IkeSpi responder;
    std::uint16_t id = 0;

    friend bool operator==(const Origin&, const Origin&) = default;
  };

  Fragments(const Origin& origin, base::MonoTime until, std::size_t most_octets,
            session::OctetBudget& budget)
      : origin_(origin), parts_(until, most_octets, 0, &budget) {}

  [[nodiscard]] const Origin& origin() const { return origin_; }
  /// When they are given up.
  [[nodiscard]] base::MonoTime until() const { return parts_.until(); }
  [[nodiscard]] bool has(const isakmp::V1FragmentPayload& fragment) const;
  /// @return false if all together are too long
  [[nodiscard]] bool add(const isakmp::V1FragmentPayload& fragment);
  /// The message, if they make one of the length that it says it has.
  [[nodiscard]] std::optional<base::ByteVector> whole() const;

 private:
  Origin origin_;
  session::Parts parts_;
};

}  // namespace penstock::ikev1
