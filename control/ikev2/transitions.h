// SPDX-License-Identifier: BSD-3-Clause
// The table of transitions: which message is legal in which state, which payloads it needs, who
// handles it and what comes next (design §4.2). Legality is data, work is code.
#pragma once

#include <span>
#include <string_view>

#include "control/ikev2/ike_sa.h"
#include "control/isakmp/payload_set.h"

namespace penstock::ikev2 {

class Machine;

/// A message on its way to its handler.
struct Inbound {
  const session::Datagram& datagram;
  const isakmp::MessageView& message;
  const isakmp::PayloadChain& payloads;  ///< those within SK, if there is one
  bool proved = false;                   ///< a first request with a good cookie (RFC 7296 §2.6)
  base::Bytes inside = {};               ///< what was within SK, and
  isakmp::PayloadType first = isakmp::PayloadType::kNone;  ///< the type of its first payload
};

using Handler = void (*)(Machine&, IkeSa&, const Inbound&);

enum class Way : std::uint8_t { kRequest, kResponse };

using isakmp::PayloadSet;

struct Transition {
  State state;
  isakmp::ExchangeType exchange;
  Way way;
  PayloadSet required;
  PayloadSet optional;  ///< looked at if there; every other payload is ignored (RFC 7296 §2.5)
  State next;           ///< when the exchange succeeds
  Handler handler;
  std::string_view text;
};

[[nodiscard]] std::span<const Transition> transitions();

struct Match {
  const Transition* row = nullptr;  ///< nullptr: not legal
  bool exchange_known = false;      ///< the state allows the exchange, but payloads are missing
};
[[nodiscard]] Match find_transition(State state, isakmp::ExchangeType exchange, Way way,
                                    const PayloadSet& present);

/// Does a row, or the life of an IKE SA outside exchanges, lead from one state to the other?
[[nodiscard]] bool is_legal(State from, State to);

/// The states and rows as a Graphviz graph.
[[nodiscard]] std::string transitions_as_dot();

}  // namespace penstock::ikev2
