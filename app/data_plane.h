// SPDX-License-Identifier: BSD-3-Clause
// DataPlane: everything that workers run on, in the order in which it is made: EAL, pool, RCU,
// channels, ports, FIB, IPsec tables, workers. It goes in the opposite order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "control/bridge/show.h"
#include "control/config/settings.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/worker.h"
#include "lib/burst_crypto/session.h"
#include "lib/channel/handoff.h"
#include "lib/channel/worker_channel.h"
#include "lib/crypto/context.h"
#include "lib/dpdk/eal.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/port.h"
#include "lib/dpdk/rcu.h"
#include "lib/fib/fib.h"
#include "lib/ipsec/writer.h"

namespace penstock::app {

class DataPlane {
 public:
  /// Starts the EAL on the calling thread and opens everything; no worker runs yet.
  /// @param settings, log  borrowed
  [[nodiscard]] static base::Result<std::unique_ptr<DataPlane>> open(
      const config::DataplaneSettings& settings, base::Log& log);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  /// Launches the workers, when interfaces and routes are written.
  [[nodiscard]] base::Result<void> run();
  /// Stops the workers and waits for them; what they held is dropped by name.
  void stop();

  /// Now and then, on the control core: crypto devices that are stuck are reported and reset.
  /// @return whether workers wait for it: to be called again soon
  bool supervise() { return sessions_->supervise(*rcu_, log_); }

  [[nodiscard]] fib::Fib& fib() { return *fib_; }
  [[nodiscard]] ipsec::Writer& writer() { return *writer_; }
  [[nodiscard]] dpdk::RcuDomain& rcu() { return *rcu_; }
  [[nodiscard]] channel::Wakeup& wakeup() { return *wakeup_; }
  [[nodiscard]] const dpdk::PacketPool& pool() const { return *pool_; }
  [[nodiscard]] const std::vector<dpdk::Port>& ports() const { return ports_; }
  [[nodiscard]] std::vector<channel::WorkerChannel*> channels() const;
  /// One a worker; complete once run() was called.
  [[nodiscard]] const std::vector<bridge::WorkerView>& workers() const { return views_; }

 private:
  DataPlane(const config::DataplaneSettings& settings, base::Log& log)
      : settings_(settings), log_(log) {}
  base::Result<void> start_eal();
  base::Result<void> make_memory();
  base::Result<void> open_ports();
  base::Result<void> make_tables();
  base::Result<void> make_workers();
  void steer(std::size_t port, std::span<const std::vector<dataplane::RxQueue>> assigned);
  void tell_balance();

  const config::DataplaneSettings& settings_;
  base::Log& log_;
  crypto::SystemRandom random_;
  std::optional<dpdk::Eal> eal_;
  std::optional<dpdk::PacketPool> pool_;
  std::unique_ptr<dpdk::RcuDomain> rcu_;
  std::unique_ptr<channel::Wakeup> wakeup_;
  std::vector<std::unique_ptr<channel::WorkerChannel>> channels_;
  std::unique_ptr<channel::Handoff> handoff_;  ///< with several workers
  std::unique_ptr<fib::Fib> fib_;
  std::unique_ptr<burst_crypto::SessionFactory> sessions_;
  std::unique_ptr<ipsec::Writer> writer_;
  std::vector<dpdk::Port> ports_;
  std::vector<std::unique_ptr<dataplane::IpsecState>> ipsec_;  ///< one a worker
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  std::vector<bridge::WorkerView> views_;
  unsigned running_ = 0;
};

}  // namespace penstock::app
