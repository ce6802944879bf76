// SPDX-License-Identifier: BSD-3-Clause
// A model of the data plane for the simulation: it takes the engine's outputs as the bridge would,
// holds SAs, slots, policies and SPIs, and says what is wrong with them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/ike/engine_io.h"

namespace penstock::sim {

/// What the model keeps of an SA: enough to know whether two ends fit.
struct ModelSa {
  policy::IpsecProtocol protocol{};
  policy::IpsecMode mode{};
  net::Spi spi;
  policy::ChildSlot slot;
  base::ByteVector keys;  ///< enc_key | auth_key
  bool esn = false;
  bool encap = false;
  crypto::EncrId encr{};
  crypto::IntegId integ{};
  policy::TrafficSelectors local_ts, remote_ts;
  net::Endpoint remote;  ///< where the peer is; the port is 0 without UDP
  bool used = false;     ///< inbound: the first packet came
  std::uint64_t packets = 0;
  policy::TunnelHeader tunnel_header;
};

class DataPlane {
 public:
  explicit DataPlane(std::uint32_t first_spi) : next_spi_(first_spi) {}

  base::Result<void> install_inbound(const policy::SaSpec& spec);
  base::Result<void> install_outbound(const policy::SaSpec& spec);
  base::Result<void> move(const ike::MoveSa& move);
  [[nodiscard]] std::vector<ike::InboundTraffic> traffic(const std::vector<net::Spi>& spis) const;
  void retire(const ike::RetireSa& retire);
  base::Result<void> install_policy(const policy::PolicyRule& rule);
  void remove_policy(policy::PolicyId id);
  std::vector<net::Spi> allocate(std::uint32_t count);
  void give_back(const std::vector<net::Spi>& spis);

  std::map<net::Spi, ModelSa> inbound;
  std::map<net::Spi, ModelSa> outbound;  ///< one peer: the SPI names it
  std::map<policy::ChildSlot, net::Spi> slots;
  std::map<policy::PolicyId, policy::PolicyRule> policies;
  std::set<net::Spi> larval;  ///< granted, not keyed
  std::vector<std::string> faults;
  bool fail_installs = false;
  bool full = false;          ///< no SPI is left
  std::size_t asked_for = 0;  ///< times that SPIs were asked for

 private:
  std::uint32_t next_spi_;
};

}  // namespace penstock::sim
