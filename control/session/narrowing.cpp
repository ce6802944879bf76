// SPDX-License-Identifier: BSD-3-Clause
// Narrowing: the intersection of what a child of ours allows and what the peer asks for. A child's
// policy covers every pair of its local and remote selectors, so each side is narrowed by itself.
#include "control/session/narrowing.h"

#include <algorithm>

namespace penstock::session {
namespace {

using policy::TrafficSelector;
using policy::TrafficSelectors;

void add(TrafficSelectors& list, const TrafficSelector& selector) {
  if (std::ranges::any_of(list, [&](const TrafficSelector& s) { return s.contains(selector); }))
    return;
  std::erase_if(list, [&](const TrafficSelector& s) { return selector.contains(s); });
  list.push_back(selector);
}

/// The asked ones decide the order, so that a cut never loses the first selector (§2.9).
TrafficSelectors intersect(const TrafficSelectors& allowed, const TrafficSelectors& asked) {
  TrafficSelectors result;
  for (const TrafficSelector& a : asked)
    for (const TrafficSelector& b : allowed)
      if (const auto both = a.intersect(b)) add(result, *both);
  if (result.size() > kMaxSelectors) result.resize(kMaxSelectors);
  return result;
}

TrafficSelector host(const net::IpAddress& address, std::uint8_t protocol, std::uint16_t port,
                     bool has_ports) {
  TrafficSelector s{address, address, protocol, 0, 0xffff};
  const bool ports = has_ports && (protocol == 6 || protocol == 17 || protocol == 132);
  if (ports) s.first_port = s.last_port = port;
  return s;
}

}  // namespace

bool covers(const TrafficSelectors& outer, const TrafficSelectors& inner) {
  return std::ranges::all_of(inner, [&](const TrafficSelector& i) {
    return std::ranges::any_of(outer, [&](const TrafficSelector& o) { return o.contains(i); });
  });
}

std::optional<Narrowed> narrow(const SelectorPair& allowed, const SelectorPair& asked) {
  Narrowed result{{intersect(allowed.local, asked.local), intersect(allowed.remote, asked.remote)},
                  Fit::kSubset};
  const SelectorPair& got = result.selectors;
  if (got.local.empty() || got.remote.empty()) return std::nullopt;
  if (covers(got.local, asked.local) && covers(got.remote, asked.remote)) {
    result.fit = Fit::kWhole;
  } else if (covers(got.local, {asked.local.front()}) &&
             covers(got.remote, {asked.remote.front()})) {
    result.fit = Fit::kFirst;
  }
  return result;
}

TrafficSelector source_selector(const policy::PacketSelectors& p) {
  return host(p.source, p.protocol, p.source_port, p.has_ports);
}

TrafficSelector destination_selector(const policy::PacketSelectors& p) {
  return host(p.destination, p.protocol, p.destination_port, p.has_ports);
}

TrafficSelectors or_dynamic(const TrafficSelectors& configured, const net::IpAddress& own) {
  if (!configured.empty()) return configured;
  return {TrafficSelector{own, own}};
}

TrafficSelectors of_host(const TrafficSelectors& selectors, const net::IpAddress& host) {
  TrafficSelectors result;
  for (const TrafficSelector& s : selectors)
    if (const auto own = s.intersect({host, host})) add(result, *own);
  return result;
}

std::optional<TrafficSelectors> as_seen(const TrafficSelectors& selectors,
                                        const net::IpAddress& seen) {
  TrafficSelectors result = selectors;
  for (TrafficSelector& s : result) {
    if (s.first != s.last || s.first != selectors.front().first || s.family() != seen.family())
      return std::nullopt;
    s.first = s.last = seen;
  }
  return result;
}

std::optional<SelectorPair> as_seen(SelectorPair selectors, const net::IpAddress* local,
                                    const net::IpAddress* remote) {
  auto here = local == nullptr ? std::move(selectors.local) : as_seen(selectors.local, *local);
  auto there = remote == nullptr ? std::move(selectors.remote) : as_seen(selectors.remote, *remote);
  if (!here || !there) return std::nullopt;
  return SelectorPair{*std::move(here), *std::move(there)};
}

bool overlap(const TrafficSelectors& a, const TrafficSelectors& b) {
  return std::ranges::any_of(a, [&](const TrafficSelector& one) {
    return std::ranges::any_of(
        b, [&](const TrafficSelector& other) { return one.intersect(other).has_value(); });
  });
}

std::vector<isakmp::TsSelector> to_wire(const TrafficSelectors& selectors) {
  std::vector<isakmp::TsSelector> wire;
  wire.reserve(selectors.size());
  for (const TrafficSelector& s : selectors)
    wire.push_back({s.first, s.last, s.protocol, s.first_port, s.last_port});
  return wire;
}

TrafficSelectors from_wire(std::span<const isakmp::TsSelector> selectors) {
  TrafficSelectors result;
  result.reserve(selectors.size());
  for (const isakmp::TsSelector& s : selectors)
    result.push_back({s.first, s.last, s.protocol, s.first_port, s.last_port});
  return result;
}

std::string to_string(const TrafficSelectors& selectors) {
  std::string text;
  for (const TrafficSelector& s : selectors) text += (text.empty() ? "" : " ") + s.to_string();
  return text;
}

}  // namespace penstock::session
