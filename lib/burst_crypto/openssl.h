// SPDX-License-Identifier: BSD-3-Clause
// The openssl engine: every row of the algorithm table, one packet after the other. It is there for
// what other engines lack, and as a second implementation to compare them with.
#pragma once

#include <memory>
#include <string_view>

#include "lib/burst_crypto/chain.h"

namespace penstock::burst_crypto {

inline constexpr std::string_view kOpensslName = "openssl";

/// Cipher contexts are made for each of `options.workers` when a session is built
[[nodiscard]] base::Result<std::unique_ptr<SessionFactory>> make_openssl_sessions(
    const EngineOptions& options);
/// @param worker  below the factory's `workers`
[[nodiscard]] base::Result<std::unique_ptr<Engine>> make_openssl_engine(unsigned worker);

}  // namespace penstock::burst_crypto
