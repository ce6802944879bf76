// SPDX-License-Identifier: BSD-3-Clause
// Private groups of an ISAKMP SA (RFC 2409 §5.6): which are agreed, which a child wants, how they
// are said on the wire. New Group Mode agrees on them; Quick Mode computes in them.
#pragma once

#include "control/ikev1/machine.h"

namespace penstock::ikev1 {

/// Private groups that one ISAKMP SA may have.
inline constexpr std::size_t kMaxPrivateGroups = 8;
/// Tests of primes that a peer may cause on one ISAKMP SA, whatever comes of them.
inline constexpr unsigned kMaxGroupTests = 16;

/// @return nullptr if it is not agreed with this peer
[[nodiscard]] const crypto::PrivateGroup* find_group(Machine& machine, const IsakmpSa& sa,
                                                     crypto::DhGroupId id);
/// What the exchange's group stands for, kept in it, if its number is private.
/// @return false: it is not agreed
[[nodiscard]] bool set_private_group(Machine& machine, const IsakmpSa& sa, Exchange& x);
/// The most wanted group for PFS of those that can be had: public ones, private ones that are
/// agreed or that we may still propose; if there is none, the most wanted.
[[nodiscard]] crypto::DhGroupId usable_group(Machine& machine, const IsakmpSa& sa,
                                             const crypto::Proposals& proposals);
/// What New Group Mode must propose before the task can begin; nullptr: nothing.
[[nodiscard]] const session::PrivateGroupConfig* group_to_propose(Machine& machine,
                                                                  const IsakmpSa& sa,
                                                                  const session::Task& task);

/// The SA payload that describes the group.
[[nodiscard]] isakmp::V1SaPayload group_offer(crypto::DhGroupId id,
                                              const crypto::PrivateGroup& group);
/// One that is offered.
struct OfferedGroup {
  crypto::DhGroupId id = crypto::DhGroupId::kNone;
  crypto::PrivateGroup group;
  isakmp::V1Proposal answer;  ///< with the one transform, as it was offered
};
/// The first MODP group of sufferable size; nothing costly is computed.
/// @return kRefused with a sentence: of EC2N by name
[[nodiscard]] base::Result<OfferedGroup> read_group(const isakmp::V1SaPayload& sa);

}  // namespace penstock::ikev1
