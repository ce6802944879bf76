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
template <class Key>
struct Question {
  std::array<Key, kBurst> keys;
  std::array<std::uint8_t, kBurst> places;
  unsigned count = 0;

  void add(const Key& key, std::size_t place) {
    keys[count] = key;
    places[count++] = static_cast<std::uint8_t>(place);
  }
  void put_answers(const std::array<const SpdEntry*, kBurst>& answers,
                   const SpdEntry** entries) const {
    for (unsigned i = 0; i < count; ++i) entries[places[i]] = answers[i];
  }
};

void find_mixed(IpsecState& state, policy::Direction direction,
                std::span<const Packet* const> packets, const SpdEntry** entries) {
  Question<ipsec::SpdKey> v4;
  Question<ipsec::SpdKey6> v6;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (is_ipv6(dpdk::meta(packets[i])))
      v6.add(ipsec::spd_key6(packets[i]), i);
    else
      v4.add(ipsec::spd_key(dpdk::meta(packets[i])), i);
  }
  std::array<const SpdEntry*, kBurst> answers;
  state.policies.lookup_burst(direction, v4.keys.data(), answers.data(), v4.count);
  v4.put_answers(answers, entries);
  state.policies6.lookup_burst(direction, v6.keys.data(), answers.data(), v6.count);
  v6.put_answers(answers, entries);
}

}  // namespace

void find_rules(WorkerContext& ctx, policy::Direction direction,
                std::span<const Packet* const> packets, const SpdEntry** entries) {
  if (packets.empty()) return;
  if (ctx.ipsec == nullptr) {
    std::fill_n(entries, packets.size(), nullptr);
    return;
  }
  std::array<ipsec::SpdKey, kBurst> keys;
  unsigned versions = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const dpdk::PacketMeta& meta = dpdk::meta(packets[i]);
    keys[i] = ipsec::spd_key(meta);
    versions |= meta.ip_version;
  }
  if (versions != 4) [[unlikely]]
    return find_mixed(*ctx.ipsec, direction, packets, entries);
  ctx.ipsec->policies.lookup_burst(direction, keys.data(), entries, packets.size());
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
