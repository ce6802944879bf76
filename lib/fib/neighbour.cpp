// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: gateways and hosts on links. One whose route is its interface's network has a host
// route to itself, so that a worker's one lookup finds the MAC.
#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/fib/fib.h"

namespace penstock::fib {

using base::ErrorCode;
using base::fail;
using base::Result;

bool Fib::on_link(const Interface& interface, const net::IpAddress& address) const {
  return std::any_of(
      interface.addresses.begin(), interface.addresses.end(),
      [&](const net::InterfaceAddress& own) { return own.prefix().contains(address); });
}

Result<Fib::NeighbourEntry*> Fib::entry_for(InterfaceIndex interface,
                                            const net::IpAddress& address) {
  const NeighbourKey key{interface.value(), address};
  if (const auto found = neighbours_.find(key); found != neighbours_.end()) return &found->second;
  if (neighbours_.size() >= limits_.neighbours)
    return fail(ErrorCode::kLimit, fmt::format("more than {} neighbours", limits_.neighbours));
  PS_ASSIGN(const std::uint32_t index, new_next_hop(NextHopKind::kNeighbour, interface, address));
  NeighbourEntry& entry = neighbours_[key];
  entry.index = index;
  return &entry;
}

void Fib::drop_if_unused(const NeighbourKey& key) {
  const auto found = neighbours_.find(key);
  if (found == neighbours_.end() || found->second.routes != 0 || found->second.listed) return;
  take_origin(net::host_prefix(key.second), RouteOrigin::kNeighbour, found->second.index);
  retire_next_hop(found->second.index);
  neighbours_.erase(found);
}

/// The route is chosen first, then the neighbour is found (RFC 4861 §5.2): whoever claims an
/// address that a more specific route leads elsewhere draws no packet to himself. A link-local
/// address is only a gateway's: each link has its own, and no packet is forwarded to it (RFC 4291
/// §2.5.6).
bool Fib::may_have_host_route(const NextHop& neighbour) const {
  if (neighbour.address.is_link_local()) return false;
  if (unpack(neighbour.link.load(std::memory_order_relaxed)).state == NeighbourState::kPermanent)
    return true;
  return next_hop_without_neighbours(neighbour.address) ==
         connected_next_hops_[neighbour.interface.value()];
}

Result<void> Fib::may_learn(InterfaceIndex interface, const net::IpAddress& address) const {
  if (!on_link(interfaces_[interface.value()], address))
    return fail(ErrorCode::kRefused,
                fmt::format("{} is in no network of this port", address.to_string()));
  if (!address.is_link_local() &&
      next_hop_without_neighbours(address) != connected_next_hops_[interface.value()])
    return fail(ErrorCode::kRefused,
                fmt::format("a more specific route leads {} elsewhere", address.to_string()));
  return {};
}

/// After a change of the route to `changed`.
void Fib::settle_host_routes(const net::Prefix& changed) {
  for (const auto& [key, entry] : neighbours_) {
    if (!changed.contains(key.second)) continue;
    const net::Prefix to = net::host_prefix(key.second);
    if (!may_have_host_route(next_hops_[entry.index]))
      take_origin(to, RouteOrigin::kNeighbour, entry.index);
    else if (entry.listed)  // without room for it the next packet asks for it
      static_cast<void>(put_origin(to, RouteOrigin::kNeighbour, entry.index));
  }
  neighbour_generation_.fetch_add(1, std::memory_order_release);
}

Result<void> Fib::set_neighbour(InterfaceIndex interface, const net::IpAddress& address,
                                const Link& link) {
  if (interface.value() >= interface_count_)
    return fail(ErrorCode::kNotFound, fmt::format("{} is on no port", address.to_string()));
  const NeighbourKey key{interface.value(), address};
  const bool permanent = link.state == NeighbourState::kPermanent;
  const auto known = neighbours_.find(key);
  if (known == neighbours_.end() && !permanent) PS_TRY(may_learn(interface, address));
  if (known != neighbours_.end() && !permanent &&
      unpack(next_hops_[known->second.index].link.load()).state == NeighbourState::kPermanent)
    return fail(ErrorCode::kRefused, fmt::format("{} is configured", address.to_string()));
  PS_ASSIGN(NeighbourEntry * entry, entry_for(interface, address));
  entry->listed = true;
  NextHop& hop = next_hops_[entry->index];
  hop.link.store(pack(link), std::memory_order_release);
  // Also while incomplete: packets for it then wait under one next hop.
  if (may_have_host_route(hop)) {
    const net::Prefix to = net::host_prefix(address);
    if (auto done = put_origin(to, RouteOrigin::kNeighbour, entry->index); !done) {
      entry->listed = false;
      drop_if_unused(key);
      return done;
    }
  }
  neighbour_generation_.fetch_add(1, std::memory_order_release);
  return {};
}

Result<void> Fib::remove_neighbour(InterfaceIndex interface, const net::IpAddress& address) {
  const NeighbourKey key{interface.value(), address};
  const auto found = neighbours_.find(key);
  if (found == neighbours_.end())
    return fail(ErrorCode::kNotFound, fmt::format("{} is no neighbour", address.to_string()));
  found->second.listed = false;
  next_hops_[found->second.index].link.store(pack(Link{}), std::memory_order_release);
  drop_if_unused(key);
  neighbour_generation_.fetch_add(1, std::memory_order_release);
  return {};
}

namespace {
Neighbour describe(const NextHop& hop, std::uint32_t routes) {
  return {.interface = hop.interface,
          .address = hop.address,
          .link = unpack(hop.link.load(std::memory_order_relaxed)),
          .used = hop.used.load(std::memory_order_relaxed),
          .routes = routes};
}
}  // namespace

std::optional<Neighbour> Fib::find_neighbour(InterfaceIndex interface,
                                             const net::IpAddress& address) const {
  const auto found = neighbours_.find({interface.value(), address});
  if (found == neighbours_.end()) return std::nullopt;
  return describe(next_hops_[found->second.index], found->second.routes);
}

void Fib::for_each_neighbour(const std::function<void(const Neighbour&)>& visit) const {
  for (const auto& [key, entry] : neighbours_)
    visit(describe(next_hops_[entry.index], entry.routes));
}

bool Fib::take_used(InterfaceIndex interface, const net::IpAddress& address) {
  const auto found = neighbours_.find({interface.value(), address});
  return found != neighbours_.end() &&
         next_hops_[found->second.index].used.exchange(false, std::memory_order_relaxed);
}

}  // namespace penstock::fib
