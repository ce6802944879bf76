// SPDX-License-Identifier: BSD-3-Clause
// The tables themselves. The first row of a state whose required payloads are all there is taken.
#include "control/ikev1/transitions.h"

#include <algorithm>
#include <array>

#include "control/ikev1/exchanges.h"

namespace penstock::ikev1 {
namespace {

using isakmp::ExchangeType;
using isakmp::PayloadSet;
using enum isakmp::PayloadType;

constexpr PayloadSet kNotes{kV1VendorId, kV1Notification};
constexpr PayloadSet kNatAndNotes{kV1NatD, kV1VendorId, kV1Notification};

// clang-format off
// RFC 2409 §5.4.
constexpr std::array kMainModePsk{
  Phase1Transition{State::kStart, false, {kV1Sa}, kNotes,
   State::kAnswered, on_main_offer, "responder: choose a proposal, answer"},
  Phase1Transition{State::kOffered, false, {kV1Sa}, kNotes,
   State::kExchanged, on_main_choice, "initiator: take the choice, make a key pair"},
  Phase1Transition{State::kAnswered, false, {kV1KeyExchange, kV1Nonce}, kNatAndNotes,
   State::kKeyed, on_main_key_request, "responder: make a key pair, answer"},
  Phase1Transition{State::kExchanged, false, {kV1KeyExchange, kV1Nonce}, kNatAndNotes,
   State::kProving, on_main_key_answer, "initiator: derive keys, prove who we are"},
  Phase1Transition{State::kKeyed, true, {kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_main_proof, "responder: check who the peer is, prove who we are"},
  Phase1Transition{State::kProving, true, {kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_main_answered_proof, "initiator: check who the peer is"},
};

// RFC 2409 §5.5.
constexpr std::array kQuickMode{
  QuickTransition{QuickState::kStart, false, {kV1Hash, kV1Sa, kV1Nonce},
   {kV1KeyExchange, kV1Identification, kV1Notification},
   QuickState::kAnswered, on_quick_offer, "responder: choose, install the inbound half, answer"},
  QuickTransition{QuickState::kOffered, true, {kV1Hash, kV1Sa, kV1Nonce},
   {kV1KeyExchange, kV1Identification, kV1Notification},
   QuickState::kDone, on_quick_choice, "initiator: take the choice, install, confirm"},
  QuickTransition{QuickState::kAnswered, false, {kV1Hash}, {kV1Notification},
   QuickState::kDone, on_quick_proof, "responder: the peer lives; let traffic out"},
};
// clang-format on

constexpr std::array kTables{
    Phase1Table{ExchangeType::kV1MainMode, AuthMethod::kPsk, kMainModePsk},
};

/// Steps that no message makes.
struct Step {
  State from;
  State to;
};
constexpr std::array kSteps{Step{State::kStart, State::kOffered}};

template <class Rows>
constexpr bool rows_are_sound(const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& a = rows[i];
    if (a.text.empty() || !a.required.disjoint(a.optional)) return false;
    // No row may stand behind one that takes everything it would take.
    for (std::size_t j = 0; j < i; ++j)
      if (rows[j].state == a.state && a.required.includes(rows[j].required)) return false;
  }
  return true;
}
static_assert(rows_are_sound(kMainModePsk) && rows_are_sound(kQuickMode));

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::kStart:
      return "starting";
    case State::kOffered:
    case State::kAnswered:
    case State::kExchanged:
    case State::kKeyed:
    case State::kProving:
      return "connecting";
    case State::kEstablished:
      return "established";
    case State::kDead:
      return "dead";
  }
  return "?";
}

std::span<const Phase1Table> phase1_tables() { return kTables; }

const Phase1Transition* find_phase1(ExchangeType exchange, AuthMethod auth, State state,
                                    bool sealed, const PayloadSet& present) {
  for (const Phase1Table& table : kTables) {
    if (table.exchange != exchange || (auth != AuthMethod::kNone && table.auth != auth)) continue;
    for (const Phase1Transition& row : table.rows)
      if (row.state == state && row.sealed == sealed && present.includes(row.required)) return &row;
  }
  return nullptr;
}

bool is_legal(State from, State to) {
  if (from == to || to == State::kDead) return true;
  for (const Phase1Table& table : kTables)
    for (const Phase1Transition& row : table.rows)
      if (row.state == from && row.next == to) return true;
  return std::ranges::any_of(kSteps, [&](const Step& s) { return s.from == from && s.to == to; });
}

std::span<const QuickTransition> quick_table() { return kQuickMode; }

const QuickTransition* find_quick(QuickState state, bool ours, const PayloadSet& present) {
  for (const QuickTransition& row : kQuickMode)
    if (row.state == state && row.ours == ours && present.includes(row.required)) return &row;
  return nullptr;
}

}  // namespace penstock::ikev1
