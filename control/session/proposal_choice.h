// SPDX-License-Identifier: BSD-3-Clause
// Proposal choice (RFC 7296 §2.7, §3.3.6): one of theirs that one of ours accepts, and if there is
// none, a sentence that says where the closest pair parts.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/crypto/proposal.h"

namespace penstock::session {

/// A proposal of the peer with its place in the SA payload.
struct OfferedProposal {
  std::uint8_t number = 0;
  base::Bytes spi;  ///< borrowed from the message
  crypto::Proposal proposal;
};

struct ChoiceOptions {
  /// IKE_AUTH has no key exchange of its own: groups are neither sent nor compared (§1.2).
  bool ignore_groups = false;
  /// The group of the KE payload that came with the offer: preferred if we accept it at all, which
  /// saves a round trip (§1.3).
  crypto::DhGroupId preferred_group = crypto::DhGroupId::kNone;
};

/// What was agreed: exactly one algorithm of each type, kNone where there is none.
struct Agreed {
  crypto::ProtocolId protocol = crypto::ProtocolId::kIke;
  crypto::EncrTransform encr;
  crypto::PrfId prf = crypto::PrfId::kNone;
  crypto::IntegId integ = crypto::IntegId::kNone;
  crypto::DhGroupId group = crypto::DhGroupId::kNone;
  crypto::EsnId esn = crypto::EsnId::kNoEsn;

  /// As a proposal with one entry a list, to be sent or shown.
  [[nodiscard]] crypto::Proposal as_proposal() const;
  [[nodiscard]] std::string to_string() const { return as_proposal().to_string(); }
  friend bool operator==(const Agreed&, const Agreed&) = default;
};

struct ProposalChoice {
  std::size_t index = 0;  ///< into `theirs`
  Agreed agreed;
};

/// Ours decide the order of preference.
/// @return kRefused with "ours …; theirs …; first that differs: …" if there is none in common
[[nodiscard]] base::Result<ProposalChoice> choose_proposal(std::span<const crypto::Proposal> ours,
                                                           std::span<const OfferedProposal> theirs,
                                                           const ChoiceOptions& options = {});

/// The answer to an offer of ours: one proposal, one transform a type, all from what we offered
/// (§3.3.6: anything else is to be rejected).
[[nodiscard]] base::Result<Agreed> accept_answer(std::span<const crypto::Proposal> offered,
                                                 std::span<const OfferedProposal> answer,
                                                 const ChoiceOptions& options = {});

/// Without their Diffie-Hellman groups: what IKE_AUTH offers (§1.2).
[[nodiscard]] crypto::Proposals without_groups(std::span<const crypto::Proposal> proposals);

/// The group that a first request is made with; kNone: no key exchange.
[[nodiscard]] crypto::DhGroupId first_group(std::span<const crypto::Proposal> proposals);
[[nodiscard]] bool offers_group(std::span<const crypto::Proposal> proposals,
                                crypto::DhGroupId group);

}  // namespace penstock::session
