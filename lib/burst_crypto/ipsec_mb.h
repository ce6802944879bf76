// SPDX-License-Identifier: BSD-3-Clause
// The ipsec-mb engine: AES-GCM and AES-GMAC by direct calls, everything else by the multi-buffer
// job manager, flushed within the burst. Built with ipsec-mb 1.3 (Debian 12) and 2.0 (Debian 13).
#pragma once

#include <memory>
#include <string_view>

#include "lib/burst_crypto/chain.h"

namespace penstock::burst_crypto {

inline constexpr std::string_view kIpsecMbName = "ipsec-mb";

/// Expands keys with a manager of its own. All processes' threads choose the same routines: they
/// are chosen by what the CPU can do.
/// @return kSystem if the library cannot start here
[[nodiscard]] base::Result<std::unique_ptr<SessionFactory>> make_ipsec_mb_sessions(
    const EngineOptions& options);
/// An engine for one worker.
[[nodiscard]] base::Result<std::unique_ptr<Engine>> make_ipsec_mb_engine();

/// Of the library that runs: "1.3.0".
[[nodiscard]] std::string_view ipsec_mb_version();

}  // namespace penstock::burst_crypto
