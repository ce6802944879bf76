// SPDX-License-Identifier: BSD-3-Clause
// Security Association payload of IKEv2: proposals, transforms, attributes (RFC 7296 §3.3).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/message_view.h"
#include "lib/crypto/proposal.h"

namespace penstock::isakmp {

/// Per SA payload. strongSwan's defaults are 2 proposals of some 40 transforms.
inline constexpr std::size_t kMaxProposals = 32;
inline constexpr std::size_t kMaxTransforms = 128;  ///< in one proposal
inline constexpr std::size_t kMaxAttributes = 8;    ///< in one transform
inline constexpr std::size_t kMaxSpiOctets = 8;     ///< an IKE SPI

/// One transform substructure, RFC 7296 §3.3.2.
struct TransformView {
  std::uint8_t type = 0;  ///< TransformType, or one that we do not know
  std::uint16_t id = 0;
  std::optional<std::uint16_t> key_bits;  ///< the Key Length attribute
  bool unknown_attribute = false;         ///< it has another one: never to be chosen (§3.3.6)
};

/// One proposal substructure, RFC 7296 §3.3.1.
struct ProposalView {
  std::uint8_t number = 0;
  ProtocolId protocol = ProtocolId::kNone;  ///< may be a number without a name
  base::Bytes spi;  ///< empty in IKE_SA_INIT, 8 octets in an IKE rekey, else 4
  std::vector<TransformView> transforms;
};

struct SaPayload {
  std::vector<ProposalView> proposals;  ///< at least one
};

/// @return kTruncated, kMalformed (lengths, Last Substruc, numbering, SPI size: §3.3.1) or kLimit
[[nodiscard]] base::Result<SaPayload> parse_sa(base::Bytes body);

/// A number that no algorithm has: stands for a transform with an attribute that we do not know, so
/// that its type stays in the proposal although nothing of it can be chosen (§3.3.6).
inline constexpr std::uint16_t kUnusableTransformId = 0xffff;

/// The proposal as the chooser compares it, numbers that we do not know included.
/// @return kUnsupported if it holds a transform type that we do not know: the whole proposal is
/// then
///         to be rejected (§3.3.6), with the number in the text
[[nodiscard]] base::Result<crypto::Proposal> to_proposal(const ProposalView& view);

/// Appends an SA payload. Proposals are numbered from 1 (§3.3.1).
/// @param spi  the sender's SPI, the same in each proposal; empty in IKE_SA_INIT
void append_sa(MessageBuilder& builder, std::span<const crypto::Proposal> proposals,
               base::Bytes spi);
/// The answer: one proposal with the number it had in the offer, one transform a type.
void append_sa_choice(MessageBuilder& builder, const crypto::Proposal& chosen, std::uint8_t number,
                      base::Bytes spi);

/// "SA[1: ESP aes128gcm16-noesn; 2: ESP aes128-sha256-noesn]"
[[nodiscard]] std::string describe(const SaPayload& payload);

}  // namespace penstock::isakmp
