// SPDX-License-Identifier: BSD-3-Clause
// tx: the last stage. Frames gather in a buffer a port and leave at the end of the loop, or when
// the buffer is full. Ways out: the port, port_down, tx_full, no_headroom (for a VLAN tag).
#include "dataplane/tx.h"

#include <rte_ethdev.h>

#include "dataplane/stages.h"
#include "dataplane/vlan.h"

namespace penstock::dataplane {

namespace {

/// A vdev's ring may be full for a moment while its peer runs on the same CPU.
constexpr unsigned kTries = 3;

}  // namespace

void flush(WorkerContext& ctx, TxBuffer& buffer) {
  const unsigned count = buffer.burst.size();
  unsigned sent = 0;
  for (unsigned tries = 0; tries < kTries && sent < count; ++tries)
    sent += rte_eth_tx_burst(buffer.port_id, buffer.queue, buffer.burst.begin() + sent,
                             static_cast<std::uint16_t>(count - sent));
  ctx.counters->transmitted.add(sent);
  for (unsigned i = sent; i < count; ++i) ctx.drop(buffer.burst[i], net::DropReason::kTxFull);
  buffer.burst.clear();
}

void send_frame(WorkerContext& ctx, dpdk::Packet* frame, const fib::Interface& interface) {
  if (!interface.up.load(std::memory_order_relaxed)) [[unlikely]]
    return ctx.drop(frame, net::DropReason::kPortDown);
  if (interface.vlan != 0 && !put_tag_on(frame, interface.vlan)) [[unlikely]]
    return ctx.drop(frame, net::DropReason::kNoHeadroom);
  put_frame(ctx, frame, ctx.tx[interface.port.value()]);
}

void transmit(WorkerContext& ctx) {
  for (unsigned i = 0; i < ctx.fib->port_count(); ++i)
    if (!ctx.tx[i].burst.empty()) flush(ctx, ctx.tx[i]);
}

}  // namespace penstock::dataplane
