// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace penstock::ipsec {
namespace {

using enum ReplayVerdict;

/// A window with its words.
struct Window : ReplayWindow {
  explicit Window(std::uint32_t size) : words(words_for(size)) { reset(size, words.data()); }
  std::vector<std::uint64_t> words;
};

// The edges by number, for a window of 64.

TEST(ReplayWindow, Edge1ZeroIsNeverSent) {
  Window w(64);
  EXPECT_EQ(w.check(0), kZero);
  EXPECT_EQ(w.insert(0), kZero);
  EXPECT_EQ(w.top(), 0U);
}

TEST(ReplayWindow, Edge2TheFirstNumberIsFreshOnce) {
  Window w(64);
  EXPECT_EQ(w.insert(1), kFresh);
  EXPECT_EQ(w.check(1), kSeen);
  EXPECT_EQ(w.insert(1), kSeen);
}

TEST(ReplayWindow, Edge3CheckMovesNothing) {
  Window w(64);
  EXPECT_EQ(w.check(1000), kFresh);
  EXPECT_EQ(w.top(), 0U);
  EXPECT_EQ(w.insert(5), kFresh);
}

TEST(ReplayWindow, Edge4TheBottomOfTheWindowIsInAndOneBelowIsLeft) {
  Window w(64);
  ASSERT_EQ(w.insert(100), kFresh);
  EXPECT_EQ(w.check(100 - 63), kFresh);
  EXPECT_EQ(w.check(100 - 64), kLeft);
  EXPECT_EQ(w.insert(37), kFresh);
  EXPECT_EQ(w.insert(37), kSeen);
  EXPECT_EQ(w.insert(36), kLeft);
}

TEST(ReplayWindow, Edge5AStepOfOneKeepsTheRest) {
  Window w(64);
  for (std::uint64_t i = 1; i <= 200; ++i) ASSERT_EQ(w.insert(i), kFresh);
  for (std::uint64_t i = 137; i <= 200; ++i) ASSERT_EQ(w.check(i), kSeen);
  EXPECT_EQ(w.check(136), kLeft);
}

TEST(ReplayWindow, Edge6AJumpOfTheWholeWindowForgetsAll) {
  Window w(64);
  for (std::uint64_t i = 1; i <= 64; ++i) ASSERT_EQ(w.insert(i), kFresh);
  ASSERT_EQ(w.insert(128), kFresh);
  for (std::uint64_t i = 65; i < 128; ++i) EXPECT_EQ(w.check(i), kFresh) << i;
  EXPECT_EQ(w.check(64), kLeft);
}

TEST(ReplayWindow, Edge7AJumpFarBeyondTheRingForgetsAll) {
  Window w(64);
  for (std::uint64_t i = 1; i <= 64; ++i) ASSERT_EQ(w.insert(i), kFresh);
  ASSERT_EQ(w.insert(1'000'000'007), kFresh);
  for (std::uint64_t i = 1'000'000'007 - 63; i < 1'000'000'007; ++i) EXPECT_EQ(w.check(i), kFresh);
  EXPECT_EQ(w.check(1'000'000'007), kSeen);
}

TEST(ReplayWindow, Edge8ReorderedInsideTheWindow) {
  Window w(64);
  for (const std::uint64_t i : {64U, 1U, 63U, 2U, 32U}) EXPECT_EQ(w.insert(i), kFresh) << i;
  for (const std::uint64_t i : {64U, 1U, 63U, 2U, 32U}) EXPECT_EQ(w.insert(i), kSeen) << i;
  EXPECT_EQ(w.top(), 64U);
}

TEST(ReplayWindow, Edge9AWordIsClearedWhenTheTopEntersIt) {
  Window w(64);  // two words: number 1 and number 129 share a bit
  ASSERT_EQ(w.insert(1), kFresh);
  ASSERT_EQ(w.insert(127), kFresh);
  ASSERT_EQ(w.insert(128), kFresh);
  EXPECT_EQ(w.insert(129), kFresh);
}

TEST(ReplayWindow, Edge10TheLastNumberWithoutEsn) {
  Window w(64);
  ASSERT_EQ(w.insert(w.extend(0xffffffff, false)), kFresh);
  EXPECT_EQ(w.check(w.extend(0xffffffff, false)), kSeen);
  EXPECT_EQ(w.check(w.extend(1, false)), kLeft);  // it never cycles
}

TEST(ReplayWindow, Edge11WithoutAWindowEverythingPassesButZero) {
  Window w(0);
  EXPECT_EQ(w.insert(7), kFresh);
  EXPECT_EQ(w.insert(7), kFresh);
  EXPECT_EQ(w.insert(1), kFresh);
  EXPECT_EQ(w.top(), 7U);
  EXPECT_EQ(w.check(0), kZero);
}

// RFC 4303 appendix A2, W = 64.

TEST(ReplayWindow, Esn1NumbersBeforeTheFirstSubspaceAreNone) {
  Window w(64);
  EXPECT_EQ(w.extend(1, true), 1U);
  EXPECT_EQ(w.extend(0xffffffff, true), 0U);  // would be one before 0
  ASSERT_EQ(w.insert(10), kFresh);
  EXPECT_EQ(w.extend(0xfffffff0, true), 0U);
}

TEST(ReplayWindow, Esn2CaseAWithinOneSubspace) {
  Window w(64);
  ASSERT_EQ(w.insert(1000), kFresh);
  EXPECT_EQ(w.extend(1000 - 63, true), 1000U - 63);          // the bottom: this subspace
  EXPECT_EQ(w.extend(1000 - 64, true), (1ULL << 32) + 936);  // below it: the next
  EXPECT_EQ(w.extend(0xffffffff, true), 0xffffffffU);
}

TEST(ReplayWindow, Esn3TheSubspaceTurnsOver) {
  Window w(64);
  ASSERT_EQ(w.insert(0xffffffff), kFresh);
  const std::uint64_t next = w.extend(5, true);
  EXPECT_EQ(next, (1ULL << 32) + 5);
  EXPECT_EQ(w.insert(next), kFresh);
  // Case B: the window spans both.
  EXPECT_EQ(w.extend(0xfffffff0, true), 0xfffffff0U);
  EXPECT_EQ(w.check(w.extend(0xffffffff, true)), kSeen);
  EXPECT_EQ(w.insert(w.extend(0xfffffff0, true)), kFresh);
  EXPECT_EQ(w.extend(6, true), (1ULL << 32) + 6);
}

TEST(ReplayWindow, Esn4CaseBAtItsEdge) {
  Window w(64);
  ASSERT_EQ(w.insert((1ULL << 32) + 62), kFresh);  // top_low = W - 2: still case B
  EXPECT_EQ(w.extend(0xffffffff, true), 0xffffffffU);
  EXPECT_EQ(w.extend(0xfffffffe, true), (1ULL << 32) + 0xfffffffe);
  ASSERT_EQ(w.insert((1ULL << 32) + 63), kFresh);  // top_low = W - 1: case A
  EXPECT_EQ(w.extend(0, true), 1ULL << 32);
  EXPECT_EQ(w.extend(0xffffffff, true), (1ULL << 32) + 0xffffffff);
}

/// What RFC 4303 §3.4.3 says, with a set.
struct Model {
  explicit Model(std::uint32_t window) : size(window) {}
  std::uint32_t size;
  std::uint64_t top = 0;
  std::set<std::uint64_t> seen;

  [[nodiscard]] ReplayVerdict check(std::uint64_t s) const {
    if (s == 0) return kZero;
    if (top >= size && s <= top - size) return kLeft;
    return seen.contains(s) ? kSeen : kFresh;
  }
  ReplayVerdict insert(std::uint64_t s) {
    const ReplayVerdict verdict = check(s);
    if (verdict != kFresh) return verdict;
    seen.insert(s);
    top = std::max(top, s);
    return verdict;
  }
};

class ReplayWindowProperty : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ReplayWindowProperty, AnswersAsTheNaiveModelDoes) {
  const std::uint32_t size = GetParam();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    Window w(size);
    Model model(size);
    // Starts where numbers turn over, too.
    const std::uint64_t base = seed % 4 == 0 ? 0 : (seed << 32) - 2 * size - 50;
    if (base != 0) {
      ASSERT_EQ(w.insert(base), kFresh);
      ASSERT_EQ(model.insert(base), kFresh);
    }
    for (int step = 0; step < 4000; ++step) {
      const std::uint64_t span = random() % 100 == 0 ? 5ULL * size + 300 : size / 4ULL + 3;
      const std::uint64_t back = random() % (size + size / 4ULL + 2);
      std::uint64_t s = model.top + random() % span;
      if (random() % 2 == 0) s = s > back ? s - back : s;
      const std::uint64_t expected = s;
      // A number that the window can place comes back from its low half.
      if (s > model.top ? s - model.top < (1ULL << 31) : model.top - s < size) {
        ASSERT_EQ(w.extend(static_cast<std::uint32_t>(s), true), expected) << seed << " " << step;
      }
      ASSERT_EQ(w.check(s), model.check(s)) << "seed " << seed << " step " << step;
      ASSERT_EQ(w.insert(s), model.insert(s)) << "seed " << seed << " step " << step;
      ASSERT_EQ(w.top(), model.top);
      if (model.seen.size() > 3 * std::size_t{size} + 64)
        model.seen.erase(model.seen.begin(),
                         std::next(model.seen.begin(), static_cast<long>(model.seen.size() / 2)));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, ReplayWindowProperty,
                         testing::Values(1, 32, 63, 64, 65, 128, 448, 1024));

TEST(ReplayWindow, TheLargestWindowHoldsAllItsNumbers) {
  Window w(kMaxReplayWindow);
  for (std::uint64_t i = 1; i <= 3ULL * kMaxReplayWindow; i += 2) ASSERT_EQ(w.insert(i), kFresh);
  const std::uint64_t bottom = w.top() - kMaxReplayWindow + 1;
  for (std::uint64_t i = bottom; i <= w.top(); ++i)
    ASSERT_EQ(w.check(i), i % 2 == 1 ? kSeen : kFresh);
  EXPECT_EQ(w.check(bottom - 1), kLeft);
}

}  // namespace
}  // namespace penstock::ipsec
