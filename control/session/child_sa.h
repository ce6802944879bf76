// SPDX-License-Identifier: BSD-3-Clause
// Child SAs in the data plane: what is installed, in which order, and who seals (design §4.5). Both
// IKE versions use it. A child SA is one pair; its slot outlives it across rekeys.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "control/session/narrowing.h"
#include "control/session/proposal_choice.h"
#include "control/session/services.h"

namespace penstock::session {

/// As responder of a rekey the outbound switches at the latest then (design §4.5).
inline constexpr base::Duration kSwitchBound = base::seconds{30};
/// A replaced inbound SA is kept so long after its delete for packets still under way.
inline constexpr base::Duration kLinger = base::seconds{5};

enum class ChildState : std::uint8_t {
  kInstalling,  ///< the data plane has not confirmed it yet
  kInstalled,
  kRekeying,   ///< we ask for its successor
  kRekeyed,    ///< its successor is there; it waits for its delete
  kDeleting,   ///< we have asked the peer to delete it
  kLingering,  ///< deleted at both ends; the inbound half takes what is still under way
};

[[nodiscard]] std::string_view name_of(ChildState state);

/// The AH around the ESP of a bundle (RFC 2409 §5.5, RFC 2408 §4.2: both are agreed on together):
/// they are installed, rekeyed and deleted as one, and the ESP's SPI names both.
struct OuterSa {
  net::Spi spi_in;
  net::Spi spi_out;
  Agreed agreed;
  bool inbound_there = false;
  bool outbound_there = false;
  std::unique_ptr<policy::SaSpec> outbound;  ///< until it is switched to
};

struct ChildSa {
  const ChildConfig* config = nullptr;
  net::Spi spi_in;   ///< ours, names the child SA
  net::Spi spi_out;  ///< the peer's
  policy::ChildSlot slot;
  ChildState state = ChildState::kInstalling;
  bool encap = false;
  bool inbound_there = false;    ///< the data plane has it, or was told to
  bool outbound_there = false;   ///< likewise
  bool redundant = false;        ///< it lost a collision (RFC 7296 §2.8.1): never switched to
  bool failed = false;           ///< a part could not be installed
  std::uint8_t pending = 0;      ///< installations without a result
  std::uint64_t packets_in = 0;  ///< verified, when we last asked
  Agreed agreed;
  SelectorPair selectors;
  net::IpAddress remote;
  std::unique_ptr<policy::SaSpec> outbound;  ///< until it is switched to
  std::unique_ptr<OuterSa> outer;            ///< of a bundle alone
  std::optional<base::MonoTime> rekey_at;
  std::optional<base::MonoTime> end_at;
  std::optional<base::MonoTime> switch_by;
  std::optional<base::MonoTime> linger_until;

  /// Passes traffic and has no successor.
  [[nodiscard]] bool live() const {
    return state == ChildState::kInstalled || state == ChildState::kRekeying;
  }
};

using ChildSas = std::vector<std::unique_ptr<ChildSa>>;

struct SpecPair {
  policy::SaSpec inbound;
  policy::SaSpec outbound;
};
struct ChildSpecs : SpecPair {
  std::optional<SpecPair> outer;  ///< of a bundle
};

/// What both halves of a child's pair have in common, but for its keys.
void fill_half(policy::SaSpec& spec, const ConnectionConfig& connection, const ChildSa& child,
               const net::Endpoint& local, const net::Endpoint& remote);
/// The same of a bundle's AH: in transport mode around the ESP, whatever the child's mode.
void fill_outer_half(policy::SaSpec& spec, const ConnectionConfig& connection, const ChildSa& child,
                     const net::Endpoint& local, const net::Endpoint& remote);

[[nodiscard]] ChildSa* find_by_inbound(const ChildSas& children, net::Spi spi);
/// The one of this protocol whose outbound SPI this is, or of its AH: what a peer's Delete and
/// REKEY_SA name. The peer chooses the SPI, and may use one number for AH and for ESP (RFC 7296
/// §2.25).
[[nodiscard]] ChildSa* find_by_outbound(const ChildSas& children, crypto::ProtocolId protocol,
                                        net::Spi spi);

/// Where a new child belongs.
struct ChildOwner {
  std::uint64_t ike_sa = 0;
  Connection* connection = nullptr;
};

/// A new child: a slot and a policy of its own; inbound, outbound and policy at once. The child is
/// ready when `pending` is 0 again.
void install_fresh(Services& services, const ChildOwner& owner, ChildSa& child, ChildSpecs specs);

/// A new child whose peer has still to show that it lives (IKEv1, RFC 2409 §5.5: HASH(3)): a slot
/// and the inbound half; outbound half and policy wait for complete_fresh().
void install_larval(Services& services, const ChildOwner& owner, ChildSa& child, ChildSpecs specs);
void complete_fresh(Services& services, ChildSa& child);

/// The rekey order (design §4.5), first step: the successor takes the slot of `old`; its inbound
/// half is installed, its outbound half waits for switch_outbound().
void install_successor(Services& services, ChildSa& child, const ChildSa& old, ChildSpecs specs);

/// Second step: from now on the successor seals. Nothing if it seals already or never may.
void switch_outbound(Services& services, ChildSa& child);

/// Its peer is elsewhere now (RFC 7296 §2.23).
void follow_peer(Services& services, ChildSa& child, const net::Endpoint& remote);

/// A result of the data plane for one part of the child.
/// @param outer  of the AH around it
void part_installed(Services& services, const ChildSas& children, ChildSa& child,
                    TokenOwner::What what, bool ok, bool outer = false);
/// One for a part of a child that is gone: an SPI that was never keyed is given back.
void part_of_nobody(Services& services, const TokenOwner& owner, bool ok);
/// A slot, and the one of its bundle's AH, belong to another IKE SA now.
void give_slot(Services& services, policy::ChildSlot slot, std::uint64_t ike_sa);

/// Third step, or the end of a child: its outbound half goes, and if it sealed, another child SA of
/// the slot takes over.
void close_outbound(Services& services, const ChildSas& children, ChildSa& child);

/// Last step: the inbound half goes, and with the last child SA of the slot its policy and slot. An
/// SPI that was never keyed is given back. The child is to be erased then.
void retire(Services& services, const ChildSas& children, ChildSa& child);

}  // namespace penstock::session
