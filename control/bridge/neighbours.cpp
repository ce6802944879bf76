// SPDX-License-Identifier: BSD-3-Clause
// ARP from the control core: a worker that lacks a next hop punts its wish, this asks, learns, ages
// and publishes. What a stranger can make it hold is bounded: addresses that nobody answers for
// have at most half of the table, so a scan never pushes a living neighbour out; and the one of
// them that was asked longest ago makes room for the next, so a scan keeps no living one out.
#include "control/bridge/neighbours.h"

#include <algorithm>
#include <array>

namespace penstock::bridge {
namespace {

constexpr net::MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
/// For one to push out: strangers choose how often it is looked for.
constexpr unsigned kMostLooks = 256;
constexpr base::Duration kAnnounceInterval = base::seconds{2};  // RFC 5227 §1.1

constexpr std::array kStateNames = std::to_array<std::string_view>(
    {"incomplete", "reachable", "stale", "probing", "failed", "static"});
static_assert(kStateNames.size() == static_cast<std::size_t>(NeighbourState::kStatic) + 1);

bool is_multicast(const net::MacAddress& mac) { return (mac[0] & 1) != 0; }

}  // namespace

std::string_view name_of(NeighbourState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

Neighbours::Neighbours(NeighbourLimits limits, std::vector<OwnAddress> own, TakeUsed take_used)
    : limits_(limits), own_(std::move(own)), take_used_(std::move(take_used)) {}

void Neighbours::start(base::MonoTime now) {
  announcements_left_ = limits_.announcements;
  next_announcement_ = now;
  tick(now);
}

void Neighbours::announce() {
  // RFC 5227 §2.3: a request whose sender and target are both our address; RFC 4861 §7.2.6: an
  // advertisement that nobody asked for.
  for (const OwnAddress& own : own_) {
    outputs_.push_back(
        AskNeighbour{own.interface, kBroadcast, own.mac, own.address.address, own.address.address});
  }
}

const OwnAddress* Neighbours::own_for(const NeighbourKey& key) const {
  const auto found = std::ranges::find_if(own_, [&key](const OwnAddress& own) {
    return own.interface == key.interface && own.address.prefix().contains(key.address);
  });
  return found == own_.end() ? nullptr : &*found;
}

bool Neighbours::is_own(const NeighbourKey& key) const {
  return std::ranges::any_of(own_, [&key](const OwnAddress& own) {
    return own.interface == key.interface && own.address.address == key.address;
  });
}

bool Neighbours::has_answer(const Entry& entry) {
  return entry.state != NeighbourState::kIncomplete && entry.state != NeighbourState::kFailed;
}

/// Deadlines are in order, and those of who is asked come before those of who has answered, so the
/// first that may go is soon found.
std::optional<NeighbourKey> Neighbours::first_due(const std::function<bool(const Entry&)>& may_go) {
  unsigned looks = 0;
  for (const auto& [when, key] : due_) {
    if (may_go(entries_.at(key))) return key;
    if (++looks == kMostLooks) break;
  }
  return std::nullopt;
}

base::Result<Neighbours::Entries::iterator> Neighbours::insert(const NeighbourKey& key, Room room) {
  const std::size_t most =
      room == Room::kAsked ? std::max<std::size_t>(limits_.entries / 2, 1) : limits_.entries;
  if (entries_.size() >= limits_.entries || unanswered_ >= most) {
    std::optional<NeighbourKey> old;
    if (unanswered_ != 0) old = first_due([](const Entry& entry) { return !has_answer(entry); });
    if (!old && room == Room::kAsked)
      old = first_due([](const Entry& entry) { return entry.state == NeighbourState::kStale; });
    if (!old) return base::fail(base::ErrorCode::kLimit, "the neighbour table is full");
    outputs_.push_back(ForgetNeighbour{*old});
    erase(entries_.find(*old));
  }
  ++unanswered_;
  return entries_.emplace(key, Entry{}).first;
}

void Neighbours::set_due(Entries::iterator entry, base::MonoTime when) {
  due_.erase({entry->second.due, entry->first});
  entry->second.due = when;
  due_.emplace(when, entry->first);
}

void Neighbours::erase(Entries::iterator entry) {
  due_.erase({entry->second.due, entry->first});
  if (!has_answer(entry->second)) --unanswered_;
  entries_.erase(entry);
}

void Neighbours::ask(base::MonoTime now, Entries::iterator entry, bool unicast) {
  set_due(entry, now + limits_.retry);
  const OwnAddress* own = own_for(entry->first);
  if (own == nullptr) return;  // the address is on no link of ours; it fails in time
  ++entry->second.tries;
  outputs_.push_back(AskNeighbour{entry->first.interface, unicast ? entry->second.mac : kBroadcast,
                                  own->mac, own->address.address, entry->first.address});
}

void Neighbours::add_static(const NeighbourKey& key, const net::MacAddress& mac) {
  if (const auto old = entries_.find(key); old != entries_.end()) erase(old);
  entries_.emplace(key, Entry{.state = NeighbourState::kStatic, .mac = mac});
  outputs_.push_back(PublishNeighbour{key, mac, true});
}

base::Result<void> Neighbours::wanted(base::MonoTime now, const NeighbourKey& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    if (entry.state == NeighbourState::kFailed) entry.wanted = true;
    // The worker asked before it saw the answer: say it again.
    if (has_answer(entry))
      outputs_.push_back(PublishNeighbour{key, entry.mac, entry.state == NeighbourState::kStatic});
    return {};
  }
  PS_ASSIGN(const Entries::iterator entry, insert(key, Room::kAsked));
  ask(now, entry, false);
  return {};
}

void Neighbours::confirm(base::MonoTime now, Entries::iterator found, const net::MacAddress& mac) {
  Entry& entry = found->second;
  const bool news = !has_answer(entry) || entry.mac != mac;
  if (!has_answer(entry)) --unanswered_;
  entry.state = NeighbourState::kReachable;
  entry.mac = mac;
  entry.tries = 0;
  entry.failures = 0;
  entry.wanted = false;
  entry.confirmed = now;
  set_due(found, now + limits_.reachable_for);
  if (news) outputs_.push_back(PublishNeighbour{found->first, mac, false});
}

void Neighbours::heard(base::MonoTime now, const NeighbourKey& key, const net::MacAddress& mac,
                       bool for_us) {
  // RFC 5227 §1.1: a probe has no sender. Only addresses of the link are learnt, never ours, and
  // never a group address as a host's.
  if (key.address.is_unspecified() || is_multicast(mac) || own_for(key) == nullptr || is_own(key))
    return;
  // RFC 826: merge what is known, add only if we are the target.
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (!for_us) return;
    auto made = insert(key, Room::kHeard);
    if (!made) return;  // full: it is asked for when a packet wants it
    found = *made;
  }
  if (found->second.state != NeighbourState::kStatic) confirm(now, found, mac);
}

/// Asked again only while it is used: who is silent on both sides is left in peace.
void Neighbours::look_at_idle(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  if (take_used_(found->first)) {
    entry.state = NeighbourState::kProbing;
    entry.tries = 0;
    return ask(now, found, true);
  }
  if (now - *entry.confirmed >= limits_.stale_for) {
    outputs_.push_back(ForgetNeighbour{found->first});
    return erase(found);
  }
  entry.state = NeighbourState::kStale;
  set_due(found, now + limits_.stale_look);
}

void Neighbours::fail(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  entry.state = NeighbourState::kFailed;
  const unsigned doublings = std::min(entry.failures++, 16U);
  set_due(found, now + std::min(limits_.failed_first * (1U << doublings), limits_.failed_most));
  outputs_.push_back(FailNeighbour{found->first});
}

void Neighbours::expire(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  switch (entry.state) {
    case NeighbourState::kReachable:
    case NeighbourState::kStale:
      return look_at_idle(now, found);
    case NeighbourState::kProbing:
      if (entry.tries < limits_.unicast_tries) return ask(now, found, true);
      outputs_.push_back(ForgetNeighbour{found->first});
      return erase(found);
    case NeighbourState::kIncomplete:
      if (entry.tries > 0 && entry.tries < limits_.broadcast_tries) return ask(now, found, false);
      return fail(now, found);
    case NeighbourState::kFailed:
      if (!entry.wanted) {
        outputs_.push_back(ForgetNeighbour{found->first});
        return erase(found);
      }
      entry.state = NeighbourState::kIncomplete;
      entry.wanted = false;
      entry.tries = 0;
      return ask(now, found, false);
    case NeighbourState::kStatic:
      return;
  }
}

void Neighbours::tick(base::MonoTime now) {
  while (announcements_left_ > 0 && next_announcement_ <= now) {
    announce();
    --announcements_left_;
    next_announcement_ = now + kAnnounceInterval;
  }
  while (!due_.empty() && due_.begin()->first <= now)
    expire(now, entries_.find(due_.begin()->second));
}

std::optional<NeighbourOutput> Neighbours::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  std::optional<NeighbourOutput> first(std::move(outputs_.front()));
  outputs_.pop_front();
  return first;
}

std::optional<base::MonoTime> Neighbours::next_deadline() const {
  std::optional<base::MonoTime> next;
  if (!due_.empty()) next = due_.begin()->first;
  if (announcements_left_ > 0)
    next = std::min(next.value_or(next_announcement_), next_announcement_);
  return next;
}

std::vector<NeighbourStatus> Neighbours::list(base::MonoTime now,
                                              const std::optional<NeighbourKey>& after,
                                              std::size_t most) const {
  std::vector<NeighbourStatus> out;
  auto at = after ? entries_.upper_bound(*after) : entries_.begin();
  for (; at != entries_.end() && out.size() < most; ++at) {
    const Entry& entry = at->second;
    NeighbourStatus status{at->first, entry.state, std::nullopt, std::nullopt};
    if (has_answer(entry)) status.mac = entry.mac;
    if (entry.confirmed) status.age = now - *entry.confirmed;
    out.push_back(status);
  }
  return out;
}

}  // namespace penstock::bridge
