// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/latch.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock::ipsec {
namespace {

TEST(Latch, HoldsWhatWasStoredLast) {
  Latch<2> latch;
  EXPECT_EQ(latch.load(), (Latch<2>::Words{0, 0}));
  for (std::uint64_t i = 1; i < 5; ++i) {
    latch.store({i, 10 * i});
    EXPECT_EQ(latch.load(), (Latch<2>::Words{i, 10 * i}));
  }
}

TEST(Latch, AReaderNeverSeesWordsOfTwoStores) {
  Latch<7> latch;
  std::atomic<bool> done{false};
  std::uint64_t last = 0;
  std::uint64_t torn = 0;
  std::thread reader([&] {
    while (!done.load(std::memory_order_relaxed)) {
      const auto words = latch.load();
      for (const std::uint64_t word : words) torn += word != words[0] ? 1U : 0U;
      torn += words[0] < last ? 1U : 0U;
      last = words[0];
    }
  });
  for (std::uint64_t i = 1; i <= 300'000; ++i) latch.store({i, i, i, i, i, i, i});
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0U);
}

}  // namespace
}  // namespace penstock::ipsec
