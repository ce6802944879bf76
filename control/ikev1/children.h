// SPDX-License-Identifier: BSD-3-Clause
// What Quick Mode negotiates about a child, without messages or state: client identities and
// selectors, the configured child for an offer, keys into specifications.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// The body of an ID payload for one side (RFC 2407 §4.6.2): an address, a subnet or a range, with
/// protocol and port. A range of ports cannot be said: see can_be_said().
[[nodiscard]] base::ByteVector client_id(const policy::TrafficSelector& selector);
/// @return kMalformed or kUnsupported for an identity that is no address
[[nodiscard]] base::Result<policy::TrafficSelector> selector_of(base::Bytes id_body);

/// The bodies of the SA payloads of a Quick Mode, in their order.
[[nodiscard]] std::vector<base::Bytes> sa_bodies(const isakmp::PayloadChain& payloads);

/// RFC 2409 §5.5: one identity a side, one port or all.
[[nodiscard]] bool can_be_said(const session::ChildConfig& child);

/// Both sides of a child of ours: the one pair that is negotiated.
[[nodiscard]] session::SelectorPair selectors_of(const IsakmpSa& sa,
                                                 const session::ChildConfig& child);

/// @param encap  in UDP, as both speak NAT traversal
[[nodiscard]] Encapsulation encapsulation(const IsakmpSa& sa, const session::ChildConfig& child,
                                          bool encap);

struct ChildRefusal {
  isakmp::V1NotifyType type;
  session::IkeDrop why;
  std::string text;
};
struct ChildChoice {
  const session::ChildConfig* config = nullptr;
  Choice choice;
  bool encap = false;
  session::SelectorPair selectors;  ///< as this end sees them
};
/// As responder: the child of the connection whose selectors hold what is asked for.
/// @param asked  RFC 2409 §5.5: taken whole or refused
/// @param used   by other SA payloads of the same message: others come first
[[nodiscard]] tl::expected<ChildChoice, ChildRefusal> choose_child(
    const IsakmpSa& sa, const session::SelectorPair& asked, crypto::DhGroupId group,
    const isakmp::V1SaPayload& offer, std::span<const session::ChildConfig* const> used);

/// The child with the same configuration and selectors whose slot a new one shares; none that this
/// exchange made.
[[nodiscard]] session::ChildSa* predecessor(Machine& machine, IsakmpSa& sa, Exchange& x,
                                            const session::ChildConfig& config);

/// The keyed pair, with its traffic limited to the shorter of what both ends say.
/// @param shared_secret  empty without PFS
[[nodiscard]] base::Result<session::ChildSpecs> make_specs(const crypto::CryptoContext& context,
                                                           const IsakmpSa& sa,
                                                           const session::ChildSa& child,
                                                           const Exchange& x, const QuickSa& q,
                                                           base::Bytes shared_secret);

}  // namespace penstock::ikev1
