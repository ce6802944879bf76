// SPDX-License-Identifier: BSD-3-Clause
// Fib: interfaces, routes (IPv4: rte_lpm under QSBR; IPv6: ipv6_table.h) and neighbours. The
// control core alone writes; workers read without a lock. One lookup answers everything about a
// destination: ours, broadcast, on the link, behind a gateway, or no route; a neighbour that is
// known has a host route.
#pragma once

#include <rte_lpm.h>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "lib/base/result.h"
#include "lib/dpdk/rcu.h"
#include "lib/fib/ipv6_table.h"
#include "lib/fib/next_hop.h"
#include "lib/net/ethernet.h"

namespace penstock::fib {

struct FibLimits {
  std::uint32_t routes = 4'096;      ///< of all origins but host routes of neighbours
  std::uint32_t neighbours = 4'096;  ///< gateways and hosts on links
  int socket = -1;
};

/// Where a route comes from; the lower wins when two have the same prefix.
enum class RouteOrigin : std::uint8_t { kLocal, kStatic, kConnected, kNeighbour, kCount };
inline constexpr std::size_t kRouteOrigins = static_cast<std::size_t>(RouteOrigin::kCount);

struct Route {
  net::Vrf vrf;
  net::Prefix to;
  std::optional<net::IpAddress> via;  ///< none: on the link
  InterfaceIndex interface;
  RouteOrigin origin = RouteOrigin::kStatic;
};

struct Neighbour {
  InterfaceIndex interface;
  net::IpAddress address;
  Link link;
  bool used = false;         ///< since it was last asked with take_used()
  std::uint32_t routes = 0;  ///< routes that lead through it
};

class Fib {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<Fib>> create(const FibLimits& limits,
                                                                 dpdk::RcuDomain& rcu);
  ~Fib();
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  // ---- the control core's ----

  /// Before the workers start, all ports before any VLAN. Adds its addresses, broadcast addresses
  /// and connected networks. IPv6 brings a link-local address with it.
  /// @return kLimit, kUnsupported (a VRF other than 0), kExists, kNotFound (a VLAN's port),
  /// kMalformed (IPv6 on an MTU below 1,280: RFC 8200 §5; a port behind a VLAN)
  [[nodiscard]] base::Result<InterfaceIndex> add_interface(const InterfaceOptions& options);
  void set_up(InterfaceIndex interface, bool up);
  /// While an IPv6 address is a duplicate, packets to it are not for us.
  /// @return kNotFound, kLimit (no room for the route to ourselves)
  base::Result<void> set_address_state(InterfaceIndex interface, const net::IpAddress& address,
                                       AddressState state);

  /// A static route. @return kNotFound (interface), kExists, kLimit, kUnsupported (VRF), kMalformed
  /// (via is an address of ours or of the other version; a link-local prefix)
  [[nodiscard]] base::Result<void> add_route(const Route& route);
  [[nodiscard]] base::Result<void> remove_route(const net::Prefix& to);
  /// In the order of their prefixes, the best of each first.
  void for_each_route(const std::function<void(const Route&)>& visit) const;

  /// Makes the entry if there is none, and sets MAC and state. kPermanent entries change only to
  /// kPermanent ones. A learned address must lie in a network of the interface, and no more
  /// specific route may lead it elsewhere.
  /// @return kLimit, kRefused (permanent, or not on the link), kNotFound
  base::Result<void> set_neighbour(InterfaceIndex interface, const net::IpAddress& address,
                                   const Link& link);
  /// Forgets it; if routes lead through it, it stays and becomes kIncomplete.
  base::Result<void> remove_neighbour(InterfaceIndex interface, const net::IpAddress& address);
  [[nodiscard]] std::optional<Neighbour> find_neighbour(InterfaceIndex interface,
                                                        const net::IpAddress& address) const;
  void for_each_neighbour(const std::function<void(const Neighbour&)>& visit) const;
  /// Whether a worker sent through it since the last call.
  bool take_used(InterfaceIndex interface, const net::IpAddress& address);

  /// The interface's address in the network of `neighbour`, else its first: an ARP sender address.
  /// Duplicates are none.
  [[nodiscard]] std::optional<net::IpAddress> address_towards(
      InterfaceIndex interface, const net::IpAddress& neighbour) const;
  /// Which of our addresses a packet to `destination` leaves from (for IKE without local_addrs).
  [[nodiscard]] std::optional<net::IpAddress> source_for(const net::IpAddress& destination) const;
  [[nodiscard]] std::optional<InterfaceIndex> find_interface(std::string_view name) const;
  [[nodiscard]] std::size_t route_count() const { return route_count_; }

  // ---- anybody's ----
  [[nodiscard]] unsigned interface_count() const { return interface_count_; }
  /// Ports are the first interfaces.
  [[nodiscard]] unsigned port_count() const { return port_count_; }
  /// The VLAN of that number behind a port; kNoInterface: there is none.
  [[nodiscard]] InterfaceIndex vlan(InterfaceIndex port, std::uint16_t id) const {
    const auto& vlans = vlans_[port.value()];
    return vlans == nullptr ? dpdk::kNoInterface : (*vlans)[id];
  }
  [[nodiscard]] const Interface& interface(InterfaceIndex index) const {
    return interfaces_[index.value()];
  }

  // ---- a worker's, online in the RcuDomain; good until its next quiescent state ----

  /// Index of the next hop for each destination (host order); 0 where there is no route.
  void lookup(const std::uint32_t* destinations, std::uint32_t* next_hops, unsigned count) const {
    if (count == 0) return;
    rte_lpm_lookup_bulk_func(lpm_.get(), destinations, next_hops, count);
    const std::uint32_t missed = default_next_hop_.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i)
      next_hops[i] =
          (next_hops[i] & RTE_LPM_LOOKUP_SUCCESS) != 0 ? next_hops[i] & kNextHopMask : missed;
  }
  [[nodiscard]] std::uint32_t lookup(std::uint32_t destination) const {
    std::uint32_t found = 0;
    if (rte_lpm_lookup(lpm_.get(), destination, &found) == 0) return found;
    return default_next_hop_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t lookup6(const Ipv6Key& destination) const {
    return v6_.lookup(destination);
  }
  [[nodiscard]] std::uint32_t lookup(const net::IpAddress& destination) const {
    return destination.is_v4() ? lookup(destination.v4_value())
                               : lookup6(Ipv6Key::of(destination.octets().data()));
  }
  [[nodiscard]] const NextHop& next_hop(std::uint32_t index) const { return next_hops_[index]; }
  /// Grows with every change of a neighbour: packets that wait are looked at again.
  [[nodiscard]] std::uint32_t neighbour_generation() const {
    return neighbour_generation_.load(std::memory_order_acquire);
  }

 private:
  static constexpr std::uint32_t kNextHopMask = 0x00ffffffU;
  using Origins = std::array<std::uint32_t, kRouteOrigins>;  ///< next hop by origin; 0: none
  using NeighbourKey = std::pair<std::uint16_t, net::IpAddress>;
  struct NeighbourEntry {
    std::uint32_t index = 0;
    std::uint32_t routes = 0;
    bool listed = false;  ///< asked for or learned or configured: not only a gateway of routes
  };
  struct RetiredNextHop {
    dpdk::GraceToken since;
    std::uint32_t index;
  };
  struct FreeLpm {
    void operator()(rte_lpm* lpm) const { rte_lpm_free(lpm); }
  };

  Fib(const FibLimits& limits, dpdk::RcuDomain& rcu);
  base::Result<std::uint32_t> new_next_hop(NextHopKind kind, InterfaceIndex interface,
                                           const net::IpAddress& address);
  void retire_next_hop(std::uint32_t index);
  base::Result<void> put_origin(const net::Prefix& to, RouteOrigin origin, std::uint32_t next_hop);
  void take_origin(const net::Prefix& to, RouteOrigin origin, std::uint32_t next_hop);
  base::Result<void> install(const net::Prefix& to, const Origins& origins);
  base::Result<void> add_vlan(const InterfaceOptions& options, Interface& interface);
  base::Result<void> add_address(Interface& interface, const net::InterfaceAddress& address);
  base::Result<void> add_network(Interface& interface, const net::InterfaceAddress& address);
  base::Result<NeighbourEntry*> entry_for(InterfaceIndex interface, const net::IpAddress& address);
  void drop_if_unused(const NeighbourKey& key);
  bool on_link(const Interface& interface, const net::IpAddress& address) const;
  std::uint32_t next_hop_without_neighbours(const net::IpAddress& address) const;
  base::Result<void> may_learn(InterfaceIndex interface, const net::IpAddress& address) const;
  bool may_have_host_route(const NextHop& neighbour) const;
  void settle_host_routes(const net::Prefix& changed);

  FibLimits limits_;
  dpdk::RcuDomain& rcu_;
  std::unique_ptr<rte_lpm, FreeLpm> lpm_;
  Ipv6Table v6_;
  std::unique_ptr<NextHop[]> next_hops_;
  std::vector<std::uint32_t> free_next_hops_;
  std::deque<RetiredNextHop> retired_next_hops_;  ///< wait for a grace period, in its order
  std::unique_ptr<Interface[]> interfaces_;
  unsigned interface_count_ = 0;
  unsigned port_count_ = 0;
  using Vlans = std::array<InterfaceIndex, net::kLastVlan + 2>;  ///< by number
  std::array<std::unique_ptr<Vlans>, kMaxPorts> vlans_;
  std::map<net::Prefix, Origins> routes_;
  std::size_t route_count_ = 0;
  std::map<NeighbourKey, NeighbourEntry> neighbours_;
  std::array<std::uint32_t, kMaxInterfaces> connected_next_hops_{};
  std::uint32_t local_next_hop_ = 0;
  std::uint32_t broadcast_next_hop_ = 0;
  alignas(64) std::atomic<std::uint32_t> neighbour_generation_{0};
  std::atomic<std::uint32_t> default_next_hop_{0};  ///< of 0.0.0.0/0; 0: none
};

}  // namespace penstock::fib
