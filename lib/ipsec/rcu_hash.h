// SPDX-License-Identifier: BSD-3-Clause
// RcuHash: a map of fixed capacity that workers read without a lock while one writer changes single
// keys. Nodes lie in one array and are chained by index; a node that was erased stays whole until a
// grace period has passed. Everything is allocated when the map is made.
#pragma once

#include <rte_prefetch.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <deque>
#include <functional>
#include <type_traits>
#include <vector>

#include "lib/base/result.h"
#include "lib/dpdk/rcu.h"

namespace penstock::ipsec {

/// A finaliser after std::hash, which leaves integers as they are.
template <class Key>
struct MixedHash {
  [[nodiscard]] std::uint64_t operator()(const Key& key) const {
    std::uint64_t h = std::hash<Key>{}(key)*0x9e3779b97f4a7c15ULL;
    return h ^ (h >> 32U);
  }
};

template <class Key, class Value, class Hash = MixedHash<Key>>
class RcuHash {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  /// @param capacity  live and dying keys together; @param rcu  outlives the map
  RcuHash(std::uint32_t capacity, dpdk::RcuDomain& rcu)
      : rcu_(rcu), heads_(std::bit_ceil(std::max<std::uint32_t>(capacity, 16))), nodes_(capacity) {
    for (auto& head : heads_) head.store(kNone, std::memory_order_relaxed);
    free_.reserve(capacity);
    for (std::uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
  }
  RcuHash(const RcuHash&) = delete;
  RcuHash& operator=(const RcuHash&) = delete;

  // ---- a worker's ----

  /// @return borrowed until the worker's next quiescent state; nullptr if the key is not there
  [[nodiscard]] const Value* find(const Key& key) const {
    std::uint32_t i = heads_[bucket(key)].load(std::memory_order_acquire);
    for (; i != kNone; i = nodes_[i].next.load(std::memory_order_acquire))
      if (nodes_[i].key == key) return &nodes_[i].value;
    return nullptr;
  }
  /// For bursts: call it for each key before the first find().
  void prefetch(const Key& key) const { rte_prefetch0(&heads_[bucket(key)]); }

  // ---- the writer's ----

  /// @return kExists, or kLimit when capacity is reached
  [[nodiscard]] base::Result<void> insert(const Key& key, const Value& value) {
    if (find(key) != nullptr)
      return base::fail(base::ErrorCode::kExists, "the key is there already");
    poll();
    if (free_.empty()) return base::fail(base::ErrorCode::kLimit, "the table is full");
    const std::uint32_t i = free_.back();
    free_.pop_back();
    auto& head = heads_[bucket(key)];
    nodes_[i].key = key;
    nodes_[i].value = value;
    nodes_[i].next.store(head.load(std::memory_order_relaxed), std::memory_order_relaxed);
    head.store(i, std::memory_order_release);
    ++size_;
    return {};
  }

  /// Readers that found the value before may hold it until their next quiescent state.
  /// @return false if the key is not there
  bool erase(const Key& key) {
    std::atomic<std::uint32_t>* link = &heads_[bucket(key)];
    for (std::uint32_t i = link->load(std::memory_order_relaxed); i != kNone;
         link = &nodes_[i].next, i = link->load(std::memory_order_relaxed)) {
      if (nodes_[i].key != key) continue;
      link->store(nodes_[i].next.load(std::memory_order_relaxed), std::memory_order_release);
      dying_.push_back({rcu_.token(), i});
      --size_;
      return true;
    }
    return false;
  }

  /// Takes back nodes whose grace period has passed. insert() does so itself.
  void poll() {
    while (!dying_.empty() && rcu_.passed(dying_.front().token)) {
      free_.push_back(dying_.front().node);
      dying_.pop_front();
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return nodes_.size(); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Node {
    Key key{};
    Value value{};
    std::atomic<std::uint32_t> next{kNone};
  };
  struct Dying {
    dpdk::GraceToken token;
    std::uint32_t node;
  };

  [[nodiscard]] std::size_t bucket(const Key& key) const {
    return Hash{}(key) & (heads_.size() - 1);
  }

  dpdk::RcuDomain& rcu_;
  std::vector<std::atomic<std::uint32_t>> heads_;  ///< a power of two
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::deque<Dying> dying_;
  std::size_t size_ = 0;
};

}  // namespace penstock::ipsec
