// SPDX-License-Identifier: BSD-3-Clause
// Two engines converge whatever the network does: PENSTOCK_SIM_SEEDS seeds (10,000 by default) from
// PENSTOCK_SIM_FIRST on. A failure prints its seed; with PENSTOCK_SIM_SEED that one is replayed
// with every message.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/sim/scenario.h"

namespace penstock::sim {
namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void report(std::uint64_t seed, const std::vector<std::string>& faults) {
  std::string text;
  for (const std::string& f : faults) text += "\n  " + f;
  ADD_FAILURE() << "seed " << seed << " (replay: PENSTOCK_SIM_SEED=" << seed << ")" << text;
}

TEST(Converge, TenThousandSeeds) {
  if (const std::uint64_t seed = number("PENSTOCK_SIM_SEED", 0); seed != 0) {
    const auto faults = run_scenario(seed, true);
    if (!faults.empty()) report(seed, faults);
    return;
  }
  const std::uint64_t first = number("PENSTOCK_SIM_FIRST", 1);
  const std::uint64_t seeds = number("PENSTOCK_SIM_SEEDS", 10'000);
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + seeds && failed < 10; ++seed) {
    const auto faults = run_scenario(seed);
    if (faults.empty()) continue;
    ++failed;
    report(seed, faults);
  }
  if (failed == 0) std::cout << seeds << " seeds converged\n";
}

}  // namespace
}  // namespace penstock::sim
