// SPDX-License-Identifier: BSD-3-Clause
// Source and sink in the process that is measured, on the thread that polls. Debian ships no
// headers for drivers, so a BenchPort takes a port that is open (net_null) and puts functions of
// its own in place of the driver's: what is received is copied from frames in memory, as net_pcap
// does with infinite_rx; what is transmitted is counted, perhaps looked at, and freed.
#pragma once

#include <rte_mbuf.h>
#include <time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "lib/base/bytes.h"

namespace penstock::bench {

/// When packets come.
enum class Gate : std::uint8_t {
  kClosed,  ///< none
  kOpen,    ///< as many as are asked for
  kPaced,   ///< one every `interval` ticks, in a queue of `descriptors`; what overflows is lost
};

/// Frames go round in their order. One thread polls; others write what is atomic.
struct alignas(64) SourceQueue {
  rte_mempool* pool = nullptr;
  std::vector<base::ByteVector> frames;
  std::size_t next_frame = 0;
  /// Where each frame carries how often it was sent, 32 bits in host order; 0: nowhere.
  std::size_t serial_at = 0;
  std::vector<std::uint32_t> serials;
  std::atomic<Gate> gate{Gate::kClosed};
  std::atomic<std::uint64_t> budget{~std::uint64_t{0}};  ///< packets until nothing comes any more
  std::atomic<std::uint64_t> given{0};
  std::atomic<clockid_t> thread_clock{0};  ///< of the thread that polls; 0: none did
  /// At most so many packets are on their way through the gateway; 0: any number. Then `in_flight`
  /// says how many are.
  std::uint64_t most_in_flight = 0;
  std::function<std::uint64_t()> in_flight;

  // kPaced
  double interval = 0;  ///< ticks
  std::uint64_t descriptors = 1024;
  double due = 0;  ///< ticks, of the next packet
  std::uint64_t last_poll = 0;
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> gaps{0};       ///< others had the CPU
  std::atomic<std::uint64_t> gap_ticks{0};  ///< so long, all together

  /// From now on, one packet every `ticks`; not while the gate is open.
  void pace(double ticks, std::uint64_t queue);
  std::uint16_t receive(rte_mbuf** out, std::uint16_t room);

 private:
  std::uint16_t due_now(std::uint16_t room);
};

struct alignas(64) SinkQueue {
  std::atomic<std::uint64_t> taken{0};
  /// Ticks from due to transmitted, if wanted; no more than the vector has room for.
  std::atomic<std::vector<std::uint32_t>*> delays{nullptr};

  struct Kept {
    std::uint64_t order;  ///< among all queues that share `next_order`
    base::ByteVector frame;
  };
  std::vector<Kept>* kept = nullptr;  ///< everything that left, if wanted
  std::atomic<std::uint64_t>* next_order = nullptr;

  std::uint16_t transmit(rte_mbuf** packets, std::uint16_t count);
};

/// A time without a poll that no burst takes: the thread did not run. Paced packets come later
/// then.
inline constexpr double kGapSeconds = 100e-6;

class BenchPort {
 public:
  /// @param port  open and started, with so many queues each way; it is given back when it stops
  BenchPort(std::uint16_t port, unsigned queues, rte_mempool* pool);
  /// Once, after the EAL has started: packets carry when they were due.
  static void prepare();

  [[nodiscard]] SourceQueue& source(unsigned queue) { return *sources_[queue]; }
  [[nodiscard]] SinkQueue& sink(unsigned queue) { return *sinks_[queue]; }
  [[nodiscard]] unsigned queues() const { return static_cast<unsigned>(sources_.size()); }

 private:
  std::vector<std::unique_ptr<SourceQueue>> sources_;
  std::vector<std::unique_ptr<SinkQueue>> sinks_;
  std::vector<void*> rx_, tx_;
};

}  // namespace penstock::bench
