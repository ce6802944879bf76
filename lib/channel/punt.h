// SPDX-License-Identifier: BSD-3-Clause
// Punt: packets from a worker to the control core. Each class has a ring, a rate and a drop
// reason, and they are served in the order of the enumerators (design §1): a flood of first IKE
// messages cannot starve the sessions that exist.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/token_bucket.h"
#include "lib/channel/wakeup.h"
#include "lib/channel/worker_counters.h"
#include "lib/dpdk/packet.h"
#include "lib/dpdk/ring.h"
#include "lib/net/drop_reason.h"

namespace penstock::channel {

enum class PuntClass : std::uint8_t {
  kIkeKnown,   ///< IKE with a responder SPI: of a session that may exist
  kIkeFirst,   ///< IKE whose responder SPI is 0: a first message
  kNeighbour,  ///< by copy: NeighbourEvent (neighbour_event.h); no packet crosses
  kOther,
  kCount
};
inline constexpr std::size_t kPuntClasses = static_cast<std::size_t>(PuntClass::kCount);

struct PuntClassRow {
  PuntClass punt_class;
  std::string_view name;
  unsigned capacity;         ///< places of the ring, a power of two
  std::uint64_t rate_per_s;  ///< per worker
  std::uint64_t burst;
  net::DropReason full;
};
inline constexpr std::array<PuntClassRow, kPuntClasses> kPuntClassTable{{
    {PuntClass::kIkeKnown, "ike_known", 1024, 100'000, 1024, net::DropReason::kPuntIkeKnownFull},
    {PuntClass::kIkeFirst, "ike_first", 512, 20'000, 512, net::DropReason::kPuntIkeFirstFull},
    {PuntClass::kNeighbour, "neighbour", 256, 10'000, 256, net::DropReason::kPuntNeighbourFull},
    {PuntClass::kOther, "other", 128, 1'000, 128, net::DropReason::kPuntOtherFull},
}};
static_assert([] {
  for (std::size_t i = 0; i < kPuntClasses; ++i)
    if (static_cast<std::size_t>(kPuntClassTable[i].punt_class) != i) return false;
  return true;
}());

/// What the control core takes. The packet's data starts at the IP header and its meta holds the
/// selectors and the ingress interface; the taker frees it with rte_pktmbuf_free().
struct Punted {
  dpdk::Packet* packet;
  PuntClass punt_class;
};

/// One worker's rings.
class PuntRings {
 public:
  [[nodiscard]] static base::Result<PuntRings> create(unsigned worker, int socket);

  /// The worker's. @return nothing: the packet is the control core's; else why it was not taken,
  /// and it is still the caller's
  [[nodiscard]] std::optional<net::DropReason> put(PuntClass punt_class, dpdk::Packet* packet,
                                                   base::MonoTime now);
  /// The control core's: class after class. @return how many were written to `out`
  [[nodiscard]] unsigned take(std::span<Punted> out);
  [[nodiscard]] bool empty() const;

 private:
  struct Class {
    dpdk::SpscRing<dpdk::Packet*> ring;
    base::TokenBucket bucket;
  };
  PuntRings() = default;
  std::vector<Class> classes_;  ///< kPuntClasses; kNeighbour's stays empty
};

}  // namespace penstock::channel
