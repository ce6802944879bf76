// SPDX-License-Identifier: BSD-3-Clause
// Spd: the ordered Security Policy Database (RFC 4301 §4.4.1), both directions. Workers look it up
// without a lock; the control core inserts and removes single rules at a cost that does not depend
// on how many there are (design §4.6).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/dpdk/huge_array.h"
#include "lib/dpdk/rcu.h"
#include "lib/ipsec/spd_table.h"
#include "lib/policy/policy_rule.h"

namespace penstock::ipsec {

/// Reaching one is an Error with kLimit that names it.
struct SpdLimits {
  std::uint32_t policies = 131'072;
  /// Pairs of a local and a remote selector of all policies together.
  std::uint32_t selectors_v4 = 262'144;
  std::uint32_t selectors_v6 = 262'144;
  std::uint32_t workers = 1;  ///< that count packets
};
/// Pairs of selectors of one policy.
inline constexpr std::size_t kSpdSelectorsPerPolicy = 4'096;
/// Changes that are remembered for caches in front of the SPD.
inline constexpr std::size_t kSpdChanges = 64;
/// A changed rule with more selectors is taken to match every packet.
inline constexpr std::size_t kSpdChangeSelectors = 32;

/// What a worker learns from a lookup. Borrowed until its next quiescent state.
struct alignas(32) SpdEntry {
  policy::PolicyId id;
  std::uint64_t sequence = 0;  ///< of its insertion
  std::uint32_t priority = 0;
  policy::ChildSlot slot;  ///< for kProtect
  policy::InterfaceId interface_id;
  policy::PolicyAction action = policy::PolicyAction::kDiscard;

  [[nodiscard]] SpdRank rank() const { return {priority, sequence}; }
};
static_assert(sizeof(SpdEntry) == 32);

struct SpdCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  ///< IP octets
};

/// What `show policies` needs of one rule.
struct SpdStatus {
  policy::PolicyRule rule;
  SpdCounters counters;
};

class Spd {
 public:
  /// @param hash_seed  random, so that a peer cannot choose selectors that collide
  /// @param rcu  that all workers report to; outlives the SPD
  Spd(const SpdLimits& limits, std::uint64_t hash_seed, dpdk::RcuDomain& rcu);
  ~Spd();
  Spd(const Spd&) = delete;
  Spd& operator=(const Spd&) = delete;

  // ---- a worker's: the first rule in order that matches, nullptr if there is none ----

  [[nodiscard]] const SpdEntry* lookup_outbound(const SpdKey& key) const;
  [[nodiscard]] const SpdEntry* lookup_inbound(const SpdKey& key) const;
  /// Any `n`; all of it sees one version of the SPD for each kSpdBurst keys.
  void lookup_burst(policy::Direction direction, const SpdKey* keys, const SpdEntry** results,
                    std::size_t n) const;
  void lookup_burst(policy::Direction direction, const SpdKey6* keys, const SpdEntry** results,
                    std::size_t n) const;
  /// Whether any policy asks for what a later fragment does not show: ports (or ICMP types), and in
  /// IPv6 the protocol, for which only the first fragment vouches (RFC 8200 §4.5). Such a policy
  /// would pass fragments over, so they must not be asked for as they are (RFC 4301 §7). True
  /// before the first such rule is seen, false after the last is gone.
  [[nodiscard]] bool needs_whole_packets(bool v6) const {
    return (v6 ? whole_packets_v6_ : whole_packets_v4_).load(std::memory_order_acquire) != 0;
  }
  /// Counts for the policy; each worker has counters of its own.
  void count(unsigned worker, const SpdEntry& entry, std::uint64_t packets, std::uint64_t bytes);

  // ---- for a cache in front, within a worker's burst ----

  /// Counts changes. A verdict is exact while the version stays.
  [[nodiscard]] SpdVersion version() const { return version_.load(std::memory_order_acquire); }
  /// The answers of this version, which was read since the worker's last quiescent state.
  /// @param matches  as SpdTable::lookup() gives them: entry() tells which rule that is
  template <class Address>
  void lookup_probes(const SpdProbe<Address>* probes, std::uint32_t* matches, std::size_t n,
                     SpdVersion version) const {
    table<Address>().lookup(probes, matches, n, version);
  }
  [[nodiscard]] const SpdEntry* entry(std::uint32_t match) const {
    return match != kSpdNoMatch ? &entries_[match] : nullptr;
  }
  /// Could a change in (since, until] have taken this packet from the rule of rank `rank`? False
  /// only if none of them could.
  template <class Address>
  [[nodiscard]] bool may_have_changed(const SpdProbe<Address>& probe, SpdRank rank,
                                      SpdVersion since, SpdVersion until) const;
  /// For those who hash what a peer chooses.
  [[nodiscard]] std::uint64_t hash_seed() const { return hash_seed_; }

  // ---- the control core's ----

  /// @return kExists (the id), kMalformed (selectors), kLimit
  [[nodiscard]] base::Result<void> insert(const policy::PolicyRule& rule);
  /// No lookup that begins after this sees the rule. @return kNotFound
  base::Result<void> remove(policy::PolicyId id);
  /// Gives back what removed rules held, when no worker can see it any more. insert() and remove()
  /// do so themselves. @return removed rules that still hold something
  std::size_t poll();

  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] std::optional<SpdStatus> find(policy::PolicyId id) const;
  /// Streaming in the order of the SPD: up to `limit` rules behind `after` (nothing: from the
  /// first).
  /// @return where to go on, or nothing at the end
  std::optional<SpdRank> list(std::optional<SpdRank> after, std::size_t limit,
                              std::vector<SpdStatus>& out) const;

 private:
  struct WorkerCounter {
    std::atomic<std::uint64_t> packets{0};
    std::atomic<std::uint64_t> bytes{0};
  };
  /// What the control core keeps of a rule, at the same index as its SpdEntry.
  struct Record {
    std::optional<policy::PolicyRule> rule;
    SpdRank rank;
    std::uint32_t first_v4 = ~std::uint32_t{0};
    std::uint32_t first_v6 = ~std::uint32_t{0};
    bool needs_whole_v4 = false;
    bool needs_whole_v6 = false;
    SpdCounters base;  ///< what this place had counted for rules before
  };
  /// A removed rule on its way out: out of the buckets after one grace period, its memory free
  /// after another.
  struct Dying {
    dpdk::GraceToken token;
    std::uint32_t index;
    bool unlinked;
  };

  /// What a change did to the packets of one family.
  template <class Address>
  struct Changed {
    std::vector<SpdSelector<Address>> selectors;
    bool matches_all = false;

    [[nodiscard]] static Changed of(std::vector<SpdSelector<Address>> selectors);
    [[nodiscard]] bool matches(const SpdProbe<Address>& probe) const;
  };
  /// One change, as caches ask for it; most are answered by its first cache line.
  struct alignas(64) Change {
    SpdVersion version = 0;
    SpdRank rank;
    std::atomic<const Change*> before{nullptr};  ///< the change before it, while it is remembered
    Changed<Ipv4Value> v4;
    Changed<Ipv6Value> v6;
  };

  template <class Address>
  [[nodiscard]] const SpdTable<Address>& table() const {
    if constexpr (Address::kBits == Ipv4Value::kBits)
      return v4_;
    else
      return v6_;
  }
  template <std::size_t kAtOnce, class Address>
  void lookup_in(policy::Direction direction, const SpdKeyOf<Address>* keys,
                 const SpdEntry** results, std::size_t n) const;
  void remember(SpdVersion version, SpdRank rank, Changed<Ipv4Value> v4, Changed<Ipv6Value> v6);
  [[nodiscard]] SpdCounters counted(std::uint32_t index) const;
  [[nodiscard]] SpdStatus status_of(std::uint32_t index) const;
  void publish_version() {
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  dpdk::RcuDomain& rcu_;
  std::uint64_t hash_seed_;
  SpdTable<Ipv4Value> v4_;
  SpdTable<Ipv6Value> v6_;
  dpdk::HugeArray<SpdEntry> entries_;
  std::vector<dpdk::HugeArray<WorkerCounter>> counters_;  ///< by worker, then by place
  alignas(64) std::atomic<SpdVersion> version_{0};
  std::atomic<const Change*> last_change_{nullptr};
  std::atomic<std::uint32_t> whole_packets_v4_{0};  ///< rules that need them
  std::atomic<std::uint32_t> whole_packets_v6_{0};
  // the control core's own
  alignas(64) std::vector<Record> records_;
  std::vector<std::uint32_t> free_;
  std::deque<Dying> dying_;
  std::unordered_map<policy::PolicyId, std::uint32_t> by_id_;
  std::map<SpdRank, std::uint32_t> by_rank_;
  std::deque<std::unique_ptr<Change>> changes_;  ///< oldest first
  std::uint64_t next_sequence_ = 0;
};

extern template bool Spd::may_have_changed(const SpdProbe<Ipv4Value>&, SpdRank, SpdVersion,
                                           SpdVersion) const;
extern template bool Spd::may_have_changed(const SpdProbe<Ipv6Value>&, SpdRank, SpdVersion,
                                           SpdVersion) const;

}  // namespace penstock::ipsec
