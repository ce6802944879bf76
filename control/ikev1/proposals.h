// SPDX-License-Identifier: BSD-3-Clause
// Proposals of both phases between the wire and the values that both versions share: attributes of
// RFC 2409 appendix A and RFC 2407 §4.5, each offer expanded into transforms, one chosen.
#pragma once

#include "control/isakmp/payload/v1_sa.h"
#include "control/session/connection_config.h"
#include "control/session/proposal_choice.h"

namespace penstock::ikev1 {

/// Authentication methods (RFC 2409 appendix A, RFC 4754 §4).
enum class AuthMethod : std::uint16_t {
  kNone = 0,
  kPsk = 1,
  kDsaSignature = 2,
  kRsaSignature = 3,
  kRsaEncryption = 4,
  kRsaEncryptionRevised = 5,
  kEcdsa256 = 9,
  kEcdsa384 = 10,
  kEcdsa521 = 11,
};

/// Transforms that one offer has at most: above it a first message would be cut by IP.
inline constexpr std::size_t kMaxOffered = 32;

/// How long an SA is to live (RFC 2407 §4.5, §4.5.4).
struct Lifetimes {
  std::optional<base::Duration> life;
  std::optional<std::uint64_t> life_kb;  ///< kilobytes

  [[nodiscard]] bool any() const { return life.has_value() || life_kb.has_value(); }
  friend bool operator==(const Lifetimes&, const Lifetimes&) = default;
};
/// The shorter of both, each kind for itself; what one does not say the other does.
[[nodiscard]] Lifetimes shorter(const Lifetimes& a, const Lifetimes& b);

/// The AH of a bundle.
struct OuterChoice {
  session::Agreed agreed;
  isakmp::V1Proposal answer;
  net::Spi spi;  ///< the peer's inbound
};

/// What was agreed, as it is to be sent back.
struct Choice {
  session::Agreed agreed;  ///< of phase 1: `integ` stands for the hash
  AuthMethod auth = AuthMethod::kNone;
  isakmp::V1Proposal answer;         ///< with the one transform, as it was offered
  Lifetimes lives;                   ///< that the peer asks for
  net::Spi spi;                      ///< phase 2: the peer's inbound
  std::optional<OuterChoice> outer;  ///< phase 2: the AH around the ESP
  bool outer_first = false;          ///< its proposal stood in front
};

// ---- phase 1 ----

/// @param methods  the most wanted first
/// @param group    Aggressive Mode has one, that of its KE payload; kNone: any
/// @param life     0: none is said
[[nodiscard]] isakmp::V1SaPayload phase1_offer(const crypto::Proposals& proposals,
                                               std::span<const AuthMethod> methods,
                                               crypto::DhGroupId group, base::Duration life);
/// By our order of preference.
/// @return kRefused with a sentence
[[nodiscard]] base::Result<Choice> choose_phase1(const crypto::Proposals& ours,
                                                 std::span<const AuthMethod> methods,
                                                 crypto::DhGroupId group,
                                                 const isakmp::V1SaPayload& theirs);

// ---- phase 2 ----

/// How a child's packets travel (RFC 2407 §4.5, RFC 3947 §5.1).
enum class Encapsulation : std::uint16_t {
  kTunnel = 1,
  kTransport = 2,
  kUdpTunnel = 3,
  kUdpTransport = 4,
  // Of the drafts before RFC 3947.
  kDraftUdpTunnel = 61443,
  kDraftUdpTransport = 61444,
};

/// Our inbound SPIs.
struct OwnSpis {
  net::Spi inner;  ///< the one there is, or ESP's of a bundle
  net::Spi outer;  ///< AH's of a bundle
};
/// @param group  for PFS; kNone: none
[[nodiscard]] isakmp::V1SaPayload phase2_offer(const session::ChildConfig& child,
                                               const OwnSpis& spis, Encapsulation encapsulation,
                                               crypto::DhGroupId group);
/// What a child agrees on: ESP first, AH behind it.
[[nodiscard]] crypto::Proposals proposals_of(const session::ChildConfig& child);
/// Of an offer, or of the answer to ours.
/// @param group  of the KE payload that came with the offer: every usable transform names it
[[nodiscard]] base::Result<Choice> choose_phase2(const crypto::Proposals& ours,
                                                 Encapsulation encapsulation,
                                                 crypto::DhGroupId group,
                                                 const isakmp::V1SaPayload& theirs);
/// The group that the offer's transforms name; they have one or none (RFC 2409 §5.5).
[[nodiscard]] crypto::DhGroupId phase2_group(const isakmp::V1SaPayload& sa);

/// The same, of what a child asks for: a bundle is AH and ESP of one number (RFC 2408 §4.2).
[[nodiscard]] base::Result<Choice> choose_for(const session::ChildConfig& child,
                                              Encapsulation encapsulation, crypto::DhGroupId group,
                                              const isakmp::V1SaPayload& theirs);
/// With our SPIs, in the order of the offer.
[[nodiscard]] isakmp::V1SaPayload phase2_answer(const Choice& choice, const OwnSpis& spis,
                                                const isakmp::Situation& situation);

/// The answer to our offer: one proposal, or two of a bundle, with one transform (RFC 2408 §4.2).
[[nodiscard]] base::Result<void> check_single(const isakmp::V1SaPayload& answer,
                                              bool bundle = false);

/// What RESPONDER-LIFETIME grants (RFC 2407 §4.6.3.1).
/// @param protocol  of the notification: phase 1 has other numbers than phase 2
/// @return nothing if it grants none or is malformed
[[nodiscard]] Lifetimes responder_lifetime(std::uint8_t protocol, base::Bytes data);
/// Its data.
[[nodiscard]] base::ByteVector responder_lifetime_of(std::uint8_t protocol, const Lifetimes& lives);
/// Those of ours that are shorter than what was offered: they are to be told.
[[nodiscard]] Lifetimes to_be_told(const Lifetimes& ours, const Lifetimes& offered);

/// What of the list IKEv1 can say: block ciphers for the ISAKMP SA, what has a number for ESP.
[[nodiscard]] bool can_be_said(const crypto::Proposal& proposal);

}  // namespace penstock::ikev1
