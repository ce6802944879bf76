// SPDX-License-Identifier: BSD-3-Clause
// Network: interfaces, routes and neighbours, written to the FIB from the settings, and kept alive:
// ARP and neighbour discovery by the state machine of neighbours.h, duplicate address detection by
// that of address_detection.h, groups by that of multicast_listener.h, link states by asking the
// ports.
#pragma once

#include <memory>
#include <vector>

#include "control/bridge/address_detection.h"
#include "control/bridge/multicast_listener.h"
#include "control/bridge/neighbours.h"
#include "control/bridge/transmitter.h"
#include "control/config/settings.h"
#include "control/io/event_loop.h"
#include "lib/base/log.h"
#include "lib/base/token_bucket.h"
#include "lib/dpdk/port.h"
#include "lib/fib/fib.h"

namespace penstock::bridge {

class Network {
 public:
  /// Writes interfaces, addresses and routes. Before the workers start.
  /// @param ports  opened, in the order of settings.ports; borrowed, as is `random`
  [[nodiscard]] static base::Result<std::unique_ptr<Network>> create(
      const config::DataplaneSettings& settings, const std::vector<dpdk::Port>& ports,
      fib::Fib& fib, io::EventLoop& loop, base::RandomSource& random, base::Log& log);

  /// Announces our addresses, sets static neighbours, watches links. When the workers run.
  void start(Transmitter& transmitter);
  void event(const channel::NeighbourEvent& event);
  /// Carries out what events led to and sets the next deadline.
  void settle();

  [[nodiscard]] const Neighbours& neighbours() const { return neighbours_; }
  [[nodiscard]] const fib::Fib& fib() const { return fib_; }
  [[nodiscard]] const std::vector<dpdk::Port>& ports() const { return ports_; }
  [[nodiscard]] const config::DataplaneSettings& settings() const { return settings_; }
  [[nodiscard]] std::vector<net::IpAddress> outside_addresses() const;
  /// How often somebody else has claimed an address of this interface.
  [[nodiscard]] std::uint64_t claims(dpdk::InterfaceIndex interface) const {
    return claims_[interface.value()];
  }

 private:
  Network(const config::DataplaneSettings& settings, const std::vector<dpdk::Port>& ports,
          fib::Fib& fib, std::vector<OwnAddress> own, io::EventLoop& loop,
          base::RandomSource& random, base::Log& log);
  void carry_out(const AskNeighbour& output);
  void carry_out(const PublishNeighbour& output);
  void carry_out(const FailNeighbour& output);
  void carry_out(const ForgetNeighbour& output);
  void carry_out(const ProbeAddress& output);
  void carry_out(const AddressChanged& output);
  void link_up(dpdk::InterfaceIndex interface);
  void claimed(const NeighbourKey& key, const net::MacAddress& mac);
  void watch_links();

  const config::DataplaneSettings& settings_;
  const std::vector<dpdk::Port>& ports_;
  fib::Fib& fib_;
  io::EventLoop& loop_;
  base::Log& log_;
  Transmitter* transmitter_ = nullptr;
  MulticastListener listener_;
  AddressDetection detection_;
  Neighbours neighbours_;
  std::vector<std::uint64_t> claims_;  ///< by interface
  base::TokenBucket full_logged_{1, 1};
  base::TokenBucket unused_logged_{1, 1};
  base::TokenBucket claim_logged_{1, 10};
  std::unique_ptr<io::EventLoop::Handle> deadline_;
  std::unique_ptr<io::EventLoop::Handle> links_;
};

}  // namespace penstock::bridge
