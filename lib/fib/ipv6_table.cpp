// SPDX-License-Identifier: BSD-3-Clause
// Changing the table of IPv6 prefixes. A reader sees a prefix with its old next hop, with its new
// one, or not; memory that it may still look at is used again only after a grace period.
#include "lib/fib/ipv6_table.h"

#include <rte_random.h>

namespace penstock::fib {

Ipv6Table::Ipv6Table(std::uint32_t most, dpdk::RcuDomain& rcu)
    : rcu_(rcu),
      mask_(std::bit_ceil(std::size_t{most} * 2 + 2) - 1),
      // Who shares a link chooses his address: it must not choose its place.
      seed_(rte_rand()),
      places_(std::make_unique<std::atomic<std::uint32_t>[]>(mask_ + 1)),
      nodes_(std::make_unique<Node[]>(std::size_t{most} + 1)) {
  free_.reserve(most);
  for (std::uint32_t node = most; node != 0; --node) free_.push_back(node);
}
Ipv6Table::~Ipv6Table() = default;

void Ipv6Table::count_length(unsigned length, bool more) {
  std::uint32_t& count = of_length_[length];
  count = more ? count + 1 : count - 1;
  std::atomic<std::uint64_t>& word = lengths_[length / 64];
  const std::uint64_t bit = std::uint64_t{1} << length % 64;
  if (more && count == 1) word.fetch_or(bit, std::memory_order_release);
  if (!more && count == 0) word.fetch_and(~bit, std::memory_order_release);
}

base::Result<void> Ipv6Table::put(const net::Prefix& prefix, std::uint32_t next_hop) {
  const Ipv6Key key = Ipv6Key::of(prefix.address.octets().data());
  if (const Found found = find_place(key, prefix.length); found.node != kEmpty) {
    nodes_[found.node].next_hop.store(next_hop, std::memory_order_release);
    return {};
  }
  while (!dying_.empty() && rcu_.passed(dying_.front().since)) {
    free_.push_back(dying_.front().node);
    dying_.pop_front();
  }
  if (free_.empty()) return base::fail(base::ErrorCode::kLimit, "the table is full");
  const std::uint32_t node = free_.back();
  free_.pop_back();
  nodes_[node].key = key;
  nodes_[node].length = prefix.length;
  nodes_[node].next_hop.store(next_hop, std::memory_order_relaxed);
  std::size_t place = place_of(key, prefix.length);
  for (;; place = (place + 1) & mask_) {  // half of the places are free at least
    const std::uint32_t there = places_[place].load(std::memory_order_relaxed);
    if (there == kEmpty || there == kErased) break;
  }
  places_[place].store(node, std::memory_order_release);
  count_length(prefix.length, true);
  ++size_;
  return {};
}

void Ipv6Table::remove(const net::Prefix& prefix) {
  const Found found = find_place(Ipv6Key::of(prefix.address.octets().data()), prefix.length);
  if (found.node == kEmpty) return;
  count_length(prefix.length, false);
  std::size_t place = found.place;
  const bool ends = places_[(place + 1) & mask_].load(std::memory_order_relaxed) == kEmpty;
  places_[place].store(ends ? kEmpty : kErased, std::memory_order_release);
  // Erased places that end a chain are empty again: searches stay short.
  while (ends) {
    place = (place - 1) & mask_;
    if (places_[place].load(std::memory_order_relaxed) != kErased) break;
    places_[place].store(kEmpty, std::memory_order_release);
  }
  dying_.push_back({rcu_.token(), found.node});
  --size_;
}

}  // namespace penstock::fib
