// SPDX-License-Identifier: BSD-3-Clause
// AddressDetection: duplicate address detection for our own IPv6 addresses (RFC 4862 §5.4), the
// link-local ones among them. No clock and no socket: inputs come with the time, outputs are
// polled. An address is tentative until nobody has claimed it for a while, and a duplicate until
// its link comes up anew if somebody has.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "control/bridge/neighbours.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/fib/interface.h"

namespace penstock::bridge {

/// A neighbour solicitation from the unspecified address to build (RFC 4862 §5.4.2).
struct ProbeAddress {
  dpdk::InterfaceIndex interface;
  net::MacAddress mac{};
  net::IpAddress target;
};
struct AddressChanged {
  NeighbourKey key;
  fib::AddressState state{};
};
using DetectionOutput = std::variant<ProbeAddress, AddressChanged>;

struct DetectionOptions {
  bool enabled = true;
  unsigned transmits = 1;                           ///< DupAddrDetectTransmits, RFC 4862 §5.1
  base::Duration retransmit = base::seconds{1};     ///< RetransTimer, RFC 4861 §10
  base::Duration longest_delay = base::seconds{1};  ///< MAX_RTR_SOLICITATION_DELAY, RFC 4861 §10
};

class AddressDetection {
 public:
  /// @param own  our addresses; those of IPv4 are left out. @param random  borrowed
  AddressDetection(const DetectionOptions& options, const std::vector<OwnAddress>& own,
                   base::RandomSource& random);

  /// The interface has come up: nobody knows who else is on its link. Without detection its
  /// addresses are assigned at once.
  void link_up(base::MonoTime now, dpdk::InterfaceIndex interface);
  /// Somebody claims this address of ours.
  /// @return whether it was tentative, and so is a duplicate now
  bool claimed(const NeighbourKey& key);
  void tick(base::MonoTime now);

  [[nodiscard]] std::optional<DetectionOutput> poll_output();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const;

 private:
  struct Address {
    OwnAddress own;
    fib::AddressState state = fib::AddressState::kTentative;
    unsigned probes = 0;  ///< sent since the link came up
    std::optional<base::MonoTime> due{};
  };
  void set(std::size_t place, fib::AddressState state);
  void wait(std::size_t place, std::optional<base::MonoTime> until);

  DetectionOptions options_;
  base::RandomSource& random_;
  std::vector<Address> addresses_;
  std::set<std::pair<base::MonoTime, std::size_t>> due_;
  std::deque<DetectionOutput> outputs_;
};

}  // namespace penstock::bridge
