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

/// The SA that a rule leads to: one question for a run of packets by one rule.
class SaOfRule {
 public:
  explicit SaOfRule(const ipsec::Tables& tables) : tables_(tables) {}
  [[nodiscard]] ipsec::OutboundSa* find(const ipsec::SpdEntry& entry) {
    if (&entry == entry_) return sa_;
    entry_ = &entry;
    sa_ = tables_.outbound_of(entry.slot.value());
    if (sa_ != nullptr) prefetch_sa(sa_);
    return sa_;
  }

 private:
  const ipsec::Tables& tables_;
  const ipsec::SpdEntry* entry_ = nullptr;
  ipsec::OutboundSa* sa_ = nullptr;
};

/// @return the SA that seals it; nullptr: it has found its end
ipsec::OutboundSa* protect(WorkerContext& ctx, Packet* packet, const ipsec::SpdEntry& entry,
                           SaOfRule& sas) {
  if (dpdk::meta(packet).nesting >= dpdk::kMaxNesting) [[unlikely]] {
    ctx.drop(packet, DropReason::kNesting);
    return nullptr;
  }
  ipsec::OutboundSa* sa = sas.find(entry);
  if (sa == nullptr) [[unlikely]] {
    acquire(ctx, packet, entry.slot.value());
    ctx.drop(packet, DropReason::kNoOutboundSa);
  }
  return sa;
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

/// Counts for policies, the packets of a run at once.
class PolicyCount {
 public:
  PolicyCount(ipsec::Spd& spd, unsigned worker) : spd_(spd), worker_(worker) {}
  ~PolicyCount() { flush(); }
  PolicyCount(const PolicyCount&) = delete;
  PolicyCount& operator=(const PolicyCount&) = delete;
  void add(const ipsec::SpdEntry& entry, unsigned octets) {
    if (&entry != entry_) {
      flush();
      entry_ = &entry;
      packets_ = octets_ = 0;
    }
    ++packets_;
    octets_ += octets;
  }

 private:
  void flush() {
    if (entry_ != nullptr) spd_.count(worker_, *entry_, packets_, octets_);
  }
  ipsec::Spd& spd_;
  unsigned worker_;
  const ipsec::SpdEntry* entry_ = nullptr;
  std::uint64_t packets_ = 0;
  std::uint64_t octets_ = 0;
};

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
  for (unsigned i = 0; i < burst.size(); ++i)
    if (entries[i] != nullptr) ctx.ipsec->tables->prefetch_outbound(entries[i]->slot.value());
  PolicyCount counts(ctx.ipsec->tables->spd(), ctx.id);
  SaOfRule sas(*ctx.ipsec->tables);
  unsigned i = 0;
  unsigned kept = 0;
  burst.keep_if([&](Packet* packet) {
    const ipsec::SpdEntry* entry = entries[i++];
    if (entry == nullptr) [[unlikely]]
      entry = policy_of_return(ctx, packet);
    if (entry == nullptr) [[unlikely]] {
      ctx.drop(packet, DropReason::kNoPolicy);
      return false;
    }
    counts.add(*entry, dpdk::meta(packet).total_length);
    if (entry->action == PolicyAction::kProtect) [[likely]] {
      ipsec::OutboundSa* sa = protect(ctx, packet, *entry, sas);
      if (sa != nullptr) ctx.ipsec->outbound[kept++] = sa;
      return sa != nullptr;
    }
    if (entry->action == PolicyAction::kBypass)
      bypass.push(packet);
    else
      ctx.drop(packet, DropReason::kPolicyDiscard);
    return false;
  });
}

}  // namespace penstock::dataplane
