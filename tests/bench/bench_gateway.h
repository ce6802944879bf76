// SPDX-License-Identifier: BSD-3-Clause
// A gateway as penstockd composes it (app/data_plane.h), on two BenchPorts: 0 inside, 1 outside.
// Each worker has a queue of each. SA pairs are keyed by hand, AES-128-GCM; behind the peer lies an
// address for each, and what is sent to it or comes from it belongs to that pair.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/data_plane.h"
#include "lib/base/log.h"
#include "tests/bench/bench_port.h"

namespace penstock::bench {

inline constexpr unsigned kFlowsOfOneSa = 64;

/// By which queues frames come in.
enum class Arrival : std::uint8_t {
  kSteered,  ///< as a port brings them that steers by SPI (inbound) or spreads flows (outbound)
  kSpread,   ///< inbound: packet by packet round the queues, whoever owns the SA
};

struct GatewayOptions {
  std::vector<unsigned> cpus{1};  ///< a worker each
  unsigned control_cpu = 0;
  std::string file_prefix = "penstock_bench";
  unsigned megabytes = 128;
  bool outbound = true;
  std::size_t octets = 64;  ///< of the inner packet
  std::uint32_t sas = 1;
  std::uint32_t replay_window = 0;
  Arrival arrival = Arrival::kSteered;
  bool sleeps = true;  ///< idle = "sleep"
};

/// What workers did between two looks.
struct Progress {
  struct Worker {
    std::uint64_t packets = 0;  ///< transmitted
    double cpu_seconds = 0;     ///< 0: the worker has not polled yet
  };
  std::vector<Worker> workers;
  std::uint64_t given = 0, taken = 0, dropped = 0, handed_over = 0;
};

class BenchGateway {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<BenchGateway>> start(
      const GatewayOptions& options);
  ~BenchGateway();
  BenchGateway(const BenchGateway&) = delete;
  BenchGateway& operator=(const BenchGateway&) = delete;

  [[nodiscard]] Progress look() const;
  /// All queues of the source.
  void open(Gate gate);
  /// Closes the source and waits until nothing is on its way. @return false: something stays
  bool drain();

  /// Inbound: frames of the peer with sequence numbers `first` … `last`, round the SAs and then the
  /// queues, instead of what the source has.
  void load_sealed(std::uint64_t first, std::uint64_t last);

  [[nodiscard]] BenchPort& source_port() { return *ports_[options_.outbound ? 0 : 1]; }
  [[nodiscard]] BenchPort& sink_port() { return *ports_[options_.outbound ? 1 : 0]; }
  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(options_.cpus.size()); }
  [[nodiscard]] const GatewayOptions& options() const { return options_; }
  /// Of the SA pair: what it seals and what its peer seals for us have their own.
  [[nodiscard]] std::uint32_t spi(std::uint32_t pair, bool outbound) const;
  [[nodiscard]] channel::CounterTotals totals() const;

 private:
  class Quiet;
  explicit BenchGateway(GatewayOptions options);
  base::Result<void> set_up();
  base::Result<void> add_interfaces();
  base::Result<void> add_pair(std::uint32_t pair);
  void load_clear();
  [[nodiscard]] std::uint64_t in_flight();
  [[nodiscard]] unsigned queue_of(std::uint32_t pair, std::uint64_t packet) const;

  GatewayOptions options_;
  std::unique_ptr<Quiet> log_;
  config::DataplaneSettings settings_;
  std::unique_ptr<app::DataPlane> plane_;
  std::vector<std::unique_ptr<BenchPort>> ports_;
  std::vector<net::Spi> inbound_;
};

}  // namespace penstock::bench
