// SPDX-License-Identifier: BSD-3-Clause
// SPIs of our own choice (RFC 4303 §2.1 leaves it to the receiver). The tag makes a guess unlikely
// to hit, and keeps a late packet of a place's last SA from meeting its next one.
#include "lib/ipsec/spi_space.h"

#include <bit>

#include "lib/base/check.h"

namespace penstock::ipsec {

SpiSpace::SpiSpace(std::uint32_t places)
    : places_(places), tag_shift_(static_cast<unsigned>(std::countr_zero(places))) {
  PS_CHECK(std::has_single_bit(places) && places >= 256 && places <= (1U << 22));
  for (std::uint32_t place = 0; place < places; ++place) free_.push_back(place);
}

std::optional<std::uint32_t> SpiSpace::take(base::RandomSource& random) {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t last = free_.front();
  free_.pop_front();
  const std::uint64_t tags = (std::uint64_t{1} << (32 - tag_shift_)) - 1;  // 1 … tags
  for (;;) {
    const auto tag = static_cast<std::uint32_t>(1 + random.below(tags));
    const std::uint32_t spi = tag << tag_shift_ | place_of(last);
    if (spi != last) return spi;
  }
}

void SpiSpace::give_back(std::uint32_t spi) { free_.push_back(spi); }

}  // namespace penstock::ipsec
