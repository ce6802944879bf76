// SPDX-License-Identifier: BSD-3-Clause
// Handoff: inbound packets on their way to the worker that owns their SA (design §4.7). Each pair
// of workers has a ring of its own, so each ring has one producer and one consumer. A packet in
// it carries its SPI and no SA: the owner looks it up, so an SA retires without waiting for rings.
#pragma once

#include <memory>
#include <vector>

#include "lib/dpdk/packet.h"
#include "lib/dpdk/ring.h"

namespace penstock::channel {

inline constexpr unsigned kHandoffCapacity = 2048;  ///< of one pair of workers

class Handoff {
 public:
  /// @param workers  ids are 0 … workers - 1; at least two
  [[nodiscard]] static base::Result<std::unique_ptr<Handoff>> create(unsigned workers, int socket);
  [[nodiscard]] unsigned workers() const { return workers_; }

  /// Worker `from`'s. False: the ring is full, and the packet is still the caller's.
  [[nodiscard]] bool put(unsigned from, unsigned to, dpdk::Packet* packet) {
    return ring(from, to).put(packet);
  }
  /// Worker `to`'s. @return how many were written to the front of `out`
  [[nodiscard]] unsigned take(unsigned from, unsigned to, std::span<dpdk::Packet*> out) {
    return ring(from, to).take(out);
  }

 private:
  explicit Handoff(unsigned workers) : workers_(workers) {}
  dpdk::SpscRing<dpdk::Packet*>& ring(unsigned from, unsigned to) {
    return rings_[from * workers_ + to];
  }
  unsigned workers_;
  std::vector<dpdk::SpscRing<dpdk::Packet*>> rings_;  ///< those to oneself stay empty
};

}  // namespace penstock::channel
