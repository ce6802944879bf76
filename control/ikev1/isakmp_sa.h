// SPDX-License-Identifier: BSD-3-Clause
// IsakmpSa: one ISAKMP SA of IKEv1 with the phase 2 exchanges under way on it. Plain data; the
// exchanges' files work on it. What phase 1 alone needs goes when it is over.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "control/ikev1/fragments.h"
#include "control/ikev1/keys.h"
#include "control/ikev1/proposals.h"
#include "control/isakmp/message_builder.h"
#include "control/session/child_sa.h"

namespace penstock::ikev1 {

enum class State : std::uint8_t {
  kStart,      ///< nothing was said yet
  kOffered,    ///< initiator: the SA payload is out
  kAnswered,   ///< responder: the chosen SA payload is out
  kExchanged,  ///< initiator: KE and nonce are out
  kKeyed,      ///< responder: KE and nonce are or will be out
  kProving,    ///< initiator: identity and HASH_I are out
  kEstablished,
  kDead,  ///< to be erased at the end of this input
};
[[nodiscard]] std::string_view name_of(State state);

/// Of an exchange of phase 2.
enum class QuickState : std::uint8_t {
  kStart,     ///< nothing was said yet, or a job or an SPI is awaited
  kOffered,   ///< initiator: the first message is out
  kAnswered,  ///< responder: the second message is or will be out
  kDone,      ///< kept to repeat its last message
};

/// What shows that the peer is whom it says it is.
struct Evidence {
  base::ByteVector value;  ///< HASH or signature
  std::vector<base::ByteVector> certificates;
};

class Machine;
struct Inbound;
struct IsakmpSa;
using Phase1Handler = void (*)(Machine&, IsakmpSa&, const Inbound&);

/// Until phase 1 is over.
struct Phase1 {
  net::Endpoint source;    ///< responder: of the first message; nobody else is listened to
  base::ByteVector sai_b;  ///< body of the initiator's SA payload
  isakmp::V1Proposal answer;
  std::optional<isakmp::MessageBuilder> reply;  ///< responder: Aggressive Mode's, without its proof
  base::ByteVector ni, nr, own_public, peer_public;
  crypto::DhKeyPair pair;
  bool busy = false;             ///< a job is awaited
  bool decoy = false;            ///< nobody we know: it ends at its proof, and not before
  bool judging = false;          ///< that job is about the peer's proof
  bool sharing = false;          ///< that job makes the shared secret
  bool proved = false;           ///< the peer is whom it says it is
  bool initial_contact = false;  ///< the peer has no other SA
  bool asked = false;            ///< for certificates of ours
  std::vector<base::ByteVector> authorities;        ///< rather under one of these; empty: under any
  policy::Identity claimed;                         ///< whom the peer says it is
  base::ByteVector peer_id_body;                    ///< as it said it
  Evidence evidence;                                ///< of the peer's
  base::ByteVector judged;                          ///< the message that has it
  base::ByteVector iv_before;                       ///< before that message
  const session::Credential* credential = nullptr;  ///< that we sign or decrypt by
  std::vector<base::ByteVector> ciphertexts;        ///< of our nonce and identity
  std::optional<session::Datagram> closed;          ///< the peer's message, while it is decrypted
  Phase1Handler then = nullptr;                     ///< gets it in clear
  std::optional<session::Datagram> held;            ///< encrypted, until the keys are there
  session::OutstandingMessage sent;                 ///< initiator
  unsigned failures = 0;                            ///< encrypted messages that were none
  std::string refusal;                              ///< an unauthenticated error
};

/// What one SA payload of a Quick Mode is about.
struct QuickSa {
  session::Task task;  ///< ours
  const session::ChildConfig* config = nullptr;
  net::Spi spi;       ///< our inbound; 0 once a child has it
  net::Spi outer;     ///< likewise, of the AH of a bundle
  net::Spi child;     ///< the inbound SPI of the child made
  net::Spi replaces;  ///< inbound SPI of the child that it succeeds
  Choice choice;
  bool encap = false;
};

/// A Quick Mode, a New Group Mode, or an Informational Exchange that waits for its answer.
struct Exchange : QuickSa {
  isakmp::ExchangeType type = isakmp::ExchangeType::kV1QuickMode;
  std::uint32_t message_id = 0;
  bool ours = false;
  QuickState state = QuickState::kStart;
  bool probe = false;  ///< R-U-THERE, not a Quick Mode
  /// RFC 2409 §5.5: several SA payloads share nonces, key exchange and identities. The first is the
  /// exchange itself.
  std::vector<QuickSa> more;
  base::ByteVector iv;
  session::AnsweredRequest answered;  ///< the peer's last message, and what we answered
  session::OutstandingMessage sent;
  std::optional<base::MonoTime> forget_at;
  session::JobId job;
  crypto::DhGroupId group = crypto::DhGroupId::kNone;
  std::optional<crypto::PrivateGroup> private_group;  ///< what a private number stands for
  crypto::DhKeyPair pair;
  base::ByteVector ni, nr, own_public, peer_public;
  base::ByteVector id_i, id_r;  ///< bodies of IDci and IDcr; empty: none were sent
  session::SelectorPair selectors;
  bool awaits_connected = false;  ///< the peer set the commit bit
  bool commits = false;           ///< we set it

  [[nodiscard]] bool active() const { return state != QuickState::kDone; }
  /// In the order of the SA payloads.
  [[nodiscard]] std::vector<QuickSa*> sas() {
    std::vector<QuickSa*> all{this};
    for (QuickSa& one : more) all.push_back(&one);
    return all;
  }
};

struct NatTraversal;

struct IsakmpSa {
  std::uint64_t serial = 0;
  session::Connection* connection = nullptr;  ///< responder: a guess until the peer said who it is
  isakmp::ExchangeType exchange = isakmp::ExchangeType::kV1MainMode;
  Cookies cookies;
  State state = State::kStart;
  bool initiator = false;
  const NatTraversal* nat = nullptr;  ///< as both speak it; nullptr: the peer does not
  std::vector<std::string_view>
      vendors;                 ///< names of the peer's vendor ids, as far as they have one
  bool dpd = false;            ///< the peer speaks RFC 3706
  bool fragmentation = false;  ///< both ends take fragments
  bool nat_here = false;
  bool nat_there = false;
  bool encap = false;
  bool superseded = false;  ///< a younger one has its children
  net::Endpoint local, remote;
  policy::Identity local_id, remote_id;
  session::Agreed agreed;
  AuthMethod auth = AuthMethod::kNone;
  std::optional<base::Duration> life;  ///< that phase 1 agreed on
  Algorithms algorithms;
  Skeyids keys;
  base::SecretBytes cipher_key;
  base::ByteVector iv;                ///< phase 1's; at its end the last block
  session::AnsweredRequest answered;  ///< phase 1: the peer's last message and our answer
  std::unique_ptr<Phase1> phase1;
  /// Authentication Only's last message: nobody answers it, and nothing follows it.
  session::OutstandingMessage blind;
  std::unique_ptr<Fragments> fragments;  ///< of the peer's next message
  /// Aggressive Mode's last message, until the peer shows that it has it: nobody answers it.
  base::ByteVector unconfirmed;
  std::map<std::uint32_t, Exchange> exchanges;  ///< by message id
  std::uint32_t own_exchange = 0;               ///< message id of the one of ours; 0: none
  /// Exchange types and message ids of what was said and was right, by either end: both have the
  /// same keys, so what comes again, or comes back, would be right again.
  std::unordered_set<std::uint64_t> taken_ids;
  session::AnsweredRequest informational;  ///< the peer's last, and our answer if it was a probe
  std::vector<session::Task> tasks;
  session::ChildSas children;
  std::map<crypto::DhGroupId, crypto::PrivateGroup> groups;  ///< private ones, agreed
  std::set<crypto::DhGroupId> refused_groups;                ///< of ours, by the peer
  unsigned group_tests = 0;                                  ///< of primes that the peer proposed
  std::uint32_t dpd_sequence = 0;
  std::optional<std::uint32_t> peer_dpd_sequence;
  std::uint64_t replaces = 0;  ///< the ISAKMP SA that this one was made to succeed
  base::MonoTime created{};
  base::MonoTime established_at{};
  base::MonoTime last_heard{};
  base::MonoTime last_sent{};
  base::MonoTime last_hint{};
  bool traffic_asked = false;
  std::optional<base::MonoTime> rekey_at;
  std::optional<base::MonoTime> end_at;

  [[nodiscard]] IkeSpi own_cookie() const { return initiator ? cookies.i : cookies.r; }
  [[nodiscard]] bool is_half_open() const { return !initiator && phase1 != nullptr; }
  [[nodiscard]] bool has_keys() const { return !cipher_key.empty(); }
  [[nodiscard]] Exchange* own() {
    const auto found = exchanges.find(own_exchange);
    return own_exchange == 0 || found == exchanges.end() ? nullptr : &found->second;
  }
};

}  // namespace penstock::ikev1
