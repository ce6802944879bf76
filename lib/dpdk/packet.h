// SPDX-License-Identifier: BSD-3-Clause
// Packet: a reference to one mbuf, and PacketMeta: what the stages know about it, in the mbuf's
// private area. From the end of parse to the end of forward the mbuf's data starts at the IP
// header: parse takes the Ethernet header off, and resolve puts a new one on.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "lib/base/bytes.h"
#include "lib/base/strong.h"

namespace penstock::dpdk {

/// Borrowed; owned by exactly one stage, ring, table or port queue at a time.
using Packet = rte_mbuf;

/// A place in the table of interfaces (lib/fib), 0 … kMaxInterfaces - 1.
using InterfaceIndex = base::Strong<struct InterfaceIndexTag, std::uint16_t>;
inline constexpr InterfaceIndex kNoInterface{0xffff};

/// Facts about a packet, set by the stage named.
enum PacketFlag : std::uint32_t {
  kFromOutside = 1U << 0,      ///< parse: its ingress port is outside (RFC 4301 §3.1)
  kMadeHere = 1U << 1,         ///< icmp, inject: made by us; no ICMP error is sent about it
  kOwnIke = 1U << 2,           ///< inject: our own IKE, passes the outbound SPD by a built-in rule
  kDecapsulated = 1U << 3,     ///< close_inbound: came out of an SA
  kPolicyChecked = 1U << 4,    ///< check_policy: the inbound policy has allowed it
  kSealed = 1U << 5,           ///< seal_esp: leaves under an SA, no second policy lookup
  kFragment = 1U << 6,         ///< parse: offset is not 0, or more fragments follow
  kHasPorts = 1U << 7,         ///< parse: source_port and destination_port hold selector values
  kLocal = 1U << 8,            ///< classify: the destination is an address of ours
  kUdpEncapsulated = 1U << 9,  ///< classify: ESP in UDP (RFC 3948); payload_offset is at ESP
  kDontFragment = 1U << 10,    ///< parse: DF is set; IPv6 that was not made here
  kHasOptions = 1U << 11,      ///< parse: IPv4 options; IPv6 extension headers but fragments
  kAuthenticated = 1U << 12,   ///< close_ah: came out of a bundle's AH SA of child_slot
  kDummy = 1U << 13,           ///< inject: to be made a dummy of child_slot's SA (RFC 4303 §2.6)
};

enum class CryptoStatus : std::uint8_t {
  kNone,     ///< no job yet
  kPending,  ///< submitted
  kOk,
  kAuthFailed,  ///< the ICV is wrong
  kFailed,      ///< the engine could not do it
};

/// One cache line. Numbers are in host order. For IPv6 the addresses stay in the header, where
/// the data starts; source and destination are 0 then and ip_version is 6.
struct alignas(64) PacketMeta {
  // the selectors (RFC 4301 §4.4.1.1), by parse
  std::uint32_t source;
  std::uint32_t destination;
  std::uint16_t source_port;       ///< for ICMP 0
  std::uint16_t destination_port;  ///< for ICMP type * 256 + code
  std::uint8_t protocol;           ///< the IPv4 protocol or the IPv6 upper layer
  std::uint8_t ip_version;         ///< 4 or 6; of a dummy 0 until it is sealed
  std::uint8_t header_length;      ///< octets from the IP header to the upper layer
  std::uint8_t nesting;            ///< times opened and sealed so far, at most kMaxNesting
  std::uint32_t flags;             ///< PacketFlag
  std::uint16_t total_length;      ///< IP total length, octets; equals the data's length
  std::uint16_t vrf;
  // the way
  InterfaceIndex ingress;
  InterfaceIndex egress;
  std::uint32_t next_hop;  ///< index in the Fib
  // IPsec: a slot, never a pointer (design §4.4)
  std::uint32_t sa_slot;   ///< close_outbound: of the AH SA that seals next (bundles)
  std::uint32_t hidden;    ///< open AH, seal AH: fields that are zero under the ICV (ah_fields.h)
  std::uint64_t sequence;  ///< extended sequence number
  std::uint16_t payload_offset;  ///< classify: from the IP header to the SPI of ESP or AH
  std::uint16_t crypto_length;   ///< open, seal: octets under the cipher
  CryptoStatus crypto_status;
  std::uint8_t tos;          ///< of the header at parse: DSCP and ECN (RFC 2474, RFC 3168)
  std::uint16_t path_mtu;    ///< fit the MTU: what the sealed packet is cut to; 0: its link's
  std::uint32_t child_slot;  ///< policy::ChildSlot of the policy or SA that took it
};
static_assert(sizeof(PacketMeta) == 64 && std::is_trivially_copyable_v<PacketMeta>);

/// Link-layer octets that a packet may carry in front: Ethernet and one VLAN tag.
inline constexpr unsigned kLinkHeadroom = 18;
/// RFC 4303 tunnel mode in UDP: IPv6, UDP, ESP, IV; padding, trailer and the longest ICV behind.
inline constexpr unsigned kSealHeadroom = 40 + 8 + 8 + 16;
inline constexpr unsigned kSealTailroom = 16 + 2 + 32;
inline constexpr unsigned kMaxNesting = 2;

static_assert(sizeof(rte_mbuf) == 128, "the private area starts on a cache line");

[[nodiscard]] inline PacketMeta& meta(Packet* packet) {
  return *reinterpret_cast<PacketMeta*>(packet + 1);
}
[[nodiscard]] inline const PacketMeta& meta(const Packet* packet) {
  return *reinterpret_cast<const PacketMeta*>(packet + 1);
}

/// The first octet of the packet's data.
[[nodiscard]] inline std::byte* data(Packet* packet) {
  return static_cast<std::byte*>(packet->buf_addr) + packet->data_off;
}
[[nodiscard]] inline const std::byte* data(const Packet* packet) {
  return static_cast<const std::byte*>(packet->buf_addr) + packet->data_off;
}
[[nodiscard]] inline base::MutableBytes bytes(Packet* packet) {
  return {data(packet), packet->data_len};
}
[[nodiscard]] inline base::Bytes bytes(const Packet* packet) {
  return {data(packet), packet->data_len};
}
/// Octets in front of and behind the data of a one-segment packet.
[[nodiscard]] inline unsigned headroom(const Packet* packet) { return packet->data_off; }
[[nodiscard]] inline unsigned tailroom(const Packet* packet) {
  return static_cast<unsigned>(packet->buf_len) - packet->data_off - packet->data_len;
}

/// Moves the front; the caller has looked at headroom() (prepend) or the length (trim).
inline void prepend(Packet* packet, unsigned octets) {
  packet->data_off = static_cast<std::uint16_t>(packet->data_off - octets);
  packet->data_len = static_cast<std::uint16_t>(packet->data_len + octets);
  packet->pkt_len += octets;
}
inline void trim_front(Packet* packet, unsigned octets) {
  packet->data_off = static_cast<std::uint16_t>(packet->data_off + octets);
  packet->data_len = static_cast<std::uint16_t>(packet->data_len - octets);
  packet->pkt_len -= octets;
}
/// Sets the length from the front on; the caller has looked at tailroom().
inline void resize(Packet* packet, unsigned octets) {
  packet->data_len = static_cast<std::uint16_t>(octets);
  packet->pkt_len = octets;
}

}  // namespace penstock::dpdk
