// SPDX-License-Identifier: BSD-3-Clause
// Punting: rate first, then the ring; serving in the order of the classes.
#include "lib/channel/punt.h"

#include <fmt/format.h>

namespace penstock::channel {

base::Result<PuntRings> PuntRings::create(unsigned worker, int socket) {
  PuntRings rings;
  for (const PuntClassRow& row : kPuntClassTable) {
    PS_ASSIGN(auto ring, dpdk::SpscRing<dpdk::Packet*>::create(
                             fmt::format("punt_{}_{}", row.name, worker), row.capacity, socket));
    rings.classes_.push_back({std::move(ring), base::TokenBucket(row.rate_per_s, row.burst)});
  }
  return rings;
}

std::optional<net::DropReason> PuntRings::put(PuntClass punt_class, dpdk::Packet* packet,
                                              base::MonoTime now) {
  const auto i = static_cast<std::size_t>(punt_class);
  if (!classes_[i].bucket.take(now)) return net::DropReason::kPuntRate;
  if (!classes_[i].ring.put(packet)) return kPuntClassTable[i].full;
  return std::nullopt;
}

unsigned PuntRings::take(std::span<Punted> out) {
  constexpr unsigned kAtOnce = 32;
  std::array<dpdk::Packet*, kAtOnce> packets;
  unsigned taken = 0;
  for (std::size_t i = 0; i < kPuntClasses; ++i) {
    while (taken < out.size()) {
      const std::size_t room = std::min<std::size_t>(kAtOnce, out.size() - taken);
      const unsigned n = classes_[i].ring.take(std::span(packets).first(room));
      for (unsigned k = 0; k < n; ++k) out[taken++] = {packets[k], static_cast<PuntClass>(i)};
      if (n < room) break;
    }
  }
  return taken;
}

bool PuntRings::empty() const {
  for (const Class& c : classes_)
    if (!c.ring.empty()) return false;
  return true;
}

}  // namespace penstock::channel
