// SPDX-License-Identifier: BSD-3-Clause
// The table itself. The first row of a state, exchange and way whose required payloads are all
// there is taken, so the fuller rows stand before the bare ones.
#include "control/ikev2/transitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/ikev2/exchanges.h"

namespace penstock::ikev2 {
namespace {

using isakmp::ExchangeType;
using enum isakmp::PayloadType;

constexpr auto kInit = ExchangeType::kIkeSaInit;
constexpr auto kAuth = ExchangeType::kIkeAuth;
constexpr auto kCreate = ExchangeType::kCreateChildSa;
constexpr auto kInfo = ExchangeType::kInformational;
constexpr PayloadSet kChild{kSa, kNonce, kTsInitiator, kTsResponder};
constexpr PayloadSet kChildOptional{kKeyExchange, kNotify, kConfiguration, kVendorId};
constexpr PayloadSet kKeyed{kSa, kKeyExchange, kNonce};
constexpr PayloadSet kNotes{kNotify, kVendorId};
constexpr PayloadSet kInfoOptional{kNotify, kDelete, kConfiguration, kVendorId};
constexpr PayloadSet kAuthOptional{kNotify,      kVendorId,    kConfiguration,
                                   kCertificate, kIdResponder, kCertificateRequest};

// clang-format off
constexpr std::array kTransitions{
  Transition{State::kStart, kInit, Way::kRequest, kKeyed, kNotes,
   State::kInitDone, on_ike_sa_init_request, "responder: make a key pair, answer IKE_SA_INIT"},
  Transition{State::kInitSent, kInit, Way::kResponse, kKeyed,
   {kNotify, kVendorId, kCertificateRequest},
   State::kAuthSent, on_ike_sa_init_response, "initiator: derive keys, ask for authentication"},
  Transition{State::kInitSent, kInit, Way::kResponse, {kNotify}, {kVendorId},
   State::kInitSent, on_ike_sa_init_refused, "initiator: COOKIE, INVALID_KE_PAYLOAD, or a refusal"},

  Transition{State::kInitDone, kAuth, Way::kRequest,
   {kIdInitiator, kAuthentication, kSa, kTsInitiator, kTsResponder}, kAuthOptional,
   State::kEstablished, on_ike_auth_request,
   "responder: authenticate the peer, make the first child"},
  Transition{State::kAuthSent, kAuth, Way::kResponse, {kIdResponder, kAuthentication},
   {kSa, kTsInitiator, kTsResponder, kNotify, kVendorId, kConfiguration, kCertificate},
   State::kEstablished, on_ike_auth_response,
   "initiator: authenticate the peer, install the first child"},
  Transition{State::kAuthSent, kAuth, Way::kResponse, {kNotify}, {kVendorId},
   State::kDead, on_ike_auth_refused, "initiator: the peer refuses"},

  Transition{State::kEstablished, kCreate, Way::kRequest, kChild, kChildOptional,
   State::kEstablished, on_create_child_request, "make or rekey a child SA"},
  Transition{State::kEstablished, kCreate, Way::kRequest, kKeyed, kNotes,
   State::kRekeyed, on_rekey_ike_request, "rekey the IKE SA"},
  Transition{State::kEstablished, kCreate, Way::kResponse, kChild, kChildOptional,
   State::kEstablished, on_create_child_response, "install the child SA"},
  Transition{State::kEstablished, kCreate, Way::kResponse, kKeyed, kNotes,
   State::kRekeyed, on_rekey_ike_response, "move to the new IKE SA"},
  Transition{State::kEstablished, kCreate, Way::kResponse, {kNotify}, {kVendorId},
   State::kEstablished, on_create_child_refused, "the peer refuses an SA"},
  Transition{State::kEstablished, kInfo, Way::kRequest, {}, kInfoOptional,
   State::kEstablished, on_informational_request, "delete, notify, or show that we live"},
  Transition{State::kEstablished, kInfo, Way::kResponse, {}, kInfoOptional,
   State::kEstablished, on_informational_response, "the peer deleted, noted, or lives"},

  Transition{State::kRekeyed, kCreate, Way::kRequest, {}, {kSa, kNonce, kNotify},
   State::kRekeyed, on_create_child_too_late, "closing: TEMPORARY_FAILURE"},
  Transition{State::kRekeyed, kCreate, Way::kResponse, {}, {kNotify},
   State::kRekeyed, on_answer_too_late, "an answer that no longer matters"},
  Transition{State::kRekeyed, kInfo, Way::kRequest, {}, kInfoOptional,
   State::kRekeyed, on_informational_request, "delete, or show that we live"},
  Transition{State::kRekeyed, kInfo, Way::kResponse, {}, kInfoOptional,
   State::kRekeyed, on_informational_response, "an answer that no longer matters"},

  Transition{State::kDeleting, kCreate, Way::kRequest, {}, {kSa, kNonce, kNotify},
   State::kDeleting, on_create_child_too_late, "closing: TEMPORARY_FAILURE"},
  Transition{State::kDeleting, kInfo, Way::kRequest, {}, kInfoOptional,
   State::kDeleting, on_informational_request, "both ends delete at once"},
  Transition{State::kDeleting, kInfo, Way::kResponse, {}, kInfoOptional,
   State::kDead, on_informational_response, "the peer deleted the IKE SA"},
};
// clang-format on

/// Steps that no message makes: jobs, timers, commands, and what collisions leave (§2.25).
struct Step {
  State from;
  State to;
};
constexpr std::array kSteps{
    Step{State::kStart, State::kInitSent},       Step{State::kInitSent, State::kStart},
    Step{State::kEstablished, State::kDeleting}, Step{State::kRekeyed, State::kDeleting},
    Step{State::kAuthSent, State::kDeleting},    Step{State::kEstablished, State::kRekeyed},
    Step{State::kStart, State::kEstablished},
};

constexpr bool rows_are_sound() {
  for (std::size_t i = 0; i < kTransitions.size(); ++i) {
    const Transition& a = kTransitions.at(i);
    // A test looks at the handlers: g++ 12 compares no function's address in a constant under the
    // undefined-behaviour sanitizer (GCC PR 71962).
    if (a.text.empty() || !a.required.disjoint(a.optional)) return false;
    if (a.state == State::kDead) return false;
    // No row may stand behind one that takes everything it would take.
    for (std::size_t j = 0; j < i; ++j) {
      const Transition& b = kTransitions.at(j);
      if (a.state == b.state && a.exchange == b.exchange && a.way == b.way &&
          a.required.includes(b.required))
        return false;
    }
  }
  return true;
}
static_assert(rows_are_sound());

constexpr bool reachable(State state) {
  if (state == State::kStart) return true;
  for (const Transition& t : kTransitions)
    if (t.next == state && t.state != state) return true;
  for (const Step& s : kSteps)
    if (s.to == state) return true;
  return false;
}
static_assert(reachable(State::kInitSent) && reachable(State::kInitDone) &&
              reachable(State::kAuthSent) && reachable(State::kEstablished) &&
              reachable(State::kRekeyed) && reachable(State::kDeleting) && reachable(State::kDead));

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::kStart:
      return "starting";
    case State::kInitSent:
    case State::kInitDone:
    case State::kAuthSent:
      return "connecting";
    case State::kEstablished:
      return "established";
    case State::kRekeyed:
      return "rekeyed";
    case State::kDeleting:
      return "deleting";
    case State::kDead:
      return "dead";
  }
  return "?";
}

std::span<const Transition> transitions() { return kTransitions; }

Match find_transition(State state, isakmp::ExchangeType exchange, Way way,
                      const PayloadSet& present) {
  Match match;
  for (const Transition& t : kTransitions) {
    if (t.state != state || t.exchange != exchange || t.way != way) continue;
    match.exchange_known = true;
    if (!present.includes(t.required)) continue;
    match.row = &t;
    break;
  }
  return match;
}

bool is_legal(State from, State to) {
  if (from == to || to == State::kDead) return true;
  return std::ranges::any_of(
             kTransitions, [&](const Transition& t) { return t.state == from && t.next == to; }) ||
         std::ranges::any_of(kSteps, [&](const Step& s) { return s.from == from && s.to == to; });
}

namespace {
constexpr std::array<std::string_view, 8> kGraphNames{
    "start", "init_sent", "init_done", "auth_sent", "established", "rekeyed", "deleting", "dead"};
std::string_view graph_name(State s) { return kGraphNames.at(static_cast<std::size_t>(s)); }
}  // namespace

std::string transitions_as_dot() {
  std::string dot = "digraph ikev2 {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const Transition& t : kTransitions)
    dot += fmt::format("  {} -> {} [label=\"{} {}\\n{}\"];\n", graph_name(t.state),
                       graph_name(t.next), isakmp::name_of(t.exchange),
                       t.way == Way::kRequest ? "request" : "response", t.text);
  for (const Step& s : kSteps)
    dot += fmt::format("  {} -> {} [style=dashed];\n", graph_name(s.from), graph_name(s.to));
  return dot + "}\n";
}

}  // namespace penstock::ikev2
