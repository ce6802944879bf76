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

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

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

template <class Address>
using Words = SpdProbeWords<Address>;
static_assert(std::endian::native == std::endian::little);
static_assert(std::has_unique_object_representations_v<SpdProbe<Ipv4Value>>);
static_assert(std::has_unique_object_representations_v<SpdProbe<Ipv6Value>>);

std::uint64_t last_word(std::uint16_t local_port, std::uint16_t remote_port, std::uint16_t vrf,
                        std::uint8_t protocol, std::uint8_t asks) {
  return local_port | static_cast<std::uint64_t>(remote_port) << 16U |
         static_cast<std::uint64_t>(vrf) << 32U | static_cast<std::uint64_t>(protocol) << 48U |
         static_cast<std::uint64_t>(asks) << 56U;
}

Words<Ipv4Value> words_of(const Ipv4Value& local, const Ipv4Value& remote, std::uint64_t last) {
  return {local.value | static_cast<std::uint64_t>(remote.value) << 32U, last};
}
Words<Ipv6Value> words_of(const Ipv6Value& local, const Ipv6Value& remote, std::uint64_t last) {
  return {local.high, local.low, remote.high, remote.low, last};
}

/// Those of SpdProbe::of().
template <class Address>
[[gnu::always_inline]] inline Words<Address> words_of(bool out, const SpdKeyOf<Address>& key) {
  const auto asks =
      static_cast<std::uint8_t>((out ? kSelectorOutbound : kSelectorInbound) |
                                (key.has_ports ? kSelectorWithPorts : kSelectorWithoutPorts));
  const std::uint16_t vrf = key.vrf.value();
  return out ? words_of(key.source, key.destination,
                        last_word(key.source_port, key.destination_port, vrf, key.protocol, asks))
             : words_of(key.destination, key.source,
                        last_word(key.destination_port, key.source_port, vrf, key.protocol, asks));
}

/// The same of an IPv4 packet as its meta has it, where the fields of a packet with TCP's or UDP's
/// ports stand as a probe has them.
[[gnu::always_inline]] inline Words<Ipv4Value> words_of(bool out, const dpdk::PacketMeta& meta) {
  static_assert(offsetof(dpdk::PacketMeta, source) == 0 &&
                offsetof(dpdk::PacketMeta, destination) == 4 &&
                offsetof(dpdk::PacketMeta, source_port) == 8 &&
                offsetof(dpdk::PacketMeta, destination_port) == 10);
  if ((meta.protocol != kTcp && meta.protocol != kUdp) || (meta.flags & dpdk::kHasPorts) == 0)
      [[unlikely]]
    return words_of<Ipv4Value>(out, spd_key(meta));
  std::uint64_t addresses;
  std::uint32_t ports;
  std::memcpy(&addresses, &meta.source, sizeof(addresses));
  std::memcpy(&ports, &meta.source_port, sizeof(ports));
  const unsigned asks = (out ? kSelectorOutbound : kSelectorInbound) | kSelectorWithPorts;
  return {out ? addresses : std::rotl(addresses, 32),
          (out ? ports : std::rotl(ports, 16)) | static_cast<std::uint64_t>(meta.vrf) << 32U |
              static_cast<std::uint64_t>(meta.protocol) << 48U |
              static_cast<std::uint64_t>(asks) << 56U};
}

std::uint64_t hash(const Words<Ipv4Value>& w, const Secrets& s) {
  return multiply_fold(w[0] ^ s[0], w[1] ^ s[1]);
}
std::uint64_t hash(const Words<Ipv6Value>& w, const Secrets& s) {
  const std::uint64_t addresses =
      multiply_fold(w[0] ^ s[2], w[1] ^ s[3]) ^ multiply_fold(w[2] ^ s[4], w[3] ^ s[5]);
  return multiply_fold(addresses ^ s[0], w[4] ^ s[1]);
}

template <class Address>
bool is_of(const SpdProbe<Address>& kept, const Words<Address>& asked) {
  const auto words = std::bit_cast<Words<Address>>(kept);
  std::uint64_t other = 0;
  for (std::size_t i = 0; i < words.size(); ++i) other |= words[i] ^ asked[i];
  return other == 0;
}

}  // namespace

template <class Address>
SpdFlowCacheOf<Address>::SpdFlowCacheOf(const Spd& spd, std::size_t flows)
    : spd_(spd), secrets_(secrets_from(spd.hash_seed())), flows_(flows) {
  PS_CHECK(std::has_single_bit(flows) && flows >= kWays);
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

/// Asks the SPD for what the cache does not know, and keeps the verdicts.
template <class Address>
[[gnu::noinline]] void SpdFlowCacheOf<Address>::look_up_missed(const Asked& asked,
                                                               const std::uint8_t* who,
                                                               std::size_t misses,
                                                               SpdVersion version,
                                                               const SpdEntry** results) {
  Probe missed[kSpdBurst];
  std::uint32_t answers[kSpdBurst];
  for (std::size_t j = 0; j < misses; ++j) missed[j] = std::bit_cast<Probe>(asked.words[who[j]]);
  spd_.lookup_probes(missed, answers, misses, version);
  for (std::size_t j = 0; j < misses; ++j) {
    results[who[j]] = spd_.entry(answers[j]);
    keep(asked.sets[who[j]], missed[j], answers[j], version);
  }
}

/// @param words_at  makes the words of a place: in registers, not in memory
template <class Address>
template <class WordsAt>
[[gnu::always_inline]] inline void SpdFlowCacheOf<Address>::lookup_chunk(const WordsAt& words_at,
                                                                         const SpdEntry** results,
                                                                         std::size_t n) {
  const SpdVersion version = spd_.version();
  Asked asked;
  Flow* const flows = flows_.data();
  const std::size_t mask = flows_.size() - kWays;
  const Secrets secrets = secrets_;
  for (std::size_t k = 0; k < n; ++k) {
    const Words words = words_at(k);
    asked.words[k] = words;
    asked.sets[k] = flows + (hash(words, secrets) & mask);
    rte_prefetch0(asked.sets[k]);
  }
  std::uint8_t who[kSpdBurst];
  std::size_t misses = 0;
  for (std::size_t k = 0; k < n; ++k) {
    Flow* const set = asked.sets[k];
    const Words words = asked.words[k];
    Flow* const flow = is_of(set[0].probe, words)   ? set
                       : is_of(set[1].probe, words) ? set + 1
                                                    : nullptr;
    if (flow != nullptr && still_holds(*flow, version)) [[likely]] {
      results[k] = spd_.entry(flow->match);
      rte_prefetch0(results[k]);
    } else {
      who[misses++] = static_cast<std::uint8_t>(k);
    }
  }
  statistics_.hits += n - misses;
  statistics_.misses += misses;
  if (misses != 0) look_up_missed(asked, who, misses, version, results);
}

template <class Address>
template <class WordsAt>
[[gnu::always_inline]] inline void SpdFlowCacheOf<Address>::lookup_words(const WordsAt& words_at,
                                                                         const SpdEntry** results,
                                                                         std::size_t n) {
  for (std::size_t at = 0; at < n; at += kSpdBurst)
    lookup_chunk([&](std::size_t k) { return words_at(at + k); }, results + at,
                 std::min(n - at, kSpdBurst));
}

template <class Address>
void SpdFlowCacheOf<Address>::lookup_burst(policy::Direction direction,
                                           const SpdKeyOf<Address>* keys, const SpdEntry** results,
                                           std::size_t n) {
  const bool out = direction == policy::Direction::kOutbound;
  lookup_words([&](std::size_t k) { return words_of<Address>(out, keys[k]); }, results, n);
}

template <class Address>
void SpdFlowCacheOf<Address>::lookup_packets(policy::Direction direction,
                                             const dpdk::Packet* const* packets,
                                             const SpdEntry** results, std::size_t n) {
  const bool out = direction == policy::Direction::kOutbound;
  const auto words_at = [&](std::size_t k) {
    if constexpr (Address::kBits == Ipv4Value::kBits)
      return words_of(out, dpdk::meta(packets[k]));
    else
      return words_of<Address>(out, spd_key6(packets[k]));
  };
  lookup_words(words_at, results, n);
}

template class SpdFlowCacheOf<Ipv4Value>;
template class SpdFlowCacheOf<Ipv6Value>;

}  // namespace penstock::ipsec
