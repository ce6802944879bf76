// SPDX-License-Identifier: BSD-3-Clause
// The way into the transmit buffers, for stages that have a whole frame.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Whether frames go into the port's buffer as they are.
[[nodiscard]] inline bool can_send(const fib::Interface& interface) {
  return interface.up.load(std::memory_order_relaxed) && interface.vlan == 0;
}

/// What is in the buffer leaves, or is dropped as tx_full.
void flush(WorkerContext& ctx, TxBuffer& buffer);

/// Takes the frame into the buffer of an interface that can_send().
inline void put_frame(WorkerContext& ctx, dpdk::Packet* frame, TxBuffer& buffer) {
  if (buffer.burst.full()) [[unlikely]]
    flush(ctx, buffer);
  buffer.burst.push(frame);
}

/// Takes the frame: into the interface's buffer, or dropped as port_down.
void send_frame(WorkerContext& ctx, dpdk::Packet* frame, const fib::Interface& interface);

}  // namespace penstock::dataplane
