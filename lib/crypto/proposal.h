// SPDX-License-Identifier: BSD-3-Clause
// Proposals: what protects an SA, as offered, configured and chosen; read from and written in
// strongSwan's syntax (`aes128gcm16-prfsha256-x25519`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/crypto/algorithms.h"

namespace penstock::crypto {

/// Security protocol identifiers (RFC 7296 §3.3.1; IKEv1's are the same: RFC 2407 §4.4.1).
enum class ProtocolId : std::uint8_t { kNone = 0, kIke = 1, kAh = 2, kEsp = 3 };

[[nodiscard]] std::string_view name_of(ProtocolId protocol);  ///< "IKE", "AH", "ESP", "-"

/// A cipher with its key length; 0 bits where the transform has no KEY_LENGTH (RFC 7296 §3.3.5).
struct EncrTransform {
  EncrId id = EncrId::kNone;
  std::uint16_t key_bits = 0;
  friend bool operator==(const EncrTransform&, const EncrTransform&) = default;
};

/// Alternatives for each transform type, the preferred one first; an empty list: the type is not
/// in the proposal. One entry a list is what was chosen. Peers' proposals may hold numbers that
/// the algorithm table does not know: they match nothing and are only shown.
struct Proposal {
  ProtocolId protocol = ProtocolId::kIke;
  std::vector<EncrTransform> encr;
  std::vector<PrfId> prf;
  std::vector<IntegId> integ;
  std::vector<DhGroupId> dh;  ///< may hold kNone in ESP: PFS is optional
  std::vector<EsnId> esn;     ///< ESP and AH only

  /// In the form that parse_proposal() reads, unknown numbers as `encr(23)`. Words that follow from
  /// others (noesn alone, a PRF that integrity implies) are written out, so that nothing is hidden.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};

using Proposals = std::vector<Proposal>;

/// One proposal of words joined by `-`. IKE: a PRF not named follows from the integrity algorithm;
/// a Diffie-Hellman group is mandatory. ESP: without esn or noesn it is noesn.
/// @return kUnsupported naming the word that is not known or does not fit `protocol`; kMalformed
///         naming what is missing or does not go together (AEAD with integrity, AEAD beside a
///         cipher that needs integrity: RFC 7296 §3.3, RFC 5282 §8; a cipher without integrity;
///         null in IKE: RFC 7296 §3.3.2 and RFC 8247)
[[nodiscard]] base::Result<Proposal> parse_proposal(ProtocolId protocol, std::string_view text);

/// A list separated by commas; the word `default` stands for default_proposals().
[[nodiscard]] base::Result<Proposals> parse_proposals(ProtocolId protocol, std::string_view text);

/// What is offered and accepted when nothing is configured: no weak algorithm (RFC 8221, RFC 8247),
/// AEADs first, and for ESP no Diffie-Hellman group.
[[nodiscard]] const Proposals& default_proposals(ProtocolId protocol);

/// Is this cipher one whose integrity is its own? Unknown ones are not.
[[nodiscard]] bool is_aead(const EncrTransform& encr);

/// Names as proposals write them; `encr(23)` and the like for what the table does not know.
[[nodiscard]] std::string name_of(const EncrTransform& encr);
[[nodiscard]] std::string name_of(PrfId id);
[[nodiscard]] std::string name_of(IntegId id);
[[nodiscard]] std::string name_of(DhGroupId id);
[[nodiscard]] std::string_view name_of(EsnId id);

}  // namespace penstock::crypto
