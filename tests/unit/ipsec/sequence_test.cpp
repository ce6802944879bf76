// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/sequence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "lib/ipsec/ecn.h"
#include "lib/ipsec/spi_space.h"

namespace penstock::ipsec {
namespace {

TEST(SequenceCounter, StartsAtOne) {
  SequenceCounter c;
  EXPECT_EQ(c.reserve(1, false), 1U);
  EXPECT_EQ(c.reserve(32, false), 2U);
  EXPECT_EQ(c.reserve(1, true), 34U);
  EXPECT_EQ(c.reserved(), 34U);
}

TEST(SequenceCounter, GoesOnAboveARestart) {
  SequenceCounter c;
  c.restart(kLastSequence - 2);
  EXPECT_EQ(c.reserve(4, true), kLastSequence - 1);
  EXPECT_EQ(c.reserve(4, true), kLastSequence + 3);  // 64 bits inside: never 0 again
}

TEST(SequenceCounter, GivesEachNumberOnceToManyWorkers) {
  SequenceCounter c;
  std::vector<std::vector<std::uint64_t>> taken(4);
  std::vector<std::thread> workers;
  for (auto& mine : taken)
    workers.emplace_back([&c, &mine] {
      for (unsigned i = 0; i < 5000; ++i) {
        const unsigned n = 1 + i % 7;
        const std::uint64_t first = c.reserve(n, true);
        for (unsigned k = 0; k < n; ++k) mine.push_back(first + k);
      }
    });
  for (auto& w : workers) w.join();
  std::vector<std::uint64_t> all;
  for (const auto& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
  std::ranges::sort(all);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
}

TEST(SequenceLimits, AskForARekeyLongBeforeTheEnd) {
  EXPECT_EQ(last_sequence(false), 0xffffffffU);
  EXPECT_LT(soft_sequence(false), last_sequence(false) - (1U << 29));
  EXPECT_GT(soft_sequence(true), 1ULL << 62);
}

TEST(SpiSpace, GivesSpisThatCarryTheirPlaceAndAreNoReservedOnes) {
  SpiSpace space(256);
  base::SeededRandom random(1);
  std::vector<bool> seen(256);
  for (int i = 0; i < 256; ++i) {
    const auto spi = space.take(random);
    ASSERT_TRUE(spi);
    EXPECT_GE(*spi, 256U);  // RFC 4303 §2.1
    EXPECT_FALSE(seen[space.place_of(*spi)]);
    seen[space.place_of(*spi)] = true;
  }
  EXPECT_FALSE(space.take(random));
}

TEST(SpiSpace, UsesAPlaceAgainAsLateAsPossibleAndWithAnotherTag) {
  SpiSpace space(256);
  base::SeededRandom random(1);
  const std::uint32_t first = *space.take(random);
  space.give_back(first);
  for (int i = 0; i < 255; ++i) EXPECT_NE(space.place_of(*space.take(random)), first & 255U);
  const std::uint32_t again = *space.take(random);
  EXPECT_EQ(space.place_of(again), space.place_of(first));
  EXPECT_NE(again, first);
}

/// RFC 6040 figure 4, cell by cell; 0 Not-ECT, 2 ECT(0), 1 ECT(1), 3 CE.
TEST(Ecn, DecapsulatesAsTheFigureSays) {
  const std::uint8_t order[] = {0, 2, 1, 3};  // the figure's order of rows and columns
  const std::uint8_t figure[4][4] = {{0, 0, 0, kEcnDrop}, {2, 2, 1, 3}, {1, 1, 1, 3}, {3, 3, 3, 3}};
  for (int inner = 0; inner < 4; ++inner)
    for (int outer = 0; outer < 4; ++outer)
      EXPECT_EQ(kEcnDecapsulation[order[inner]][order[outer]], figure[inner][outer]);
}

}  // namespace
}  // namespace penstock::ipsec
