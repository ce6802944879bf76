// SPDX-License-Identifier: BSD-3-Clause
// Engines by name, and chains of them: the first one that has an SA's algorithms takes it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/burst_crypto/engine.h"

namespace penstock::burst_crypto {

struct EngineOptions {
  std::string_view name;
  unsigned workers = 1;                       ///< how many engines there will be
  std::span<const std::string> devices = {};  ///< of cryptodev: PCI addresses or vdev strings
  base::Log* log = nullptr;                   ///< told what is carried by an engine further back
};

/// One engine as the configuration names it.
struct EngineRow {
  std::string_view name;
  base::Result<std::unique_ptr<SessionFactory>> (*sessions)(const EngineOptions& options);
  bool asynchronous;
};
[[nodiscard]] std::span<const EngineRow> engine_table();

/// The engine of that name, and behind it the synchronous ones for what it lacks: ipsec-mb, then
/// openssl, which has everything. Engines that its make_engine() gives are such chains too.
/// @return kUnsupported for a name that is not in the table; what the engine itself has to say
[[nodiscard]] base::Result<std::unique_ptr<SessionFactory>> make_sessions(
    const EngineOptions& options);

}  // namespace penstock::burst_crypto
