// SPDX-License-Identifier: BSD-3-Clause
// SpdFlowCache, SpdFlowCache6: one worker's verdicts of the SPD, exact after every change. They
// stand in front of Spd::lookup_burst.
#pragma once

#include <array>
#include <cstdint>

#include "lib/dpdk/huge_array.h"
#include "lib/ipsec/spd.h"

namespace penstock::ipsec {

/// Verdicts that a worker keeps of each IP version, in sets of two, at least.
inline constexpr std::size_t kSpdFlows = 8'192;

/// A probe as words. They are made in registers: a word read back from fields that were just stored
/// one by one would wait for them.
template <class Address>
using SpdProbeWords = std::array<std::uint64_t, sizeof(SpdProbe<Address>) / sizeof(std::uint64_t)>;

template <class Address>
class SpdFlowCacheOf {
 public:
  /// @param spd  outlives the cache; @param flows  a power of two
  explicit SpdFlowCacheOf(const Spd& spd, std::size_t flows = kSpdFlows);

  /// As Spd::lookup_burst. The worker's alone.
  void lookup_burst(policy::Direction direction, const SpdKeyOf<Address>* keys,
                    const SpdEntry** results, std::size_t n);
  /// The same for packets whose meta describes the header where their data starts.
  void lookup_packets(policy::Direction direction, const dpdk::Packet* const* packets,
                      const SpdEntry** results, std::size_t n);

  struct Statistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  using Probe = SpdProbe<Address>;
  using Words = SpdProbeWords<Address>;
  /// A free place is a probe that asks nothing, as no packet's does.
  struct alignas(64) Flow {
    Probe probe{};
    SpdVersion version = 0;
    std::uint64_t sequence = 0;  ///< with `priority` the rank of the rule that answered
    std::uint32_t priority = 0;
    std::uint32_t match = kSpdNoMatch;  ///< whose entry is not to be read before still_holds()
  };
  static_assert(sizeof(Flow) == 64);
  /// What a burst asks, and where the cache would know it.
  struct Asked {
    Words words[kSpdBurst];
    Flow* sets[kSpdBurst];
  };

  [[nodiscard]] bool still_holds(Flow& flow, SpdVersion version) const;
  void keep(Flow* set, const Probe& probe, std::uint32_t match, SpdVersion version);
  void look_up_missed(const Asked& asked, const std::uint8_t* who, std::size_t misses,
                      SpdVersion version, const SpdEntry** results);
  template <class WordsAt>
  void lookup_words(const WordsAt& words_at, const SpdEntry** results, std::size_t n);
  template <class WordsAt>
  void lookup_chunk(const WordsAt& words_at, const SpdEntry** results, std::size_t n);

  const Spd& spd_;
  std::array<std::uint64_t, 6> secrets_;
  dpdk::HugeArray<Flow> flows_;
  Statistics statistics_;
};

using SpdFlowCache = SpdFlowCacheOf<Ipv4Value>;
using SpdFlowCache6 = SpdFlowCacheOf<Ipv6Value>;

extern template class SpdFlowCacheOf<Ipv4Value>;
extern template class SpdFlowCacheOf<Ipv6Value>;

}  // namespace penstock::ipsec
