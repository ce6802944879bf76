// SPDX-License-Identifier: BSD-3-Clause
// IpsecState: what the IPsec stages of one worker share. The arrays run parallel to the burst
// between two stages of one call of the pipeline; nothing in them outlives it (design §4.4).
#pragma once

#include <array>
#include <memory>

#include "dataplane/burst.h"
#include "dataplane/larval_queue.h"
#include "dataplane/worker_context.h"
#include "lib/base/token_bucket.h"
#include "lib/burst_crypto/engine.h"
#include "lib/fib/fib.h"
#include "lib/ipsec/spd_flow_cache.h"
#include "lib/ipsec/tables.h"

namespace penstock::dataplane {

/// Events that strangers can cause, a second and worker.
inline constexpr std::uint64_t kUnknownSpiEventsPerSecond = 10;
inline constexpr std::uint64_t kUnknownSpiEventBurst = 10;
inline constexpr std::uint64_t kIcvEventsPerSecond = 10;
inline constexpr std::uint64_t kIcvEventBurst = 10;
inline constexpr std::uint64_t kPathMtuEventsPerSecond = 10;
inline constexpr std::uint64_t kPathMtuEventBurst = 10;
/// kPeerMoved of one SA (RFC 7296 §2.23), at most one in this time.
inline constexpr std::uint64_t kPeerMovedIntervalNs = 1'000'000'000;

struct IpsecState {
  /// @param tables, fib  borrowed, outlive the state
  IpsecState(const ipsec::Tables& tables, std::unique_ptr<burst_crypto::Engine> engine,
             const fib::Fib& fib);

  const ipsec::Tables* tables;
  // this worker's, in front of tables->spd()
  ipsec::SpdFlowCache policies;
  ipsec::SpdFlowCache6 policies6;
  std::unique_ptr<burst_crypto::Engine> engine;
  bool asynchronous;      ///< the engine has packets beyond a burst
  unsigned smallest_mtu;  ///< of all interfaces: what fits it needs no second look

  // look up SA … close, and look up policy … close
  std::array<ipsec::InboundSa*, kBurst> inbound{};
  std::array<ipsec::OutboundSa*, kBurst> outbound{};
  std::array<std::uint16_t, kBurst> outer_fragment{};  ///< fit the MTU: the outer flags word
  std::array<burst_crypto::Job, kBurst> jobs{};
  Burst bundled;  ///< close_outbound to lookup_outer_sa; empty when the pipeline returns

  // fit the MTU … cut inner
  Burst uncut;  ///< to be cut before they are sealed
  std::array<ipsec::OutboundSa*, kBurst> uncut_sas{};
  unsigned next_uncut = 0;

  LarvalQueue larval;
  base::TokenBucket unknown_spi_events{kUnknownSpiEventsPerSecond, kUnknownSpiEventBurst};
  base::TokenBucket icv_events{kIcvEventsPerSecond, kIcvEventBurst};
  base::TokenBucket path_mtu_events{kPathMtuEventsPerSecond, kPathMtuEventBurst};
};

/// Whether an asynchronous engine has packets of this direction.
[[nodiscard]] inline bool crypto_pending(const WorkerContext& ctx,
                                         burst_crypto::CipherDirection direction) {
  return ctx.ipsec != nullptr && ctx.ipsec->asynchronous && ctx.ipsec->engine->pending(direction);
}

/// Why a job that is not done loses its packet; `failed` is the direction's own reason.
[[nodiscard]] inline net::DropReason reason_of(burst_crypto::JobStatus status,
                                               net::DropReason failed) {
  switch (status) {
    case burst_crypto::JobStatus::kIcvMismatch:
      return net::DropReason::kIcvMismatch;
    case burst_crypto::JobStatus::kRefused:
      return net::DropReason::kCryptoFull;
    case burst_crypto::JobStatus::kLost:
      return net::DropReason::kCryptoLost;
    default:
      return failed;
  }
}

/// RFC 4301 §7: a policy with ports would pass a fragment over, and one below it could let it
/// through. Where any policy names ports (of IPv6: or a protocol), reassemble has made whole
/// packets of what is asked; what came past it (the way of a waiting packet moved) is not let
/// through.
[[nodiscard]] inline bool is_fragment_that_needs_ports(const WorkerContext& ctx,
                                                       const dpdk::PacketMeta& meta) {
  return (meta.flags & dpdk::kFragment) != 0 && ctx.ipsec != nullptr &&
         ctx.ipsec->tables->spd().needs_whole_packets(meta.ip_version == 6);
}

/// Keeps packets and `parallel[i]` for which `stays(packet, i)` is true, both in order.
template <class T, class Stays>
void keep_parallel(Burst& burst, T& parallel, Stays&& stays) {
  unsigned kept = 0;
  dpdk::Packet** packets = burst.raw();
  const unsigned count = burst.size();  // `stays` leaves this burst alone
  for (unsigned i = 0; i < count; ++i) {
    if (!stays(packets[i], i)) continue;
    packets[kept] = packets[i];
    parallel[kept++] = parallel[i];
  }
  burst.set_size(kept);
}

}  // namespace penstock::dataplane
