// SPDX-License-Identifier: BSD-3-Clause
// Where the IVs of keys begin that come again with every start.
#include "control/bridge/manual_sas.h"

#include <gtest/gtest.h>

namespace penstock::bridge {
namespace {

using std::chrono::system_clock;

constexpr system_clock::time_point kStart =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 20};

TEST(ManualSas, ALaterStartBeginsBehindAllThatAnEarlierOneCanHaveUsed) {
  const auto first = first_manual_iv(kStart).value();
  const auto second = first_manual_iv(kStart + std::chrono::seconds{1}).value();
  EXPECT_EQ(second - first, 1'000'000'000U) << "a billion packets a second would be needed";
}

TEST(ManualSas, AClockThatWasNeverSetIsRefused) {
  for (const int year : {1970, 2000, 2025}) {
    const auto now = std::chrono::sys_days{std::chrono::year{year} / 1 / 1};
    const auto iv = first_manual_iv(now);
    ASSERT_FALSE(iv) << year;
    EXPECT_EQ(iv.error().code, base::ErrorCode::kRefused);
  }
}

}  // namespace
}  // namespace penstock::bridge
