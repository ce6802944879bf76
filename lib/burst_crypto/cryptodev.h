// SPDX-License-Identifier: BSD-3-Clause
// The cryptodev engine: DPDK's crypto devices (QAT and others), asynchronous. A job goes into a
// queue pair and comes back in a later poll.
#pragma once

#include <memory>
#include <string_view>

#include "lib/burst_crypto/chain.h"

namespace penstock::burst_crypto {

inline constexpr std::string_view kCryptodevName = "cryptodev";

/// Jobs under way that one worker can have; one more is kRefused.
inline constexpr unsigned kJobsInFlight = 1024;
/// A queue pair that gives nothing back for so long, while it has jobs, is stuck.
inline constexpr unsigned kStuckAfterMs = 1000;

/// Opens the devices of `options.devices`, each with a queue pair for every worker. Jobs need
/// packets of a DPDK pool: Job::packet is the mbuf in which Job::esp lies.
/// @return kMalformed (no devices), kNotFound, kLimit (too few queue pairs), kUnsupported, kSystem
[[nodiscard]] base::Result<std::unique_ptr<SessionFactory>> make_cryptodev_sessions(
    const EngineOptions& options);

}  // namespace penstock::burst_crypto
