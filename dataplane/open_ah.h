// SPDX-License-Identifier: BSD-3-Clause
// AH beside open ESP.
#pragma once

#include "dataplane/worker_context.h"
#include "lib/burst_crypto/engine.h"

namespace penstock::dataplane {

/// From a packet that look up SA has checked to the job that the engine runs. What routers may
/// change is hidden in it until close.
void open_ah(dpdk::Packet* packet, const burst_crypto::Session& session, burst_crypto::Job& job);

}  // namespace penstock::dataplane
