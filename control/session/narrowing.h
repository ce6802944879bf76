// SPDX-License-Identifier: BSD-3-Clause
// Narrowing of traffic selectors (RFC 7296 §2.9).
#pragma once

#include <optional>
#include <span>

#include "control/isakmp/payload/traffic_selectors.h"
#include "control/session/connection_config.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::session {

enum class Fit : std::uint8_t {
  kSubset,  ///< some of what was asked for, without the first selectors
  kFirst,   ///< narrowed, the first selectors of both sides are in it
  kWhole,   ///< all that was asked for
};

/// Both sides as we see them.
struct SelectorPair {
  policy::TrafficSelectors local;
  policy::TrafficSelectors remote;
};

struct Narrowed {
  SelectorPair selectors;
  Fit fit = Fit::kSubset;
};

/// What of the peer's request our policy allows: the responder's choice of §2.9.
/// @return nothing: TS_UNACCEPTABLE
[[nodiscard]] std::optional<Narrowed> narrow(const SelectorPair& allowed,
                                             const SelectorPair& asked);

/// Is each selector of `inner` within one of `outer`? For answers (never more than we asked for)
/// and rekeying (never less than there was: §2.9.2).
[[nodiscard]] bool covers(const policy::TrafficSelectors& outer,
                          const policy::TrafficSelectors& inner);

/// The very specific first selector of §2.9, from the packet that asked.
[[nodiscard]] policy::TrafficSelector source_selector(const policy::PacketSelectors& packet);
[[nodiscard]] policy::TrafficSelector destination_selector(const policy::PacketSelectors& packet);

/// `dynamic` (an empty list) is the IKE SA's own address.
[[nodiscard]] policy::TrafficSelectors or_dynamic(const policy::TrafficSelectors& configured,
                                                  const net::IpAddress& own);

/// What of the selectors is this host's own: all that transport mode is for (RFC 4301 §4.1).
[[nodiscard]] policy::TrafficSelectors of_host(const policy::TrafficSelectors& selectors,
                                               const net::IpAddress& host);
/// Selectors of one host, as they are where its address is `seen` (RFC 7296 §2.23.1).
/// @return nothing if they are not of one single address, or of another IP version
[[nodiscard]] std::optional<policy::TrafficSelectors> as_seen(
    const policy::TrafficSelectors& selectors, const net::IpAddress& seen);

/// Both sides so; nullptr: no NAT is there, and the side stays as it is.
[[nodiscard]] std::optional<SelectorPair> as_seen(SelectorPair selectors,
                                                  const net::IpAddress* local,
                                                  const net::IpAddress* remote);
/// Is there a packet that is in both of them?
[[nodiscard]] bool overlap(const policy::TrafficSelectors& a, const policy::TrafficSelectors& b);

/// Between the codec's values and ours: member for member.
[[nodiscard]] std::vector<isakmp::TsSelector> to_wire(const policy::TrafficSelectors& selectors);
[[nodiscard]] policy::TrafficSelectors from_wire(std::span<const isakmp::TsSelector> selectors);

[[nodiscard]] std::string to_string(const policy::TrafficSelectors& selectors);

}  // namespace penstock::session
