// SPDX-License-Identifier: BSD-3-Clause
// Tables of fixed size.
#include "lib/dpdk/huge_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace penstock::dpdk {
namespace {

struct Counted {
  Counted() { ++living; }
  ~Counted() { --living; }
  static inline int living = 0;
  std::uint32_t value = 7;
};

TEST(HugeArray, MakesEveryValueByItsDefaultAndEndsEach) {
  {
    const HugeArray<Counted> few(3);
    EXPECT_EQ(Counted::living, 3);
    EXPECT_EQ(few[2].value, 7U);
  }
  EXPECT_EQ(Counted::living, 0);
}

TEST(HugeArray, BeginsOnALineOrOnAHugePage) {
  HugeArray<std::uint64_t> small(5);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small.data()) % 64, 0U);
  HugeArray<std::uint64_t> large(kHugePageOctets / sizeof(std::uint64_t) + 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % kHugePageOctets, 0U);
  EXPECT_TRUE(std::ranges::all_of(large, [](std::uint64_t value) { return value == 0; }));
}

TEST(HugeArray, GivesItsValuesAwayWhenMoved) {
  {
    HugeArray<Counted> from(2);
    from[1].value = 9;
    const HugeArray<Counted> to(std::move(from));
    EXPECT_EQ(to[1].value, 9U);
    EXPECT_EQ(Counted::living, 2);
  }
  EXPECT_EQ(Counted::living, 0);
}

}  // namespace
}  // namespace penstock::dpdk
