// SPDX-License-Identifier: BSD-3-Clause
// InboundSa: what the worker that owns an inbound SA needs of it, by cache line. Everything
// constant was resolved when it was built (sa_builder.h).
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "lib/base/counter.h"
#include "lib/burst_crypto/session.h"
#include "lib/ipsec/latch.h"
#include "lib/ipsec/replay_window.h"
#include "lib/ipsec/shape.h"
#include "lib/ipsec/spd_selector.h"

namespace penstock::ipsec {

/// Selector pairs that lie in the record; an SA with more has them all in memory of their own.
inline constexpr std::size_t kInlineSelectors = 2;
/// Windows up to 448 packets lie in the record.
inline constexpr std::size_t kInlineWindowWords = 8;

/// Which events an SA has raised; each is raised once.
enum SaEventBit : std::uint32_t {
  kSoftRaised = 1U << 0,
  kHardRaised = 1U << 1,
  kFirstPacketRaised = 1U << 2,
};

/// A packet touches lines 0, 1, 2, 3 and its word of the window, and of the keys what its length
/// needs. The record has an odd number of lines, so that the hot lines of many SAs spread over all
/// sets of a cache.
struct alignas(64) InboundSa {
  // line 0: constant
  burst_crypto::Session session;
  std::uint32_t spi = 0;                 ///< host order, as all numbers here
  std::uint32_t local = 0;               ///< outer destination; 0: IPv6, local6
  std::atomic<std::uint32_t> remote{0};  ///< outer source, where the peer was last; 0: remote6
  std::uint32_t slot = 0;                ///< policy::ChildSlot
  std::uint32_t generation = 0;
  std::uint16_t encap_local_port = 0;  ///< RFC 3948; 0: raw ESP
  std::atomic<std::uint16_t> encap_remote_port{0};
  std::uint16_t vrf = 0;
  std::uint16_t selector_count = 0;
  std::uint8_t min_esp_octets = 0;  ///< header, IV, one block, ICV
  std::uint8_t plain_protocol = 0;  ///< of the IP header: ESP or UDP; 0: shape says more
  std::uint8_t shape = 0;           ///< SaShape; 0: ESP in tunnel mode
  std::uint8_t unused0 = 0;

  // line 1: the owner writes
  ReplayWindow window;
  base::Counter packets;
  base::Counter bytes;
  base::Counter replays;
  base::Counter icv_failures;
  base::Counter errors;

  // line 2: constant; RFC 4301 §5.2 step 4
  SpdSelector<Ipv4Value> inline_selectors[kInlineSelectors];
  const SpdSelector<Ipv4Value>* more_selectors = nullptr;

  // line 3: limits (constant) and what was raised
  std::uint64_t soft_packets = 0;
  std::uint64_t hard_packets = 0;
  std::uint64_t soft_bytes = 0;
  std::uint64_t hard_bytes = 0;
  std::uint64_t moved_raised_at_ns = 0;  ///< the owner's: rate of kPeerMoved
  std::uint64_t* more_window = nullptr;  ///< the writer's, to free it
  std::uint32_t raised = 0;              ///< the owner's SaEventBits
  std::uint16_t selector6_count = 0;
  std::uint16_t clamp_mss = 0;                         ///< constant; policy::TunnelHeader's
  const SpdSelector<Ipv6Value>* selectors6 = nullptr;  ///< the writer's, to free it

  // line 4
  std::uint64_t inline_window[kInlineWindowWords] = {};

  // lines 5 …
  burst_crypto::KeyMaterial keys;

  // the line behind the keys: a packet over IPv6 touches it
  net::Ipv6Octets local6{};    ///< constant
  Latch<2> remote6;            ///< where the peer was last
  std::uint64_t unused6[9]{};  ///< of it, and a line that keeps their number odd

  [[nodiscard]] bool is_v6() const { return local == 0; }
  /// Only for v6.
  [[nodiscard]] net::Ipv6Octets peer6() const {
    return std::bit_cast<net::Ipv6Octets>(remote6.load());
  }
  [[nodiscard]] bool has(SaShape bit) const { return (shape & bit) != 0; }

  /// True once for each bit. The owner's.
  [[nodiscard]] bool raise(SaEventBit bit) {
    const bool first = (raised & bit) == 0;
    raised |= bit;
    return first;
  }
  [[nodiscard]] bool allows(const SpdProbe<Ipv6Value>& inner) const {
    for (std::size_t i = 0; i < selector6_count; ++i)
      if (selectors6[i].matches(inner)) return true;
    return false;
  }
  /// RFC 4301 §5.2: does the decapsulated packet fit what was negotiated?
  [[nodiscard]] bool allows(const SpdProbe<Ipv4Value>& inner) const {
    const auto* selector = more_selectors != nullptr ? more_selectors : inline_selectors;
    for (std::size_t i = 0; i < selector_count; ++i)
      if (selector[i].matches(inner)) return true;
    return false;
  }
};
static_assert(offsetof(InboundSa, window) == 64);
static_assert(offsetof(InboundSa, local6) % 64 == 0);
static_assert(offsetof(InboundSa, inline_selectors) == 128);
static_assert(offsetof(InboundSa, soft_packets) == 192);
static_assert(offsetof(InboundSa, inline_window) == 256);
static_assert(offsetof(InboundSa, keys) == 320);
static_assert(sizeof(InboundSa) / 64 % 2 == 1 && sizeof(InboundSa) <= 2048);

/// The SA of a job that open ESP prepared.
[[nodiscard]] inline InboundSa& inbound_of(const burst_crypto::Session& session) {
  static_assert(offsetof(InboundSa, session) == 0);
  return *reinterpret_cast<InboundSa*>(const_cast<burst_crypto::Session*>(&session));
}

}  // namespace penstock::ipsec
