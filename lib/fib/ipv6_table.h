// SPDX-License-Identifier: BSD-3-Clause
// Ipv6Table: the longest prefix of an IPv6 address, read without a lock while the control core
// changes it (rte_lpm6 and rte_fib6 of DPDK 22.11 are not safe under readers). One hash table of
// all prefixes; a lookup asks it once for each prefix length in use, the longest first.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "lib/base/result.h"
#include "lib/dpdk/rcu.h"
#include "lib/net/address.h"

namespace penstock::fib {

/// An address as two halves in host order.
struct Ipv6Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  /// @param octets  16, network order
  [[nodiscard]] static Ipv6Key of(const void* octets) {
    std::uint64_t halves[2];
    std::memcpy(halves, octets, sizeof(halves));
    if constexpr (std::endian::native == std::endian::little)
      for (std::uint64_t& half : halves) half = __builtin_bswap64(half);
    return {halves[0], halves[1]};
  }
  /// Only the first `length` bits.
  [[nodiscard]] Ipv6Key first(unsigned length) const {
    const auto mask = [](unsigned bits) {
      return bits == 0 ? std::uint64_t{0} : ~std::uint64_t{0} << (64 - bits);
    };
    return {high & mask(length < 64 ? length : 64), low & mask(length < 64 ? 0 : length - 64)};
  }
  friend bool operator==(const Ipv6Key&, const Ipv6Key&) = default;
};

class Ipv6Table {
 public:
  /// @param most  prefixes at once; @param rcu  that all readers report to; outlives the table
  Ipv6Table(std::uint32_t most, dpdk::RcuDomain& rcu);
  ~Ipv6Table();
  Ipv6Table(const Ipv6Table&) = delete;
  Ipv6Table& operator=(const Ipv6Table&) = delete;

  /// Adds the prefix or changes its next hop. The writer's. @return kLimit
  [[nodiscard]] base::Result<void> put(const net::Prefix& prefix, std::uint32_t next_hop);
  /// Does nothing if it is not there. The writer's.
  void remove(const net::Prefix& prefix);
  [[nodiscard]] std::uint32_t size() const { return size_; }

  /// The next hop of the longest prefix that holds the address, 0 if none does. A reader's.
  [[nodiscard]] std::uint32_t lookup(const Ipv6Key& address) const {
    for (int word = kWords - 1; word >= 0; --word) {
      const auto index = static_cast<std::size_t>(word);
      std::uint64_t lengths = lengths_[index].load(std::memory_order_acquire);
      while (lengths != 0) {
        const int bit = 63 - std::countl_zero(lengths);
        lengths &= ~(std::uint64_t{1} << bit);
        const auto length = static_cast<unsigned>(word * 64 + bit);
        if (const Found found = find_place(address.first(length), length); found.node != kEmpty)
          return nodes_[found.node].next_hop.load(std::memory_order_relaxed);
      }
    }
    return 0;
  }

 private:
  static constexpr int kWords = 3;  ///< lengths 0 … 128
  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kErased = ~std::uint32_t{0};
  /// Constant from when it is published until a grace period after it was removed, next_hop apart.
  struct alignas(32) Node {
    Ipv6Key key;
    std::uint32_t length = 0;
    std::atomic<std::uint32_t> next_hop{0};
  };
  struct Dying {
    dpdk::GraceToken since;
    std::uint32_t node;
  };

  [[nodiscard]] std::size_t place_of(const Ipv6Key& key, unsigned length) const {
    std::uint64_t h = (key.high ^ seed_) * 0x9e3779b97f4a7c15ULL;
    h = (h ^ h >> 32 ^ key.low ^ length) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ h >> 29) * 0x94d049bb133111ebULL;
    return (h >> 32) & mask_;
  }
  struct Found {
    std::size_t place = 0;
    std::uint32_t node = kEmpty;  ///< kEmpty: it is not there
  };
  [[nodiscard]] Found find_place(const Ipv6Key& key, unsigned length) const {
    std::size_t place = place_of(key, length);
    for (std::size_t looked = 0; looked <= mask_; ++looked, place = (place + 1) & mask_) {
      const std::uint32_t node = places_[place].load(std::memory_order_acquire);
      if (node == kEmpty) break;
      if (node != kErased && nodes_[node].length == length && nodes_[node].key == key)
        return {place, node};
    }
    return {};
  }
  void count_length(unsigned length, bool more);

  dpdk::RcuDomain& rcu_;
  std::size_t mask_;
  std::uint64_t seed_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> places_;      ///< nodes, by hash, linear probing
  std::unique_ptr<Node[]> nodes_;                             ///< 1 … most; 0 is no node
  std::array<std::atomic<std::uint64_t>, kWords> lengths_{};  ///< bit set: a prefix is so long
  // the writer's own
  std::array<std::uint32_t, 129> of_length_{};
  std::vector<std::uint32_t> free_;
  std::deque<Dying> dying_;
  std::uint32_t size_ = 0;
};

}  // namespace penstock::fib
