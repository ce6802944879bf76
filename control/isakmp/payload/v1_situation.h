// SPDX-License-Identifier: BSD-3-Clause
// The situation in an SA payload of IKEv1 (RFC 2407 §4.2, §4.6.1).
#pragma once

#include <string>

#include "control/isakmp/situation.h"
#include "control/isakmp/v1_rules.h"
#include "lib/base/byte_io.h"

namespace penstock::isakmp {

inline constexpr std::uint32_t kSituationIdentityOnly = 1;  ///< RFC 2407 §4.2.1
inline constexpr std::uint32_t kSituationSecrecy = 2;       ///< §4.2.2
inline constexpr std::uint32_t kSituationIntegrity = 4;     ///< §4.2.3

/// The bitmap and, with labels, what follows it; consumed.
/// @return kSituation for bits that there are not, and levels of more than eight octets;
///         kProposalSyntax if it is cut off, kReserved
[[nodiscard]] V1Result<Situation> read_v1_situation(base::ByteReader& in);
void write_v1_situation(base::ByteWriter& out, const Situation& situation);
/// "identity only", "domain 7, secrecy 3 {1, 5}, integrity 2 {}"
[[nodiscard]] std::string describe(const Situation& situation);

}  // namespace penstock::isakmp
