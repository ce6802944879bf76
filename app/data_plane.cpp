// SPDX-License-Identifier: BSD-3-Clause
// Composition of the data plane. Each step fails with one sentence that says what to do; what was
// made before goes by itself.
#include "app/data_plane.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include <algorithm>

#include "lib/burst_crypto/chain.h"

namespace penstock::app {

using base::Result;

Result<std::unique_ptr<DataPlane>> DataPlane::open(const config::DataplaneSettings& settings,
                                                   base::Log& log) {
  std::unique_ptr<DataPlane> plane(new DataPlane(settings, log));
  PS_TRY(plane->start_eal());
  PS_TRY(plane->make_memory());
  PS_TRY(plane->make_tables());
  PS_TRY(plane->open_ports());
  return plane;
}

Result<void> DataPlane::start_eal() {
  dpdk::EalOptions options;
  options.args = settings_.eal;
  options.file_prefix = settings_.file_prefix;
  options.control_cpu = settings_.control_cpu;
  options.workers = settings_.workers;
  for (const config::PortSettings& port : settings_.ports)
    if (dpdk::is_pci_address(port.device)) options.pci_devices.push_back(port.device);
  for (const std::string& device : settings_.crypto.devices)
    if (dpdk::is_pci_address(device)) options.pci_devices.push_back(device);
  PS_ASSIGN(auto eal, dpdk::Eal::start(options, log_));
  eal_.emplace(std::move(eal));
  return {};
}

Result<void> DataPlane::make_memory() {
  dpdk::PacketPoolOptions options;
  options.packets = settings_.limits.packets;
  options.largest_mtu = settings_.limits.largest_packet;
  for (const config::PortSettings& port : settings_.ports)
    options.largest_mtu = std::max(options.largest_mtu, port.mtu);
  PS_ASSIGN(auto pool, dpdk::PacketPool::create(options));
  pool_.emplace(std::move(pool));
  const auto workers = static_cast<unsigned>(settings_.workers.size());
  PS_ASSIGN(rcu_, dpdk::RcuDomain::create(workers));
  PS_ASSIGN(wakeup_, channel::Wakeup::create());
  for (unsigned i = 0; i < workers; ++i) {
    PS_ASSIGN(auto one, channel::WorkerChannel::create(i, -1, *wakeup_));
    channels_.push_back(std::move(one));
  }
  if (workers > 1) {
    PS_ASSIGN(handoff_, channel::Handoff::create(workers, -1));
  }
  return {};
}

Result<void> DataPlane::open_ports() {
  for (const config::PortSettings& port : settings_.ports) {
    dpdk::PortOptions options;
    options.name = port.name;
    options.device = port.device;
    options.mtu = port.mtu;
    options.rx_queues = port.queues;
    options.tx_queues = static_cast<std::uint16_t>(settings_.workers.size());
    options.promiscuous = port.promiscuous;
    PS_ASSIGN(auto opened, dpdk::Port::open(options, *pool_, log_));
    ports_.push_back(std::move(opened));
  }
  return {};
}

Result<void> DataPlane::make_tables() {
  PS_ASSIGN(fib_, fib::Fib::create({.routes = settings_.limits.routes,
                                    .neighbours = settings_.limits.neighbors,
                                    .socket = -1},
                                   *rcu_));
  PS_ASSIGN(sessions_,
            burst_crypto::make_sessions({.name = settings_.crypto.engine,
                                         .workers = static_cast<unsigned>(settings_.workers.size()),
                                         .devices = settings_.crypto.devices,
                                         .log = &log_}));
  ipsec::WriterLimits limits;
  limits.inbound_sas = settings_.limits.sas;
  limits.outbound_sas = settings_.limits.sas;
  limits.manual_sas = settings_.limits.manual_sas;
  limits.slots = settings_.limits.policies;
  limits.policies = settings_.limits.policies;
  limits.workers = static_cast<std::uint32_t>(settings_.workers.size());
  limits.smallest_path_mtu = settings_.limits.smallest_path_mtu;
  limits.path_mtu_time = settings_.limits.path_mtu_time;
  PS_ASSIGN(writer_, ipsec::Writer::create(limits, *rcu_, *sessions_, random_));
  return {};
}

Result<void> DataPlane::make_workers() {
  std::vector<std::uint16_t> queues;
  for (const dpdk::Port& port : ports_) queues.push_back(port.options().rx_queues);
  const auto idle = settings_.idle == config::IdleMode::kSleep ? dataplane::IdleMode::kSleep
                                                               : dataplane::IdleMode::kPoll;
  auto assigned =
      dataplane::assign_queues(*fib_, queues, static_cast<unsigned>(settings_.workers.size()));
  for (std::size_t i = 0; i < ports_.size(); ++i) steer(i, assigned);
  for (unsigned i = 0; i < settings_.workers.size(); ++i) {
    bridge::WorkerView view{
        i + 1, static_cast<int>(rte_lcore_to_socket_id(i + 1)), {}, &channels_[i]->counters};
    for (const dataplane::RxQueue& queue : assigned[i])
      view.queues.push_back(
          fmt::format("{}:{}", fib_->interface(queue.interface).name, queue.queue));
    views_.push_back(std::move(view));
    PS_ASSIGN(auto engine, sessions_->make_engine(i));
    for (const burst_crypto::FifoProgress& fifo : engine->fifos()) writer_->watch_fifo(fifo);
    ipsec_.push_back(
        std::make_unique<dataplane::IpsecState>(writer_->tables(), std::move(engine), *fib_));
    workers_.push_back(std::make_unique<dataplane::Worker>(
        dataplane::WorkerOptions{i, idle, std::move(assigned[i]), handoff_.get()}, *pool_, *fib_,
        ipsec_[i].get(), *channels_[i], *rcu_));
  }
  return {};
}

/// ESP and AH come to a queue that their owner polls, where the port has one.
void DataPlane::steer(std::size_t port, std::span<const std::vector<dataplane::RxQueue>> assigned) {
  const config::PortSettings& settings = settings_.ports[port];
  if (settings.steering == config::SteeringMode::kOff || settings.queues == 1) return;
  const fib::Interface& interface =
      fib_->interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(port)});
  ports_[port].steer(
      dataplane::steering_rules(writer_->tables().owners(), interface.index, assigned),
      std::ranges::any_of(settings_.vlans,
                          [&](const auto& vlan) { return vlan.port == settings.name; }),
      log_);
}

Result<void> DataPlane::run() {
  PS_TRY(make_workers());
  for (; running_ < workers_.size(); ++running_)
    PS_TRY(dpdk::launch(running_, &dataplane::Worker::run_on_lcore, workers_[running_].get()));
  return {};
}

void DataPlane::stop() {
  for (const auto& worker : workers_) worker->stop();
  for (; running_ > 0; --running_) static_cast<void>(dpdk::wait_for(running_ - 1));
  for (const auto& worker : workers_) worker->drop_taken_over();
}

std::vector<channel::WorkerChannel*> DataPlane::channels() const {
  std::vector<channel::WorkerChannel*> out;
  for (const auto& one : channels_) out.push_back(one.get());
  return out;
}

/// Every packet that came went somewhere (design §4.9), and every buffer is back in its pool.
void DataPlane::tell_balance() {
  const channel::CounterTotals totals = bridge::totals_of(views_);
  log_.write(base::LogLevel::kDebug, "app",
             fmt::format("final balance: received {} + injected {} + generated {} = transmitted {} "
                         "+ dropped {} + punted {} + consumed {} + held {}, difference {}",
                         totals.received, totals.injected, totals.generated, totals.transmitted,
                         totals.dropped_total(), totals.punted, totals.consumed_total(),
                         totals.held_total(), totals.imbalance()));
}

DataPlane::~DataPlane() {
  stop();
  if (!views_.empty()) tell_balance();
  workers_.clear();
  ipsec_.clear();
  ports_.clear();
  if (pool_ && pool_->in_use() != 0)
    log_.write(base::LogLevel::kError, "app",
               fmt::format("{} packet buffers did not come back", pool_->in_use()));
}

}  // namespace penstock::app
