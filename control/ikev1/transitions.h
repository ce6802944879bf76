// SPDX-License-Identifier: BSD-3-Clause
// The tables of transitions: a table an exchange and authentication method. Which message is legal
// in which state, which payloads it needs, who handles it and what comes next (design §4.2).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control/ikev1/methods.h"
#include "control/isakmp/payload_set.h"

namespace penstock::ikev1 {

class Machine;

/// A message on its way to its handler.
struct Inbound {
  const session::Datagram& datagram;
  const isakmp::MessageView& message;
  const isakmp::PayloadChain& payloads;  ///< deciphered, if it was enciphered
  base::Bytes inside{};                  ///< what was deciphered, with its padding
};

struct Phase1Transition {
  Proof proof;  ///< of the peer's: for which the row is
  State state;
  bool sealed;  ///< the message is enciphered
  isakmp::PayloadSet required;
  isakmp::PayloadSet optional;  ///< looked at if there; every other payload is ignored
  State next;                   ///< when the step succeeds
  Phase1Handler handler;
  std::string_view text;
};
/// What goes on in an exchange without a message of the peer's.
struct Phase1Steps {
  void (*begin)(Machine&, IsakmpSa&);
  void (*key_pair)(Machine&, IsakmpSa&);  ///< ours is there
  void (*shared_secret)(Machine&, IsakmpSa&, base::Bytes);
  void (*prove)(Machine&, IsakmpSa&, base::Bytes value);  ///< our HASH or signature is there
  void (*peer_proved)(Machine&, IsakmpSa&);
  /// Our nonce and identity are encrypted; nullptr: the exchange has no place for them.
  void (*veiled)(Machine&, IsakmpSa&) = nullptr;
};
/// One exchange, with all authentication methods.
struct Phase1Table {
  isakmp::ExchangeType exchange;
  std::span<const Phase1Transition> rows;
  Phase1Steps steps;
};
[[nodiscard]] std::span<const Phase1Table> phase1_tables();
/// @return nullptr: no such exchange
[[nodiscard]] const Phase1Table* find_table(isakmp::ExchangeType exchange);
[[nodiscard]] const Phase1Steps& steps_of(const IsakmpSa& sa);
/// @param proof  of the peer's; kAny before it is agreed
/// @return nullptr: not legal
[[nodiscard]] const Phase1Transition* find_phase1(isakmp::ExchangeType exchange, Proof proof,
                                                  State state, bool sealed,
                                                  const isakmp::PayloadSet& present);
/// Does a row, or the life of an ISAKMP SA outside exchanges, lead from one state to the other?
[[nodiscard]] bool is_legal(State from, State to);

using QuickHandler = void (*)(Machine&, IsakmpSa&, Exchange&, const Inbound&);
struct QuickTransition {
  isakmp::ExchangeType exchange;
  QuickState state;
  bool ours;
  isakmp::PayloadSet required;
  isakmp::PayloadSet optional;
  QuickState next;
  QuickHandler handler;
  std::string_view text;
};
/// Quick Mode and New Group Mode.
[[nodiscard]] std::span<const QuickTransition> quick_table();
[[nodiscard]] const QuickTransition* find_quick(isakmp::ExchangeType exchange, QuickState state,
                                                bool ours, const isakmp::PayloadSet& present);

}  // namespace penstock::ikev1
