// SPDX-License-Identifier: BSD-3-Clause
// Connections by name and by address. Most peers are single hosts: those are found by hash, the
// others (road warriors, prefixes) by looking at each.
#include "control/session/connections.h"

#include <algorithm>
#include <set>

#include "lib/base/check.h"

namespace penstock::session {
namespace {

bool is_host(const net::Prefix& p) { return p.length == net::bits_of(p.address.family()); }

bool has_prefix(const ConnectionConfig& config) {
  return config.remote_addrs.empty() || !std::ranges::all_of(config.remote_addrs, is_host);
}

/// 0: not allowed; else the longer the prefix that matched, the higher.
unsigned match(const ConnectionConfig& config, const net::IpAddress& local,
               const net::IpAddress& remote, IkeVersion version) {
  if (config.version != version && config.version != IkeVersion::kAny) return 0;
  const bool ours = config.local_addrs.empty() ||
                    std::ranges::find(config.local_addrs, local) != config.local_addrs.end();
  if (!ours) return 0;
  unsigned best = config.remote_addrs.empty() ? 1 : 0;
  for (const net::Prefix& p : config.remote_addrs)
    if (p.contains(remote)) best = std::max(best, 2U + p.length);
  if (best == 0) return 0;
  return 2 * best + (config.local_addrs.empty() ? 0 : 1);
}

}  // namespace

std::optional<net::IpAddress> own_address(const std::vector<net::IpAddress>& ours,
                                          const ConnectionConfig& config,
                                          std::optional<net::Family> family) {
  const auto fits = [&](const net::IpAddress& a) { return !family || a.family() == *family; };
  for (const auto* list : {&config.local_addrs, &ours}) {
    const auto found = std::ranges::find_if(*list, fits);
    if (found != list->end()) return *found;
  }
  return std::nullopt;
}

Connection& Connections::add(ConnectionConfig config) {
  auto connection = std::make_unique<Connection>();
  connection->config = std::move(config);
  Connection& c = *connection;
  PS_CHECK(by_name_.emplace(c.config.name, std::move(connection)).second);
  // Once in the tables, so that no candidate comes twice.
  const std::set<net::Prefix> hosts(c.config.remote_addrs.begin(), c.config.remote_addrs.end());
  if (has_prefix(c.config)) {
    by_prefix_.push_back(&c);
  } else {
    for (const net::Prefix& p : hosts) by_host_[p.address].push_back(&c);
  }
  if (c.config.version != IkeVersion::kIkev2) ++ikev1_;
  return c;
}

void Connections::remove(Connection& connection) {
  const auto found = by_name_.find(connection.config.name);
  PS_CHECK(found != by_name_.end() && found->second.get() == &connection);
  for (const net::Prefix& p : connection.config.remote_addrs) {
    const auto host = by_host_.find(p.address);
    if (host == by_host_.end()) continue;
    std::erase(host->second, &connection);
    if (host->second.empty()) by_host_.erase(host);
  }
  std::erase(by_prefix_, &connection);
  if (connection.config.version != IkeVersion::kIkev2) --ikev1_;
  connection.removed = true;
  removed_.emplace(&connection, std::move(found->second));
  by_name_.erase(found);
  if (connection.ike_sas.empty()) unused_.push_back(&connection);
}

void Connections::detach(Connection& connection, std::uint64_t ike_sa) {
  std::erase(connection.ike_sas, ike_sa);
  if (connection.removed && connection.ike_sas.empty()) unused_.push_back(&connection);
}

void Connections::drop_unused() {
  for (const Connection* c : unused_) {
    const auto found = removed_.find(c);
    if (found != removed_.end() && c->ike_sas.empty()) removed_.erase(found);
  }
  unused_.clear();
}

Connection* Connections::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

std::vector<Connection*> Connections::candidates(const net::IpAddress& local,
                                                 const net::IpAddress& remote,
                                                 IkeVersion version) const {
  std::vector<std::pair<unsigned, Connection*>> scored;
  const auto consider = [&](Connection* c) {
    const unsigned score = match(c->config, local, remote, version);
    if (score != 0) scored.emplace_back(score, c);
  };
  const auto host = by_host_.find(remote);
  if (host != by_host_.end()) std::ranges::for_each(host->second, consider);
  std::ranges::for_each(by_prefix_, consider);
  std::ranges::stable_sort(scored, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Connection*> result;
  result.reserve(scored.size());
  for (const auto& [score, c] : scored) result.push_back(c);
  return result;
}

}  // namespace penstock::session
