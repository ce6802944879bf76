// SPDX-License-Identifier: BSD-3-Clause
// The numbers of ISAKMP and both IKE versions with their names, as tables (RFC 2408 §3, RFC 2409,
// RFC 7296 §3 and the IANA registry "Internet Key Exchange Version 2 Parameters").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/crypto/proposal.h"

namespace penstock::isakmp {

using crypto::ProtocolId;

/// Of the IKE header's Major Version.
enum class Version : std::uint8_t { kIkev1 = 1, kIkev2 = 2 };

/// Payload types; those of IKEv1 (RFC 2408 §3.1) and IKEv2 (RFC 7296 §3.2) do not overlap.
enum class PayloadType : std::uint8_t {
  kNone = 0,
  // IKEv1
  kV1Sa = 1,
  kV1Proposal = 2,
  kV1Transform = 3,
  kV1KeyExchange = 4,
  kV1Identification = 5,
  kV1Certificate = 6,
  kV1CertificateRequest = 7,
  kV1Hash = 8,
  kV1Signature = 9,
  kV1Nonce = 10,
  kV1Notification = 11,
  kV1Delete = 12,
  kV1VendorId = 13,
  kV1Configuration = 14,  ///< draft-dukes-ike-mode-cfg-02 §3.2
  kV1NatD = 20,           ///< RFC 3947 §3.2
  kV1NatOa = 21,          ///< RFC 3947 §5.2
  kV1Fragment = 132,      ///< of the private numbers, as Cisco and Microsoft use it
  // IKEv2
  kSa = 33,
  kKeyExchange = 34,
  kIdInitiator = 35,
  kIdResponder = 36,
  kCertificate = 37,
  kCertificateRequest = 38,
  kAuthentication = 39,
  kNonce = 40,
  kNotify = 41,
  kDelete = 42,
  kVendorId = 43,
  kTsInitiator = 44,
  kTsResponder = 45,
  kEncrypted = 46,
  kConfiguration = 47,
  kEap = 48,
  kEncryptedFragment = 53,  ///< RFC 7383
};

/// Exchange types (RFC 2408 §3.1, RFC 2409 appendix A, RFC 7296 §3.1).
enum class ExchangeType : std::uint8_t {
  kV1Base = 1,
  kV1MainMode = 2,  ///< Identity Protection
  kV1AuthenticationOnly = 3,
  kV1AggressiveMode = 4,
  kV1Informational = 5,
  kV1Transaction = 6,
  kV1QuickMode = 32,
  kV1NewGroupMode = 33,
  kIkeSaInit = 34,
  kIkeAuth = 35,
  kCreateChildSa = 36,
  kInformational = 37,
  kIkeSessionResume = 38,  ///< RFC 5723
  kIkeIntermediate = 43,   ///< RFC 9242
  kIkeFollowupKe = 44,     ///< RFC 9370
};

/// IKEv2 notify message types (RFC 7296 §3.10.1 and later RFCs). Below 16384: errors.
enum class NotifyType : std::uint16_t {
  kUnsupportedCriticalPayload = 1,
  kInvalidIkeSpi = 4,
  kInvalidMajorVersion = 5,
  kInvalidSyntax = 7,
  kInvalidMessageId = 9,
  kInvalidSpi = 11,
  kNoProposalChosen = 14,
  kInvalidKePayload = 17,
  kAuthenticationFailed = 24,
  kSinglePairRequired = 34,
  kNoAdditionalSas = 35,
  kInternalAddressFailure = 36,
  kFailedCpRequired = 37,
  kTsUnacceptable = 38,
  kInvalidSelectors = 39,
  kUnacceptableAddresses = 40,  ///< RFC 4555
  kUnexpectedNatDetected = 41,
  kTemporaryFailure = 43,
  kChildSaNotFound = 44,
  kStateNotFound = 47,  ///< RFC 9370
  kInitialContact = 16384,
  kSetWindowSize = 16385,
  kAdditionalTsPossible = 16386,
  kIpcompSupported = 16387,
  kNatDetectionSourceIp = 16388,
  kNatDetectionDestinationIp = 16389,
  kCookie = 16390,
  kUseTransportMode = 16391,
  kHttpCertLookupSupported = 16392,
  kRekeySa = 16393,
  kEspTfcPaddingNotSupported = 16394,
  kNonFirstFragmentsAlso = 16395,
  kMobikeSupported = 16396,  ///< RFC 4555
  kAdditionalIp4Address = 16397,
  kAdditionalIp6Address = 16398,
  kNoAdditionalAddresses = 16399,
  kUpdateSaAddresses = 16400,
  kCookie2 = 16401,
  kNoNatsAllowed = 16402,
  kAuthLifetime = 16403,                   ///< RFC 4478
  kMultipleAuthSupported = 16404,          ///< RFC 4739
  kAnotherAuthFollows = 16405,             ///< RFC 4739
  kRedirectSupported = 16406,              ///< RFC 5685
  kRedirect = 16407,                       ///< RFC 5685
  kRedirectedFrom = 16408,                 ///< RFC 5685
  kTicketLtOpaque = 16409,                 ///< RFC 5723
  kTicketRequest = 16410,                  ///< RFC 5723
  kTicketAck = 16411,                      ///< RFC 5723
  kTicketNack = 16412,                     ///< RFC 5723
  kTicketOpaque = 16413,                   ///< RFC 5723
  kEapOnlyAuthentication = 16417,          ///< RFC 5998
  kChildlessSupported = 16418,             ///< RFC 6023
  kQuickCrashDetection = 16419,            ///< RFC 6290
  kSignatureHashAlgorithms = 16431,        ///< RFC 7427
  kFragmentationSupported = 16430,         ///< RFC 7383
  kUsePpk = 16435,                         ///< RFC 8784
  kPpkIdentity = 16436,                    ///< RFC 8784
  kNoPpkAuth = 16437,                      ///< RFC 8784
  kIntermediateExchangeSupported = 16438,  ///< RFC 9242
  kAdditionalKeyExchange = 16441,          ///< RFC 9370
  kUseAggfrag = 16442,                     ///< RFC 9347
  kSupportedAuthMethods = 16443,           ///< RFC 9593
  kSaResourceInfo = 16444,                 ///< RFC 9611
};

/// IKEv1 notify message types (RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.3). 1 to 16383:
/// errors.
enum class V1NotifyType : std::uint16_t {
  kInvalidPayloadType = 1,
  kDoiNotSupported = 2,
  kSituationNotSupported = 3,
  kInvalidCookie = 4,
  kInvalidMajorVersion = 5,
  kInvalidMinorVersion = 6,
  kInvalidExchangeType = 7,
  kInvalidFlags = 8,
  kInvalidMessageId = 9,
  kInvalidProtocolId = 10,
  kInvalidSpi = 11,
  kInvalidTransformId = 12,
  kAttributesNotSupported = 13,
  kNoProposalChosen = 14,
  kBadProposalSyntax = 15,
  kPayloadMalformed = 16,
  kInvalidKeyInformation = 17,
  kInvalidIdInformation = 18,
  kInvalidCertEncoding = 19,
  kInvalidCertificate = 20,
  kCertTypeUnsupported = 21,
  kInvalidCertAuthority = 22,
  kInvalidHashInformation = 23,
  kAuthenticationFailed = 24,
  kInvalidSignature = 25,
  kAddressNotification = 26,
  kNotifySaLifetime = 27,
  kCertificateUnavailable = 28,
  kUnsupportedExchangeType = 29,
  kUnequalPayloadLengths = 30,
  kConnected = 16384,
  kResponderLifetime = 24576,
  kReplayStatus = 24577,
  kInitialContact = 24578,
  kRUThere = 36136,
  kRUThereAck = 36137,
};

[[nodiscard]] constexpr bool is_error(V1NotifyType type) {
  return static_cast<std::uint16_t>(type) < 16384;
}

[[nodiscard]] constexpr bool is_error(NotifyType type) {
  return static_cast<std::uint16_t>(type) < 16384;
}

/// Authentication methods (RFC 7296 §3.8).
enum class AuthenticationMethod : std::uint8_t {
  kRsaSignature = 1,
  kSharedKey = 2,
  kDssSignature = 3,
  kEcdsaSha256P256 = 9,  ///< RFC 4754
  kEcdsaSha384P384 = 10,
  kEcdsaSha512P521 = 11,
  kNull = 13,              ///< RFC 7619
  kDigitalSignature = 14,  ///< RFC 7427
};

/// Transform types of the SA payload (RFC 7296 §3.3.2).
enum class TransformType : std::uint8_t { kEncr = 1, kPrf = 2, kInteg = 3, kDh = 4, kEsn = 5 };

/// Certificate encodings (RFC 7296 §3.6).
enum class CertificateEncoding : std::uint8_t {
  kX509Signature = 4,
  kCrl = 7,
  kHashAndUrl = 12,
  kHashAndUrlBundle = 13,
  kOcspContent = 14,  ///< RFC 4806
};

/// Configuration payload types (RFC 7296 §3.15) and attributes (§3.15.1).
enum class ConfigurationType : std::uint8_t { kRequest = 1, kReply = 2, kSet = 3, kAck = 4 };
enum class ConfigurationAttribute : std::uint16_t {
  kInternalIp4Address = 1,
  kInternalIp4Netmask = 2,
  kInternalIp4Dns = 3,
  kInternalIp4Nbns = 4,
  kInternalIp4Dhcp = 6,
  kApplicationVersion = 7,
  kInternalIp6Address = 8,
  kInternalIp6Dns = 10,
  kInternalIp6Dhcp = 12,
  kInternalIp4Subnet = 13,
  kSupportedAttributes = 14,
  kInternalIp6Subnet = 15,
  kInternalDnsDomain = 25,  ///< RFC 8598
};

/// Traffic selector types (RFC 7296 §3.13.1).
enum class TsType : std::uint8_t { kIpv4AddrRange = 7, kIpv6AddrRange = 8 };

/// A row of a registry.
struct RegistryRow {
  std::uint16_t number;
  std::string_view name;  ///< as its RFC writes it; payloads in the short form of RFC 7296 §1.2
  std::string_view clause;
};

[[nodiscard]] std::span<const RegistryRow> payload_registry();
[[nodiscard]] std::span<const RegistryRow> exchange_registry();
[[nodiscard]] std::span<const RegistryRow> notify_registry();
[[nodiscard]] std::span<const RegistryRow> v1_notify_registry();
[[nodiscard]] std::span<const RegistryRow> authentication_registry();
[[nodiscard]] std::span<const RegistryRow> transform_type_registry();
[[nodiscard]] std::span<const RegistryRow> certificate_encoding_registry();
[[nodiscard]] std::span<const RegistryRow> configuration_type_registry();
[[nodiscard]] std::span<const RegistryRow> configuration_attribute_registry();
[[nodiscard]] std::span<const RegistryRow> id_type_registry();

/// The row's name, or the number in brackets for what is not in the registry: "notify(40000)".
[[nodiscard]] std::string name_of(PayloadType type);
[[nodiscard]] std::string name_of(ExchangeType type);
[[nodiscard]] std::string name_of(NotifyType type);
[[nodiscard]] std::string name_of(V1NotifyType type);
[[nodiscard]] std::string name_of(AuthenticationMethod method);
[[nodiscard]] std::string name_of(TransformType type);
[[nodiscard]] std::string name_of(CertificateEncoding encoding);
[[nodiscard]] std::string name_of(ConfigurationType type);
[[nodiscard]] std::string name_of(ConfigurationAttribute attribute);

/// Do we know how to read this payload in a message of this version? (RFC 7296 §2.5)
[[nodiscard]] bool is_known(Version version, PayloadType type);

}  // namespace penstock::isakmp
