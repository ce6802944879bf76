// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/ipsec/judge.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace penstock::pipeline {

using nlohmann::json;

std::optional<std::vector<std::string>> judge(const char* way, const json& cases) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("penstock_judge_" + std::to_string(getpid()) + ".json");
  std::ofstream(file) << cases;
  const std::string command =
      std::string("/usr/bin/python3 '") + PENSTOCK_JUDGE + "' " + way + " '" + file.string() + "'";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char chunk[4096];
  while (const std::size_t n = std::fread(chunk, 1, sizeof(chunk), pipe)) text.append(chunk, n);
  const int status = pclose(pipe);
  std::filesystem::remove(file);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return std::nullopt;
  EXPECT_EQ(status, 0);
  return json::parse(text).get<std::vector<std::string>>();
}

}  // namespace penstock::pipeline
