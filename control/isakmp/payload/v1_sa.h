// SPDX-License-Identifier: BSD-3-Clause
// Security Association payload of IKEv1 with its proposals, transforms and attributes (RFC 2408
// §3.3 to §3.6, RFC 2407 §4.6.1).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/payload/v1_situation.h"
#include "control/isakmp/v1_rules.h"

namespace penstock::isakmp {

inline constexpr std::uint32_t kIpsecDoi = 1;  ///< RFC 2407 §4.2
inline constexpr ProtocolId kV1Ipcomp{4};      ///< RFC 2407 §4.4.1: read, and refused by name

inline constexpr std::size_t kMaxV1Proposals = 64;    ///< in an SA payload
inline constexpr std::size_t kMaxV1Transforms = 255;  ///< in a proposal: they have one octet
inline constexpr std::size_t kMaxV1Attributes = 32;   ///< in a transform

/// One attribute (RFC 2408 §3.3). `value` is that of up to 8 octets; longer ones are 0.
struct V1Attribute {
  std::uint16_t type = 0;
  std::uint64_t value = 0;
  bool basic = true;        ///< two octets in the attribute itself; else a length and octets
  base::ByteVector octets;  ///< of a variable one, as on the wire

  [[nodiscard]] static V1Attribute of(std::uint16_t type, std::uint16_t value);
  /// Four octets of variable length: for durations that two do not hold (RFC 2407 §4.5).
  [[nodiscard]] static V1Attribute of_u32(std::uint16_t type, std::uint32_t value);
  friend bool operator==(const V1Attribute&, const V1Attribute&) = default;
};

struct V1Transform {
  std::uint8_t number = 0;
  std::uint8_t id = 0;
  std::vector<V1Attribute> attributes;

  /// The first of the type; nullptr if there is none.
  [[nodiscard]] const V1Attribute* find(std::uint16_t type) const;
  friend bool operator==(const V1Transform&, const V1Transform&) = default;
};

/// Proposals with one number are offered together (RFC 2408 §4.2).
struct V1Proposal {
  std::uint8_t number = 0;
  ProtocolId protocol = ProtocolId::kNone;  ///< may be a number without a name
  base::ByteVector spi;
  std::vector<V1Transform> transforms;
};

struct V1SaPayload {
  std::vector<V1Proposal> proposals;  ///< at least one
  Situation situation = {};
};

/// Attributes one after another, as a transform and RESPONDER-LIFETIME have them.
/// @return kAttributes or kLimit
[[nodiscard]] V1Result<std::vector<V1Attribute>> parse_v1_attributes(base::Bytes octets);

/// As parse_v1_attributes() reads them.
[[nodiscard]] base::ByteVector v1_attribute_octets(std::span<const V1Attribute> attributes);

/// @return kDoi, kSituation, kProtocol, kSpi, kProposalSyntax, kTransformSyntax, kAttributes,
///         kReserved, kLength or kLimit
[[nodiscard]] V1Result<V1SaPayload> parse_v1_sa(base::Bytes body);
void append_v1_sa(MessageBuilder& builder, const V1SaPayload& sa);
[[nodiscard]] std::string describe(const V1SaPayload& payload);  ///< "SA[1: ESP 2 transforms]"

}  // namespace penstock::isakmp
