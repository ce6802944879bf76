// SPDX-License-Identifier: BSD-3-Clause
// PlainOpening: closing packets of an SA of the common shape, ESP in tunnel mode over IPv4, that
// hold a plain IPv4 packet (RFC 4303 §3.4.4, RFC 4301 §5.2). It says yes or leaves the packet as it
// is, so that close (inbound) goes its steps with their reasons; the inbound half of PlainTunnel.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "dataplane/read_ipv4.h"
#include "lib/burst_crypto/engine.h"
#include "lib/ipsec/inbound_sa.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

/// RFC 4303 §2.4: the padding is 1, 2, 3 … and a receiver should look at it.
/// @param end  behind it; ESP's header and more lie in front
[[nodiscard, gnu::always_inline]] inline bool padding_is_right(const std::uint8_t* end,
                                                               unsigned octets) {
  if (octets == 0) return true;
  constexpr std::uint64_t kWord = 0x0807060504030201;
  if (octets <= sizeof(kWord)) [[likely]] {
    std::uint64_t word;
    std::memcpy(&word, end - sizeof(word), sizeof(word));
    const unsigned others = 8 * (unsigned{sizeof(word)} - octets);
    return (word ^ kWord << others) >> others == 0;
  }
  unsigned wrong = 0;
  for (unsigned i = 0; i < octets; ++i) wrong |= (end - octets)[i] ^ ((i + 1) & 0xffU);
  return wrong == 0;
}

/// What packets of one SA that follow one another count for.
struct InboundCount {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;

  void add(unsigned more) {
    ++packets;
    octets += more;
  }
};

class PlainOpening {
 public:
  /// Of any SA; its packets may be closed here if is_plain(sa).
  explicit PlainOpening(ipsec::InboundSa& sa)
      : window_(sa.window),
        selector_(sa.inline_selectors[0]),
        remote_(sa.remote.load(std::memory_order_relaxed)),
        remote_port_(sa.encap_remote_port.load(std::memory_order_relaxed)),
        slot_(sa.slot),
        front_(unsigned{sizeof(net::EspHeader)} + sa.session.iv_octets),
        udp_(sa.encap_local_port != 0) {}

  [[nodiscard]] static bool is_plain(const ipsec::InboundSa& sa) {
    return sa.shape == 0 && !sa.is_v6() && sa.clamp_mss == 0 && sa.selector_count != 0 &&
           sa.more_selectors == nullptr;
  }

  /// @return the octets that count; 0: nothing has changed, and it may be fine all the same
  [[nodiscard, gnu::always_inline]] unsigned close(dpdk::Packet* packet,
                                                   const burst_crypto::Job& job) const {
    dpdk::PacketMeta& meta = dpdk::meta(packet);
    const std::uint64_t sequence = meta.sequence;
    if (job.status != burst_crypto::JobStatus::kDone || sequence <= window_.top()) return 0;
    if (udp_ && (meta.source != remote_ || meta.source_port != remote_port_)) return 0;
    const std::uint8_t* const text = job.esp + front_;
    const std::uint8_t* const end = text + job.cipher_octets - sizeof(net::EspTrailer);
    const unsigned padding = end[0];
    const unsigned trailer = padding + unsigned{sizeof(net::EspTrailer)};
    if (trailer > job.cipher_octets || end[1] != net::kProtocolIpv4 ||
        !padding_is_right(end, padding))
      return 0;
    const unsigned payload = job.cipher_octets - trailer;
    const auto inner =
        PlainIpv4::read(reinterpret_cast<const std::byte*>(text), payload, HeaderChecksum::kVerify);
    // RFC 6040 §4.2: of equal fields nothing is merged.
    if (!inner || inner->tos != meta.tos || (inner->flags & dpdk::kHasPorts) == 0 ||
        !fits(inner->selectors, meta.vrf))
      return 0;

    window_.advance(sequence);
    const unsigned front = meta.payload_offset + front_;
    packet->data_off = static_cast<std::uint16_t>(packet->data_off + front);
    dpdk::resize(packet, inner->total_length);
    ++meta.nesting;
    meta.child_slot = slot_;
    constexpr std::uint32_t kOuter = dpdk::kUdpEncapsulated | dpdk::kLocal | dpdk::kAuthenticated;
    meta.flags = (meta.flags & ~kOuter) | dpdk::kDecapsulated | dpdk::kPolicyChecked;
    inner->put(meta);
    return payload;
  }

 private:
  /// Are addresses, ports and protocol within the first selectors? SpdSelector::matches() of an
  /// inbound packet with ports, four comparisons at once.
  [[nodiscard, gnu::always_inline]] bool fits(__m128i selectors, std::uint16_t vrf) const {
    using Selector = ipsec::SpdSelector<ipsec::Ipv4Value>;
    static_assert(
        offsetof(Selector, local_first) == 0 && offsetof(Selector, local_last) == 4 &&
        offsetof(Selector, remote_first) == 8 && offsetof(Selector, remote_last) == 12 &&
        offsetof(Selector, local_port_first) == 16 && offsetof(Selector, local_port_last) == 18 &&
        offsetof(Selector, remote_port_first) == 20 && offsetof(Selector, remote_port_last) == 22);
    constexpr unsigned kAsks = ipsec::kSelectorInbound | ipsec::kSelectorWithPorts;
    const auto protocol = static_cast<std::uint8_t>(_mm_extract_epi8(selectors, 12));
    if ((selector_.flags & kAsks) != kAsks || selector_.vrf != vrf ||
        (selector_.protocol != 0 && selector_.protocol != protocol))
      return false;
    // Twice the destination, which is local, and twice the source; so the ports.
    const __m128i addresses = _mm_shuffle_epi32(selectors, _MM_SHUFFLE(0, 0, 1, 1));
    const __m128i ports =
        _mm_shufflelo_epi16(_mm_srli_si128(selectors, 8), _MM_SHUFFLE(0, 0, 1, 1));
    const auto* const range = reinterpret_cast<const __m128i*>(&selector_);
    const __m128i of_addresses = _mm_loadu_si128(range);
    const __m128i of_ports = _mm_loadl_epi64(range + 1);
    // first <= x is max(x, first) == x; x <= last is max(x, last) == last.
    const __m128i addresses_fit =
        _mm_cmpeq_epi32(_mm_max_epu32(addresses, of_addresses),
                        _mm_blend_epi16(addresses, of_addresses, 0b11001100));
    const __m128i ports_fit = _mm_cmpeq_epi16(_mm_max_epu16(ports, of_ports),
                                              _mm_blend_epi16(ports, of_ports, 0b11111010));
    constexpr int kFirstEight = 0xff;
    return (_mm_movemask_epi8(addresses_fit) == 0xffff) &&
           (_mm_movemask_epi8(ports_fit) & kFirstEight) == kFirstEight;
  }

  ipsec::ReplayWindow& window_;
  const ipsec::SpdSelector<ipsec::Ipv4Value>& selector_;
  std::uint32_t remote_;
  std::uint16_t remote_port_;
  std::uint32_t slot_;
  unsigned front_;
  bool udp_;
};

}  // namespace penstock::dataplane
