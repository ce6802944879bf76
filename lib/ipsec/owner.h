// SPDX-License-Identifier: BSD-3-Clause
// OwnerMap: which worker owns an inbound SA, by bits of its SPI alone (design §4.7), so that no
// table is asked, and so that a port that can match bits of an SPI steers by a few rules.
#pragma once

#include <bit>
#include <cstdint>

namespace penstock::ipsec {

/// The low bits of an SPI are a bucket, and the buckets go round over the workers. As many buckets
/// as workers where that is a power of two; otherwise so many that no worker has an eighth more of
/// the SPIs than its share.
class OwnerMap {
 public:
  explicit constexpr OwnerMap(std::uint32_t workers)
      : workers_(workers),
        mask_((std::has_single_bit(workers) ? workers : std::bit_ceil(workers * 8)) - 1) {}

  /// @return 0 … workers - 1
  [[nodiscard]] constexpr unsigned owner_of(std::uint32_t spi) const {
    return (spi & mask_) % workers_;
  }
  [[nodiscard]] constexpr std::uint32_t buckets() const { return mask_ + 1; }
  /// The bits of an SPI that name its bucket: the bucket is their value.
  [[nodiscard]] constexpr std::uint32_t mask() const { return mask_; }

 private:
  std::uint32_t workers_;
  std::uint32_t mask_;
};

}  // namespace penstock::ipsec
