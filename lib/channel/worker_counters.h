// SPDX-License-Identifier: BSD-3-Clause
// WorkerCounters: where every packet of a worker went (design §4.9). The worker alone writes;
// anybody may read. When the workers are idle the balance of their sum holds exactly:
// received + injected + generated = transmitted + dropped + punted + consumed + held.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "lib/base/counter.h"
#include "lib/net/drop_reason.h"

namespace penstock::channel {

using base::Counter;

/// Why a packet ended well without leaving.
enum class Consumed : std::uint8_t {
  kMergedFragment,
  kDummy,
  kKeepalive,
  kArp,
  kNd,
  kMld,
  kPathMtu,  ///< ICMP that the control core was told of
  kCount
};
/// Where packets wait. kHandoff is what a worker handed over less what it took over: the sum over
/// all workers is what lies in the rings between them.
enum class Held : std::uint8_t { kCrypto, kHandoff, kReassembly, kNeighbour, kLarval, kCount };

inline constexpr std::size_t kConsumedKinds = static_cast<std::size_t>(Consumed::kCount);
inline constexpr std::size_t kHeldKinds = static_cast<std::size_t>(Held::kCount);
inline constexpr std::array<std::string_view, kConsumedKinds> kConsumedNames{
    "merged_fragment", "dummy", "keepalive", "arp", "nd", "mld", "path_mtu"};
inline constexpr std::array<std::string_view, kHeldKinds> kHeldNames{
    "crypto", "handoff", "reassembly", "neighbour", "larval"};

struct alignas(64) WorkerCounters {
  Counter received;
  Counter transmitted;
  Counter injected;   ///< taken from the inject ring
  Counter generated;  ///< fragments, ICMP
  Counter punted;
  Counter handed_over;  ///< to the worker that owns the SA
  Counter taken_over;   ///< from the worker that received them
  std::array<Counter, kConsumedKinds> consumed;
  std::array<Counter, kHeldKinds> held;  ///< gauges; that of kHandoff is unused
  std::array<Counter, net::kDropReasons> dropped;
  // not terms of the balance
  Counter dummies_sent;  ///< sealed, of those injected
  Counter loops;         ///< rounds of the worker loop
  Counter empty_loops;   ///< rounds without a packet
  Counter sleeps;        ///< idle = "sleep" only
  Counter wakeups;       ///< eventfd writes
  Counter events_lost;   ///< SA or neighbour events that found their ring full
};

/// The same as plain numbers, of one worker or a sum over several.
struct CounterTotals {
  std::uint64_t received = 0;
  std::uint64_t transmitted = 0;
  std::uint64_t injected = 0;
  std::uint64_t generated = 0;
  std::uint64_t punted = 0;
  std::uint64_t handed_over = 0;
  std::uint64_t taken_over = 0;
  std::array<std::uint64_t, kConsumedKinds> consumed{};
  std::array<std::uint64_t, kHeldKinds> held{};
  std::array<std::uint64_t, net::kDropReasons> dropped{};
  std::uint64_t dummies_sent = 0;
  std::uint64_t loops = 0;
  std::uint64_t empty_loops = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t events_lost = 0;

  CounterTotals& operator+=(const CounterTotals& other);
  [[nodiscard]] std::uint64_t consumed_total() const;
  [[nodiscard]] std::uint64_t held_total() const;
  [[nodiscard]] std::uint64_t dropped_total() const;
  /// What came minus what went: 0 when idle.
  [[nodiscard]] std::int64_t imbalance() const;
};

[[nodiscard]] CounterTotals snapshot(const WorkerCounters& counters);

}  // namespace penstock::channel
