// SPDX-License-Identifier: BSD-3-Clause
// A scenario drawn from a seed: configurations, weather and what happens; afterwards both ends must
// agree, and after both shut down nothing may be left.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::sim {

/// @return what is wrong; empty if both ends converged
[[nodiscard]] std::vector<std::string> run_scenario(std::uint64_t seed, bool trace = false);

}  // namespace penstock::sim
