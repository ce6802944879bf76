// SPDX-License-Identifier: BSD-3-Clause
// The tables themselves. The first row of a state whose required payloads are all there is taken.
#include "control/ikev1/transitions.h"

#include <algorithm>
#include <array>

#include "control/ikev1/exchanges.h"
#include "lib/base/check.h"

namespace penstock::ikev1 {
namespace {

using isakmp::ExchangeType;
using isakmp::PayloadSet;
using enum isakmp::PayloadType;

constexpr auto kQuick = ExchangeType::kV1QuickMode;
constexpr auto kNewGroup = ExchangeType::kV1NewGroupMode;

constexpr PayloadSet kNotes{kV1VendorId, kV1Notification};
constexpr PayloadSet kNatAndNotes{kV1NatD, kV1VendorId, kV1Notification};
constexpr PayloadSet kPapers{kV1Certificate, kV1CertificateRequest, kV1VendorId, kV1Notification};
constexpr PayloadSet kVeiled{kV1Hash, kV1Certificate, kV1NatD, kV1VendorId, kV1Notification};
constexpr PayloadSet kNatAndPapers{kV1NatD, kV1Certificate, kV1CertificateRequest, kV1VendorId,
                                   kV1Notification};

/// Proofs that are a HASH in Aggressive Mode.
constexpr Proof kHashes{static_cast<std::uint8_t>(Proof::kHash) |
                        static_cast<std::uint8_t>(Proof::kNonce)};

// clang-format off
// RFC 2409 §5.1, §5.4.
constexpr std::array kMainMode{
  Phase1Transition{Proof::kAny, State::kStart, false, {kV1Sa}, kNotes,
   State::kAnswered, on_main_offer, "responder: choose a proposal, answer"},
  Phase1Transition{Proof::kAny, State::kOffered, false, {kV1Sa}, kNotes,
   State::kExchanged, on_main_choice, "initiator: take the choice, make a key pair"},
  Phase1Transition{Proof::kClear, State::kAnswered, false, {kV1KeyExchange, kV1Nonce}, kNatAndNotes,
   State::kKeyed, on_main_key_request, "responder: make a key pair, answer"},
  Phase1Transition{Proof::kClear, State::kExchanged, false,
   {kV1KeyExchange, kV1Nonce}, kNatAndNotes,
   State::kProving, on_main_key_answer, "initiator: derive keys, prove who we are"},
  Phase1Transition{Proof::kHash, State::kKeyed, true, {kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_main_proof, "responder: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kHash, State::kProving, true, {kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_main_proof, "initiator: check who the peer is"},
  // RFC 2409 §5.1.
  Phase1Transition{Proof::kSignature, State::kKeyed, true, {kV1Identification, kV1Signature},
   kPapers, State::kEstablished, on_main_proof,
   "responder: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kSignature, State::kProving, true, {kV1Identification, kV1Signature},
   kPapers, State::kEstablished, on_main_proof, "initiator: check who the peer is"},
  // RFC 2409 §5.2, §5.3.
  Phase1Transition{Proof::kNonce, State::kAnswered, false,
   {kV1KeyExchange, kV1Identification, kV1Nonce}, kVeiled,
   State::kKeyed, on_main_key_request, "responder: decrypt, make a key pair, answer"},
  Phase1Transition{Proof::kNonce, State::kExchanged, false,
   {kV1KeyExchange, kV1Identification, kV1Nonce}, kVeiled,
   State::kProving, on_main_key_answer, "initiator: decrypt, derive keys, prove who we are"},
  Phase1Transition{Proof::kNonce, State::kKeyed, true, {kV1Hash}, kNotes,
   State::kEstablished, on_main_proof, "responder: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kNonce, State::kProving, true, {kV1Hash}, kNotes,
   State::kEstablished, on_main_proof, "initiator: check who the peer is"},
};

// RFC 2409 §5.1, §5.4. The last message may be enciphered.
constexpr std::array kAggressiveMode{
  Phase1Transition{Proof::kAny, State::kStart, false,
   {kV1Sa, kV1KeyExchange, kV1Nonce, kV1Identification}, kNotes,
   State::kKeyed, on_aggressive_offer, "responder: choose, make keys, prove who we are"},
  Phase1Transition{kHashes, State::kOffered, false,
   {kV1Sa, kV1KeyExchange, kV1Nonce, kV1Identification, kV1Hash}, kNatAndNotes,
   State::kEstablished, on_aggressive_answer, "initiator: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kSignature, State::kOffered, false,
   {kV1Sa, kV1KeyExchange, kV1Nonce, kV1Identification, kV1Signature}, kNatAndPapers,
   State::kEstablished, on_aggressive_answer, "initiator: check who the peer is, prove who we are"},
  Phase1Transition{kHashes, State::kKeyed, true, {kV1Hash}, kNatAndNotes,
   State::kEstablished, on_aggressive_proof, "responder: check who the peer is"},
  Phase1Transition{kHashes, State::kKeyed, false, {kV1Hash}, kNatAndNotes,
   State::kEstablished, on_aggressive_proof, "responder: check who the peer is"},
  Phase1Transition{Proof::kSignature, State::kKeyed, true, {kV1Signature}, kNatAndPapers,
   State::kEstablished, on_aggressive_proof, "responder: check who the peer is"},
  Phase1Transition{Proof::kSignature, State::kKeyed, false, {kV1Signature}, kNatAndPapers,
   State::kEstablished, on_aggressive_proof, "responder: check who the peer is"},
};

// RFC 2408 §4.4, with AUTH of RFC 2409's methods.
constexpr std::array kBaseExchange{
  Phase1Transition{Proof::kAny, State::kStart, false, {kV1Sa, kV1Nonce}, kPapers,
   State::kAnswered, on_base_offer, "responder: choose a proposal, answer"},
  Phase1Transition{Proof::kAny, State::kOffered, false, {kV1Sa, kV1Nonce}, kPapers,
   State::kProving, on_base_choice, "initiator: make a key pair, prove who we are"},
  Phase1Transition{Proof::kHash, State::kAnswered, false,
   {kV1KeyExchange, kV1Identification, kV1Hash}, kNotes,
   State::kKeyed, on_base_proof, "responder: check who the peer is, make a key pair, answer"},
  Phase1Transition{Proof::kSignature, State::kAnswered, false,
   {kV1KeyExchange, kV1Identification, kV1Signature}, kPapers,
   State::kKeyed, on_base_proof, "responder: check who the peer is, make a key pair, answer"},
  Phase1Transition{Proof::kHash, State::kProving, false,
   {kV1KeyExchange, kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_base_answer, "initiator: check who the peer is, derive keys"},
  Phase1Transition{Proof::kSignature, State::kProving, false,
   {kV1KeyExchange, kV1Identification, kV1Signature}, kPapers,
   State::kEstablished, on_base_answer, "initiator: check who the peer is, derive keys"},
};

// RFC 2408 §4.6, likewise.
constexpr std::array kAuthenticationOnly{
  Phase1Transition{Proof::kAny, State::kStart, false, {kV1Sa, kV1Nonce}, kPapers,
   State::kAnswered, on_only_offer, "responder: choose a proposal, prove who we are"},
  Phase1Transition{Proof::kHash, State::kOffered, false,
   {kV1Sa, kV1Nonce, kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_only_answer, "initiator: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kSignature, State::kOffered, false,
   {kV1Sa, kV1Nonce, kV1Identification, kV1Signature}, kPapers,
   State::kEstablished, on_only_answer, "initiator: check who the peer is, prove who we are"},
  Phase1Transition{Proof::kHash, State::kAnswered, false, {kV1Identification, kV1Hash}, kNotes,
   State::kEstablished, on_only_proof, "responder: check who the peer is"},
  Phase1Transition{Proof::kSignature, State::kAnswered, false,
   {kV1Identification, kV1Signature}, kPapers,
   State::kEstablished, on_only_proof, "responder: check who the peer is"},
};

// RFC 2409 §5.5, §5.6.
constexpr std::array kPhase2{
  QuickTransition{kQuick, QuickState::kStart, false, {kV1Hash, kV1Sa, kV1Nonce},
   {kV1KeyExchange, kV1Identification, kV1NatOa, kV1Notification},
   QuickState::kAnswered, on_quick_offer, "responder: choose, install the inbound half, answer"},
  QuickTransition{kQuick, QuickState::kOffered, true, {kV1Hash, kV1Sa, kV1Nonce},
   {kV1KeyExchange, kV1Identification, kV1NatOa, kV1Notification},
   QuickState::kDone, on_quick_choice, "initiator: take the choice, install, confirm"},
  QuickTransition{kQuick, QuickState::kAnswered, false, {kV1Hash}, {kV1Notification},
   QuickState::kDone, on_quick_proof, "responder: the peer lives; let traffic out"},
  QuickTransition{kNewGroup, QuickState::kStart, false, {kV1Hash, kV1Sa}, {},
   QuickState::kDone, on_new_group_offer, "responder: test the group, answer"},
  QuickTransition{kNewGroup, QuickState::kOffered, true, {kV1Hash, kV1Sa}, {},
   QuickState::kDone, on_new_group_answer, "initiator: the group may be used"},
};
// clang-format on

constexpr std::array kTables{
    Phase1Table{ExchangeType::kV1MainMode,
                kMainMode,
                {begin_main_mode, on_main_key_pair, on_main_shared_secret, on_main_prove,
                 on_main_peer_proved, on_main_veiled}},
    Phase1Table{ExchangeType::kV1AggressiveMode,
                kAggressiveMode,
                {begin_aggressive_mode, on_aggressive_key_pair, on_aggressive_shared_secret,
                 on_aggressive_prove, on_aggressive_peer_proved, on_aggressive_veiled}},
    Phase1Table{ExchangeType::kV1Base,
                kBaseExchange,
                {begin_base_exchange, on_base_key_pair, on_base_shared_secret, on_base_prove,
                 on_base_peer_proved, nullptr}},
    Phase1Table{
        ExchangeType::kV1AuthenticationOnly,
        kAuthenticationOnly,
        {begin_authentication_only, nullptr, nullptr, on_only_prove, on_only_peer_proved, nullptr}},
};

/// Steps that no message makes.
struct Step {
  State from;
  State to;
};
constexpr std::array kSteps{Step{State::kStart, State::kOffered}};

/// Does `a` never come to its turn behind `b`?
constexpr bool is_hidden(const Phase1Transition& a, const Phase1Transition& b) {
  return has(a.proof, b.proof) && a.state == b.state && a.sealed == b.sealed &&
         a.required.includes(b.required);
}
constexpr bool is_hidden(const QuickTransition& a, const QuickTransition& b) {
  return a.exchange == b.exchange && a.state == b.state && a.ours == b.ours &&
         a.required.includes(b.required);
}

template <class Rows>
constexpr bool rows_are_sound(const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& a = rows[i];
    if (a.text.empty() || !a.required.disjoint(a.optional)) return false;
    for (std::size_t j = 0; j < i; ++j)
      if (is_hidden(a, rows[j])) return false;
  }
  return true;
}
static_assert(rows_are_sound(kMainMode) && rows_are_sound(kAggressiveMode) &&
              rows_are_sound(kBaseExchange) && rows_are_sound(kAuthenticationOnly) &&
              rows_are_sound(kPhase2));

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

const Phase1Transition* find_phase1(ExchangeType exchange, Proof proof, State state, bool sealed,
                                    const PayloadSet& present) {
  const Phase1Table* table = find_table(exchange);
  if (table == nullptr) return nullptr;
  for (const Phase1Transition& row : table->rows) {
    if (has(row.proof, proof) && row.state == state && row.sealed == sealed &&
        present.includes(row.required))
      return &row;
  }
  return nullptr;
}

const Phase1Table* find_table(ExchangeType exchange) {
  const auto* found = std::ranges::find(kTables, exchange, &Phase1Table::exchange);
  return found == kTables.end() ? nullptr : found;
}

const Phase1Steps& steps_of(const IsakmpSa& sa) {
  const Phase1Table* table = find_table(sa.exchange);
  PS_CHECK(table != nullptr);
  return table->steps;
}

bool is_legal(State from, State to) {
  if (from == to || to == State::kDead) return true;
  for (const Phase1Table& table : kTables)
    for (const Phase1Transition& row : table.rows)
      if (row.state == from && row.next == to) return true;
  return std::ranges::any_of(kSteps, [&](const Step& s) { return s.from == from && s.to == to; });
}

std::span<const QuickTransition> quick_table() { return kPhase2; }

const QuickTransition* find_quick(ExchangeType exchange, QuickState state, bool ours,
                                  const PayloadSet& present) {
  for (const QuickTransition& row : kPhase2)
    if (row.exchange == exchange && row.state == state && row.ours == ours &&
        present.includes(row.required))
      return &row;
  return nullptr;
}

}  // namespace penstock::ikev1
