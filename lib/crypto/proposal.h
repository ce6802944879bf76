// SPDX-License-Identifier: BSD-3-Clause
// Proposals: sets of alternatives of each transform type, as values, and strongSwan's way to write
// them: `aes128gcm16-prfsha256-x25519`, `aes256-sha256-modp2048`, `chacha20poly1305-esn-noesn`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/crypto/algorithms.h"

namespace penstock::crypto {

enum class ProposalUse : std::uint8_t { kIke, kEsp, kAh };

/// An encryption transform: an id and its key length in bits (0: the transform has none).
struct EncrChoice {
  EncrId id = EncrId::kNone;
  std::uint16_t key_bits = 0;
  friend bool operator==(const EncrChoice&, const EncrChoice&) = default;
};

/// What one proposal offers, most wanted first. An empty list: that transform type is absent.
struct Proposal {
  ProposalUse use = ProposalUse::kIke;
  std::vector<EncrChoice> encr;
  std::vector<IntegId> integ;
  std::vector<PrfId> prf;
  std::vector<DhGroupId> groups;  ///< in ESP: PFS groups; a rekey uses them, IKE_AUTH does not
  std::vector<EsnId> esn;         ///< ESP and AH; never empty after parsing (default: kNoEsn)

  /// @return kMalformed with the word that is unknown, or kRefused with the rule that it breaks: an
  ///         AEAD with an integrity algorithm, a cipher without one, NULL for IKE, IKE without a
  ///         group. IKE without a PRF word derives it from the integrity words, as strongSwan does.
  [[nodiscard]] static base::Result<Proposal> parse(ProposalUse use, std::string_view text);
  /// In the form that parse() reads.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};

using Proposals = std::vector<Proposal>;

/// What `default` stands for.
[[nodiscard]] Proposals default_proposals(ProposalUse use);

/// Exactly one algorithm of each type: what was agreed.
struct ChosenProposal {
  ProposalUse use = ProposalUse::kIke;
  EncrChoice encr;
  IntegId integ = IntegId::kNone;
  PrfId prf = PrfId::kNone;
  DhGroupId group = DhGroupId::kNone;
  EsnId esn = EsnId::kNoEsn;

  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const ChosenProposal&, const ChosenProposal&) = default;
};

}  // namespace penstock::crypto
