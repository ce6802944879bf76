// SPDX-License-Identifier: BSD-3-Clause
// The pipeline: which stage follows which. The worker loop and the pipeline tests run the same.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Frames of one port (meta.ingress set) go all the way into the transmit buffers, or end by name.
/// The burst is empty afterwards.
void run_pipeline(WorkerContext& ctx, Burst& burst);

/// What the control core injected: IP packets are routed, frames go to their port.
void run_injected(WorkerContext& ctx, Burst& burst);

/// ESP that another worker received for an SA of this one, with payload_offset at the ESP header.
void run_taken_over(WorkerContext& ctx, Burst& esp);

/// What became ready without a new packet: asynchronous crypto, packets whose neighbour answered,
/// and what waited too long. Called once a loop; cheap when there is nothing.
void run_pending(WorkerContext& ctx);

}  // namespace penstock::dataplane
