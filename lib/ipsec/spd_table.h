// SPDX-License-Identifier: BSD-3-Clause
// SpdTable: the tuple-space classifier under the SPD. A selector is hashed by the leading bits that
// all its packets have in common; selectors with the same numbers of such bits are one shape, and a
// lookup asks the table once a shape. The cost of a change does not depend on how many there are.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/dpdk/huge_array.h"
#include "lib/dpdk/rcu.h"
#include "lib/ipsec/spd_selector.h"

namespace penstock::ipsec {

/// Counts changes of the SPD. A lookup sees the rules of one version whole.
using SpdVersion = std::uint64_t;
inline constexpr SpdVersion kNeverDies = ~SpdVersion{0};

/// Shapes with selectors in them at one time; each costs a lookup one probe.
inline constexpr std::size_t kSpdShapes = 512;
/// Selectors in one bucket. Only those that overlap in every field meet there (and rare chance).
inline constexpr std::size_t kSpdOverlap = 256;
/// Keys that lookup_burst works on at a time.
inline constexpr std::size_t kSpdBurst = 64;

/// A lookup's answer where no rule matches.
inline constexpr std::uint32_t kSpdNoMatch = ~std::uint32_t{0};

/// Position in the ordered list: by priority, then by insertion.
struct SpdRank {
  std::uint32_t priority = ~std::uint32_t{0};
  std::uint64_t sequence = ~std::uint64_t{0};
  friend constexpr auto operator<=>(const SpdRank&, const SpdRank&) = default;
};

template <class Address>
class SpdTable {
 public:
  using Selector = SpdSelector<Address>;
  using Probe = SpdProbe<Address>;
  static constexpr std::uint32_t kNone = kSpdNoMatch;

  /// @param capacity  selectors, live and dying; @param rcu  outlives the table
  SpdTable(std::uint32_t capacity, std::uint64_t hash_seed, dpdk::RcuDomain& rcu);
  ~SpdTable();
  SpdTable(const SpdTable&) = delete;
  SpdTable& operator=(const SpdTable&) = delete;

  // ---- a worker's ----

  /// The first match of each probe among the selectors alive in `version`.
  /// @param matches  gets the rule that was given to link(), or kSpdNoMatch
  /// @param n  up to kSpdBurst
  void lookup(const Probe* probes, std::uint32_t* matches, std::size_t n, SpdVersion version) const;

  // ---- the writer's ----

  /// Could these be linked? kLimit if not; the text names the limit.
  [[nodiscard]] base::Result<void> check_room(std::span<const Selector> selectors) const;
  /// Links selectors that are seen from version `born` on; check_room() passed.
  /// @param first  the rule's chain of selectors so far, kNone at first
  /// @return the rule's chain now
  [[nodiscard]] std::uint32_t link(std::span<const Selector> selectors, SpdRank rank,
                                   std::uint32_t rule, SpdVersion born, std::uint32_t first);
  /// The selectors of the rule are not seen from version `died` on.
  void kill(std::uint32_t first, SpdVersion died);
  /// Takes the rule's selectors out of their buckets; no reader of an older version is left.
  void unlink(std::uint32_t first);
  /// Takes the memory back; no reader is left that found them linked.
  void free(std::uint32_t first);

  [[nodiscard]] std::size_t used() const { return entries_.size() - free_.size(); }

 private:
  /// What a probe reads of one selector: one cache line for IPv4, two for IPv6.
  struct alignas(64) Entry {
    Selector selector;
    std::uint32_t priority = 0;
    std::uint64_t sequence = 0;
    SpdVersion born = kNeverDies;
    std::atomic<SpdVersion> died{kNeverDies};
    std::atomic<std::uint32_t> next{kNone};
    std::uint32_t rule = kNone;

    [[nodiscard]] SpdRank rank() const { return {priority, sequence}; }
    [[nodiscard]] bool alive(SpdVersion version) const {
      return born <= version && version < died.load(std::memory_order_relaxed);
    }
  };
  static_assert(sizeof(Entry) == (Address::kBits == 32 ? 64 : 128));

  /// What only the writer asks of an entry.
  struct EntryNote {
    std::uint64_t hash = 0;
    std::uint64_t shape = 0;
    std::uint32_t sibling = kNone;  ///< the rule's next selector
  };

  /// Which leading bits of a packet are hashed.
  struct Mask {
    Address local;
    Address remote;
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    std::uint8_t protocol = 0;
  };
  struct Shape {
    Mask mask;
    std::uint64_t salt = 0;
    std::map<std::uint32_t, std::uint32_t> priorities;  ///< how many selectors have each
  };
  /// What a lookup reads of a shape. `best` is no worse than any linked selector's priority.
  struct ShapeView {
    Mask mask;
    std::uint32_t best = 0;
    std::uint64_t salt = 0;
  };
  using ShapeList = std::vector<ShapeView>;  ///< by `best`

  /// Bits of the selector that all its packets share, as a number for each field.
  [[nodiscard]] static std::uint64_t shape_of(const Selector& s);
  [[nodiscard]] static Mask mask_of(std::uint64_t shape);
  [[nodiscard]] std::uint64_t salt_of(std::uint64_t shape) const;
  [[nodiscard]] static std::uint64_t hash(const Mask& mask, std::uint64_t salt, const Probe& p);
  [[nodiscard]] std::uint64_t hash_of(const Selector& s, std::uint64_t shape) const;
  [[nodiscard]] std::size_t bucket(std::uint64_t hash) const { return hash >> bucket_shift_; }
  /// A bucket's head: its first entry below, and above a bit for each hash that is in it.
  [[nodiscard]] static std::uint64_t filter_bit(std::uint64_t hash) {
    return std::uint64_t{1} << (32 + (hash & 31U));
  }
  [[nodiscard]] static std::uint32_t first_of(std::uint64_t head) {
    return static_cast<std::uint32_t>(head);
  }
  void walk(std::uint32_t first, const Probe& probe, SpdVersion version, const Entry*& best) const;
  void insert_sorted(std::uint32_t index);
  void remove_from_bucket(std::uint32_t index);
  void publish_shapes();

  dpdk::RcuDomain& rcu_;
  std::uint64_t seed_;
  unsigned bucket_shift_;
  dpdk::HugeArray<std::atomic<std::uint64_t>> heads_;
  dpdk::HugeArray<Entry> entries_;
  dpdk::Published<ShapeList> list_;
  // the writer's own
  std::vector<EntryNote> notes_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint64_t, Shape> shapes_;
};

extern template class SpdTable<Ipv4Value>;
extern template class SpdTable<Ipv6Value>;

}  // namespace penstock::ipsec
