// SPDX-License-Identifier: BSD-3-Clause
// check policy: what came from outside in clear against the inbound SPD (RFC 4301 §5.2). What came
// out of an SA has been checked against that SA. Ways out: onward; a drop by name.
#include "dataplane/find_rules.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

using dpdk::Packet;
using net::DropReason;
using policy::PolicyAction;

namespace {

bool needs_check(const Packet* packet) {
  return (dpdk::meta(packet).flags & (dpdk::kFromOutside | dpdk::kPolicyChecked)) ==
         dpdk::kFromOutside;
}

std::optional<DropReason> verdict(const WorkerContext& ctx, const dpdk::PacketMeta& meta,
                                  const ipsec::SpdEntry* entry) {
  if (is_fragment_that_needs_ports(ctx, meta)) return DropReason::kFragmentNotReassembled;
  if (entry == nullptr) return DropReason::kNoPolicy;
  switch (entry->action) {
    case PolicyAction::kBypass:
      return std::nullopt;
    case PolicyAction::kProtect:
      return DropReason::kProtectedInClear;
    case PolicyAction::kDiscard:
      break;
  }
  return DropReason::kPolicyDiscard;
}

}  // namespace

void check_policy(WorkerContext& ctx, Burst& burst) {
  std::array<const Packet*, kBurst> asked;
  std::array<const ipsec::SpdEntry*, kBurst> entries;
  unsigned count = 0;
  for (const Packet* packet : burst)
    if (needs_check(packet)) asked[count++] = packet;
  if (count == 0) return;
  find_rules(ctx, policy::Direction::kInbound, {asked.data(), count}, entries.data());
  unsigned next = 0;
  burst.keep_if([&](Packet* packet) {
    dpdk::PacketMeta& meta = dpdk::meta(packet);
    if (!needs_check(packet)) return true;
    const ipsec::SpdEntry* entry = entries[next++];
    if (entry != nullptr) ctx.ipsec->tables->spd().count(ctx.id, *entry, 1, meta.total_length);
    if (const auto refused = verdict(ctx, meta, entry)) {
      ctx.drop(packet, *refused);
      return false;
    }
    meta.flags |= dpdk::kPolicyChecked;
    return true;
  });
}

}  // namespace penstock::dataplane
