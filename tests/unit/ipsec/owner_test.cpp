// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/owner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace penstock::ipsec {
namespace {

TEST(OwnerMap, APowerOfTwoNeedsAsManyBucketsAsWorkers) {
  for (const unsigned workers : {1U, 2U, 4U, 8U, 64U}) {
    const OwnerMap map(workers);
    EXPECT_EQ(map.buckets(), workers);
    for (std::uint32_t spi = 0x1000; spi < 0x1100; ++spi)
      EXPECT_EQ(map.owner_of(spi), spi % workers);
  }
}
TEST(OwnerMap, BitsOfTheSpiDecide) {
  for (unsigned workers = 1; workers <= 130; ++workers) {
    const OwnerMap map(workers);
    EXPECT_EQ(map.buckets(), map.mask() + 1);
    for (const std::uint32_t spi : {0U, 1U, 255U, 0x12345678U, 0xffffffffU}) {
      EXPECT_EQ(map.owner_of(spi), map.owner_of(spi & map.mask()));
      EXPECT_LT(map.owner_of(spi), workers);
    }
  }
}
TEST(OwnerMap, NoWorkerHasAnEighthMoreThanItsShare) {
  for (unsigned workers = 1; workers <= 130; ++workers) {
    const OwnerMap map(workers);
    std::vector<unsigned> share(workers);
    for (std::uint32_t bucket = 0; bucket < map.buckets(); ++bucket) ++share[map.owner_of(bucket)];
    EXPECT_LE(*std::ranges::max_element(share) * workers, map.buckets() + map.buckets() / 8)
        << workers;
    EXPECT_GT(*std::ranges::min_element(share), 0U);
  }
}
TEST(OwnerMap, SpisInTurnGoRound) {
  const OwnerMap map(3);
  for (std::uint32_t spi = 0; spi < 9; ++spi) EXPECT_EQ(map.owner_of(spi), spi % 3);
}

}  // namespace
}  // namespace penstock::ipsec
