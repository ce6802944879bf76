// SPDX-License-Identifier: BSD-3-Clause
// Engines by name, and chains of them: the first one that has an SA's algorithms takes it.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "lib/burst_crypto/engine.h"

namespace penstock::burst_crypto {

/// One engine as the configuration names it.
struct EngineRow {
  std::string_view name;
  base::Result<std::unique_ptr<SessionFactory>> (*sessions)(unsigned workers);
  base::Result<std::unique_ptr<Engine>> (*engine)(unsigned worker);
};
[[nodiscard]] std::span<const EngineRow> engine_table();

/// `name`, and behind it openssl for what it lacks.
/// @param workers  how many engines there will be; an engine's `worker` is below it
/// @return kUnsupported for a name that is not in the table; kSystem if an engine cannot start
[[nodiscard]] base::Result<std::unique_ptr<SessionFactory>> make_sessions(std::string_view name,
                                                                          unsigned workers);
/// Of the same name as the sessions that it is given.
[[nodiscard]] base::Result<std::unique_ptr<Engine>> make_engine(std::string_view name,
                                                                unsigned worker);

}  // namespace penstock::burst_crypto
