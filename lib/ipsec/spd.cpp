// SPDX-License-Identifier: BSD-3-Clause
// The SPD over its two classifiers. A rule is one SpdEntry and, in the table of its family, a
// selector for each pair that it covers. It is published by the next version number, after all of
// its selectors are linked; it is gone with the version number after its selectors were marked.
#include "lib/ipsec/spd.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"

namespace penstock::ipsec {

using base::ErrorCode;
using base::fail;
using base::Result;
using policy::Direction;

namespace {

/// A pair that does not fit packets without ports names them.
template <class Address>
bool any_names_ports(const std::vector<SpdSelector<Address>>& selectors) {
  return std::ranges::any_of(selectors,
                             [](const auto& s) { return (s.flags & kSelectorWithoutPorts) == 0; });
}

bool any_names_a_protocol(const std::vector<SpdSelector<Ipv6Value>>& selectors) {
  return std::ranges::any_of(selectors, [](const auto& s) { return s.protocol != 0; });
}

}  // namespace

Spd::Spd(const SpdLimits& limits, std::uint64_t hash_seed, dpdk::RcuDomain& rcu)
    : rcu_(rcu),
      hash_seed_(hash_seed),
      v4_(limits.selectors_v4, hash_seed, rcu),
      v6_(limits.selectors_v6, hash_seed, rcu),
      entries_(limits.policies),
      records_(limits.policies) {
  counters_.reserve(limits.workers);
  for (std::uint32_t w = 0; w < limits.workers; ++w) counters_.emplace_back(limits.policies);
  free_.reserve(limits.policies);
  for (std::uint32_t i = limits.policies; i > 0; --i) free_.push_back(i - 1);
}

Spd::~Spd() = default;

// ---- a worker's ----

template <std::size_t kAtOnce, class Address>
void Spd::lookup_in(Direction direction, const SpdKeyOf<Address>* keys, const SpdEntry** results,
                    std::size_t n) const {
  while (n > 0) {
    const std::size_t now = std::min(n, kAtOnce);
    SpdProbe<Address> probes[kAtOnce];
    std::uint32_t matches[kAtOnce];
    for (std::size_t k = 0; k < now; ++k) probes[k] = SpdProbe<Address>::of(direction, keys[k]);
    lookup_probes(probes, matches, now, version());
    for (std::size_t k = 0; k < now; ++k) results[k] = entry(matches[k]);
    keys += now;
    results += now;
    n -= now;
  }
}

const SpdEntry* Spd::lookup_outbound(const SpdKey& key) const {
  const SpdEntry* result = nullptr;
  lookup_in<1>(Direction::kOutbound, &key, &result, 1);
  return result;
}

const SpdEntry* Spd::lookup_inbound(const SpdKey& key) const {
  const SpdEntry* result = nullptr;
  lookup_in<1>(Direction::kInbound, &key, &result, 1);
  return result;
}

void Spd::lookup_burst(Direction direction, const SpdKey* keys, const SpdEntry** results,
                       std::size_t n) const {
  lookup_in<kSpdBurst>(direction, keys, results, n);
}

void Spd::lookup_burst(Direction direction, const SpdKey6* keys, const SpdEntry** results,
                       std::size_t n) const {
  lookup_in<kSpdBurst>(direction, keys, results, n);
}

template <class Address>
Spd::Changed<Address> Spd::Changed<Address>::of(std::vector<SpdSelector<Address>> selectors) {
  if (selectors.size() > kSpdChangeSelectors) return {.selectors = {}, .matches_all = true};
  return {.selectors = std::move(selectors), .matches_all = false};
}

template <class Address>
bool Spd::Changed<Address>::matches(const SpdProbe<Address>& probe) const {
  return matches_all ||
         std::ranges::any_of(selectors, [&](const auto& s) { return s.matches(probe); });
}

template <class Address>
bool Spd::may_have_changed(const SpdProbe<Address>& probe, SpdRank rank, SpdVersion since,
                           SpdVersion until) const {
  const auto matches = [&probe](const Change& change) {
    if constexpr (Address::kBits == Ipv4Value::kBits)
      return change.v4.matches(probe);
    else
      return change.v6.matches(probe);
  };
  SpdVersion reached = until + 1;  // all changes from here to `until` have been asked
  const Change* change = last_change_.load(std::memory_order_acquire);
  while (reached > since + 1) {
    if (change == nullptr) return true;  // so far back nothing is remembered
    if (change->version <= until) {
      if (change->rank <= rank && matches(*change)) return true;
      reached = change->version;
    }
    change = change->before.load(std::memory_order_acquire);
  }
  return false;
}

template bool Spd::may_have_changed(const SpdProbe<Ipv4Value>&, SpdRank, SpdVersion,
                                    SpdVersion) const;
template bool Spd::may_have_changed(const SpdProbe<Ipv6Value>&, SpdRank, SpdVersion,
                                    SpdVersion) const;

void Spd::count(unsigned worker, const SpdEntry& entry, std::uint64_t packets,
                std::uint64_t bytes) {
  WorkerCounter& c = counters_[worker][static_cast<std::size_t>(&entry - entries_.data())];
  // One writer: a plain addition, atomic only for its readers.
  c.packets.store(c.packets.load(std::memory_order_relaxed) + packets, std::memory_order_relaxed);
  c.bytes.store(c.bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

// ---- the control core's ----

Result<void> Spd::insert(const policy::PolicyRule& rule) {
  poll();
  if (by_id_.contains(rule.id))
    return fail(ErrorCode::kExists, fmt::format("policy {} is in the SPD", rule.id.value()));
  PS_ASSIGN(auto v4, spd_selectors<Ipv4Value>(rule.local_ts, rule.remote_ts, rule.vrf));
  PS_ASSIGN(auto v6, spd_selectors<Ipv6Value>(rule.local_ts, rule.remote_ts, rule.vrf));
  if (v4.empty() && v6.empty())
    return fail(ErrorCode::kMalformed,
                fmt::format("no packet can fit the selectors of policy {}", rule.name));
  if (v4.size() + v6.size() > kSpdSelectorsPerPolicy)
    return fail(ErrorCode::kLimit,
                fmt::format("policy {} has {} pairs of selectors, the limit is {}", rule.name,
                            v4.size() + v6.size(), kSpdSelectorsPerPolicy));
  if (free_.empty())
    return fail(ErrorCode::kLimit,
                fmt::format("the SPD holds {} policies, its limit is {}", size(), entries_.size()));
  PS_TRY(v4_.check_room(v4));
  PS_TRY(v6_.check_room(v6));

  const std::uint32_t index = free_.back();
  free_.pop_back();
  const SpdRank rank{rule.priority, next_sequence_++};
  const SpdVersion born = version_.load(std::memory_order_relaxed) + 1;
  entries_[index] = {.id = rule.id,
                     .sequence = rank.sequence,
                     .priority = rule.priority,
                     .slot = rule.slot,
                     .interface_id = rule.interface_id,
                     .action = rule.action};
  Record& record = records_[index];
  record.rule = rule;
  record.rank = rank;
  record.base = counted(index);
  record.needs_whole_v4 = any_names_ports(v4);
  record.needs_whole_v6 = any_names_ports(v6) || any_names_a_protocol(v6);
  if (record.needs_whole_v4) whole_packets_v4_.fetch_add(1, std::memory_order_release);
  if (record.needs_whole_v6) whole_packets_v6_.fetch_add(1, std::memory_order_release);
  record.first_v4 = v4_.link(v4, rank, index, born, kSpdNoMatch);
  record.first_v6 = v6_.link(v6, rank, index, born, kSpdNoMatch);
  by_id_.emplace(rule.id, index);
  by_rank_.emplace(rank, index);
  remember(born, rank, Changed<Ipv4Value>::of(std::move(v4)),
           Changed<Ipv6Value>::of(std::move(v6)));
  publish_version();
  return {};
}

Result<void> Spd::remove(policy::PolicyId id) {
  const auto at = by_id_.find(id);
  if (at == by_id_.end())
    return fail(ErrorCode::kNotFound, fmt::format("no policy {} in the SPD", id.value()));
  const std::uint32_t index = at->second;
  Record& record = records_[index];
  const SpdVersion died = version_.load(std::memory_order_relaxed) + 1;
  v4_.kill(record.first_v4, died);
  v6_.kill(record.first_v6, died);
  const policy::PolicyRule& rule = *record.rule;
  auto v4 = spd_selectors<Ipv4Value>(rule.local_ts, rule.remote_ts, rule.vrf);
  auto v6 = spd_selectors<Ipv6Value>(rule.local_ts, rule.remote_ts, rule.vrf);
  PS_CHECK(v4.has_value() && v6.has_value());  // insert() has had them
  remember(died, record.rank, Changed<Ipv4Value>::of(*std::move(v4)),
           Changed<Ipv6Value>::of(*std::move(v6)));
  publish_version();
  if (record.needs_whole_v4) whole_packets_v4_.fetch_sub(1, std::memory_order_release);
  if (record.needs_whole_v6) whole_packets_v6_.fetch_sub(1, std::memory_order_release);
  by_id_.erase(at);
  by_rank_.erase(record.rank);
  record.rule.reset();
  dying_.push_back({rcu_.token(), index, false});
  poll();
  return {};
}

void Spd::remember(SpdVersion version, SpdRank rank, Changed<Ipv4Value> v4, Changed<Ipv6Value> v6) {
  auto change = std::make_unique<Change>();
  change->version = version;
  change->rank = rank;
  change->v4 = std::move(v4);
  change->v6 = std::move(v6);
  if (!changes_.empty()) change->before.store(changes_.back().get(), std::memory_order_relaxed);
  last_change_.store(change.get(), std::memory_order_release);
  changes_.push_back(std::move(change));
  if (changes_.size() <= kSpdChanges) return;
  const Change* oldest = changes_.front().release();
  changes_.pop_front();
  changes_.front()->before.store(nullptr, std::memory_order_release);
  rcu_.retire([oldest] { delete oldest; });
}

std::size_t Spd::poll() {
  while (!dying_.empty() && rcu_.passed(dying_.front().token)) {
    const Dying dying = dying_.front();
    dying_.pop_front();
    Record& record = records_[dying.index];
    if (!dying.unlinked) {
      v4_.unlink(record.first_v4);
      v6_.unlink(record.first_v6);
      dying_.push_back({rcu_.token(), dying.index, true});
      continue;
    }
    v4_.free(record.first_v4);
    v6_.free(record.first_v6);
    free_.push_back(dying.index);
  }
  return dying_.size();
}

// ---- reading ----

SpdCounters Spd::counted(std::uint32_t index) const {
  SpdCounters sum;
  for (const auto& worker : counters_) {
    sum.packets += worker[index].packets.load(std::memory_order_relaxed);
    sum.bytes += worker[index].bytes.load(std::memory_order_relaxed);
  }
  return sum;
}

SpdStatus Spd::status_of(std::uint32_t index) const {
  const Record& record = records_[index];
  const SpdCounters sum = counted(index);
  return {.rule = *record.rule,
          .counters = {.packets = sum.packets - record.base.packets,
                       .bytes = sum.bytes - record.base.bytes}};
}

std::optional<SpdStatus> Spd::find(policy::PolicyId id) const {
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return std::nullopt;
  return status_of(at->second);
}

std::optional<SpdRank> Spd::list(std::optional<SpdRank> after, std::size_t limit,
                                 std::vector<SpdStatus>& out) const {
  auto at = after ? by_rank_.upper_bound(*after) : by_rank_.begin();
  std::optional<SpdRank> last = after;
  for (; at != by_rank_.end() && limit > 0; ++at, --limit) {
    out.push_back(status_of(at->second));
    last = at->first;
  }
  return at == by_rank_.end() ? std::nullopt : last;
}

}  // namespace penstock::ipsec
