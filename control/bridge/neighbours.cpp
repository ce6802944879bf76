// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery from the control core: a worker that lacks a next hop punts its wish,
// this asks, learns, ages and publishes. What a stranger can make it hold is bounded. Addresses
// that nobody answers for have at most half of the table, and the one that was asked longest ago
// makes room for the next. What was only heard of makes room for what a packet wants. The interface
// that holds most of a kind gives, so one link's flood leaves room for another's.
#include "control/bridge/neighbours.h"

#include <algorithm>
#include <array>

namespace penstock::bridge {
namespace {

constexpr net::MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr base::Duration kAnnounceInterval = base::seconds{2};  // RFC 5227 §1.1

constexpr std::array kStateNames = std::to_array<std::string_view>(
    {"incomplete", "reachable", "stale", "probing", "failed", "static"});
static_assert(kStateNames.size() == static_cast<std::size_t>(NeighbourState::kStatic) + 1);

using fib::AddressState;

bool is_multicast(const net::MacAddress& mac) { return (mac[0] & 1) != 0; }

}  // namespace

std::string_view name_of(NeighbourState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

Neighbours::Neighbours(NeighbourLimits limits, std::vector<OwnAddress> own, TakeUsed take_used)
    : limits_(limits), take_used_(std::move(take_used)) {
  for (const OwnAddress& one : own) {
    shares_[one.interface];
    own_.push_back({.at = one,
                    .state = one.address.address.is_v4() ? AddressState::kAssigned
                                                         : AddressState::kTentative});
  }
}

void Neighbours::start(base::MonoTime now) {
  for (std::size_t place = 0; place < own_.size(); ++place)
    if (own_[place].state == AddressState::kAssigned) {
      own_[place].announcements = limits_.announcements;
      announcing_.emplace(now, place);
    }
  tick(now);
}

void Neighbours::set_own(base::MonoTime now, const NeighbourKey& key, AddressState state) {
  for (std::size_t place = 0; place < own_.size(); ++place) {
    Own& own = own_[place];
    if (own.at.interface != key.interface || own.at.address.address != key.address) continue;
    own.state = state;
    const bool waits = own.announcements != 0;  // it has its place in announcing_
    own.announcements = state == AddressState::kAssigned ? limits_.announcements : 0;
    if (state == AddressState::kAssigned && !waits) announcing_.emplace(now, place);
  }
  tick(now);
}

/// RFC 5227 §2.3: a request whose sender and target are both our address; RFC 4861 §7.2.6: an
/// advertisement that nobody asked for.
void Neighbours::announce(base::MonoTime now, std::size_t place) {
  Own& own = own_[place];
  if (own.announcements == 0) return;
  const net::IpAddress& address = own.at.address.address;
  outputs_.push_back(AskNeighbour{own.at.interface, kBroadcast, own.at.mac, address, address});
  if (--own.announcements != 0) announcing_.emplace(now + kAnnounceInterval, place);
}

bool Neighbours::on_link(const NeighbourKey& key) const {
  return std::ranges::any_of(own_, [&key](const Own& own) {
    return own.at.interface == key.interface && own.at.address.prefix().contains(key.address);
  });
}

/// RFC 4861 §7.2.2: an address of the interface, best of the neighbour's network; RFC 4862 §5.4:
/// never one that is not assigned. Of IPv6 any of them will do.
Neighbours::Sender Neighbours::sender_for(const NeighbourKey& key) const {
  Sender sender;
  if (!on_link(key)) return sender;
  for (const Own& own : own_) {
    const bool fits = own.at.address.prefix().contains(key.address);
    if (own.at.interface != key.interface ||
        own.at.address.address.family() != key.address.family() || (key.address.is_v4() && !fits))
      continue;
    if (own.state == AddressState::kTentative) sender.tentative = true;
    if (own.state != AddressState::kAssigned) continue;
    if (fits) return {&own.at, false};
    if (sender.own == nullptr) sender.own = &own.at;
  }
  return sender;
}

/// Now, or when an address is assigned.
bool Neighbours::can_ask(const NeighbourKey& key) const {
  const Sender sender = sender_for(key);
  return sender.own != nullptr || sender.tentative;
}

bool Neighbours::is_own(const NeighbourKey& key) const {
  return std::ranges::any_of(own_, [&key](const Own& own) {
    return own.at.interface == key.interface && own.at.address.address == key.address &&
           own.state != AddressState::kDuplicate;
  });
}

Neighbours::Hold Neighbours::hold_of(NeighbourState state) {
  switch (state) {
    case NeighbourState::kIncomplete:
    case NeighbourState::kFailed:
      return Hold::kUnanswered;
    case NeighbourState::kStale:
      return Hold::kStale;
    default:
      return Hold::kLiving;
  }
}

bool Neighbours::has_answer(const Entry& entry) {
  return hold_of(entry.state) != Hold::kUnanswered;
}

std::size_t Neighbours::Share::size() const {
  std::size_t sum = 0;
  for (const Deadlines& one : held) sum += one.size();
  return sum;
}

/// The one that is due first, of the interface that has most of them. @return false: there is none
bool Neighbours::push_out(Hold hold) {
  Deadlines* most = nullptr;
  for (auto& [interface, share] : shares_)
    if (most == nullptr || share.of(hold).size() > most->size()) most = &share.of(hold);
  if (most == nullptr || most->empty()) return false;
  const NeighbourKey old = most->begin()->second;
  outputs_.push_back(ForgetNeighbour{old});
  erase(entries_.find(old));
  return true;
}

base::Result<Neighbours::Entries::iterator> Neighbours::insert(const NeighbourKey& key, Room room) {
  const bool asked = room == Room::kAsked;
  const std::size_t own = shares_[key.interface].size();
  const bool entitled = own < limits_.entries / shares_.size();
  std::size_t unanswered = 0;
  for (auto& [interface, share] : shares_) unanswered += share.of(Hold::kUnanswered).size();
  if (asked && unanswered >= std::max<std::size_t>(limits_.entries / 2, 1)) {
    push_out(Hold::kUnanswered);
  } else if (entries_.size() >= limits_.entries) {
    const bool room_made = ((asked || entitled) && push_out(Hold::kStale)) ||
                           (asked && push_out(Hold::kUnanswered)) ||
                           (asked && entitled && push_out(Hold::kLiving));
    if (!room_made) return base::fail(base::ErrorCode::kLimit, "the neighbour table is full");
  }
  return entries_.emplace(key, Entry{}).first;
}

void Neighbours::unlist(Entries::iterator entry) {
  const std::pair at{entry->second.due, entry->first};
  due_.erase(at);
  shares_[entry->first.interface].of(hold_of(entry->second.state)).erase(at);
}

void Neighbours::set(Entries::iterator entry, NeighbourState state, base::MonoTime due) {
  unlist(entry);
  entry->second.state = state;
  entry->second.due = due;
  due_.emplace(due, entry->first);
  shares_[entry->first.interface].of(hold_of(state)).emplace(due, entry->first);
}

void Neighbours::erase(Entries::iterator entry) {
  unlist(entry);
  entries_.erase(entry);
}

/// @param state  kIncomplete: everybody is asked; kProbing: the neighbour alone
void Neighbours::ask(base::MonoTime now, Entries::iterator entry, NeighbourState state) {
  const auto [own, tentative] = sender_for(entry->first);
  if (own == nullptr && tentative) return set(entry, state, now + limits_.tentative_retry);
  set(entry, state, now + limits_.retry);
  if (own == nullptr) return;  // the address is on no link of ours; it fails in time
  ++entry->second.tries;
  const bool unicast = state == NeighbourState::kProbing;
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
  ask(now, entry, NeighbourState::kIncomplete);
  return {};
}

void Neighbours::confirm(base::MonoTime now, Entries::iterator found, const net::MacAddress& mac) {
  Entry& entry = found->second;
  const bool news = !has_answer(entry) || entry.mac != mac;
  entry.mac = mac;
  entry.tries = 0;
  entry.failures = 0;
  entry.wanted = false;
  entry.since = now;
  set(found, NeighbourState::kReachable, now + limits_.reachable_for);
  if (news) outputs_.push_back(PublishNeighbour{found->first, mac, false});
}

/// RFC 4861 §7.2.3, §7.2.5: nothing that nobody asked for says that we reach him.
void Neighbours::learn(base::MonoTime now, Entries::iterator found, const Heard& heard) {
  Entry& entry = found->second;
  const bool first = !has_answer(entry);
  if (!first && entry.mac == heard.mac) return;
  const bool taken = first || heard.overrides;
  if (!taken && entry.state != NeighbourState::kReachable) return;
  if (taken) {
    entry.mac = heard.mac;
    entry.since = now;
    entry.tries = 0;
    entry.wanted = false;
    outputs_.push_back(PublishNeighbour{found->first, heard.mac, false});
  }
  set(found, NeighbourState::kStale, now + limits_.stale_look);
}

void Neighbours::heard(base::MonoTime now, const NeighbourKey& key, const Heard& heard) {
  // RFC 5227 §1.1: a probe has no sender. Only addresses of the link are learnt, never ours, and
  // never a group address as a host's.
  if (key.address.is_unspecified() || is_multicast(heard.mac) || !on_link(key) || is_own(key))
    return;
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (!heard.adds) return;
    auto made = insert(key, Room::kHeard);
    if (!made) return;  // full: it is asked for when a packet wants it
    found = *made;
  }
  const Entry& entry = found->second;
  if (entry.state == NeighbourState::kStatic) return;
  const bool open = entry.tries > 0 && (entry.state == NeighbourState::kIncomplete ||
                                        entry.state == NeighbourState::kProbing);
  // RFC 4861 §7.2.5: without the Override flag another MAC does not replace the one we probe.
  const bool fits =
      heard.overrides || entry.state == NeighbourState::kIncomplete || entry.mac == heard.mac;
  if (heard.answers && open && fits) return confirm(now, found, heard.mac);
  learn(now, found, heard);
}

/// Asked again only while it is used: who is silent on both sides is left in peace.
void Neighbours::look_at_idle(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  if (take_used_(found->first)) {
    entry.tries = 0;
    return ask(now, found, NeighbourState::kProbing);
  }
  if (now - *entry.since >= limits_.stale_for) {
    outputs_.push_back(ForgetNeighbour{found->first});
    return erase(found);
  }
  set(found, NeighbourState::kStale, now + limits_.stale_look);
}

void Neighbours::fail(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  const unsigned doublings = std::min(entry.failures++, 16U);
  set(found, NeighbourState::kFailed,
      now + std::min(limits_.failed_first * (1U << doublings), limits_.failed_most));
  outputs_.push_back(FailNeighbour{found->first});
}

void Neighbours::expire(base::MonoTime now, Entries::iterator found) {
  Entry& entry = found->second;
  switch (entry.state) {
    case NeighbourState::kReachable:
    case NeighbourState::kStale:
      return look_at_idle(now, found);
    case NeighbourState::kProbing:
      if (entry.tries < limits_.unicast_tries) return ask(now, found, entry.state);
      outputs_.push_back(ForgetNeighbour{found->first});
      return erase(found);
    case NeighbourState::kIncomplete:
      if (entry.tries < limits_.broadcast_tries && can_ask(found->first))
        return ask(now, found, entry.state);
      return fail(now, found);
    case NeighbourState::kFailed:
      if (!entry.wanted) {
        outputs_.push_back(ForgetNeighbour{found->first});
        return erase(found);
      }
      entry.wanted = false;
      entry.tries = 0;
      return ask(now, found, NeighbourState::kIncomplete);
    case NeighbourState::kStatic:
      return;
  }
}

void Neighbours::tick(base::MonoTime now) {
  while (!announcing_.empty() && announcing_.begin()->first <= now) {
    const std::size_t place = announcing_.begin()->second;
    announcing_.erase(announcing_.begin());
    announce(now, place);
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
  if (!announcing_.empty())
    next = std::min(next.value_or(base::MonoTime::max()), announcing_.begin()->first);
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
    if (entry.since) status.age = now - *entry.since;
    out.push_back(status);
  }
  return out;
}

}  // namespace penstock::bridge
