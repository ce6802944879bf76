// SPDX-License-Identifier: BSD-3-Clause
// Machine: all IKE SAs of IKEv2, what comes in for them, and what the exchanges' files share:
// building, sending and answering messages, ending requests, children and IKE SAs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/ikev2/ike_sa.h"
#include "control/ikev2/peer_index.h"
#include "control/ikev2/transitions.h"
#include "control/isakmp/message_builder.h"
#include "control/isakmp/payload/sa.h"
#include "control/session/deadlines.h"
#include "control/session/session_table.h"
#include "lib/policy/sa_event.h"

namespace penstock::ikev2 {

/// COOKIE and INVALID_KE_PAYLOAD answers that one attempt follows.
inline constexpr unsigned kMaxRounds = 5;
/// Tasks that may wait at one IKE SA.
inline constexpr std::size_t kMaxTasks = 1024;
/// After TEMPORARY_FAILURE the next try is so far away, and as much again at random (§2.25).
inline constexpr base::Duration kTemporaryWait = base::seconds{2};
/// After so many of them, some minutes, the two ends are out of step: the IKE SA is closed (§2.25).
inline constexpr unsigned kTemporaryTries = 60;
/// How long a replaced IKE SA waits for the peer's delete before we send one.
inline constexpr base::Duration kRekeyedPatience = base::seconds{60};
/// Between two liveness checks that unprotected messages cause (§2.21.4).
inline constexpr base::Duration kHintInterval = base::seconds{10};
/// IKE SAs of one address that one unprotected message makes us look at.
inline constexpr std::size_t kHintedAtOnce = 16;
/// A rekey that was refused for good is tried again after this, while the old SA lasts.
inline constexpr base::Duration kRekeyAgain = base::seconds{60};
/// Message ids never wrap (§2.2): from the first of these on the IKE SA is rekeyed, and tried again
/// as often; from the second on it is deleted, which still has ids left.
inline constexpr std::uint32_t kRekeyAtMessageId = 0xff00'0000;
inline constexpr std::uint32_t kRekeyAgainAfterMessages = 0x1'0000;
inline constexpr std::uint32_t kLastMessageId = 0xffff'ff00;

class Machine {
 public:
  explicit Machine(session::Services& services) : services_(services) {}

  // ---- inputs; the engine calls settle() after each ----

  /// Dials the connection. @return nullptr if there is no room or no address
  IkeSa* initiate(session::Connection& connection, std::vector<session::Task> tasks);
  /// A first request with its payloads that admission let through.
  /// @param proved  a cookie shows that the source takes what is sent to it (§2.6)
  void begin_response(const session::Datagram& datagram, const isakmp::MessageView& message,
                      bool proved);
  /// A first request from where a half-open IKE SA came from: repeated, or not the same.
  void repeat_first(IkeSa& sa, const session::Datagram& datagram);
  /// A message for an IKE SA of ours.
  void receive(IkeSa& sa, const session::Datagram& datagram, const isakmp::MessageView& message);
  void job_done(const session::JobOwner& owner, session::JobResult result);
  void sa_result(const session::TokenOwner& owner, const base::Result<void>& result);
  void soft_expiry(const policy::SaEvent& event);
  void hard_expiry(const policy::SaEvent& event);
  void first_packet(const policy::SaEvent& event);
  void peer_moved(const policy::SaEvent& event);
  /// The answer to AskTraffic.
  void traffic(std::uint64_t ike_sa, const std::vector<session::InboundTraffic>& inbound);
  void spis_granted();
  /// An unprotected error from there: a hint to ask whether its IKE SAs live (§2.21.4).
  void hint(const net::Endpoint& remote);
  /// ESP for an SPI that nobody knows: its sender is told over its IKE SA (§1.5).
  void unknown_spi(const policy::SaEvent& event);
  void tick();
  void settle();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const { return deadlines_.next(); }

  [[nodiscard]] IkeSa* find(std::uint64_t serial);
  [[nodiscard]] session::SessionTable& table() { return table_; }
  [[nodiscard]] const std::map<std::uint64_t, std::unique_ptr<IkeSa>>& all() const { return sas_; }
  [[nodiscard]] std::map<std::uint64_t, std::unique_ptr<IkeSa>>& all() { return sas_; }
  [[nodiscard]] session::Services& services() { return services_; }
  [[nodiscard]] base::MonoTime now() const { return services_.now.mono; }

  // ---- IKE SAs ----

  /// @param own  our SPI; drawn if 0
  IkeSa* create(bool initiator, IkeSpi own, IkeSpi peer);
  void set_connection(IkeSa& sa, session::Connection* connection);
  [[nodiscard]] IkeSpi draw_spi();
  /// Moves to a state that is_legal().
  void enter(IkeSa& sa, State state);
  /// SK_d and both ciphers. @return kUnsupported
  [[nodiscard]] base::Result<IkeKeys> install_keys(IkeSa& sa, IkeKeys keys);
  /// Authenticated: timers start, the handshake's leftovers go.
  void established(IkeSa& sa);
  /// The same for an IKE SA that a rekey made: it takes over who the peer is.
  void inherit(IkeSa& next, const IkeSa& old);
  void arm_lifetime(IkeSa& sa);
  /// Ends it without another message: children are retired, tasks handed back.
  void close(IkeSa& sa, session::EndReason reason, const std::string& why);
  /// Ends it by a Delete to the peer.
  void delete_ike(IkeSa& sa, session::EndReason reason, session::CommandId command = {});
  /// As initiator: do we know of no other IKE SA between these identities (§2.4)?
  /// @param exact  the peer's identity is certain before it said it
  [[nodiscard]] bool is_first_contact(const IkeSa& sa, bool exact);
  /// As responder: INITIAL_CONTACT and `unique` clear away older IKE SAs of the same identities.
  /// @return false if the new one is to be refused
  [[nodiscard]] bool admit_identity(IkeSa& sa, bool initial_contact);
  /// As responder, transport mode: are these selectors of another peer behind the same NAT already?
  /// What we send would go to the first of them (RFC 3948 §5.2).
  [[nodiscard]] bool is_taken(const IkeSa& sa, const session::SelectorPair& selectors);
  void touch(const IkeSa& sa) { touched_.insert(sa.serial); }

  // ---- messages ----

  [[nodiscard]] isakmp::MessageBuilder request(IkeSa& sa, isakmp::ExchangeType exchange);
  [[nodiscard]] isakmp::MessageBuilder response(IkeSa& sa);
  void send_request(IkeSa& sa, isakmp::MessageBuilder& builder);
  /// The same for a message in clear that is already built.
  void send_first(IkeSa& sa, base::ByteVector message);
  void respond(IkeSa& sa, isakmp::MessageBuilder& builder);
  /// Answers with one notify, counted under `why`.
  void refuse(IkeSa& sa, isakmp::NotifyType type, session::IkeDrop why, base::Bytes data = {});
  void drop(session::IkeDrop why) { services_.drops.count(why); }

  // ---- our requests ----

  /// @return false if too many wait already
  bool add_task(IkeSa& sa, session::Task task);
  /// The outstanding request is done; its SPI, if no child has it, is given back.
  void finish_own(IkeSa& sa, base::Result<std::string> result);
  /// The same task again, later.
  void postpone_own(IkeSa& sa);
  [[nodiscard]] bool is_busy_with_children(const IkeSa& sa) const;
  /// An SPI for the request or, if the store is empty, a place in the queue.
  [[nodiscard]] bool take_spi_or_wait(IkeSa& sa);

  // ---- children ----

  session::ChildSa& add_child(IkeSa& sa, const session::ChildConfig& config, net::Spi spi_in,
                              net::Spi spi_out);
  void child_installed(IkeSa& sa, session::ChildSa& child);
  /// Retires it and forgets it; `reason` kReplaced tells nobody.
  void end_child(IkeSa& sa, session::ChildSa& child, session::EndReason reason);
  /// Its outbound goes now; its inbound too, unless a successor makes late packets likely.
  void child_deleted(IkeSa& sa, session::ChildSa& child, session::EndReason reason);
  void request_child_delete(IkeSa& sa, net::Spi spi, session::EndReason reason,
                            session::CommandId command = {});
  /// The peer made a child SA that we have no use for: it is named by the SPI that we offered.
  void request_offer_delete(IkeSa& sa, crypto::ProtocolId protocol, net::Spi spi);

  // ---- words ----

  void report(const IkeSa& sa, base::LogLevel level, std::string code, std::string text);
  [[nodiscard]] static std::string label(const IkeSa& sa, const session::ChildConfig& child);

 private:
  void receive_request(IkeSa& sa, const session::Datagram& datagram,
                       const isakmp::MessageView& message);
  void receive_response(IkeSa& sa, const session::Datagram& datagram,
                        const isakmp::MessageView& message);
  void process_request(IkeSa& sa, const session::Datagram& datagram,
                       const isakmp::MessageView& message);
  void repeat_answer(IkeSa& sa, const session::Datagram& datagram,
                     const isakmp::MessageView& message);
  void hold(IkeSa& sa, const session::Datagram& datagram, const isakmp::MessageView& message);
  /// What is within SK, or within all SKFs once they are there.
  /// @param fragments  those of this message so far
  /// @return nothing if there is nothing to process yet, or at all
  [[nodiscard]] std::optional<OpenedMessage> open_message(IkeSa& sa,
                                                          std::unique_ptr<Reassembly>& fragments,
                                                          const isakmp::MessageView& message);
  [[nodiscard]] std::optional<OpenedMessage> collect(IkeSa& sa,
                                                     std::unique_ptr<Reassembly>& fragments,
                                                     const isakmp::MessageView& message);
  [[nodiscard]] base::ByteVector seal(IkeSa& sa, isakmp::MessageBuilder& builder);
  void end_in_doubt(IkeSa& sa, const std::string& why);
  void dispatch_request(IkeSa& sa, const Inbound& in);
  void follow_peer(IkeSa& sa, const session::Datagram& datagram);
  void pump(IkeSa& sa);
  void begin(IkeSa& sa, session::Task task);
  void rearm(const IkeSa& sa);
  /// Into the queue's front; one that is there already is not doubled.
  void put_first(IkeSa& sa, session::Task task);
  void guard_message_ids(IkeSa& sa);
  void check_liveness(IkeSa& sa);
  void forget_collision(IkeSa& sa);
  void move_peer(IkeSa& sa, const net::Endpoint& remote);
  void on_deadline(IkeSa& sa);
  void on_child_deadlines(IkeSa& sa);
  void repeat_request(IkeSa& sa);
  [[nodiscard]] std::optional<base::MonoTime> deadline_of(const IkeSa& sa) const;
  void register_identities(const IkeSa& sa);
  void forget_identities(const IkeSa& sa);
  [[nodiscard]] IkeSa* owner_of(policy::ChildSlot slot);

  session::Services& services_;
  std::map<std::uint64_t, std::unique_ptr<IkeSa>> sas_;
  session::SessionTable table_;
  session::Deadlines deadlines_;
  std::set<std::uint64_t> touched_;
  std::vector<std::uint64_t> waiting_for_spis_;
  /// Authenticated IKE SAs by the pair of identities.
  std::map<std::pair<policy::Identity, policy::Identity>, std::set<std::uint64_t>> by_identities_;
  PeerIndex peers_;  ///< authenticated ones

  friend void retry_held_request(Machine& machine, IkeSa& sa);
};

/// The IKE_AUTH request, or its fragments, that waited for the shared secret.
void retry_held_request(Machine& machine, IkeSa& sa);

/// The peer's SA payload as the chooser wants it.
/// @return kMalformed, …: INVALID_SYNTAX
[[nodiscard]] base::Result<std::vector<session::OfferedProposal>> offered_proposals(
    const isakmp::PayloadChain& payloads);

}  // namespace penstock::ikev2
