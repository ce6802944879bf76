// SPDX-License-Identifier: BSD-3-Clause
// Machine: all ISAKMP SAs of IKEv1, what comes in for them, and what the exchanges' files share:
// building, protecting and sending messages, ending exchanges, children and ISAKMP SAs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/ikev1/transitions.h"
#include "control/isakmp/message_builder.h"
#include "control/isakmp/payload/v1_notify.h"
#include "control/session/deadlines.h"
#include "control/session/session_table.h"
#include "lib/policy/sa_event.h"

namespace penstock::ikev1 {

/// Tasks that may wait at one ISAKMP SA.
inline constexpr std::size_t kMaxTasks = 1024;
/// Phase 2 exchanges of one ISAKMP SA, those that are kept for repetition too.
inline constexpr std::size_t kMaxExchanges = 64;
/// Exchanges of phase 2 in the life of one ISAKMP SA, by either end. At three quarters of them it
/// is rekeyed, at the end deleted.
inline constexpr std::size_t kMaxMessageIds = 65'536;
/// How long an exchange that is over is kept to answer duplicates.
inline constexpr base::Duration kExchangeMemory = base::seconds{60};
/// Messages that claim to end phase 1 and do not decipher or verify.
inline constexpr unsigned kMaxFailures = 8;
/// A rekey that failed is tried again after this, while the old SA lasts.
inline constexpr base::Duration kRekeyAgain = base::seconds{60};
/// Between two liveness checks that unprotected messages cause.
inline constexpr base::Duration kHintInterval = base::seconds{10};
/// Two ISAKMP SAs established within so long of each other were begun by both ends at once.
inline constexpr base::Duration kMadeAtOnce = base::seconds{1};
/// A peer installs what Quick Mode made when HASH(3) comes: so long a successor waits before it
/// seals, and as long again the child that it replaces stays.
inline constexpr base::Duration kConfirmTime = base::milliseconds{500};
/// The peer set the commit bit: so long its CONNECTED is awaited before a child seals. It may be
/// lost, and nobody repeats it.
inline constexpr base::Duration kCommitTime = base::seconds{2};
/// Transmissions of a message that nobody answers and nothing follows.
inline constexpr unsigned kBlindTransmissions = 3;
/// What was replaced and nobody deleted, a child or an ISAKMP SA, is deleted by us.
inline constexpr base::Duration kReplacedLife = base::seconds{10};
inline constexpr std::size_t kOwnNonceOctets = 32;
/// SA payloads of one Quick Mode.
inline constexpr std::size_t kMaxQuickSas = 8;

class Machine {
 public:
  explicit Machine(session::Services& services) : services_(services) {}

  // ---- inputs; the engine calls settle() after each ----

  /// Dials the connection. @return nullptr if there is no room or no address
  IsakmpSa* initiate(session::Connection& connection, std::vector<session::Task> tasks);
  /// A datagram with major version 1.
  /// @param closing  nothing new is begun
  void receive(const session::Datagram& datagram, bool closing);
  void job_done(const session::JobOwner& owner, session::JobResult result);
  void sa_result(const session::TokenOwner& owner, const base::Result<void>& result);
  void soft_expiry(const policy::SaEvent& event);
  void hard_expiry(const policy::SaEvent& event);
  void peer_moved(const policy::SaEvent& event);
  void traffic(std::uint64_t ike_sa, const std::vector<session::InboundTraffic>& inbound);
  void spis_granted();
  void tick();
  void settle();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const { return deadlines_.next(); }

  [[nodiscard]] IsakmpSa* find(std::uint64_t serial);
  [[nodiscard]] const std::map<std::uint64_t, std::unique_ptr<IsakmpSa>>& all() const {
    return sas_;
  }
  [[nodiscard]] session::SessionTable& table() { return table_; }
  [[nodiscard]] session::Services& services() { return services_; }
  [[nodiscard]] base::MonoTime now() const { return services_.now.mono; }

  // ---- ISAKMP SAs ----

  IsakmpSa* create(bool initiator, IkeSpi peer);
  void set_connection(IsakmpSa& sa, session::Connection* connection);
  void enter(IsakmpSa& sa, State state);
  /// Authenticated: timers start, phase 1's leftovers go.
  void established(IsakmpSa& sa);
  /// Are there no others between these identities (RFC 2407 §4.6.3.3)?
  [[nodiscard]] bool is_first_contact(const IsakmpSa& sa) const;
  /// INITIAL-CONTACT and `unique` clear away older ones. @return false: the new one is refused
  [[nodiscard]] bool admit_identity(IsakmpSa& sa, bool initial_contact);
  /// Ends it without another message: children are retired, tasks handed back.
  void close(IsakmpSa& sa, session::EndReason reason, const std::string& why);
  /// Ends it by a Delete to the peer.
  void delete_ike(IsakmpSa& sa, session::EndReason reason, session::CommandId command = {});
  void touch(const IsakmpSa& sa) { touched_.insert(sa.serial); }
  /// The ISAKMP SAs of the same two identities, this one too.
  [[nodiscard]] std::vector<IsakmpSa*> siblings(const IsakmpSa& sa);

  // ---- messages ----

  [[nodiscard]] isakmp::MessageBuilder message(const IsakmpSa& sa, isakmp::ExchangeType exchange,
                                               std::uint32_t message_id,
                                               std::uint8_t flags = 0) const;
  /// Phase 1: sent, and remembered as the answer or repeated by timer.
  void send_phase1(IsakmpSa& sa, base::ByteVector message);
  /// Fills in the HASH payload in front, enciphers; `iv` moves on.
  /// @param ni  of HASH(2); empty: HASH(1)
  [[nodiscard]] base::ByteVector seal_phase2(const IsakmpSa& sa, isakmp::MessageBuilder& builder,
                                             std::uint32_t message_id, base::Bytes ni,
                                             base::ByteVector& iv);
  /// Enciphers; `iv` moves on.
  [[nodiscard]] base::ByteVector seal(const IsakmpSa& sa, base::ByteVector clear,
                                      base::ByteVector& iv);
  /// A builder that begins with room for a HASH.
  [[nodiscard]] isakmp::MessageBuilder hashed_message(IsakmpSa& sa, isakmp::ExchangeType exchange,
                                                      std::uint32_t message_id,
                                                      std::uint8_t flags = 0);
  /// Is the HASH payload in front of a deciphered message right?
  [[nodiscard]] bool verify_hash(const IsakmpSa& sa, const Inbound& in, base::Bytes ni) const;
  void transmit(IsakmpSa& sa, const base::ByteVector& message);
  /// The message, or its fragments, as it is.
  void put_out(const IsakmpSa& sa, const base::ByteVector& message);
  /// One message that nobody answers.
  void send_informational(IsakmpSa& sa, const isakmp::V1NotifyPayload& notify);
  void drop(session::IkeDrop why) { services_.drops.count(why); }
  void broken(const isakmp::V1Fault& fault) { services_.v1_broken.count(fault.rule); }
  [[nodiscard]] std::uint32_t draw_message_id(const IsakmpSa& sa);
  /// Has this message id been used in this exchange type, by either end?
  [[nodiscard]] static bool is_used(const IsakmpSa& sa, isakmp::ExchangeType exchange,
                                    std::uint32_t message_id);
  /// From now on it has.
  void use(IsakmpSa& sa, isakmp::ExchangeType exchange, std::uint32_t message_id);
  /// There is no room for what the peer began: the same message may find some later.
  static void forget(IsakmpSa& sa, const Exchange& x);

  // ---- our exchanges ----

  /// @return false if too many wait already
  bool add_task(IsakmpSa& sa, session::Task task);
  /// The exchange of ours is over; its SPI, if no child has it, is given back.
  void finish_own(IsakmpSa& sa, Exchange& x, base::Result<std::string> result);
  /// Kept for repetitions, then forgotten.
  void finish(Exchange& x);
  [[nodiscard]] bool take_spi_or_wait(IsakmpSa& sa, Exchange& x);
  /// As many as its children want. @return false: there are too few now
  [[nodiscard]] bool take_spis(Exchange& x);
  /// Those that no child has are given back.
  void return_spis(Exchange& x);

  // ---- children ----

  session::ChildSa& add_child(IsakmpSa& sa, const Exchange& x, QuickSa& q);
  /// RFC 3948 §5.2: has another peer behind the same NAT these selectors in transport mode?
  [[nodiscard]] bool is_taken(const IsakmpSa& sa, const session::SelectorPair& selectors) const;
  void child_installed(IsakmpSa& sa, session::ChildSa& child, const Choice& choice);
  /// A child goes on under another ISAKMP SA of the same peer.
  void take_over(IsakmpSa& heir, IsakmpSa& old, const session::ChildSa& child);
  /// It has a successor: it is not rekeyed again, and ends soon.
  void replaced(IsakmpSa& sa, session::ChildSa& child, base::Duration stays);
  void end_child(IsakmpSa& sa, session::ChildSa& child, session::EndReason reason);
  void child_deleted(IsakmpSa& sa, session::ChildSa& child, session::EndReason reason);
  void request_child_delete(IsakmpSa& sa, net::Spi spi, session::EndReason reason,
                            session::CommandId command = {});

  // ---- words ----

  void report(const IsakmpSa& sa, base::LogLevel level, std::string code, std::string text);
  [[nodiscard]] static std::string label(const IsakmpSa& sa, const session::ChildConfig& child);

 private:
  void receive_whole(const session::Datagram& datagram, const isakmp::MessageView& message,
                     bool closing);
  void receive_fragment(const session::Datagram& datagram, const isakmp::MessageView& message);
  [[nodiscard]] static bool takes_fragments(const IsakmpSa& sa);
  /// RFC 2408 §2.5.3: a cookie is of use only to whom it was given.
  [[nodiscard]] static bool is_from_peer(const IsakmpSa& sa, const session::Datagram& datagram);
  void receive_first(const session::Datagram& datagram, const isakmp::MessageView& message);
  void receive_phase1(IsakmpSa& sa, const session::Datagram& datagram,
                      const isakmp::MessageView& message);
  void receive_phase2(IsakmpSa& sa, const session::Datagram& datagram,
                      const isakmp::MessageView& message);
  /// Of Quick Mode and New Group Mode.
  void receive_exchange(IsakmpSa& sa, const session::Datagram& datagram,
                        const isakmp::MessageView& message);
  void receive_unprotected(IsakmpSa* sa, const session::Datagram& datagram,
                           const isakmp::MessageView& message);
  void process_phase1(IsakmpSa& sa, const session::Datagram& datagram,
                      const isakmp::MessageView& message);
  void failed_phase1(IsakmpSa& sa);
  void phase1_job_done(IsakmpSa& sa, session::JobResult::value_type result);
  [[nodiscard]] IsakmpSa* find_by_cookies(const isakmp::Header& header);
  /// A message of phase 2 was right: the peer lives, has our last of phase 1, and may have moved.
  void heard(IsakmpSa& sa, const session::Datagram& datagram);
  void move_peer(IsakmpSa& sa, const net::Endpoint& remote);
  /// @return whether it was in by_contact_
  bool leave_contact(const IsakmpSa& sa);
  Exchange& begin_exchange(IsakmpSa& sa, std::uint32_t message_id);
  void hint(IsakmpSa& sa);
  void pump(IsakmpSa& sa);
  void begin(IsakmpSa& sa, session::Task task);
  void delete_child_now(IsakmpSa& sa, session::Task task);
  bool hand_over(IsakmpSa& sa);
  void adopt(IsakmpSa& heir, IsakmpSa& old);
  void arm_lifetime(IsakmpSa& sa);
  void tell_lifetime(IsakmpSa& sa);
  void rearm(const IsakmpSa& sa);
  void check_liveness(IsakmpSa& sa);
  void on_deadline(IsakmpSa& sa);
  void on_exchange_deadlines(IsakmpSa& sa);
  void on_child_deadlines(IsakmpSa& sa);
  void rekey(IsakmpSa& sa);
  [[nodiscard]] std::optional<base::MonoTime> deadline_of(const IsakmpSa& sa) const;
  [[nodiscard]] IsakmpSa* owner_of(policy::ChildSlot slot);

  session::Services& services_;
  session::OctetBudget fragment_budget_{
      session::kMaxUnverifiedOctets};  ///< outlives what it counts
  std::map<std::uint64_t, std::unique_ptr<IsakmpSa>> sas_;
  session::SessionTable table_;
  session::Deadlines deadlines_;
  std::set<std::uint64_t> touched_;
  std::vector<std::uint64_t> waiting_for_spis_;
  /// Authenticated ones by the pair of identities.
  std::map<std::pair<policy::Identity, policy::Identity>, std::set<std::uint64_t>> by_identities_;

  /// The same by where the peer is and who we are to it.
  std::map<std::pair<net::IpAddress, policy::Identity>, std::set<const IsakmpSa*>> by_contact_;

  friend void retry_held(Machine& machine, IsakmpSa& sa);
};

/// The encrypted message that waited for the keys.
void retry_held(Machine& machine, IsakmpSa& sa);

}  // namespace penstock::ikev1
