// SPDX-License-Identifier: BSD-3-Clause
#include "lib/net/drop_reason.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace penstock::net {
namespace {

TEST(DropReasons, HaveNamesOfTheirOwnAndSayWhy) {
  std::set<std::string_view> names;
  for (const DropReasonRow& row : kDropReasonTable) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.clause.empty()) << row.name;
    EXPECT_FALSE(row.text.empty()) << row.name;
  }
}

TEST(DropReasons, AreAllOnThePageOfTheDataPlane) {
  const std::ifstream file(PENSTOCK_SOURCE_ROOT "/docs/data-plane.md");
  ASSERT_TRUE(file);
  std::ostringstream page;
  page << file.rdbuf();
  for (const DropReasonRow& row : kDropReasonTable)
    EXPECT_NE(page.str().find("`" + std::string(row.name) + "`"), std::string::npos) << row.name;
}

}  // namespace
}  // namespace penstock::net
