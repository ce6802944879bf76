// SPDX-License-Identifier: BSD-3-Clause
// One question to the SPD for the IPv4 packets of a burst and one for its IPv6 packets. A burst of
// IPv4 alone, the common one, is asked as it stands.
#include "dataplane/find_rules.h"

#include <algorithm>

#include "dataplane/addresses.h"

namespace penstock::dataplane {

using dpdk::Packet;
using ipsec::SpdEntry;

namespace {

/// Packets of one version, and where in the burst they stand.
struct Question {
  std::array<const Packet*, kBurst> packets;
  std::array<std::uint8_t, kBurst> places;
  unsigned count = 0;

  void add(const Packet* packet, std::size_t place) {
    packets[count] = packet;
    places[count++] = static_cast<std::uint8_t>(place);
  }
  template <class Cache>
  void ask(Cache& cache, policy::Direction direction, const SpdEntry** entries) const {
    std::array<const SpdEntry*, kBurst> answers;
    cache.lookup_packets(direction, packets.data(), answers.data(), count);
    for (unsigned i = 0; i < count; ++i) entries[places[i]] = answers[i];
  }
};

void find_mixed(IpsecState& state, policy::Direction direction,
                std::span<const Packet* const> packets, const SpdEntry** entries) {
  Question v4;
  Question v6;
  for (std::size_t i = 0; i < packets.size(); ++i)
    (is_ipv6(dpdk::meta(packets[i])) ? v6 : v4).add(packets[i], i);
  v4.ask(state.policies, direction, entries);
  v6.ask(state.policies6, direction, entries);
}

}  // namespace

void find_rules(WorkerContext& ctx, policy::Direction direction,
                std::span<const Packet* const> packets, const SpdEntry** entries) {
  if (packets.empty()) return;
  if (ctx.ipsec == nullptr) {
    std::fill_n(entries, packets.size(), nullptr);
    return;
  }
  unsigned versions = 0;
  for (const Packet* packet : packets) versions |= dpdk::meta(packet).ip_version;
  if (versions != 4) [[unlikely]]
    return find_mixed(*ctx.ipsec, direction, packets, entries);
  ctx.ipsec->policies.lookup_packets(direction, packets.data(), entries, packets.size());
}

const SpdEntry* find_rule(WorkerContext& ctx, policy::Direction direction,
                          const policy::PacketSelectors& packet, net::Vrf vrf) {
  if (ctx.ipsec == nullptr) return nullptr;
  const SpdEntry* entry = nullptr;
  if (packet.source.is_v4()) {
    const auto key = ipsec::SpdKey::of(packet, vrf);
    ctx.ipsec->policies.lookup_burst(direction, &key, &entry, 1);
  } else {
    const auto key = ipsec::SpdKey6::of(packet, vrf);
    ctx.ipsec->policies6.lookup_burst(direction, &key, &entry, 1);
  }
  return entry;
}

}  // namespace penstock::dataplane
