// SPDX-License-Identifier: BSD-3-Clause
// ICMPv6 (RFC 4443): when an error may be sent, and its octets; neighbour discovery (RFC 4861).
#pragma once

#include "lib/net/ethernet.h"
#include "lib/net/ipv6.h"

namespace penstock::net {

// Errors are below 128 (RFC 4443 §2.1).
inline constexpr std::uint8_t kIcmp6Unreachable = 1;
inline constexpr std::uint8_t kIcmp6PacketTooBig = 2;
inline constexpr std::uint8_t kIcmp6TimeExceeded = 3;
inline constexpr std::uint8_t kIcmp6ParameterProblem = 4;
inline constexpr std::uint8_t kIcmp6EchoRequest = 128;
inline constexpr std::uint8_t kIcmp6EchoReply = 129;
inline constexpr std::uint8_t kIcmp6RouterSolicitation = 133;
inline constexpr std::uint8_t kIcmp6RouterAdvertisement = 134;
inline constexpr std::uint8_t kIcmp6NeighbourSolicitation = 135;
inline constexpr std::uint8_t kIcmp6NeighbourAdvertisement = 136;
inline constexpr std::uint8_t kIcmp6Redirect = 137;

// Codes.
inline constexpr std::uint8_t kIcmp6NoRoute = 0;
inline constexpr std::uint8_t kIcmp6AddressUnreachable = 3;
inline constexpr std::uint8_t kIcmp6PortUnreachable = 4;
inline constexpr std::uint8_t kIcmp6UnknownNextHeader = 1;  ///< of a parameter problem

[[nodiscard]] constexpr bool is_icmp6_error(std::uint8_t type) { return type < 128; }
[[nodiscard]] constexpr bool is_neighbour_discovery(std::uint8_t type) {
  return type >= kIcmp6RouterSolicitation && type <= kIcmp6Redirect;
}

/// RFC 4443 §2.4 (e): never about an ICMPv6 error or a redirect, to a source that is not one
/// node's, or about a packet for a group, Packet Too Big excepted. `original` is well-formed.
[[nodiscard]] bool may_answer_with_error6(base::Bytes original);

struct Icmp6Error {
  std::uint8_t type;
  std::uint8_t code;
  std::uint32_t rest;  ///< Packet Too Big: the MTU; parameter problem: the pointer
  Ipv6Octets source;   ///< an address of ours
};

/// A whole IPv6 packet to the source of `original`, with as much of it as fits into 1,280 octets
/// (RFC 4443 §2.4 (c)), checksum done, traffic class CS6.
/// @param out  at least kIpv6MinMtu octets. @return its length
std::size_t write_icmp6_error(base::MutableBytes out, const Icmp6Error& error,
                              base::Bytes original);

// ---- neighbour discovery ----

inline constexpr std::uint8_t kNdSourceLinkAddress = 1;
inline constexpr std::uint8_t kNdTargetLinkAddress = 2;

// Flags of an advertisement (RFC 4861 §4.4).
inline constexpr std::uint32_t kNdRouter = 0x80000000;
inline constexpr std::uint32_t kNdSolicited = 0x40000000;
inline constexpr std::uint32_t kNdOverride = 0x20000000;

/// A solicitation or an advertisement (RFC 4861 §4.3, §4.4).
struct NdMessage {
  std::uint8_t type;
  std::uint8_t code;
  base::Be16 checksum;
  base::Be32 flags;
  Ipv6Octets target;
};
static_assert(sizeof(NdMessage) == 24 && alignof(NdMessage) == 1);

struct NdLinkOption {
  std::uint8_t type;
  std::uint8_t length;  ///< 1: eight octets
  MacAddress mac;
};
static_assert(sizeof(NdLinkOption) == 8 && alignof(NdLinkOption) == 1);

/// A frame with one link-layer address option: what we send.
struct NdFrame {
  EthernetHeader ethernet;
  Ipv6Header ip;
  NdMessage nd;
  NdLinkOption option;
};
static_assert(sizeof(NdFrame) == 14 + 40 + 24 + 8);

/// The same without an option: who probes has no address that a link-layer address belongs to.
struct NdProbeFrame {
  EthernetHeader ethernet;
  Ipv6Header ip;
  NdMessage nd;
};
static_assert(sizeof(NdProbeFrame) == 14 + 40 + 24);

/// Whether anybody has `target` (RFC 4862 §5.4.2).
[[nodiscard]] NdProbeFrame neighbour_probe(const MacAddress& mac, const Ipv6Octets& target);
/// A solicitation for `target` to `to`; to nobody in particular: to its solicited-node group.
[[nodiscard]] NdFrame neighbour_solicitation(const MacAddress& mac, const Ipv6Octets& source,
                                             const Ipv6Octets& target,
                                             std::optional<MacAddress> to);
/// Of our own `target`; to all nodes if `to` is the unspecified address (RFC 4861 §7.2.4), then
/// not as the answer to a solicitation.
[[nodiscard]] NdFrame neighbour_advertisement(const MacAddress& mac, const Ipv6Octets& target,
                                              const Ipv6Octets& to, const MacAddress& to_mac);

/// What a solicitation or an advertisement tells.
struct NdView {
  bool solicitation = false;
  bool solicited = false;  ///< an advertisement that answers
  bool overrides = false;  ///< an advertisement that may replace another MAC
  Ipv6Octets source{};     ///< of the IPv6 header
  Ipv6Octets target{};
  std::optional<MacAddress> mac;  ///< of the source (solicitation) or the target (advertisement)
};
/// Checks and reads an IPv6 packet that holds a solicitation or an advertisement.
/// @return nothing if RFC 4861 §7.1.1 or §7.1.2 has it discarded
[[nodiscard]] std::optional<NdView> read_nd(base::Bytes packet, unsigned header_octets);

}  // namespace penstock::net
