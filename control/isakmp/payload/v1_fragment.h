// SPDX-License-Identifier: BSD-3-Clause
// Fragments of IKEv1 messages as Cisco and Microsoft cut them: no RFC has them (MS-IKEE describes
// them). A message, whatever it is, header and ciphertext, is cut as it stands; each part goes in a
// message of its own that has a header and one payload. Nothing protects them but what is inside.
#pragma once

#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"

namespace penstock::isakmp {

/// Numbers have one octet and begin with 1.
inline constexpr std::size_t kMaxV1Fragments = 255;

struct V1FragmentPayload {
  std::uint16_t id = 0;  ///< of the message that was cut; most peers always say 1
  std::uint8_t number = 0;
  bool last = false;
  base::Bytes data;
};

/// @param message  whose first payload is kV1Fragment; some peers leave its encryption flag set
/// @return kFragment
[[nodiscard]] V1Result<V1FragmentPayload> read_v1_fragment(const MessageView& message);

/// The messages that carry `message`, one after another: next_message() takes them apart.
/// @param exchange     theirs: message ids of phase 2 are not shown outside
/// @param most_octets  of one of them; at least 300
[[nodiscard]] base::ByteVector cut_v1_message(base::Bytes message, ExchangeType exchange,
                                              std::size_t most_octets);

}  // namespace penstock::isakmp
