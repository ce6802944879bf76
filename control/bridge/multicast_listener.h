// SPDX-License-Identifier: BSD-3-Clause
// MulticastListener: tells switches that snoop and routers on every link that we listen to the
// solicited-node groups of our IPv6 addresses (RFC 3810; RFC 4862 §5.4.2 wants that before
// duplicate address detection). No clock and no socket: inputs come with the time, outputs are
// polled.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "control/bridge/neighbours.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/net/mld.h"

namespace penstock::bridge {

/// A report to build.
struct ReportGroups {
  dpdk::InterfaceIndex interface;
  net::MacAddress mac{};
  net::Ipv6Octets source{};  ///< our link-local address; before it is assigned the unspecified one
  net::MldRecord record{};
  bool version1 = false;  ///< a message for each group
  std::vector<net::Ipv6Octets> groups;
};

// RFC 3810 §9.
inline constexpr unsigned kMldRobustness = 2;
inline constexpr base::Duration kMldUnsolicitedInterval = base::seconds{1};
/// §9.12: Robustness Variable × Query Interval + Query Response Interval.
inline constexpr base::Duration kMldOlderQuerierTime = base::seconds{2 * 125 + 10};
/// Ours: however fast somebody asks, reports of a link are not sent faster.
inline constexpr base::Duration kMldShortestInterval = base::milliseconds{100};

class MulticastListener {
 public:
  /// @param own  our addresses; those of IPv4 are left out. @param random  borrowed
  MulticastListener(const std::vector<OwnAddress>& own, base::RandomSource& random);

  /// The interface has come up: nobody there knows what we listen to.
  void link_up(base::MonoTime now, dpdk::InterfaceIndex interface);
  /// An address of ours is assigned or is not any more: the link-local one is the source of
  /// reports. Once it is assigned, all is said again from it (RFC 3590 §5).
  void set_own(base::MonoTime now, const NeighbourKey& key, bool assigned);
  void query(base::MonoTime now, dpdk::InterfaceIndex interface, const net::MldQuery& query);
  void tick(base::MonoTime now);

  [[nodiscard]] std::optional<ReportGroups> poll_output();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const;

 private:
  struct Link {
    net::MacAddress mac{};
    std::vector<net::Ipv6Octets> groups;
    net::Ipv6Octets source{};
    unsigned changes_left = 0;                   ///< reports of a change to be sent
    std::optional<base::MonoTime> change{};      ///< when the next of them is due
    std::optional<base::MonoTime> answer_all{};  ///< RFC 3810 §6.2: one general answer at a time
    std::map<net::Ipv6Octets, base::MonoTime> answers;  ///< by group
    std::optional<base::MonoTime> version1_until{};
    base::MonoTime not_before{};  ///< the next answer

    [[nodiscard]] std::optional<base::MonoTime> due() const;
  };

  [[nodiscard]] base::Duration random_below(base::Duration longest);
  void begin_change(base::MonoTime now, Link& link);
  void report(base::MonoTime now, dpdk::InterfaceIndex interface, Link& link, net::MldRecord record,
              std::vector<net::Ipv6Octets> groups);
  void tick(base::MonoTime now, dpdk::InterfaceIndex interface, Link& link);

  base::RandomSource& random_;
  std::map<dpdk::InterfaceIndex, Link> links_;  ///< those with IPv6
  std::deque<ReportGroups> outputs_;
};

}  // namespace penstock::bridge
