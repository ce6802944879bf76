// SPDX-License-Identifier: BSD-3-Clause
// The penstock program as a function, so that tests run it against a server of their own.
#pragma once

#include <iosfwd>

namespace penstock::app {

/// @return the exit status: 0 done, 1 refused, 2 wrong usage or not built yet, 3 no daemon
[[nodiscard]] int run_cli(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace penstock::app
