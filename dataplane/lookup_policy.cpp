// SPDX-License-Identifier: BSD-3-Clause
// look up policy: what is about to leave by an outside port against the outbound SPD (RFC 4301
// §5.1), and the slot's outbound SA. Ways out: onward with its SA (PROTECT); bypass; a drop by
// name, with an acquire event where policy asks for an SA that is not there.
#include "dataplane/addresses.h"
#include "dataplane/find_rules.h"
#include "dataplane/icmp_return.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;
using policy::PolicyAction;

namespace {

/// RFC 4301 §4.4.1.1, RFC 7296 §2.9: the packet that asked goes into the first selectors.
void acquire(WorkerContext& ctx, const Packet* packet, std::uint32_t slot) {
  const PacketMeta& meta = dpdk::meta(packet);
  const auto now = static_cast<std::uint64_t>(ctx.now.time_since_epoch().count());
  if (!ctx.ipsec->tables->may_acquire(slot, now)) return;
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kAcquire;
  event.direction = policy::Direction::kOutbound;
  event.slot = policy::ChildSlot{slot};
  event.packet = {.source = source_of(packet),
                  .destination = destination_of(packet),
                  .protocol = meta.protocol,
                  .source_port = meta.source_port,
                  .destination_port = meta.destination_port,
                  .has_ports = (meta.flags & dpdk::kHasPorts) != 0};
  ctx.channel->send(event);
}

void prefetch_sa(const ipsec::OutboundSa* sa) {
  const auto* line = reinterpret_cast<const std::byte*>(sa);
  __builtin_prefetch(line);
  __builtin_prefetch(line + 64);
  __builtin_prefetch(line + 128, 1);
}

/// RFC 4301 §6.2: an ICMP error that no policy covers goes by the SA that would carry the return
/// traffic of the packet that it is about; where there is none, none is made.
const ipsec::SpdEntry* policy_of_return(WorkerContext& ctx, const Packet* packet) {
  const auto traffic = return_traffic(packet);
  if (!traffic) return nullptr;
  const ipsec::SpdEntry* entry =
      find_rule(ctx, policy::Direction::kOutbound, *traffic, net::Vrf{dpdk::meta(packet).vrf});
  const bool has_sa = entry != nullptr && entry->action == PolicyAction::kProtect &&
                      ctx.ipsec->tables->outbound_of(entry->slot.value()) != nullptr;
  return has_sa ? entry : nullptr;
}

/// What no SA will seal finds its end, or leaves as it is.
void take_unsealed(WorkerContext& ctx, Packet* packet, const ipsec::SpdEntry& entry,
                   Burst& bypass) {
  if (entry.action == PolicyAction::kBypass) return bypass.push(packet);
  if (entry.action != PolicyAction::kProtect) return ctx.drop(packet, DropReason::kPolicyDiscard);
  if (dpdk::meta(packet).nesting >= dpdk::kMaxNesting)
    return ctx.drop(packet, DropReason::kNesting);
  acquire(ctx, packet, entry.slot.value());
  ctx.drop(packet, DropReason::kNoOutboundSa);
}

/// What asks for no policy, and what no policy with ports can judge.
/// @return whether it stays
bool may_be_asked(WorkerContext& ctx, Packet* packet, Burst& bypass) {
  const PacketMeta& meta = dpdk::meta(packet);
  // A built-in rule: our own IKE is never under policy (RFC 4301 §4.4.1, design §1).
  if ((meta.flags & dpdk::kOwnIke) != 0) [[unlikely]] {
    bypass.push(packet);
    return false;
  }
  if (is_fragment_that_needs_ports(ctx, meta)) [[unlikely]] {
    ctx.drop(packet, DropReason::kFragmentNotReassembled);
    return false;
  }
  return true;
}

/// The SA by which a rule's packets leave; nullptr: they do not, or there is none.
ipsec::OutboundSa* sa_of(const ipsec::Tables& tables, const ipsec::SpdEntry& entry) {
  if (entry.action != PolicyAction::kProtect) return nullptr;
  ipsec::OutboundSa* sa = tables.outbound_of(entry.slot.value());
  if (sa != nullptr) prefetch_sa(sa);
  return sa;
}

/// Packets that follow one another by one rule, from `first` up to `end`.
/// @param kept  packets of the burst that stay, so far
void protect_run(WorkerContext& ctx, Burst& burst, const ipsec::SpdEntry& entry, unsigned first,
                 unsigned end, unsigned& kept, Burst& bypass) {
  ipsec::OutboundSa* const sa = sa_of(*ctx.ipsec->tables, entry);
  ipsec::OutboundSa** const sas = ctx.ipsec->outbound.data();
  Packet** const packets = burst.raw();
  std::uint64_t octets = 0;
  unsigned place = kept;
  for (unsigned i = first; i < end; ++i) {
    Packet* const packet = packets[i];
    const PacketMeta& meta = dpdk::meta(packet);
    octets += meta.total_length;
    if (sa == nullptr || meta.nesting >= dpdk::kMaxNesting) [[unlikely]] {
      take_unsealed(ctx, packet, entry, bypass);
      continue;
    }
    packets[place] = packet;
    sas[place++] = sa;
  }
  kept = place;
  ctx.ipsec->tables->spd().count(ctx.id, entry, end - first, octets);
}

}  // namespace

void lookup_policy(WorkerContext& ctx, Burst& burst, Burst& bypass) {
  std::uint32_t flags = 0;
  for (const Packet* packet : burst) flags |= dpdk::meta(packet).flags;
  if ((flags & (dpdk::kOwnIke | dpdk::kFragment)) != 0) [[unlikely]]
    burst.keep_if([&](Packet* packet) { return may_be_asked(ctx, packet, bypass); });
  if (ctx.ipsec == nullptr) {
    for (Packet* packet : burst) ctx.drop(packet, DropReason::kNoPolicy);
    return burst.clear();
  }
  std::array<const ipsec::SpdEntry*, kBurst> entries;
  find_rules(ctx, policy::Direction::kOutbound, {burst.begin(), burst.size()}, entries.data());
  for (unsigned i = 0; i < burst.size(); ++i) {
    if (entries[i] == nullptr) [[unlikely]]
      entries[i] = policy_of_return(ctx, burst[i]);
    if (entries[i] != nullptr && (i == 0 || entries[i] != entries[i - 1]))
      ctx.ipsec->tables->prefetch_outbound(entries[i]->slot.value());
  }
  unsigned kept = 0;
  for (unsigned first = 0, end = 0; first < burst.size(); first = end) {
    const ipsec::SpdEntry* const entry = entries[first];
    while (++end < burst.size() && entries[end] == entry) {
    }
    if (entry != nullptr) [[likely]]
      protect_run(ctx, burst, *entry, first, end, kept, bypass);
    else
      for (unsigned i = first; i < end; ++i) ctx.drop(burst[i], DropReason::kNoPolicy);
  }
  burst.set_size(kept);
}

}  // namespace penstock::dataplane
