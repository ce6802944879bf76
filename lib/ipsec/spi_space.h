// SPDX-License-Identifier: BSD-3-Clause
// SpiSpace: which places of the SAD are free, and the SPIs that name them: the low bits are the
// place, the high bits a random tag. A place is used again as late as possible.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "lib/base/random.h"

namespace penstock::ipsec {

class SpiSpace {
 public:
  /// @param places  a power of two, at least 256: so an SPI with a tag is never a reserved one
  explicit SpiSpace(std::uint32_t places);

  /// An SPI whose place nobody has until give_back(); nothing if there is no free place.
  [[nodiscard]] std::optional<std::uint32_t> take(base::RandomSource& random);
  /// Takes a named place's SPI back: no packet can meet it any more.
  void give_back(std::uint32_t spi);

  [[nodiscard]] std::uint32_t place_of(std::uint32_t spi) const { return spi & (places_ - 1); }
  [[nodiscard]] std::size_t free() const { return free_.size(); }

 private:
  std::uint32_t places_;
  unsigned tag_shift_;
  std::deque<std::uint32_t> free_;  ///< the last SPI of each free place; without a tag at first
};

}  // namespace penstock::ipsec
