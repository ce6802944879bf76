// SPDX-License-Identifier: BSD-3-Clause
// Routes: what the control core writes. Each prefix has at most one next hop per origin; the best
// of them is in rte_lpm or in the table of IPv6 prefixes. An index that no table holds any more is
// used again after a grace period.
#include "lib/fib/fib.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/net/ipv4.h"

namespace penstock::fib {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// The next hop of the lowest origin that has one; 0: none.
std::uint32_t best_of(std::span<const std::uint32_t> origins) {
  for (const std::uint32_t next_hop : origins)
    if (next_hop != 0) return next_hop;
  return 0;
}

/// Our own: an address, its network, two broadcasts.
std::uint32_t own_prefixes(const FibLimits& limits) {
  return limits.routes + limits.neighbours + kMaxInterfaces * kMaxAddresses * 4;
}

}  // namespace

Fib::Fib(const FibLimits& limits, dpdk::RcuDomain& rcu)
    : limits_(limits), rcu_(rcu), v6_(own_prefixes(limits), rcu) {}
Fib::~Fib() = default;

Result<std::unique_ptr<Fib>> Fib::create(const FibLimits& limits, dpdk::RcuDomain& rcu) {
  std::unique_ptr<Fib> fib(new Fib(limits, rcu));
  const std::uint32_t rules = own_prefixes(limits);
  // A prefix longer than 24 bits costs a group of its /24; in the worst case each has its own.
  const rte_lpm_config config{.max_rules = rules, .number_tbl8s = rules, .flags = 0};
  static std::atomic<unsigned> tables{0};  // DPDK finds tables by name, process-wide
  const std::string name = fmt::format("fib_{}", tables++);
  fib->lpm_.reset(rte_lpm_create(name.c_str(), limits.socket, &config));
  if (!fib->lpm_)
    return fail(ErrorCode::kSystem,
                fmt::format("no memory for a table of {} routes (it takes 64 MiB and 1 KiB a "
                            "route): {}; reserve more hugepages",
                            rules, rte_strerror(rte_errno)));
  rte_lpm_rcu_config rcu_config{};
  rcu_config.v = rcu.qsbr();
  rcu_config.mode = RTE_LPM_QSBR_MODE_DQ;  // the writer never waits
  if (rte_lpm_rcu_qsbr_add(fib->lpm_.get(), &rcu_config) != 0)
    return fail(ErrorCode::kSystem, "the route table refuses its RCU domain");
  // Index 0 is "no route"; one local, one broadcast, one connected an interface.
  const std::uint32_t next_hops = limits.neighbours + kMaxInterfaces + 3;
  fib->next_hops_ = std::make_unique<NextHop[]>(next_hops);
  for (std::uint32_t i = next_hops - 1; i != 0; --i) fib->free_next_hops_.push_back(i);
  fib->interfaces_ = std::make_unique<Interface[]>(kMaxInterfaces);
  PS_ASSIGN(fib->local_next_hop_, fib->new_next_hop(NextHopKind::kLocal, dpdk::kNoInterface, {}));
  PS_ASSIGN(fib->broadcast_next_hop_,
            fib->new_next_hop(NextHopKind::kBroadcast, dpdk::kNoInterface, {}));
  return fib;
}

// ---- next hops ----

Result<std::uint32_t> Fib::new_next_hop(NextHopKind kind, InterfaceIndex interface,
                                        const net::IpAddress& address) {
  while (!retired_next_hops_.empty() && rcu_.passed(retired_next_hops_.front().since)) {
    free_next_hops_.push_back(retired_next_hops_.front().index);
    retired_next_hops_.pop_front();
  }
  if (free_next_hops_.empty()) return fail(ErrorCode::kLimit, "the table of next hops is full");
  const std::uint32_t index = free_next_hops_.back();
  free_next_hops_.pop_back();
  NextHop& hop = next_hops_[index];
  hop.kind = kind;
  hop.interface = interface;
  hop.address = address;
  hop.link.store(0, std::memory_order_relaxed);
  hop.used.store(false, std::memory_order_relaxed);
  return index;
}

void Fib::retire_next_hop(std::uint32_t index) {
  // A worker may still hold the index it looked up: not to be used again before it is quiescent.
  retired_next_hops_.push_back({rcu_.token(), index});
}

// ---- routes ----

Result<void> Fib::install(const net::Prefix& to, const Origins& origins) {
  const std::uint32_t best = best_of(origins);
  if (!to.address.is_v4()) {
    if (best != 0) return v6_.put(to, best);
    v6_.remove(to);
    return {};
  }
  const std::uint32_t address = to.address.v4_value();
  if (to.length == 0) {  // rte_lpm knows no depth of 0: it is what a miss gives
    default_next_hop_.store(best, std::memory_order_release);
    return {};
  }
  if (best == 0) {
    rte_lpm_delete(lpm_.get(), address, to.length);
    return {};
  }
  if (rte_lpm_add(lpm_.get(), address, to.length, best) != 0)
    return fail(ErrorCode::kLimit, fmt::format("no room for the route to {}", to.to_string()));
  return {};
}

Result<void> Fib::put_origin(const net::Prefix& to, RouteOrigin origin, std::uint32_t next_hop) {
  Origins& origins = routes_[to];
  std::uint32_t& place = origins[static_cast<std::size_t>(origin)];
  const std::uint32_t before = place;
  if (before != 0 && before != next_hop && origin != RouteOrigin::kNeighbour)
    return fail(ErrorCode::kExists,
                fmt::format("{} is in use already: two ports cannot share it", to.to_string()));
  place = next_hop;
  auto done = install(to, origins);
  if (!done) {
    place = before;
    if (best_of(origins) == 0) routes_.erase(to);
  }
  return done;
}

void Fib::take_origin(const net::Prefix& to, RouteOrigin origin, std::uint32_t next_hop) {
  const auto found = routes_.find(to);
  if (found == routes_.end()) return;
  std::uint32_t& place = found->second[static_cast<std::size_t>(origin)];
  if (place != next_hop) return;
  place = 0;
  // Another next hop in place of a better one always fits: the prefix has its place already.
  PS_CHECK(install(to, found->second).has_value());
  if (best_of(found->second) == 0) routes_.erase(found);
}

Result<void> Fib::add_route(const Route& route) {
  if (route.via && route.via->family() != route.to.address.family())
    return fail(ErrorCode::kMalformed,
                fmt::format("the route to {} leads to {}, which is of the other IP version",
                            route.to.to_string(), route.via->to_string()));
  if (route.to.length >= 10 && route.to.address.is_link_local())
    return fail(ErrorCode::kMalformed,
                fmt::format("{} is link-local and is not routed", route.to.to_string()));
  if (route.vrf != net::Vrf{}) return fail(ErrorCode::kUnsupported, "there is one VRF, 0");
  if (route.interface.value() >= interface_count_)
    return fail(ErrorCode::kNotFound,
                fmt::format("the route to {} names no port", route.to.to_string()));
  const auto known = routes_.find(route.to);
  if (known != routes_.end() && known->second[static_cast<std::size_t>(RouteOrigin::kStatic)] != 0)
    return fail(ErrorCode::kExists,
                fmt::format("there are two routes to {}", route.to.to_string()));
  if (route_count_ >= limits_.routes)
    return fail(ErrorCode::kLimit, fmt::format("more than {} routes", limits_.routes));

  std::uint32_t next_hop = 0;
  NeighbourEntry* gateway = nullptr;
  if (route.via) {
    if (const auto own = routes_.find(net::host_prefix(*route.via));
        own != routes_.end() && own->second[static_cast<std::size_t>(RouteOrigin::kLocal)] != 0)
      return fail(ErrorCode::kMalformed, fmt::format("the route to {} leads to our own address {}",
                                                     route.to.to_string(), route.via->to_string()));
    PS_ASSIGN(gateway, entry_for(route.interface, *route.via));
    next_hop = gateway->index;
  } else {
    next_hop = connected_next_hops_[route.interface.value()];
  }
  PS_TRY(put_origin(route.to, RouteOrigin::kStatic, next_hop));
  if (gateway != nullptr) ++gateway->routes;
  ++route_count_;
  settle_host_routes(route.to);
  return {};
}

Result<void> Fib::remove_route(const net::Prefix& to) {
  const auto found = routes_.find(to);
  const std::uint32_t index =
      found == routes_.end() ? 0 : found->second[static_cast<std::size_t>(RouteOrigin::kStatic)];
  if (index == 0)
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no static route to {}", to.to_string()));
  take_origin(to, RouteOrigin::kStatic, index);
  --route_count_;
  const NextHop& hop = next_hops_[index];
  if (hop.kind == NextHopKind::kNeighbour) {
    const NeighbourKey key{hop.interface.value(), hop.address};
    --neighbours_.at(key).routes;
    drop_if_unused(key);
  }
  settle_host_routes(to);
  return {};
}

/// Where a packet to `address` goes as far as neighbours have no say; 0: nowhere.
std::uint32_t Fib::next_hop_without_neighbours(const net::IpAddress& address) const {
  constexpr auto kOthers = static_cast<std::size_t>(RouteOrigin::kNeighbour);
  static_assert(kOthers + 1 == kRouteOrigins, "neighbours are the last origin");
  for (unsigned left = net::bits_of(address.family()) + 1; left != 0; --left) {
    const net::InterfaceAddress cut{address, static_cast<std::uint8_t>(left - 1)};
    const auto found = routes_.find(cut.prefix());
    if (found == routes_.end()) continue;
    if (const auto best = best_of(std::span(found->second).first(kOthers)); best != 0) return best;
  }
  return 0;
}

void Fib::for_each_route(const std::function<void(const Route&)>& visit) const {
  for (const auto& [to, origins] : routes_)
    for (std::size_t i = 0; i < kRouteOrigins; ++i) {
      if (origins[i] == 0 || origins[i] == broadcast_next_hop_) continue;
      const NextHop& hop = next_hops_[origins[i]];
      Route route{.vrf = {},
                  .to = to,
                  .via = {},
                  .interface = hop.interface,
                  .origin = static_cast<RouteOrigin>(i)};
      if (hop.kind == NextHopKind::kNeighbour && route.origin == RouteOrigin::kStatic)
        route.via = hop.address;
      visit(route);
    }
}

// ---- interfaces ----

Result<InterfaceIndex> Fib::add_interface(const InterfaceOptions& options) {
  if (interface_count_ == kMaxInterfaces)
    return fail(ErrorCode::kLimit, fmt::format("more than {} ports and VLANs", kMaxInterfaces));
  if (find_interface(options.name))
    return fail(ErrorCode::kExists, fmt::format("there are two ports '{}'", options.name));
  if (options.vrf != net::Vrf{}) return fail(ErrorCode::kUnsupported, "there is one VRF, 0");
  const InterfaceIndex index{static_cast<std::uint16_t>(interface_count_)};
  Interface& interface = interfaces_[interface_count_];
  interface.mac = options.mac;
  interface.mtu = options.mtu;
  interface.port_id = options.port_id;
  interface.index = index;
  interface.port = index;
  interface.side = options.side;
  interface.rx_checksum = options.rx_checksum;
  interface.name = options.name;
  if (options.vlan != 0) {
    PS_TRY(add_vlan(options, interface));
  } else if (interface_count_ != port_count_) {
    return fail(ErrorCode::kMalformed,
                fmt::format("port {}: ports come before VLANs", options.name));
  } else if (port_count_ == kMaxPorts) {
    return fail(ErrorCode::kLimit, fmt::format("more than {} ports", kMaxPorts));
  }
  PS_ASSIGN(connected_next_hops_[index.value()], new_next_hop(NextHopKind::kConnected, index, {}));
  bool has_v6 = false;
  bool has_link_local = false;
  for (const auto& address : options.addresses) {
    PS_TRY(add_address(interface, address));
    has_v6 |= !address.address.is_v4();
    has_link_local |= address.address.is_link_local();
  }
  if (has_v6 && interface.mtu < net::kIpv6MinMtu)
    return fail(ErrorCode::kMalformed,
                fmt::format("port {}: IPv6 needs an MTU of 1280 or more", interface.name));
  if (has_v6 && !has_link_local)  // RFC 4291 §2.1: every interface has one
    interface.addresses.push_back({net::IpAddress::v6(net::link_local_of(interface.mac)), 64});
  ++interface_count_;
  if (options.vlan == 0) ++port_count_;
  return index;
}

Result<void> Fib::add_vlan(const InterfaceOptions& options, Interface& interface) {
  if (options.port == dpdk::kNoInterface || options.port.value() >= port_count_)
    return fail(ErrorCode::kNotFound, fmt::format("VLAN {}: it has no port", options.name));
  if (options.vlan > net::kLastVlan)
    return fail(ErrorCode::kMalformed, fmt::format("VLAN {}: numbers are 1 to 4094", options.name));
  const Interface& port = interfaces_[options.port.value()];
  auto& vlans = vlans_[options.port.value()];
  if (vlans == nullptr) {
    vlans = std::make_unique<Vlans>();
    vlans->fill(dpdk::kNoInterface);
  }
  InterfaceIndex& place = (*vlans)[options.vlan];
  if (place != dpdk::kNoInterface)
    return fail(ErrorCode::kExists,
                fmt::format("port {} has a VLAN {} already", port.name, options.vlan));
  place = interface.index;
  interface.mac = port.mac;
  interface.port_id = port.port_id;
  interface.port = port.index;
  interface.vlan = options.vlan;
  interface.rx_checksum = port.rx_checksum;
  return {};
}

Result<void> Fib::add_address(Interface& interface, const net::InterfaceAddress& address) {
  if (interface.addresses.size() == kMaxAddresses)
    return fail(ErrorCode::kLimit,
                fmt::format("port {}: more than {} addresses", interface.name, kMaxAddresses));
  if (!address.address.is_link_local()) {  // those are every link's own, in no table of routes
    PS_TRY(add_network(interface, address));
    if (address.address.is_v4() && interface.address == 0)
      interface.address = address.address.v4_value();
  }
  interface.addresses.push_back(address);
  return {};
}

Result<void> Fib::add_network(Interface& interface, const net::InterfaceAddress& address) {
  const net::Prefix network = address.prefix();
  const unsigned bits = net::bits_of(address.address.family());
  PS_TRY(put_origin(net::host_prefix(address.address), RouteOrigin::kLocal, local_next_hop_));
  if (network.length < bits)
    PS_TRY(put_origin(network, RouteOrigin::kConnected,
                      connected_next_hops_[interface.index.value()]));
  if (address.address.is_v4() && network.length < 31)  // RFC 3021: a /31 has no broadcast address
    for (const net::IpAddress& all : {network.first(), network.last()})
      if (all != address.address)
        PS_TRY(put_origin(net::host_prefix(all), RouteOrigin::kLocal, broadcast_next_hop_));
  return {};
}

void Fib::set_up(InterfaceIndex interface, bool up) {
  interfaces_[interface.value()].up.store(up, std::memory_order_relaxed);
}

Result<void> Fib::set_address_state(InterfaceIndex index, const net::IpAddress& address,
                                    AddressState state) {
  Interface& interface = interfaces_[index.value()];
  const auto found = std::ranges::find(
      interface.addresses, address, [](const net::InterfaceAddress& own) { return own.address; });
  if (found == interface.addresses.end())
    return fail(ErrorCode::kNotFound, address.to_string() + " is no address of " + interface.name);
  const auto place = static_cast<std::size_t>(found - interface.addresses.begin());
  const bool was = interface.state_at(place) == AddressState::kDuplicate;
  const bool is = state == AddressState::kDuplicate;
  if (was != is && !address.is_link_local()) {
    const net::Prefix host = net::host_prefix(address);
    if (is)
      take_origin(host, RouteOrigin::kLocal, local_next_hop_);
    else
      PS_TRY(put_origin(host, RouteOrigin::kLocal, local_next_hop_));
  }
  const std::size_t shift = kAddressStateBits * place;
  const std::uint32_t others = interface.address_states.load(std::memory_order_relaxed) &
                               ~(((1U << kAddressStateBits) - 1) << shift);
  interface.address_states.store(others | static_cast<std::uint32_t>(state) << shift,
                                 std::memory_order_relaxed);
  return {};
}

std::optional<net::IpAddress> Fib::address_towards(InterfaceIndex interface,
                                                   const net::IpAddress& neighbour) const {
  const Interface& at = interfaces_[interface.value()];
  std::optional<net::IpAddress> first;
  for (std::size_t place = 0; place < at.addresses.size(); ++place) {
    const net::InterfaceAddress& address = at.addresses[place];
    if (at.state_at(place) == AddressState::kDuplicate) continue;
    if (address.prefix().contains(neighbour)) return address.address;
    if (!first && address.address.family() == neighbour.family() &&
        !address.address.is_link_local())
      first = address.address;
  }
  return first;
}

std::optional<net::IpAddress> Fib::source_for(const net::IpAddress& destination) const {
  const NextHop& hop = next_hops_[lookup(destination)];
  switch (hop.kind) {
    case NextHopKind::kLocal:
      return destination;
    case NextHopKind::kConnected:
      return address_towards(hop.interface, destination);
    case NextHopKind::kNeighbour:
      // Behind a link-local gateway: from an address that is not.
      return address_towards(hop.interface,
                             hop.address.is_link_local() ? destination : hop.address);
    default:
      return std::nullopt;
  }
}

std::optional<InterfaceIndex> Fib::find_interface(std::string_view name) const {
  for (unsigned i = 0; i < interface_count_; ++i)
    if (interfaces_[i].name == name) return interfaces_[i].index;
  return std::nullopt;
}

}  // namespace penstock::fib
