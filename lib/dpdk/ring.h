// SPDX-License-Identifier: BSD-3-Clause
// SpscRing: a bounded ring of values by copy for one producer and one consumer. Multi-producer
// rings stall when a producer is preempted, so there are none (design §1).
#pragma once

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include "lib/base/result.h"

namespace penstock::dpdk {

namespace detail {
struct FreeRing {
  void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
/// @return kSystem: no memory, or the name is taken
[[nodiscard]] base::Result<rte_ring*> create_ring(const std::string& name, unsigned element_size,
                                                  unsigned capacity, int socket);
}  // namespace detail

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

 public:
  /// @param name  unique in the process, at most 28 characters
  /// @param capacity  a power of two; one place less can be used
  [[nodiscard]] static base::Result<SpscRing> create(const std::string& name, unsigned capacity,
                                                     int socket) {
    PS_ASSIGN(rte_ring * ring, detail::create_ring(name, sizeof(T), capacity, socket));
    return SpscRing(ring);
  }

  /// The producer's. False: full, nothing was put.
  [[nodiscard]] bool put(const T& value) {
    return rte_ring_sp_enqueue_elem(ring_.get(), const_cast<T*>(&value), sizeof(T)) == 0;
  }
  /// The consumer's. @return how many were written to the front of `out`
  [[nodiscard]] unsigned take(std::span<T> out) {
    return rte_ring_sc_dequeue_burst_elem(ring_.get(), out.data(), sizeof(T),
                                          static_cast<unsigned>(out.size()), nullptr);
  }
  [[nodiscard]] bool empty() const { return rte_ring_empty(ring_.get()) != 0; }
  [[nodiscard]] unsigned size() const { return rte_ring_count(ring_.get()); }

 private:
  explicit SpscRing(rte_ring* ring) : ring_(ring) {}
  std::unique_ptr<rte_ring, detail::FreeRing> ring_;
};

}  // namespace penstock::dpdk
