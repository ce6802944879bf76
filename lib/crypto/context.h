// SPDX-License-Identifier: BSD-3-Clause
// CryptoContext: OpenSSL's algorithms fetched once, in a library context of our own. A simulation's
// context has a seeded RAND, so that key pairs repeat with the seed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "lib/base/random.h"

namespace penstock::crypto {

/// Not thread-safe while algorithms are first fetched; share one per thread or warm it first.
class CryptoContext {
 public:
  CryptoContext();                             ///< OpenSSL's own randomness
  explicit CryptoContext(std::uint64_t seed);  ///< simulation and fuzzing only
  ~CryptoContext();
  CryptoContext(const CryptoContext&) = delete;
  CryptoContext& operator=(const CryptoContext&) = delete;

  struct Impl;
  [[nodiscard]] Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// OpenSSL's RAND_bytes as a RandomSource.
class SystemRandom final : public base::RandomSource {
 public:
  void fill(base::MutableBytes out) override;
};

}  // namespace penstock::crypto
