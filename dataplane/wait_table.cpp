// SPDX-License-Identifier: BSD-3-Clause
// The bounded queue before a neighbour is known, beside resolve.
// Ways out: ready, neighbour_queue_full, neighbour_timeout.
#include "dataplane/wait_table.h"

#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/icmp.h"

namespace penstock::dataplane {

using net::DropReason;

namespace {
constexpr base::Duration kLookEvery = base::milliseconds{50};
}

void WaitTable::add(WorkerContext& ctx, dpdk::Packet* packet, dpdk::InterfaceIndex interface,
                    const net::IpAddress& address) {
  Entry* entry = nullptr;
  Entry* place = &entries_[0];  // a free one, else the one that was asked for first
  for (Entry& e : entries_) {
    if (e.count != 0 && e.address == address && e.interface == interface)
      entry = &e;
    else if (e.count == 0 || (place->count != 0 && e.deadline < place->deadline))
      place = &e;
  }
  if (entry == nullptr) {
    entry = place;
    if (entry->count != 0) make_room(ctx, *entry);
    entry->interface = interface;
    entry->address = address;
    entry->deadline = ctx.now + kNeighbourWait;
    if (waiting_ == 0) seen_generation_ = ctx.fib->neighbour_generation();
    ask(ctx, *entry);
  }
  if (entry->count == kWaitPerNeighbour) {
    // RFC 1122 §2.3.2.2: the latest is saved; the oldest makes room for it.
    ctx.drop(entry->packets[0], DropReason::kNeighbourQueueFull);
    std::copy(entry->packets.begin() + 1, entry->packets.end(), entry->packets.begin());
    entry->packets[kWaitPerNeighbour - 1] = packet;
    return;
  }
  entry->packets[entry->count++] = packet;
  ++waiting_;
  ctx.hold(channel::Held::kNeighbour);
}

void WaitTable::ask(WorkerContext& ctx, Entry& entry) {
  entry.ask_again = ctx.now + kNeighbourAskAgain;
  ctx.channel->send(channel::NeighbourEvent{.interface = entry.interface,
                                            .kind = channel::NeighbourEventKind::kNeeded,
                                            .address = entry.address},
                    ctx.now);
}

void WaitTable::give_up(WorkerContext& ctx, Entry& entry) {
  // RFC 1812 §4.3.3.1, RFC 4861 §7.2.2: to the first of them is enough.
  send_error(ctx, entry.packets[0], Complaint::kHostUnreachable);
  for (unsigned i = 0; i < entry.count; ++i)
    ctx.drop(entry.packets[i], DropReason::kNeighbourTimeout);
}

void WaitTable::make_room(WorkerContext& ctx, Entry& entry) {
  for (unsigned i = 0; i < entry.count; ++i)
    ctx.drop(entry.packets[i], DropReason::kNeighbourQueueFull);
  ctx.release(channel::Held::kNeighbour, entry.count);
  waiting_ -= entry.count;
  entry.count = 0;
}

void WaitTable::poll(WorkerContext& ctx, Burst& ready) {
  if (waiting_ == 0) [[likely]]
    return;
  const std::uint32_t generation = ctx.fib->neighbour_generation();
  const bool changed = generation != seen_generation_;
  if (!changed && ctx.now < next_look_) return;
  next_look_ = ctx.now + kLookEvery;
  bool all_looked_at = true;
  for (Entry& entry : entries_) {
    if (entry.count == 0) continue;
    const fib::NextHop& hop = ctx.fib->next_hop(find_next_hop(*ctx.fib, entry.packets[0]));
    const bool has_mac = hop.kind == fib::NextHopKind::kNeighbour &&
                         fib::has_mac(hop.link.load(std::memory_order_acquire));
    if (has_mac) {
      if (ready.size() + entry.count > kBurst) {
        all_looked_at = false;
        continue;
      }
      for (unsigned i = 0; i < entry.count; ++i) ready.push(entry.packets[i]);
    } else if (ctx.now >= entry.deadline) {
      give_up(ctx, entry);
    } else {
      if (ctx.now >= entry.ask_again) ask(ctx, entry);
      continue;
    }
    ctx.release(channel::Held::kNeighbour, entry.count);
    waiting_ -= entry.count;
    entry.count = 0;
  }
  if (all_looked_at) seen_generation_ = generation;
}

void WaitTable::clear(WorkerContext& ctx, DropReason reason) {
  for (Entry& entry : entries_) {
    for (unsigned i = 0; i < entry.count; ++i) ctx.drop(entry.packets[i], reason);
    ctx.release(channel::Held::kNeighbour, entry.count);
    entry.count = 0;
  }
  waiting_ = 0;
}

}  // namespace penstock::dataplane
