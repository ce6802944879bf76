// SPDX-License-Identifier: BSD-3-Clause
// The classifier's table. Workers: lookup(), from the stages that ask policy, inbound and outbound.
// The control core: everything else.
// Versions make a change appear whole: a selector is born in one version and dies in another, a
// lookup skips what is not alive in the version that it began with, and a dead selector stays
// linked until no lookup of an older version can be under way.
// A bucket holds its selectors in the order of their ranks, so the first that matches is the best
// of the bucket; one that got there from another shape by chance and matches is as good as any.
#include "lib/ipsec/spd_table.h"

#include <fmt/format.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>

#include "lib/base/check.h"

namespace penstock::ipsec {
namespace {

constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kOdd2 = 0xbf58476d1ce4e5b9ULL;
constexpr std::uint64_t kOdd3 = 0x94d049bb133111ebULL;

unsigned common_port_bits(std::uint16_t first, std::uint16_t last) {
  return static_cast<unsigned>(std::countl_zero(static_cast<std::uint16_t>(first ^ last)));
}

std::uint16_t port_mask(unsigned length) {
  return static_cast<std::uint16_t>(length == 0 ? 0U : 0xffffU << (16 - length));
}

}  // namespace

template <class Address>
SpdTable<Address>::SpdTable(std::uint32_t capacity, std::uint64_t hash_seed, dpdk::RcuDomain& rcu)
    : rcu_(rcu),
      seed_(hash_seed),
      bucket_shift_(0),
      heads_(std::bit_ceil(std::max<std::size_t>(std::size_t{capacity} * 2, 64))),
      entries_(capacity),
      list_(std::make_unique<ShapeList>()),
      notes_(capacity) {
  bucket_shift_ = 64 - static_cast<unsigned>(std::countr_zero(heads_.size()));
  for (auto& head : heads_) head.store(kNone, std::memory_order_relaxed);
  free_.reserve(capacity);
  for (std::uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
}

template <class Address>
SpdTable<Address>::~SpdTable() = default;

// ---- shapes ----

template <class Address>
std::uint64_t SpdTable<Address>::shape_of(const Selector& s) {
  const std::uint64_t lengths[] = {Address::common_bits(s.local_first, s.local_last),
                                   Address::common_bits(s.remote_first, s.remote_last),
                                   common_port_bits(s.local_port_first, s.local_port_last),
                                   common_port_bits(s.remote_port_first, s.remote_port_last),
                                   s.protocol != 0 ? 1U : 0U};
  std::uint64_t shape = 0;
  for (const std::uint64_t length : lengths) shape = shape << 8U | length;
  return shape;
}

template <class Address>
typename SpdTable<Address>::Mask SpdTable<Address>::mask_of(std::uint64_t shape) {
  const auto length = [shape](unsigned field) {
    return static_cast<unsigned>(shape >> (8 * (4 - field)) & 0xffU);
  };
  return {.local = Address::mask(length(0)),
          .remote = Address::mask(length(1)),
          .local_port = port_mask(length(2)),
          .remote_port = port_mask(length(3)),
          .protocol = static_cast<std::uint8_t>(length(4) != 0 ? 0xffU : 0U)};
}

template <class Address>
std::uint64_t SpdTable<Address>::salt_of(std::uint64_t shape) const {
  return (seed_ ^ shape) * kOdd1;
}

template <class Address>
std::uint64_t SpdTable<Address>::hash(const Mask& mask, std::uint64_t salt, const Probe& p) {
  std::uint64_t h = (p.local & mask.local).folded() * kOdd1;
  h ^= std::rotl((p.remote & mask.remote).folded() * kOdd2, 32) ^ salt;
  const std::uint64_t rest = static_cast<std::uint64_t>(p.local_port & mask.local_port) << 48U |
                             static_cast<std::uint64_t>(p.remote_port & mask.remote_port) << 32U |
                             static_cast<std::uint64_t>(p.vrf) << 16U |
                             static_cast<std::uint64_t>(p.protocol & mask.protocol);
  h = (h ^ h >> 31U ^ rest * kOdd3) * kOdd2;
  return (h ^ h >> 29U) * kOdd1;
}

template <class Address>
std::uint64_t SpdTable<Address>::hash_of(const Selector& s, std::uint64_t shape) const {
  return hash(mask_of(shape), salt_of(shape),
              {.local = s.local_first,
               .remote = s.remote_first,
               .local_port = s.local_port_first,
               .remote_port = s.remote_port_first,
               .vrf = s.vrf,
               .protocol = s.protocol,
               .asks = 0});
}

// ---- a worker's ----

template <class Address>
void SpdTable<Address>::walk(std::uint32_t first, const Probe& probe, SpdVersion version,
                             const Entry*& best) const {
  for (std::uint32_t i = first; i != kNone;) {
    const Entry& e = entries_[i];
    if (best != nullptr && best->rank() <= e.rank()) return;
    if (e.selector.matches(probe) && e.alive(version)) {
      best = &e;
      return;
    }
    i = e.next.load(std::memory_order_acquire);
  }
}

template <class Address>
void SpdTable<Address>::lookup(const Probe* probes, std::uint32_t* matches, std::size_t n,
                               SpdVersion version) const {
  PS_CHECK(n <= kSpdBurst);
  const Entry* best[kSpdBurst];
  std::fill_n(best, n, nullptr);
  std::uint64_t hashes[kSpdBurst];
  std::uint32_t firsts[kSpdBurst];
  std::uint8_t who[kSpdBurst];
  for (const ShapeView& shape : *list_.read()) {
    const bool asks_ports = (shape.mask.local_port | shape.mask.remote_port) != 0;
    std::size_t open = 0;  // probes that this shape, or one behind it, could still answer better
    std::size_t asked = 0;
    for (std::size_t k = 0; k < n; ++k) {
      if (best[k] != nullptr && best[k]->priority < shape.best) continue;
      ++open;
      if (asks_ports && (probes[k].asks & kSelectorWithoutPorts) != 0) continue;
      hashes[asked] = hash(shape.mask, shape.salt, probes[k]);
      rte_prefetch0(&heads_[bucket(hashes[asked])]);
      who[asked++] = static_cast<std::uint8_t>(k);
    }
    if (open == 0) break;
    std::size_t found = 0;
    for (std::size_t j = 0; j < asked; ++j) {
      const std::uint64_t head = heads_[bucket(hashes[j])].load(std::memory_order_acquire);
      if ((head & filter_bit(hashes[j])) == 0) continue;
      firsts[found] = first_of(head);
      rte_prefetch0(&entries_[firsts[found]]);
      who[found++] = who[j];
    }
    for (std::size_t j = 0; j < found; ++j) walk(firsts[j], probes[who[j]], version, best[who[j]]);
  }
  for (std::size_t k = 0; k < n; ++k) matches[k] = best[k] != nullptr ? best[k]->rule : kNone;
}

// ---- the writer's ----

template <class Address>
base::Result<void> SpdTable<Address>::check_room(std::span<const Selector> selectors) const {
  if (selectors.size() > free_.size())
    return base::fail(base::ErrorCode::kLimit,
                      fmt::format("the SPD holds {} selectors of IPv{}, its limit is {}", used(),
                                  Address::kBits == 32 ? 4 : 6, entries_.size()));
  std::vector<std::uint64_t> fresh;
  for (const Selector& s : selectors) {
    const std::uint64_t shape = shape_of(s);
    if (!shapes_.contains(shape) && std::ranges::find(fresh, shape) == fresh.end())
      fresh.push_back(shape);
    std::size_t overlap = 0;
    for (std::uint32_t i = first_of(heads_[bucket(hash_of(s, shape))].load()); i != kNone;
         i = entries_[i].next.load(std::memory_order_relaxed))
      ++overlap;
    if (overlap >= kSpdOverlap)
      return base::fail(
          base::ErrorCode::kLimit,
          fmt::format("the limit of {} policies over the same addresses and ports is reached",
                      kSpdOverlap));
  }
  if (shapes_.size() + fresh.size() > kSpdShapes)
    return base::fail(
        base::ErrorCode::kLimit,
        fmt::format("the limit of {} combinations of prefix lengths is reached", kSpdShapes));
  return {};
}

template <class Address>
std::uint32_t SpdTable<Address>::link(std::span<const Selector> selectors, SpdRank rank,
                                      std::uint32_t rule, SpdVersion born, std::uint32_t first) {
  bool shapes_changed = false;
  for (const Selector& selector : selectors) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    const std::uint64_t id = shape_of(selector);
    const auto [at, fresh] = shapes_.try_emplace(id);
    if (fresh) at->second = {.mask = mask_of(id), .salt = salt_of(id), .priorities = {}};
    auto& priorities = at->second.priorities;
    ++priorities[rank.priority];
    shapes_changed |= priorities.begin()->second == 1 && priorities.begin()->first == rank.priority;
    Entry& e = entries_[index];
    e.selector = selector;
    e.priority = rank.priority;
    e.sequence = rank.sequence;
    e.born = born;
    e.died.store(kNeverDies, std::memory_order_relaxed);
    e.rule = rule;
    notes_[index] = {.hash = hash_of(selector, id), .shape = id, .sibling = first};
    first = index;
    insert_sorted(index);
  }
  if (shapes_changed) publish_shapes();
  return first;
}

template <class Address>
void SpdTable<Address>::kill(std::uint32_t first, SpdVersion died) {
  for (std::uint32_t i = first; i != kNone; i = notes_[i].sibling)
    entries_[i].died.store(died, std::memory_order_relaxed);
}

template <class Address>
void SpdTable<Address>::unlink(std::uint32_t first) {
  bool shapes_changed = false;
  for (std::uint32_t i = first; i != kNone; i = notes_[i].sibling) {
    remove_from_bucket(i);
    const auto at = shapes_.find(notes_[i].shape);
    PS_CHECK(at != shapes_.end());
    auto& priorities = at->second.priorities;
    const auto count = priorities.find(entries_[i].priority);
    if (--count->second > 0) continue;
    shapes_changed |= count == priorities.begin();
    priorities.erase(count);
    if (priorities.empty()) shapes_.erase(at);
  }
  if (shapes_changed) publish_shapes();
}

template <class Address>
void SpdTable<Address>::free(std::uint32_t first) {
  for (std::uint32_t i = first; i != kNone; i = notes_[i].sibling) free_.push_back(i);
}

template <class Address>
void SpdTable<Address>::insert_sorted(std::uint32_t index) {
  Entry& e = entries_[index];
  auto& head = heads_[bucket(notes_[index].hash)];
  const std::uint64_t old = head.load(std::memory_order_relaxed);
  std::uint32_t before = kNone;
  std::uint32_t after = first_of(old);
  while (after != kNone && entries_[after].rank() <= e.rank()) {
    before = after;
    after = entries_[after].next.load(std::memory_order_relaxed);
  }
  e.next.store(after, std::memory_order_relaxed);
  if (before != kNone) entries_[before].next.store(index, std::memory_order_release);
  const std::uint64_t filter = (old & ~std::uint64_t{kNone}) | filter_bit(notes_[index].hash);
  head.store(filter | (before == kNone ? index : first_of(old)), std::memory_order_release);
}

template <class Address>
void SpdTable<Address>::remove_from_bucket(std::uint32_t index) {
  auto& head = heads_[bucket(notes_[index].hash)];
  const std::uint32_t next = entries_[index].next.load(std::memory_order_relaxed);
  std::uint32_t first = first_of(head.load(std::memory_order_relaxed));
  if (first == index) first = next;
  std::uint64_t filter = 0;
  for (std::uint32_t i = first; i != kNone;) {
    auto& link = entries_[i].next;
    if (link.load(std::memory_order_relaxed) == index) link.store(next, std::memory_order_release);
    filter |= filter_bit(notes_[i].hash);
    i = link.load(std::memory_order_relaxed);
  }
  head.store(filter | first, std::memory_order_release);
}

template <class Address>
void SpdTable<Address>::publish_shapes() {
  auto list = std::make_unique<ShapeList>();
  list->reserve(shapes_.size());
  for (const auto& [id, shape] : shapes_)
    list->push_back(
        {.mask = shape.mask, .best = shape.priorities.begin()->first, .salt = shape.salt});
  std::ranges::sort(*list, {}, &ShapeView::best);
  list_.publish(std::move(list), rcu_);
}

template class SpdTable<Ipv4Value>;
template class SpdTable<Ipv6Value>;

}  // namespace penstock::ipsec
