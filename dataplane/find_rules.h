// SPDX-License-Identifier: BSD-3-Clause
// The SPD's answers for a burst of packets of both IP versions: beside check_policy and
// lookup_policy.
#pragma once

#include <span>

#include "dataplane/ipsec_state.h"
#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// The first rule that matches each packet, or nullptr; for all of them without IPsec tables.
/// @param packets  at most kBurst; @param entries  as many
void find_rules(WorkerContext& ctx, policy::Direction direction,
                std::span<const dpdk::Packet* const> packets, const ipsec::SpdEntry** entries);

/// The first rule that matches what is described and not there as a packet; nullptr without IPsec
/// tables.
[[nodiscard]] const ipsec::SpdEntry* find_rule(WorkerContext& ctx, policy::Direction direction,
                                               const policy::PacketSelectors& packet, net::Vrf vrf);

}  // namespace penstock::dataplane
