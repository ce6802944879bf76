// SPDX-License-Identifier: BSD-3-Clause
// One crypto operation: from a job to what DPDK's devices are given, and back.
#pragma once

#include "lib/burst_crypto/cryptodev_keys.h"

namespace penstock::burst_crypto {

[[nodiscard]] inline Slot& slot_of(rte_crypto_op* op) {
  return *reinterpret_cast<Slot*>(reinterpret_cast<std::uint8_t*>(op) + kSlotOffset);
}

/// Makes `op` and its slot from the job. The packet may have octets overlaid until conclude().
void prepare(rte_crypto_op& op, const Job& job);
/// Undoes what prepare() did to the packet, and writes an ICV that was computed apart, if the
/// operation succeeded. @return its status, also in its job
JobStatus conclude(rte_crypto_op& op);

}  // namespace penstock::burst_crypto
