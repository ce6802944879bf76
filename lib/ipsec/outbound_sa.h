// SPDX-License-Identifier: BSD-3-Clause
// OutboundSa: what workers need to seal under an outbound SA, by cache line. Any worker may.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "lib/base/endian.h"
#include "lib/burst_crypto/session.h"
#include "lib/ipsec/inbound_sa.h"
#include "lib/ipsec/latch.h"
#include "lib/ipsec/sequence.h"
#include "lib/net/esp.h"
#include "lib/net/ipv4.h"
#include "lib/net/ipv6.h"
#include "lib/net/udp.h"

namespace penstock::ipsec {

/// What goes in front of every packet, but for the fields that differ: outer IPv4, UDP (RFC 3948)
/// or not, and the SPI. Copied as a whole; what is behind the SPI is overwritten afterwards. `path`
/// is where the peer is: one word, so that a peer that moved (RFC 7296 §2.23) is followed by one
/// store while workers seal.
struct TunnelPrefix {
  std::uint8_t front[16] = {};         ///< IPv4 header up to the source
  std::atomic<std::uint64_t> path{0};  ///< destination; then both UDP ports, or the SPI
  std::uint8_t back[8] = {};           ///< with UDP: length, checksum; then the SPI in any case

  /// @return the outer destination, host order
  [[nodiscard]] static std::uint32_t destination(std::uint64_t path) {
    return reinterpret_cast<const base::Be32*>(&path)->get();
  }
};
static_assert(sizeof(TunnelPrefix) == 32 && offsetof(TunnelPrefix, path) == 16);
/// The same with an outer IPv6 header, as it is on the wire; a peer that moved changes all of it.
inline constexpr std::size_t kPrefix6Words = 7;
struct TunnelPrefix6 {
  std::uint8_t octets[kPrefix6Words * 8] = {};

  [[nodiscard]] const net::Ipv6Header& ip() const {
    return *reinterpret_cast<const net::Ipv6Header*>(octets);
  }
};
static_assert(sizeof(TunnelPrefix6) >=
              sizeof(net::Ipv6Header) + sizeof(net::UdpHeader) + sizeof(base::Be32));

/// No packet is longer.
inline constexpr std::uint16_t kNoPathMtu = 0xffff;

struct alignas(64) OutboundSa {
  // line 0: constant
  burst_crypto::Session session;
  TunnelPrefix prefix;

  // line 1: constant
  std::uint64_t soft_packets = 0;  ///< sequence numbers too: the lower of both limits
  std::uint64_t hard_packets = 0;
  std::uint64_t soft_bytes = 0;
  std::uint64_t hard_bytes = 0;
  std::uint32_t slot = 0;  ///< policy::ChildSlot
  std::uint32_t generation = 0;
  std::uint32_t spi = 0;         ///< host order, as all numbers here
  std::uint16_t header_sum = 0;  ///< of the prefix's IPv4 header without what differs
  std::uint16_t df_copied = 0;   ///< mask of the inner fragment word
  std::uint16_t df_set = 0;
  std::uint16_t identification = 0;  ///< added to the sequence number (RFC 6864)
  std::uint8_t prefix_octets = 0;    ///< outer IP and UDP: 20 or 28, 40 or 48
  std::uint8_t overhead_octets = 0;  ///< all that is added (of transport mode no IP header) but
                                     ///< padding and trailer of ESP
  std::uint8_t tos_copied = 0;       ///< mask of the inner type of service
  std::uint8_t tos_set = 0;
  bool shared = false;          ///< several workers reserve
  bool v6 = false;              ///< the outer header is IPv6
  std::uint8_t shape = 0;       ///< SaShape; 0: ESP in tunnel mode
  std::uint8_t ah_octets = 0;   ///< header, ICV and padding
  std::uint16_t clamp_mss = 0;  ///< policy::TunnelHeader's
  /// What the path to the peer carries, as far as ICMP has told (RFC 4301 §8.2). The control core
  /// alone stores it, seldom.
  std::atomic<std::uint16_t> path_mtu{kNoPathMtu};

  // line 2: all workers write
  SequenceCounter sequence;
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint32_t> raised{0};  ///< SaEventBits
  std::uint32_t outer_slot = 0;  ///< constant; kBundleInner: the slot of the AH SA around it
  /// Constant: SaSpec::iv_start. Here because line 1 is full, and who numbers a run has this one.
  std::uint64_t iv_start = 0;
  std::uint16_t tfc_padding = 0;  ///< constant, as the next two: policy::TunnelHeader's
  bool cut_before = false;
  bool flow_label = false;

  // lines 3 …
  burst_crypto::KeyMaterial keys;

  // the lines behind the keys: a packet over IPv6 touches the first, and if the peer moved both
  Latch<kPrefix6Words> prefix6;
  std::uint64_t unused6 = 0;  ///< keeps the number of lines odd

  /// Only for v6.
  [[nodiscard]] TunnelPrefix6 outer6() const {
    return std::bit_cast<TunnelPrefix6>(prefix6.load());
  }
  [[nodiscard]] bool has(SaShape bit) const { return (shape & bit) != 0; }
  [[nodiscard]] unsigned ip_octets() const {
    return v6 ? unsigned{sizeof(net::Ipv6Header)} : unsigned{sizeof(net::Ipv4Header)};
  }
  /// Of the UDP header in front of ESP (RFC 3948), or 0.
  [[nodiscard]] unsigned udp_octets() const { return prefix_octets - ip_octets(); }
  /// Outer source; only for IPv4.
  [[nodiscard]] std::uint32_t local() const {
    return reinterpret_cast<const base::Be32*>(prefix.front + 12)->get();
  }
  /// Outer destination; 0 for v6.
  [[nodiscard]] std::uint32_t remote() const {
    return TunnelPrefix::destination(prefix.path.load(std::memory_order_relaxed));
  }
  /// ESP in UDP (RFC 3948).
  [[nodiscard]] bool in_udp() const {
    return prefix_octets != (v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header));
  }
  /// The SPI as it is on the wire.
  [[nodiscard]] const std::uint8_t* wire_spi() const { return prefix.back + 4; }

  /// True once for each bit, over all workers.
  [[nodiscard]] bool raise(SaEventBit bit) {
    if ((raised.load(std::memory_order_relaxed) & bit) != 0) return false;
    return (raised.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }
  /// @return octets sealed before
  std::uint64_t add_bytes(std::uint64_t n) {
    if (shared) return bytes.fetch_add(n, std::memory_order_relaxed);
    const std::uint64_t before = bytes.load(std::memory_order_relaxed);
    bytes.store(before + n, std::memory_order_relaxed);
    return before;
  }

  /// Plaintext, padding and trailer of an inner packet (RFC 4303 §2.4).
  [[nodiscard]] unsigned cipher_octets(unsigned inner_octets) const {
    const unsigned block = session.block_octets;  // a power of two: a division costs a lookup
    return (inner_octets + unsigned{sizeof(net::EspTrailer)} + block - 1) & -block;
  }
  [[nodiscard]] unsigned sealed_octets(unsigned inner_octets) const {
    return overhead_octets + cipher_octets(inner_octets);
  }
  /// The largest inner packet that fits a path of `mtu` (RFC 4301 §8.2.1).
  [[nodiscard]] unsigned inner_mtu(unsigned mtu) const {
    const unsigned room = mtu > overhead_octets ? mtu - overhead_octets : 0U;
    const unsigned whole = room & -unsigned{session.block_octets};
    return whole > sizeof(net::EspTrailer) ? whole - unsigned{sizeof(net::EspTrailer)} : 0U;
  }
};
static_assert(offsetof(OutboundSa, soft_packets) == 64);
static_assert(offsetof(OutboundSa, sequence) == 128);
static_assert(offsetof(OutboundSa, keys) == 192);
static_assert(offsetof(OutboundSa, prefix6) % 64 == 0);
static_assert(sizeof(OutboundSa) / 64 % 2 == 1 && sizeof(OutboundSa) <= 2048);

/// The SA of a job that seal ESP prepared.
[[nodiscard]] inline OutboundSa& outbound_of(const burst_crypto::Session& session) {
  static_assert(offsetof(OutboundSa, session) == 0);
  return *reinterpret_cast<OutboundSa*>(const_cast<burst_crypto::Session*>(&session));
}

}  // namespace penstock::ipsec
