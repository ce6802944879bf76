// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: the state machine of ARP (RFC 826, RFC 1122 §2.3.2, RFC 5227) and of neighbour
// discovery (RFC 4861 §7.2, §7.3) for every interface.
// It has no clock and sends nothing itself: inputs come with the time, outputs are polled, so tests
// run it in virtual time. Workers see only what it publishes through the FIB.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/dpdk/packet.h"
#include "lib/fib/interface.h"
#include "lib/net/address.h"

namespace penstock::bridge {

struct NeighbourKey {
  dpdk::InterfaceIndex interface;
  net::IpAddress address;
  friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};

/// An address of ours on an interface.
struct OwnAddress {
  dpdk::InterfaceIndex interface;
  net::MacAddress mac{};
  net::InterfaceAddress address;
};

enum class NeighbourState : std::uint8_t {
  kIncomplete,  ///< asked by broadcast, no answer yet
  kReachable,   ///< answered a question of ours not long ago
  kStale,       ///< heard of, or answered long ago; used, and asked again when it is
  kProbing,     ///< used, and asked again by unicast (RFC 1122 §2.3.2.1 (2))
  kFailed,      ///< does not answer; asked again when the hold-down is over and a packet wants it
  kStatic,      ///< by configuration; never asked, never changed
};
[[nodiscard]] std::string_view name_of(NeighbourState state);

/// An ARP request or a neighbour solicitation to build. Sender and target are the same address in
/// an announcement.
struct AskNeighbour {
  dpdk::InterfaceIndex interface;
  net::MacAddress to{};  ///< the neighbour that is probed; broadcast: nobody in particular
  net::MacAddress sender_mac{};
  net::IpAddress sender;
  net::IpAddress target;
};
/// Workers may send to it from now on; packets that wait for it go.
struct PublishNeighbour {
  NeighbourKey key;
  net::MacAddress mac{};
  bool permanent = false;  ///< configured
};
/// It does not answer: packets that wait for it are dropped in time.
struct FailNeighbour {
  NeighbourKey key;
};
/// Nothing is known of it any more: the next packet asks.
struct ForgetNeighbour {
  NeighbourKey key;
};
using NeighbourOutput =
    std::variant<AskNeighbour, PublishNeighbour, FailNeighbour, ForgetNeighbour>;

/// What a message said of its sender.
struct Heard {
  net::MacAddress mac{};
  /// RFC 826 and RFC 4861 §7.2.3: who asks us is added. An advertisement (§7.2.5) changes only what
  /// is known.
  bool adds = false;
  bool answers = false;   ///< an ARP reply to us, or an advertisement with the Solicited flag
  bool overrides = true;  ///< an advertisement's flag: it may replace another MAC
};

struct NeighbourLimits {
  std::size_t entries = 4096;    ///< all; those without an answer have at most half of them
  unsigned broadcast_tries = 3;  ///< RFC 1122 §2.3.2.1: at most one a second and destination
  unsigned unicast_tries = 3;
  base::Duration retry = base::seconds{1};
  base::Duration tentative_retry = base::milliseconds{100};  ///< while we have no address to ask by
  base::Duration reachable_for = base::seconds{60};
  base::Duration stale_look = base::seconds{5};    ///< how often a stale one is looked at for use
  base::Duration stale_for = base::seconds{1200};  ///< unused for so long: forgotten
  base::Duration failed_first = base::seconds{2};  ///< doubles with each failure in a row
  base::Duration failed_most = base::seconds{16};
  unsigned announcements = 2;  ///< RFC 5227 §2.3
};

struct NeighbourStatus {
  NeighbourKey key;
  NeighbourState state{};
  std::optional<net::MacAddress> mac;
  std::optional<base::Duration> age;  ///< since it was confirmed, or first heard of
};

class Neighbours {
 public:
  /// Whether a worker has sent through it since the last call.
  using TakeUsed = std::function<bool(const NeighbourKey&)>;

  Neighbours(NeighbourLimits limits, std::vector<OwnAddress> own, TakeUsed take_used);

  /// Announces our IPv4 addresses; those of IPv6 when they are known to be ours alone.
  void start(base::MonoTime now);
  /// Of an IPv6 address of ours; tentative at first. One that is assigned is announced.
  void set_own(base::MonoTime now, const NeighbourKey& key, fib::AddressState state);
  void add_static(const NeighbourKey& key, const net::MacAddress& mac);
  /// A packet waits for this next hop. @return kLimit: the table is full
  base::Result<void> wanted(base::MonoTime now, const NeighbourKey& key);
  /// Only the answer to an open question confirms; all else makes or leaves an entry stale.
  void heard(base::MonoTime now, const NeighbourKey& key, const Heard& heard);
  void tick(base::MonoTime now);

  [[nodiscard]] std::optional<NeighbourOutput> poll_output();
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const;
  /// Up to `most` entries after `after`, in order: lists are streamed.
  [[nodiscard]] std::vector<NeighbourStatus> list(base::MonoTime now,
                                                  const std::optional<NeighbourKey>& after,
                                                  std::size_t most) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    NeighbourState state = NeighbourState::kIncomplete;
    net::MacAddress mac{};
    unsigned tries = 0;                     ///< of the question that is open
    unsigned failures = 0;                  ///< in a row
    std::optional<base::MonoTime> since{};  ///< confirmed, or first heard of
    base::MonoTime due{};                   ///< its deadline in due_; not for kStatic
    bool wanted = false;                    ///< kFailed: a packet came during the hold-down
  };
  using Entries = std::map<NeighbourKey, Entry>;
  using Deadlines = std::set<std::pair<base::MonoTime, NeighbourKey>>;
  /// How hard an entry is pushed out. kStatic ones are in none.
  enum class Hold : std::uint8_t { kUnanswered, kStale, kLiving, kCount };
  /// What one interface has of the table (RFC 6583 §7.1).
  struct Share {
    std::array<Deadlines, static_cast<std::size_t>(Hold::kCount)> held;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] Deadlines& of(Hold hold) { return held[static_cast<std::size_t>(hold)]; }
  };

  /// An address of ours, and how far others may hear of it.
  struct Own {
    OwnAddress at;
    fib::AddressState state = fib::AddressState::kAssigned;
    unsigned announcements = 0;  ///< left
  };
  [[nodiscard]] bool on_link(const NeighbourKey& key) const;
  /// Who asks for the neighbour; tentative: nobody yet.
  struct Sender {
    const OwnAddress* own = nullptr;
    bool tentative = false;
  };
  [[nodiscard]] Sender sender_for(const NeighbourKey& key) const;
  [[nodiscard]] bool can_ask(const NeighbourKey& key) const;
  [[nodiscard]] static Hold hold_of(NeighbourState state);
  [[nodiscard]] static bool has_answer(const Entry& entry);
  [[nodiscard]] bool is_own(const NeighbourKey& key) const;
  /// Who asks for a place: one that a packet wants, or one that spoke to us.
  enum class Room : bool { kAsked, kHeard };
  base::Result<Entries::iterator> insert(const NeighbourKey& key, Room room);
  bool push_out(Hold hold);
  void set(Entries::iterator entry, NeighbourState state, base::MonoTime due);
  void unlist(Entries::iterator entry);
  void erase(Entries::iterator entry);
  void ask(base::MonoTime now, Entries::iterator entry, NeighbourState state);
  void confirm(base::MonoTime now, Entries::iterator entry, const net::MacAddress& mac);
  void learn(base::MonoTime now, Entries::iterator entry, const Heard& heard);
  void expire(base::MonoTime now, Entries::iterator entry);
  void look_at_idle(base::MonoTime now, Entries::iterator entry);
  void fail(base::MonoTime now, Entries::iterator entry);
  void announce(base::MonoTime now, std::size_t place);

  NeighbourLimits limits_;
  std::vector<Own> own_;
  TakeUsed take_used_;
  Entries entries_;
  std::map<dpdk::InterfaceIndex, Share> shares_;
  Deadlines due_;
  std::set<std::pair<base::MonoTime, std::size_t>> announcing_;  ///< places of own_
  std::deque<NeighbourOutput> outputs_;
};

}  // namespace penstock::bridge
