// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "control/io/spdlog_log.h"

namespace penstock::io {
namespace {

TEST(LogLine, PutsFieldsAfterTheText) {
  const base::LogField fields[] = {{"connection", "branch"}, {"peer", "192.0.2.9:500"}};
  EXPECT_EQ(log_line("ike", "the peer answered", fields),
            "ike: the peer answered connection=branch peer=192.0.2.9:500");
}

TEST(LogLine, QuotesWhatWouldReadAsAnotherField) {
  const base::LogField fields[] = {{"id", "a b"}, {"x", "k=v"}, {"y", ""}, {"z", "say \"hi\"\\"}};
  EXPECT_EQ(log_line("ike", "t", fields), R"(ike: t id="a b" x="k=v" y="" z="say \"hi\"\\")");
}

TEST(LogLine, APeerCannotBeginALineOfItsOwn) {
  const base::LogField fields[] = {{"id", "x\nerror: all lost\x1b[2J"}};
  const std::string line = log_line("ike", "two\nlines", fields);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_NE(line.find("two\\x0alines"), std::string::npos);
}

TEST(Log, WritesToItsFileFromItsLevelUp) {
  const std::string file = testing::TempDir() + "penstock_log_" + std::to_string(getpid());
  {
    auto log = open_log("warning", file);
    ASSERT_TRUE(log);
    (*log)->write(base::LogLevel::kInfo, "ike", "quiet");
    (*log)->write(base::LogLevel::kError, "ike", "loud");
  }
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  std::remove(file.c_str());
  EXPECT_EQ(text.str().find("quiet"), std::string::npos);
  EXPECT_NE(text.str().find("Z error ike: loud\n"), std::string::npos) << text.str();
}

TEST(Log, RefusesAnUnknownLevelAndAFileThatCannotBe) {
  EXPECT_EQ(open_log("chatty", "").error().code, base::ErrorCode::kMalformed);
  EXPECT_EQ(open_log("info", "/proc/no/such/file").error().code, base::ErrorCode::kSystem);
}

}  // namespace
}  // namespace penstock::io
