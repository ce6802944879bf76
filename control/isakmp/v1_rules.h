// SPDX-License-Identifier: BSD-3-Clause
// The processing rules of RFC 2408 §5 for IKEv1: each check has a name, its clause and the notify
// that the rule names. Counters and logs read the table.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "control/isakmp/message_view.h"

namespace penstock::isakmp {

enum class V1Rule : std::uint8_t {
  kCookie,
  kNextPayload,
  kMajorVersion,
  kMinorVersion,
  kExchangeType,
  kFlags,
  kMessageId,
  kLength,
  kReserved,
  kDoi,
  kSituation,
  kProtocol,
  kSpi,
  kProposalSyntax,
  kTransformSyntax,
  kAttributes,
  kKeyInformation,
  kIdInformation,
  kCertificateEncoding,
  kCertificate,
  kCertificateAuthority,
  kHashInformation,
  kSignature,
  kNonce,
  kNotification,
  kDelete,
  kVendorId,
  kNat,
  kFragment,
  kLimit,
  kCount,
};

struct V1RuleRow {
  V1Rule id;
  std::string_view name;
  std::string_view clause;
  V1NotifyType notify;
  std::string_view text;
};

inline constexpr std::array<V1RuleRow, static_cast<std::size_t>(V1Rule::kCount)> kV1RuleTable{{
    {V1Rule::kCookie, "v1_cookie", "RFC 2408 §5.2", V1NotifyType::kInvalidCookie,
     "the cookies name no ISAKMP SA, or the initiator's is zero"},
    {V1Rule::kNextPayload, "v1_next_payload", "RFC 2408 §5.3", V1NotifyType::kInvalidPayloadType,
     "a Next Payload field names no payload that may stand there"},
    {V1Rule::kMajorVersion, "v1_major_version", "RFC 2408 §5.2", V1NotifyType::kInvalidMajorVersion,
     "another major version"},
    {V1Rule::kMinorVersion, "v1_minor_version", "RFC 2408 §5.2", V1NotifyType::kInvalidMinorVersion,
     "a minor version above 0"},
    {V1Rule::kExchangeType, "v1_exchange_type", "RFC 2408 §5.2", V1NotifyType::kInvalidExchangeType,
     "an exchange type that there is not"},
    {V1Rule::kFlags, "v1_flags", "RFC 2408 §5.2", V1NotifyType::kInvalidFlags,
     "flags that do not exist or do not go together"},
    {V1Rule::kMessageId, "v1_message_id", "RFC 2408 §5.2", V1NotifyType::kInvalidMessageId,
     "a message id that its exchange does not have"},
    {V1Rule::kLength, "v1_length", "RFC 2408 §5.1", V1NotifyType::kUnequalPayloadLengths,
     "lengths that do not add up"},
    {V1Rule::kReserved, "v1_reserved", "RFC 2408 §5.3", V1NotifyType::kPayloadMalformed,
     "a reserved field is not zero"},
    {V1Rule::kDoi, "v1_doi", "RFC 2408 §5.4", V1NotifyType::kDoiNotSupported,
     "another domain of interpretation than IPsec's"},
    {V1Rule::kSituation, "v1_situation", "RFC 2408 §5.4", V1NotifyType::kSituationNotSupported,
     "a situation that there is not, or that policy does not have"},
    {V1Rule::kProtocol, "v1_protocol", "RFC 2408 §5.5", V1NotifyType::kInvalidProtocolId,
     "a protocol that there is not, or not here"},
    {V1Rule::kSpi, "v1_spi", "RFC 2408 §5.5", V1NotifyType::kInvalidSpi,
     "an SPI of the wrong size or a reserved one"},
    {V1Rule::kProposalSyntax, "v1_proposal_syntax", "RFC 2408 §5.5",
     V1NotifyType::kBadProposalSyntax, "proposals that are not formed as they should be"},
    {V1Rule::kTransformSyntax, "v1_transform_syntax", "RFC 2408 §5.6",
     V1NotifyType::kBadProposalSyntax, "transforms that are not formed as they should be"},
    {V1Rule::kAttributes, "v1_attributes", "RFC 2408 §5.6", V1NotifyType::kAttributesNotSupported,
     "attributes that are not formed as they should be"},
    {V1Rule::kKeyInformation, "v1_key_information", "RFC 2408 §5.7",
     V1NotifyType::kInvalidKeyInformation, "a key exchange value that cannot be one"},
    {V1Rule::kIdInformation, "v1_id_information", "RFC 2408 §5.8",
     V1NotifyType::kInvalidIdInformation, "an identity that cannot be one"},
    {V1Rule::kCertificateEncoding, "v1_certificate_encoding", "RFC 2408 §5.9",
     V1NotifyType::kInvalidCertEncoding, "a certificate encoding that there is not"},
    {V1Rule::kCertificate, "v1_certificate", "RFC 2408 §5.9", V1NotifyType::kInvalidCertificate,
     "certificate data that cannot be any"},
    {V1Rule::kCertificateAuthority, "v1_certificate_authority", "RFC 2408 §5.10",
     V1NotifyType::kInvalidCertAuthority, "a certificate authority that cannot be one"},
    {V1Rule::kHashInformation, "v1_hash_information", "RFC 2408 §5.11",
     V1NotifyType::kInvalidHashInformation, "a hash that is missing, misplaced or too long"},
    {V1Rule::kSignature, "v1_signature", "RFC 2408 §5.12", V1NotifyType::kInvalidSignature,
     "a signature that cannot be one"},
    {V1Rule::kNonce, "v1_nonce", "RFC 2408 §5.13", V1NotifyType::kPayloadMalformed,
     "a nonce of fewer than 8 or more than 256 octets"},
    {V1Rule::kNotification, "v1_notification", "RFC 2408 §5.14", V1NotifyType::kPayloadMalformed,
     "a notification that is not formed as it should be"},
    {V1Rule::kDelete, "v1_delete", "RFC 2408 §5.15", V1NotifyType::kPayloadMalformed,
     "a deletion that is not formed as it should be"},
    {V1Rule::kVendorId, "v1_vendor_id", "RFC 2408 §3.16", V1NotifyType::kPayloadMalformed,
     "an empty vendor id"},
    {V1Rule::kNat, "v1_nat", "RFC 3947 §3.2", V1NotifyType::kPayloadMalformed,
     "a NAT-D or NAT-OA payload that is not formed as it should be"},
    {V1Rule::kFragment, "v1_fragment", "MS-IKEE", V1NotifyType::kPayloadMalformed,
     "a fragment without number or data, or fragments that make no message"},
    {V1Rule::kLimit, "v1_limit", "RFC 2408 §5", V1NotifyType::kPayloadMalformed,
     "more payloads, proposals, transforms or octets than a limit of ours allows"},
}};

[[nodiscard]] constexpr bool v1_rules_are_sound() {
  for (std::size_t i = 0; i < kV1RuleTable.size(); ++i)
    if (static_cast<std::size_t>(kV1RuleTable.at(i).id) != i || kV1RuleTable.at(i).name.empty())
      return false;
  return true;
}
static_assert(v1_rules_are_sound());

[[nodiscard]] constexpr const V1RuleRow& row_of(V1Rule rule) {
  return kV1RuleTable.at(static_cast<std::size_t>(rule));
}

/// A broken rule, with what was wrong in words.
struct V1Fault {
  V1Rule rule;
  std::string text;
};
template <class T>
using V1Result = tl::expected<T, V1Fault>;
[[nodiscard]] inline tl::unexpected<V1Fault> broken(V1Rule rule, std::string text = {}) {
  return tl::unexpected(V1Fault{rule, std::move(text)});
}

/// A message by the rules of the header (§5.2) and, if it is in clear, of its chain (§5.3).
[[nodiscard]] V1Result<MessageView> read_v1_message(base::Bytes message);

/// The payloads of a deciphered message; what follows the last one is padding.
/// @param first  Next Payload of the header
[[nodiscard]] V1Result<PayloadChain> read_v1_inside(PayloadType first, base::Bytes plaintext);

}  // namespace penstock::isakmp
