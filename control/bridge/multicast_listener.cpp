// SPDX-License-Identifier: BSD-3-Clause
// The listener's half of RFC 3810, for groups that are listened to from all sources as long as the
// link is up. Workers take the queries; reports leave by the inject ring.
#include "control/bridge/multicast_listener.h"

#include <algorithm>

namespace penstock::bridge {

using base::MonoTime;
using net::MldRecord;

MulticastListener::MulticastListener(const std::vector<OwnAddress>& own, base::RandomSource& random)
    : random_(random) {
  for (const OwnAddress& one : own) {
    if (one.address.address.is_v4()) continue;
    Link& link = links_[one.interface];
    link.mac = one.mac;
    const net::Ipv6Octets group = net::solicited_node(one.address.address.octets());
    if (std::ranges::find(link.groups, group) == link.groups.end()) link.groups.push_back(group);
  }
}

base::Duration MulticastListener::random_below(base::Duration longest) {
  return base::Duration(static_cast<std::int64_t>(
      random_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(longest.count(), 1)))));
}

/// RFC 3810 §6.1: said at once, and again, for the first may be lost.
void MulticastListener::begin_change(MonoTime now, Link& link) {
  link.changes_left = kMldRobustness;
  link.change = now;
}

void MulticastListener::link_up(MonoTime now, dpdk::InterfaceIndex interface) {
  const auto found = links_.find(interface);
  if (found == links_.end()) return;
  found->second.version1_until.reset();
  begin_change(now, found->second);
  tick(now);
}

void MulticastListener::set_own(MonoTime now, const NeighbourKey& key, bool assigned) {
  const auto found = links_.find(key.interface);
  if (found == links_.end() || !key.address.is_link_local()) return;
  Link& link = found->second;
  const net::Ipv6Octets& address = key.address.octets();
  if (assigned && net::is_unspecified_v6(link.source)) {
    link.source = address;
    begin_change(now, link);
    return tick(now);
  }
  if (!assigned && link.source == address) link.source = {};
}

void MulticastListener::query(MonoTime now, dpdk::InterfaceIndex interface,
                              const net::MldQuery& query) {
  const auto found = links_.find(interface);
  if (found == links_.end()) return;
  Link& link = found->second;
  // RFC 3810 §8.2.1: whoever asks as version 1 may be the only one who listens.
  if (query.version1) link.version1_until = now + kMldOlderQuerierTime;
  const MonoTime at = std::max(now + random_below(query.longest_delay), link.not_before);
  if (link.answer_all && *link.answer_all <= at) return;  // §6.2: it will be said sooner
  if (net::is_unspecified_v6(query.group)) {
    link.answer_all = at;
    return;
  }
  if (std::ranges::find(link.groups, query.group) == link.groups.end()) return;
  const auto [entry, added] = link.answers.emplace(query.group, at);
  entry->second = std::min(entry->second, at);
}

void MulticastListener::report(MonoTime now, dpdk::InterfaceIndex interface, Link& link,
                               MldRecord record, std::vector<net::Ipv6Octets> groups) {
  const bool version1 = link.version1_until && now < *link.version1_until;
  outputs_.push_back({interface, link.mac, link.source, record, version1, std::move(groups)});
  link.not_before = now + kMldShortestInterval;
}

void MulticastListener::tick(MonoTime now, dpdk::InterfaceIndex interface, Link& link) {
  if (link.change && *link.change <= now) {
    report(now, interface, link, MldRecord::kChangeToExclude, link.groups);
    link.change.reset();
    if (--link.changes_left != 0) link.change = now + random_below(kMldUnsolicitedInterval);
  }
  if (link.answer_all && *link.answer_all <= now) {
    link.answer_all.reset();
    link.answers.clear();
    report(now, interface, link, MldRecord::kIsExclude, link.groups);
  }
  std::vector<net::Ipv6Octets> due;
  std::erase_if(link.answers, [&](const auto& answer) {
    if (answer.second > now) return false;
    due.push_back(answer.first);
    return true;
  });
  if (!due.empty()) report(now, interface, link, MldRecord::kIsExclude, std::move(due));
}

void MulticastListener::tick(MonoTime now) {
  for (auto& [interface, link] : links_) tick(now, interface, link);
}

std::optional<ReportGroups> MulticastListener::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  std::optional<ReportGroups> first(std::move(outputs_.front()));
  outputs_.pop_front();
  return first;
}

std::optional<MonoTime> MulticastListener::Link::due() const {
  std::optional<MonoTime> first;
  const auto take = [&first](MonoTime at) { first = std::min(first.value_or(at), at); };
  if (change) take(*change);
  if (answer_all) take(*answer_all);
  for (const auto& [group, at] : answers) take(at);
  return first;
}

std::optional<MonoTime> MulticastListener::next_deadline() const {
  std::optional<MonoTime> first;
  for (const auto& [interface, link] : links_)
    if (const auto at = link.due()) first = std::min(first.value_or(*at), *at);
  return first;
}

}  // namespace penstock::bridge
