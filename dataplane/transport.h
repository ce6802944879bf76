// SPDX-License-Identifier: BSD-3-Clause
// The IP header that stays in front in transport mode (RFC 4301 §4.1), for ESP and AH, both ways.
#pragma once

#include <optional>

#include "dataplane/worker_context.h"
#include "lib/ipsec/inbound_sa.h"
#include "lib/ipsec/outbound_sa.h"
#include "lib/net/ipv6.h"

namespace penstock::dataplane {

/// Whether transport mode may be applied: a whole packet between the SA's own addresses.
[[nodiscard]] std::optional<net::DropReason> check_transport(const dpdk::Packet* packet,
                                                             const ipsec::OutboundSa& sa);

/// Where ESP or AH goes in a packet of either version.
[[nodiscard]] net::TransportPlace transport_place_of(const dpdk::Packet* packet);

/// Opens a gap of `octets` behind the headers in front of `place`, which move to the front; length
/// and protocol are those of the packet then, the IPv4 checksum too.
/// @return the protocol that stood there
std::uint8_t open_gap(dpdk::Packet* packet, net::TransportPlace place, unsigned octets,
                      std::uint8_t protocol);

/// The way back: the headers move over `removed` octets behind them, and the packet is what they
/// and `payload` octets behind the gap are. meta is read anew; the inbound policy has allowed it.
/// @param front  octets in front of the gap
[[nodiscard]] std::optional<net::DropReason> close_gap(dpdk::Packet* packet,
                                                       const ipsec::InboundSa& sa, unsigned front,
                                                       unsigned removed, unsigned payload,
                                                       std::uint8_t protocol);

}  // namespace penstock::dataplane
