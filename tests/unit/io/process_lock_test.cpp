// SPDX-License-Identifier: BSD-3-Clause
// One process at a time, and nothing left behind.
#include "control/io/process_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

namespace penstock::io {
namespace {

std::string path() { return "/tmp/penstock-lock-" + std::to_string(getpid()) + "/a.lock"; }

TEST(ProcessLock, IsHadByOneAtATime) {
  auto first = ProcessLock::take(path(), "the socket a");
  ASSERT_TRUE(first) << first.error().text;
  const auto second = ProcessLock::take(path(), "the socket a");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kExists);
  EXPECT_NE(second.error().text.find("the socket a"), std::string::npos);
}
TEST(ProcessLock, GoesWithItsHolder) {
  { ASSERT_TRUE(ProcessLock::take(path(), "a")); }
  EXPECT_NE(access(path().c_str(), F_OK), 0);
  EXPECT_TRUE(ProcessLock::take(path(), "a"));
}
TEST(ProcessLock, MovesWithItsOwner) {
  std::optional<ProcessLock> kept;
  {
    auto first = ProcessLock::take(path(), "a");
    ASSERT_TRUE(first);
    kept.emplace(std::move(*first));
  }
  EXPECT_FALSE(ProcessLock::take(path(), "a"));
}
TEST(ProcessLock, TellsWhereItCannotBe) {
  const auto lock = ProcessLock::take("/proc/none/a.lock", "a");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().text.find("/proc/none/a.lock"), std::string::npos);
}

}  // namespace
}  // namespace penstock::io
