// SPDX-License-Identifier: BSD-3-Clause
// What the stages share: packets made here.
#include "dataplane/worker_context.h"

#include "dataplane/reassemble.h"
#include "dataplane/wait_table.h"

namespace penstock::dataplane {

WorkerContext::WorkerContext()
    : reassembler(std::make_unique<Reassembler>()), waiting(std::make_unique<WaitTable>()) {}
WorkerContext::~WorkerContext() = default;

dpdk::Packet* WorkerContext::make_packet() {
  dpdk::Packet* packet = rte_pktmbuf_alloc(pool);
  if (packet == nullptr) return nullptr;
  dpdk::meta(packet) = dpdk::PacketMeta{};
  dpdk::meta(packet).flags = dpdk::kMadeHere;
  dpdk::meta(packet).ingress = dpdk::kNoInterface;
  dpdk::meta(packet).egress = dpdk::kNoInterface;
  counters->generated.add();
  return packet;
}

}  // namespace penstock::dataplane
