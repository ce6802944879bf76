// SPDX-License-Identifier: BSD-3-Clause
// SpdSelector: one pair of a local and a remote traffic selector, resolved so that a packet is
// compared with it without asking what kind of selector it was (RFC 4301 §4.4.1.1, §7).
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/result.h"
#include "lib/ipsec/spd_key.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::ipsec {

/// What a selector is good for, and what a packet asks of it: all bits asked must be there.
inline constexpr unsigned kSelectorOutbound = 1;
inline constexpr unsigned kSelectorInbound = 2;
inline constexpr unsigned kSelectorWithPorts = 4;     ///< fits packets that show ports
inline constexpr unsigned kSelectorWithoutPorts = 8;  ///< those that do not: ANY or OPAQUE

/// A packet's key turned to the policy's view: outbound the source is local, inbound the
/// destination.
template <class Address>
struct SpdProbe {
  Address local;
  Address remote;
  std::uint16_t local_port;
  std::uint16_t remote_port;
  std::uint16_t vrf;
  std::uint8_t protocol;
  std::uint8_t asks;  ///< kSelector… bits

  friend bool operator==(const SpdProbe&, const SpdProbe&) = default;
  [[nodiscard]] static SpdProbe of(policy::Direction direction, const SpdKeyOf<Address>& key) {
    const bool out = direction == policy::Direction::kOutbound;
    return {.local = out ? key.source : key.destination,
            .remote = out ? key.destination : key.source,
            .local_port = out ? key.source_port : key.destination_port,
            .remote_port = out ? key.destination_port : key.source_port,
            .vrf = key.vrf.value(),
            .protocol = key.protocol,
            .asks = static_cast<std::uint8_t>(
                (out ? kSelectorOutbound : kSelectorInbound) |
                (key.has_ports ? kSelectorWithPorts : kSelectorWithoutPorts))};
  }
};

/// Of an IPv4 packet as its meta has it: SpdProbe::of(direction, spd_key(meta)), with few questions
/// to what has TCP's or UDP's ports.
[[nodiscard, gnu::always_inline]] inline SpdProbe<Ipv4Value> spd_probe(
    policy::Direction direction, const dpdk::PacketMeta& meta) {
  constexpr std::uint8_t kTcp = 6;
  constexpr std::uint8_t kUdp = 17;
  if ((meta.protocol != kTcp && meta.protocol != kUdp) || (meta.flags & dpdk::kHasPorts) == 0)
      [[unlikely]]
    return SpdProbe<Ipv4Value>::of(direction, spd_key(meta));
  return SpdProbe<Ipv4Value>::of(direction, {.source = {meta.source},
                                             .destination = {meta.destination},
                                             .source_port = meta.source_port,
                                             .destination_port = meta.destination_port,
                                             .protocol = meta.protocol,
                                             .has_ports = true,
                                             .vrf = net::Vrf{meta.vrf}});
}

/// Inclusive ranges. Compare packets with it by SpdProbe, in the data plane too.
template <class Address>
struct SpdSelector {
  Address local_first;
  Address local_last;
  Address remote_first;
  Address remote_last;
  std::uint16_t local_port_first = 0;
  std::uint16_t local_port_last = 0xffff;
  std::uint16_t remote_port_first = 0;
  std::uint16_t remote_port_last = 0xffff;
  std::uint16_t vrf = 0;
  std::uint8_t protocol = 0;  ///< 0: any
  std::uint8_t flags = 0;     ///< kSelector… bits

  [[nodiscard]] bool matches(const SpdProbe<Address>& p) const {
    const bool ports = (p.asks & kSelectorWithoutPorts) != 0 ||
                       (local_port_first <= p.local_port && p.local_port <= local_port_last &&
                        remote_port_first <= p.remote_port && p.remote_port <= remote_port_last);
    return local_first <= p.local && p.local <= local_last && remote_first <= p.remote &&
           p.remote <= remote_last && (protocol == 0 || protocol == p.protocol) && ports &&
           (flags & p.asks) == p.asks && vrf == p.vrf;
  }
};

/// Every pair of `local` and `remote` that some packet can fit, in the order of the lists; a pair
/// whose ports mean different things in the two directions (ICMP types) becomes two. Pairs of
/// another family are left out.
/// @return kMalformed where a range is empty, or where ports are asked of protocol ANY or of a
/// protocol without ports (RFC 4301 appendix D.2)
template <class Address>
[[nodiscard]] base::Result<std::vector<SpdSelector<Address>>> spd_selectors(
    const policy::TrafficSelectors& local, const policy::TrafficSelectors& remote, net::Vrf vrf);

extern template base::Result<std::vector<SpdSelector<Ipv4Value>>> spd_selectors(
    const policy::TrafficSelectors&, const policy::TrafficSelectors&, net::Vrf);
extern template base::Result<std::vector<SpdSelector<Ipv6Value>>> spd_selectors(
    const policy::TrafficSelectors&, const policy::TrafficSelectors&, net::Vrf);

}  // namespace penstock::ipsec
