// SPDX-License-Identifier: BSD-3-Clause
// A verdict is kept with the version that it was true in. When the version has moved on, the
// changes since are asked whether one of them could have changed this verdict: a rule that matches
// the packet and does not stand behind the rule that answered. If none could, the verdict holds and
// gets the new version. On the path: before the SPD, inbound and outbound.
#include "lib/ipsec/spd_flow_cache.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <bit>

#include "lib/base/check.h"

namespace penstock::ipsec {
namespace {

constexpr std::size_t kWays = 2;

}  // namespace

SpdFlowCache::SpdFlowCache(const Spd& spd, std::size_t flows, std::size_t direct_shapes)
    : spd_(spd), flows_(flows), direct_shapes_(direct_shapes) {
  PS_CHECK(std::has_single_bit(flows) && flows >= kWays);
}

SpdFlowCache::Flow* SpdFlowCache::set_of(const SpdProbe<Ipv4Value>& p) {
  std::uint64_t h = (p.local.folded() << 32U | p.remote.folded()) * 0x9e3779b97f4a7c15ULL;
  h ^= h >> 32U;
  h ^=
      (static_cast<std::uint64_t>(p.local_port) << 48U |
       static_cast<std::uint64_t>(p.remote_port) << 32U | static_cast<std::uint64_t>(p.vrf) << 16U |
       static_cast<std::uint64_t>(p.protocol) << 8U | p.asks) *
      0xbf58476d1ce4e5b9ULL;
  h *= 0x94d049bb133111ebULL;
  return &flows_[(h >> 32U) & (flows_.size() - kWays)];
}

bool SpdFlowCache::still_holds(Flow& flow, SpdVersion version) const {
  if (flow.version == version) return true;
  if (spd_.may_have_changed(flow.probe, flow.rank, flow.version, version)) return false;
  flow.version = version;
  return true;
}

void SpdFlowCache::lookup_chunk(policy::Direction direction, const SpdKey* keys,
                                const SpdEntry** results, std::size_t n) {
  const SpdVersion version = spd_.version();
  SpdProbe<Ipv4Value> probes[kSpdBurst];
  Flow* sets[kSpdBurst];
  for (std::size_t k = 0; k < n; ++k) {
    probes[k] = SpdProbe<Ipv4Value>::of(direction, keys[k]);
    sets[k] = set_of(probes[k]);
    rte_prefetch0(sets[k]);
  }
  SpdProbe<Ipv4Value> missed[kSpdBurst];
  const SpdEntry* answers[kSpdBurst];
  std::uint8_t who[kSpdBurst];
  std::size_t misses = 0;
  for (std::size_t k = 0; k < n; ++k) {
    Flow* const end = sets[k] + kWays;
    Flow* const flow =
        std::find_if(sets[k], end, [&](const Flow& f) { return f.used && f.probe == probes[k]; });
    if (flow != end && still_holds(*flow, version)) {
      results[k] = flow->entry;
      continue;
    }
    missed[misses] = probes[k];
    who[misses++] = static_cast<std::uint8_t>(k);
  }
  statistics_.hits += n - misses;
  statistics_.misses += misses;
  if (misses == 0) return;
  spd_.lookup_probes(missed, answers, misses, version);
  for (std::size_t j = 0; j < misses; ++j) {
    const std::size_t k = who[j];
    results[k] = answers[j];
    // In the same flow's place if it had one, else in the first, and what was there moves on.
    Flow* const set = sets[k];
    const bool second = set[1].used && set[1].probe == probes[k];
    if (!second && set[0].used && set[0].probe != probes[k]) set[1] = set[0];
    set[second ? 1 : 0] = {.probe = probes[k],
                           .entry = answers[j],
                           .version = version,
                           .rank = answers[j] != nullptr ? answers[j]->rank() : SpdRank{},
                           .used = true};
  }
}

void SpdFlowCache::lookup_burst(policy::Direction direction, const SpdKey* keys,
                                const SpdEntry** results, std::size_t n) {
  if (spd_.shapes_v4() <= direct_shapes_) return spd_.lookup_burst(direction, keys, results, n);
  for (std::size_t at = 0; at < n; at += kSpdBurst)
    lookup_chunk(direction, keys + at, results + at, std::min(n - at, kSpdBurst));
}

}  // namespace penstock::ipsec
