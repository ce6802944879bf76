// SPDX-License-Identifier: BSD-3-Clause
// The way into the transmit buffers, for stages that have a whole frame.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Takes the frame: into the interface's buffer, or dropped as port_down.
void send_frame(WorkerContext& ctx, dpdk::Packet* frame, const fib::Interface& interface);

}  // namespace penstock::dataplane
