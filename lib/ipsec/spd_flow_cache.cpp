// SPDX-License-Identifier: BSD-3-Clause
// A verdict is kept with the version that it was true in. When the version has moved on, the
// changes since are asked whether one of them could have changed this verdict: a rule that matches
// the packet and does not stand behind the rule that answered. If none could, the verdict holds and
// gets the new version. On the path: before the SPD, inbound and outbound.
// Flows are hashed under secrets of this start, so that nobody outside can choose flows that push
// one another out of one set.
#include "lib/ipsec/spd_flow_cache.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <bit>

#include "lib/base/check.h"

namespace penstock::ipsec {
namespace {

constexpr std::size_t kWays = 2;

using Secrets = std::array<std::uint64_t, 6>;

/// Unlike words from one seed (splitmix64).
Secrets secrets_from(std::uint64_t seed) {
  Secrets secrets;
  for (std::uint64_t& secret : secrets) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = (seed ^ seed >> 30U) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27U) * 0x94d049bb133111ebULL;
    secret = z ^ z >> 31U;
  }
  return secrets;
}

/// Both halves of the product.
std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t fold_addresses(const SpdProbe<Ipv4Value>& p, const Secrets&) {
  return p.local.folded() << 32U | p.remote.folded();
}

std::uint64_t fold_addresses(const SpdProbe<Ipv6Value>& p, const Secrets& s) {
  return multiply_fold(p.local.high ^ s[2], p.local.low ^ s[3]) ^
         multiply_fold(p.remote.high ^ s[4], p.remote.low ^ s[5]);
}

}  // namespace

template <class Address>
SpdFlowCacheOf<Address>::SpdFlowCacheOf(const Spd& spd, std::size_t flows,
                                        std::size_t direct_shapes)
    : spd_(spd),
      secrets_(secrets_from(spd.hash_seed())),
      flows_(flows),
      direct_shapes_(direct_shapes) {
  PS_CHECK(std::has_single_bit(flows) && flows >= kWays);
}

template <class Address>
typename SpdFlowCacheOf<Address>::Flow* SpdFlowCacheOf<Address>::set_of(const Probe& p) {
  const std::uint64_t rest = static_cast<std::uint64_t>(p.local_port) << 48U |
                             static_cast<std::uint64_t>(p.remote_port) << 32U |
                             static_cast<std::uint64_t>(p.vrf) << 16U |
                             static_cast<std::uint64_t>(p.protocol) << 8U | p.asks;
  const std::uint64_t h =
      multiply_fold(fold_addresses(p, secrets_) ^ secrets_[0], rest ^ secrets_[1]);
  return &flows_[h & (flows_.size() - kWays)];
}

template <class Address>
bool SpdFlowCacheOf<Address>::still_holds(Flow& flow, SpdVersion version) const {
  if (flow.version == version) return true;
  if (spd_.may_have_changed(flow.probe, {flow.priority, flow.sequence}, flow.version, version))
    return false;
  flow.version = version;
  return true;
}

/// In the same flow's place if it had one, else in the first, and what was there moves on.
template <class Address>
void SpdFlowCacheOf<Address>::keep(Flow* set, const Probe& probe, std::uint32_t match,
                                   SpdVersion version) {
  const bool second = set[1].probe == probe;
  if (!second && set[0].probe != probe) set[1] = set[0];
  const SpdEntry* entry = spd_.entry(match);
  const SpdRank rank = entry != nullptr ? entry->rank() : SpdRank{};
  set[second ? 1 : 0] = {.probe = probe,
                         .version = version,
                         .sequence = rank.sequence,
                         .priority = rank.priority,
                         .match = match};
}

template <class Address>
void SpdFlowCacheOf<Address>::lookup_chunk(policy::Direction direction,
                                           const SpdKeyOf<Address>* keys, const SpdEntry** results,
                                           std::size_t n) {
  const SpdVersion version = spd_.version();
  Probe probes[kSpdBurst];
  Flow* sets[kSpdBurst];
  for (std::size_t k = 0; k < n; ++k) {
    probes[k] = Probe::of(direction, keys[k]);
    sets[k] = set_of(probes[k]);
    rte_prefetch0(sets[k]);
  }
  Probe missed[kSpdBurst];
  std::uint32_t answers[kSpdBurst];
  std::uint8_t who[kSpdBurst];
  std::size_t misses = 0;
  for (std::size_t k = 0; k < n; ++k) {
    Flow* const end = sets[k] + kWays;
    Flow* const flow =
        std::find_if(sets[k], end, [&](const Flow& f) { return f.probe == probes[k]; });
    if (flow != end && still_holds(*flow, version)) {
      results[k] = spd_.entry(flow->match);
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
    results[who[j]] = spd_.entry(answers[j]);
    keep(sets[who[j]], missed[j], answers[j], version);
  }
}

template <class Address>
void SpdFlowCacheOf<Address>::lookup_burst(policy::Direction direction,
                                           const SpdKeyOf<Address>* keys, const SpdEntry** results,
                                           std::size_t n) {
  if (spd_.shapes<Address>() <= direct_shapes_)
    return spd_.lookup_burst(direction, keys, results, n);
  for (std::size_t at = 0; at < n; at += kSpdBurst)
    lookup_chunk(direction, keys + at, results + at, std::min(n - at, kSpdBurst));
}

template class SpdFlowCacheOf<Ipv4Value>;
template class SpdFlowCacheOf<Ipv6Value>;

}  // namespace penstock::ipsec
