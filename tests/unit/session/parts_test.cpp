// SPDX-License-Identifier: BSD-3-Clause
// Parts of a message: bounds and joining.
#include "control/session/parts.h"

#include <gtest/gtest.h>

namespace penstock::session {
namespace {

base::SecretBytes text(std::string_view words) {
  return base::SecretBytes::copy_of(base::as_bytes(words));
}

TEST(Parts, AreJoinedByNumberOnceTheTotalIsKnown) {
  Parts parts({}, 100, 0);
  EXPECT_TRUE(parts.put(2, text("b")));
  EXPECT_TRUE(parts.put(1, text("aa")));
  EXPECT_FALSE(parts.complete());
  parts.set_total(2);
  ASSERT_TRUE(parts.complete());
  EXPECT_EQ(base::as_text(parts.join().bytes()), "aab");
}

TEST(Parts, AboveTheTotalDoNotCount) {
  Parts parts({}, 100, 0);
  EXPECT_TRUE(parts.put(3, text("old")));
  EXPECT_TRUE(parts.put(1, text("a")));
  parts.set_total(2);
  EXPECT_FALSE(parts.complete());
  EXPECT_TRUE(parts.put(2, text("b")));
  ASSERT_TRUE(parts.complete());
  EXPECT_EQ(base::as_text(parts.join().bytes()), "ab");
}

TEST(Parts, AreReplacedWithinTheLimit) {
  Parts parts({}, 10, 1);
  EXPECT_TRUE(parts.put(1, text("0123456789")));
  EXPECT_FALSE(parts.put(2, text("a")));
  EXPECT_FALSE(parts.put(1, text("0123456789a")));
  EXPECT_EQ(base::as_text(parts.join().bytes()), "0123456789") << "a refusal changes nothing";
  EXPECT_TRUE(parts.put(1, text("abc")));
  EXPECT_EQ(base::as_text(parts.join().bytes()), "abc");
  EXPECT_TRUE(parts.put(2, text("0123456")));
}

TEST(Parts, ShareABudgetAndGiveItBack) {
  OctetBudget budget(10);
  {
    Parts one({}, 100, 1, &budget);
    Parts other({}, 100, 1, &budget);
    EXPECT_TRUE(one.put(1, text("123456")));
    EXPECT_FALSE(other.put(1, text("12345")));
    EXPECT_TRUE(other.put(1, text("1234")));
    EXPECT_EQ(budget.left(), 0U);
    EXPECT_FALSE(other.put(1, text("12345"))) << "longer than what it replaces";
    EXPECT_EQ(budget.left(), 0U);
    EXPECT_TRUE(other.put(1, text("12")));
    EXPECT_EQ(budget.left(), 2U);
  }
  EXPECT_EQ(budget.left(), 10U);
}

}  // namespace
}  // namespace penstock::session
