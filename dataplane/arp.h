// SPDX-License-Identifier: BSD-3-Clause
// ARP in the worker: requests for our addresses are answered at once; who was heard is told to the
// control core, which keeps the neighbour table.
#pragma once

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// Takes the frame: it becomes a reply in the transmit buffer, is consumed, or dropped by name.
void take_arp(WorkerContext& ctx, dpdk::Packet* frame, const fib::Interface& interface);

}  // namespace penstock::dataplane
