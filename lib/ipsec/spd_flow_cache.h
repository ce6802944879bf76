// SPDX-License-Identifier: BSD-3-Clause
// SpdFlowCache: one worker's verdicts of the SPD, exact after every change. It stands in front of
// Spd::lookup_burst where policies are of many shapes; with few shapes the SPD itself is as fast.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/ipsec/spd.h"

namespace penstock::ipsec {

/// Verdicts a worker keeps, in sets of two.
inline constexpr std::size_t kSpdFlows = 8'192;
/// Up to this many shapes a lookup goes past the cache: probing them costs no more.
inline constexpr std::size_t kSpdDirectShapes = 3;

class SpdFlowCache {
 public:
  /// @param spd  outlives the cache; @param flows  a power of two
  explicit SpdFlowCache(const Spd& spd, std::size_t flows = kSpdFlows,
                        std::size_t direct_shapes = kSpdDirectShapes);

  /// As Spd::lookup_burst. The worker's alone.
  void lookup_burst(policy::Direction direction, const SpdKey* keys, const SpdEntry** results,
                    std::size_t n);

  struct Statistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  struct alignas(64) Flow {
    SpdProbe<Ipv4Value> probe{};
    const SpdEntry* entry = nullptr;  ///< not to be read before still_holds()
    SpdVersion version = 0;
    SpdRank rank;  ///< of the rule that answered; behind all others if none did
    bool used = false;
  };
  static_assert(sizeof(Flow) == 64);

  [[nodiscard]] Flow* set_of(const SpdProbe<Ipv4Value>& probe);
  [[nodiscard]] bool still_holds(Flow& flow, SpdVersion version) const;
  void lookup_chunk(policy::Direction direction, const SpdKey* keys, const SpdEntry** results,
                    std::size_t n);

  const Spd& spd_;
  std::vector<Flow> flows_;
  std::size_t direct_shapes_;
  Statistics statistics_;
};

}  // namespace penstock::ipsec
