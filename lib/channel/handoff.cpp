// SPDX-License-Identifier: BSD-3-Clause
// Makes the rings of each pair of workers.
#include "lib/channel/handoff.h"

#include <fmt/format.h>

namespace penstock::channel {

base::Result<std::unique_ptr<Handoff>> Handoff::create(unsigned workers, int socket) {
  std::unique_ptr<Handoff> handoff(new Handoff(workers));
  for (unsigned from = 0; from < workers; ++from)
    for (unsigned to = 0; to < workers; ++to) {
      PS_ASSIGN(auto ring,
                dpdk::SpscRing<dpdk::Packet*>::create(fmt::format("handoff_{}_{}", from, to),
                                                      from == to ? 2 : kHandoffCapacity, socket));
      handoff->rings_.push_back(std::move(ring));
    }
  return handoff;
}

}  // namespace penstock::channel
