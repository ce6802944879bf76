// SPDX-License-Identifier: BSD-3-Clause
// RandomSource: randomness is an argument, as time is. The real one is OpenSSL's (lib/crypto),
// a simulation's is seeded.
#pragma once

#include "lib/base/bytes.h"

namespace penstock::base {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  /// Fills `out`. A source that cannot ends the process: nothing of ours may go on without it.
  virtual void fill(MutableBytes out) = 0;

  [[nodiscard]] std::uint64_t u64() {
    std::uint64_t v = 0;
    fill(std::as_writable_bytes(std::span<std::uint64_t, 1>(&v, 1)));
    return v;
  }
  /// 0 … bound-1; bound is not 0. The bias is below bound / 2^64.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return u64() % bound; }
};

/// A seeded generator (SplitMix64): the same seed gives the same octets. Never for real keys.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override {
    for (std::size_t i = 0; i < out.size(); i += 8) {
      std::uint64_t v = next();
      for (std::size_t j = i; j < out.size() && j < i + 8; ++j, v >>= 8)
        out[j] = static_cast<std::byte>(v & 0xff);
    }
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace penstock::base
