// SPDX-License-Identifier: BSD-3-Clause
// The registries' rows. Names are those that logs and `show` print; a number without a row is shown
// as a number. IKEv1's attributes are read
// where they are negotiated.
#include "control/isakmp/registry.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

// Short forms of RFC 7296 §1.2 and RFC 2409 §3.2.
constexpr RegistryRow kPayloads[] = {
    {1, "SA", "RFC 2408 §3.4"},
    {2, "P", "RFC 2408 §3.5"},
    {3, "T", "RFC 2408 §3.6"},
    {4, "KE", "RFC 2408 §3.7"},
    {5, "ID", "RFC 2408 §3.8"},
    {6, "CERT", "RFC 2408 §3.9"},
    {7, "CERTREQ", "RFC 2408 §3.10"},
    {8, "HASH", "RFC 2408 §3.11"},
    {9, "SIG", "RFC 2408 §3.12"},
    {10, "No", "RFC 2408 §3.13"},
    {11, "N", "RFC 2408 §3.14"},
    {12, "D", "RFC 2408 §3.15"},
    {13, "V", "RFC 2408 §3.16"},
    {14, "CP", "draft-dukes-ike-mode-cfg-02 §3.2"},
    {20, "NAT-D", "RFC 3947 §3.2"},
    {21, "NAT-OA", "RFC 3947 §5.2"},
    {33, "SA", "RFC 7296 §3.3"},
    {34, "KE", "RFC 7296 §3.4"},
    {35, "IDi", "RFC 7296 §3.5"},
    {36, "IDr", "RFC 7296 §3.5"},
    {37, "CERT", "RFC 7296 §3.6"},
    {38, "CERTREQ", "RFC 7296 §3.7"},
    {39, "AUTH", "RFC 7296 §3.8"},
    {40, "No", "RFC 7296 §3.9"},
    {41, "N", "RFC 7296 §3.10"},
    {42, "D", "RFC 7296 §3.11"},
    {43, "V", "RFC 7296 §3.12"},
    {44, "TSi", "RFC 7296 §3.13"},
    {45, "TSr", "RFC 7296 §3.13"},
    {46, "SK", "RFC 7296 §3.14"},
    {47, "CP", "RFC 7296 §3.15"},
    {48, "EAP", "RFC 7296 §3.16"},
    {53, "SKF", "RFC 7383 §2.5"},
    // Private numbers, of IKEv1's drafts and makers.
    {130, "NAT-D (draft)", "draft-ietf-ipsec-nat-t-ike-02 §3.2"},
    {131, "NAT-OA (draft)", "draft-ietf-ipsec-nat-t-ike-02 §5.2"},
    {132, "FRAG", "MS-IKEE"},
};
constexpr std::uint16_t kFirstIkev2Payload = 33;
constexpr std::uint16_t kFirstPrivatePayload = 128;

constexpr RegistryRow kExchanges[] = {
    {1, "BASE", "RFC 2408 §4.4"},
    {2, "MAIN_MODE", "RFC 2409 §5"},
    {3, "AUTHENTICATION_ONLY", "RFC 2408 §4.6"},
    {4, "AGGRESSIVE_MODE", "RFC 2409 §5"},
    {5, "INFORMATIONAL_V1", "RFC 2409 §5.7"},
    {6, "TRANSACTION", "draft-dukes-ike-mode-cfg-02 §3.1"},
    {32, "QUICK_MODE", "RFC 2409 §5.5"},
    {33, "NEW_GROUP_MODE", "RFC 2409 §5.6"},
    {34, "IKE_SA_INIT", "RFC 7296 §1.2"},
    {35, "IKE_AUTH", "RFC 7296 §1.2"},
    {36, "CREATE_CHILD_SA", "RFC 7296 §1.3"},
    {37, "INFORMATIONAL", "RFC 7296 §1.4"},
    {38, "IKE_SESSION_RESUME", "RFC 5723 §4.3"},
    {43, "IKE_INTERMEDIATE", "RFC 9242 §3"},
    {44, "IKE_FOLLOWUP_KE", "RFC 9370 §2.2.4"},
};

constexpr RegistryRow kNotifies[] = {
    {1, "UNSUPPORTED_CRITICAL_PAYLOAD", "RFC 7296 §2.5"},
    {4, "INVALID_IKE_SPI", "RFC 7296 §2.21"},
    {5, "INVALID_MAJOR_VERSION", "RFC 7296 §2.5"},
    {7, "INVALID_SYNTAX", "RFC 7296 §3.10.1"},
    {9, "INVALID_MESSAGE_ID", "RFC 7296 §2.3"},
    {11, "INVALID_SPI", "RFC 7296 §1.5"},
    {14, "NO_PROPOSAL_CHOSEN", "RFC 7296 §2.7"},
    {17, "INVALID_KE_PAYLOAD", "RFC 7296 §1.2"},
    {24, "AUTHENTICATION_FAILED", "RFC 7296 §2.21.2"},
    {34, "SINGLE_PAIR_REQUIRED", "RFC 7296 §2.9"},
    {35, "NO_ADDITIONAL_SAS", "RFC 7296 §1.3"},
    {36, "INTERNAL_ADDRESS_FAILURE", "RFC 7296 §3.15.4"},
    {37, "FAILED_CP_REQUIRED", "RFC 7296 §2.19"},
    {38, "TS_UNACCEPTABLE", "RFC 7296 §2.9"},
    {39, "INVALID_SELECTORS", "RFC 7296 §3.10.1"},
    {40, "UNACCEPTABLE_ADDRESSES", "RFC 4555 §3.5"},
    {41, "UNEXPECTED_NAT_DETECTED", "RFC 4555 §3.9"},
    {43, "TEMPORARY_FAILURE", "RFC 7296 §2.25"},
    {44, "CHILD_SA_NOT_FOUND", "RFC 7296 §2.25"},
    {47, "STATE_NOT_FOUND", "RFC 9370 §2.2.4"},
    {16384, "INITIAL_CONTACT", "RFC 7296 §2.4"},
    {16385, "SET_WINDOW_SIZE", "RFC 7296 §2.3"},
    {16386, "ADDITIONAL_TS_POSSIBLE", "RFC 7296 §2.9"},
    {16387, "IPCOMP_SUPPORTED", "RFC 7296 §2.22"},
    {16388, "NAT_DETECTION_SOURCE_IP", "RFC 7296 §2.23"},
    {16389, "NAT_DETECTION_DESTINATION_IP", "RFC 7296 §2.23"},
    {16390, "COOKIE", "RFC 7296 §2.6"},
    {16391, "USE_TRANSPORT_MODE", "RFC 7296 §1.3.1"},
    {16392, "HTTP_CERT_LOOKUP_SUPPORTED", "RFC 7296 §3.6"},
    {16393, "REKEY_SA", "RFC 7296 §1.3.3"},
    {16394, "ESP_TFC_PADDING_NOT_SUPPORTED", "RFC 7296 §1.3.1"},
    {16395, "NON_FIRST_FRAGMENTS_ALSO", "RFC 7296 §1.3.1"},
    {16396, "MOBIKE_SUPPORTED", "RFC 4555 §3.1"},
    {16397, "ADDITIONAL_IP4_ADDRESS", "RFC 4555 §3.2"},
    {16398, "ADDITIONAL_IP6_ADDRESS", "RFC 4555 §3.2"},
    {16399, "NO_ADDITIONAL_ADDRESSES", "RFC 4555 §3.2"},
    {16400, "UPDATE_SA_ADDRESSES", "RFC 4555 §3.5"},
    {16401, "COOKIE2", "RFC 4555 §3.7"},
    {16402, "NO_NATS_ALLOWED", "RFC 4555 §3.9"},
    {16403, "AUTH_LIFETIME", "RFC 4478 §3"},
    {16404, "MULTIPLE_AUTH_SUPPORTED", "RFC 4739 §3.1"},
    {16405, "ANOTHER_AUTH_FOLLOWS", "RFC 4739 §3.2"},
    {16406, "REDIRECT_SUPPORTED", "RFC 5685 §9.1"},
    {16407, "REDIRECT", "RFC 5685 §9.2"},
    {16408, "REDIRECTED_FROM", "RFC 5685 §9.3"},
    {16409, "TICKET_LT_OPAQUE", "RFC 5723 §7.1"},
    {16410, "TICKET_REQUEST", "RFC 5723 §7"},
    {16411, "TICKET_ACK", "RFC 5723 §7"},
    {16412, "TICKET_NACK", "RFC 5723 §7"},
    {16413, "TICKET_OPAQUE", "RFC 5723 §7.2"},
    {16417, "EAP_ONLY_AUTHENTICATION", "RFC 5998 §3"},
    {16418, "CHILDLESS_IKEV2_SUPPORTED", "RFC 6023 §4"},
    {16419, "QUICK_CRASH_DETECTION", "RFC 6290 §4.1"},
    {16430, "IKEV2_FRAGMENTATION_SUPPORTED", "RFC 7383 §2.3"},
    {16431, "SIGNATURE_HASH_ALGORITHMS", "RFC 7427 §4"},
    {16435, "USE_PPK", "RFC 8784 §3"},
    {16436, "PPK_IDENTITY", "RFC 8784 §3"},
    {16437, "NO_PPK_AUTH", "RFC 8784 §3"},
    {16438, "INTERMEDIATE_EXCHANGE_SUPPORTED", "RFC 9242 §3.1"},
    {16441, "ADDITIONAL_KEY_EXCHANGE", "RFC 9370 §2.2.4"},
    {16442, "USE_AGGFRAG", "RFC 9347 §5.1"},
    {16443, "SUPPORTED_AUTH_METHODS", "RFC 9593 §3.2"},
    {16444, "SA_RESOURCE_INFO", "RFC 9611 §5.1"},
};

constexpr RegistryRow kV1Notifies[] = {
    {1, "INVALID_PAYLOAD_TYPE", "RFC 2408 §3.14.1"},
    {2, "DOI_NOT_SUPPORTED", "RFC 2408 §3.14.1"},
    {3, "SITUATION_NOT_SUPPORTED", "RFC 2408 §3.14.1"},
    {4, "INVALID_COOKIE", "RFC 2408 §3.14.1"},
    {5, "INVALID_MAJOR_VERSION", "RFC 2408 §3.14.1"},
    {6, "INVALID_MINOR_VERSION", "RFC 2408 §3.14.1"},
    {7, "INVALID_EXCHANGE_TYPE", "RFC 2408 §3.14.1"},
    {8, "INVALID_FLAGS", "RFC 2408 §3.14.1"},
    {9, "INVALID_MESSAGE_ID", "RFC 2408 §3.14.1"},
    {10, "INVALID_PROTOCOL_ID", "RFC 2408 §3.14.1"},
    {11, "INVALID_SPI", "RFC 2408 §3.14.1"},
    {12, "INVALID_TRANSFORM_ID", "RFC 2408 §3.14.1"},
    {13, "ATTRIBUTES_NOT_SUPPORTED", "RFC 2408 §3.14.1"},
    {14, "NO_PROPOSAL_CHOSEN", "RFC 2408 §3.14.1"},
    {15, "BAD_PROPOSAL_SYNTAX", "RFC 2408 §3.14.1"},
    {16, "PAYLOAD_MALFORMED", "RFC 2408 §3.14.1"},
    {17, "INVALID_KEY_INFORMATION", "RFC 2408 §3.14.1"},
    {18, "INVALID_ID_INFORMATION", "RFC 2408 §3.14.1"},
    {19, "INVALID_CERT_ENCODING", "RFC 2408 §3.14.1"},
    {20, "INVALID_CERTIFICATE", "RFC 2408 §3.14.1"},
    {21, "CERT_TYPE_UNSUPPORTED", "RFC 2408 §3.14.1"},
    {22, "INVALID_CERT_AUTHORITY", "RFC 2408 §3.14.1"},
    {23, "INVALID_HASH_INFORMATION", "RFC 2408 §3.14.1"},
    {24, "AUTHENTICATION_FAILED", "RFC 2408 §3.14.1"},
    {25, "INVALID_SIGNATURE", "RFC 2408 §3.14.1"},
    {26, "ADDRESS_NOTIFICATION", "RFC 2408 §3.14.1"},
    {27, "NOTIFY_SA_LIFETIME", "RFC 2408 §3.14.1"},
    {28, "CERTIFICATE_UNAVAILABLE", "RFC 2408 §3.14.1"},
    {29, "UNSUPPORTED_EXCHANGE_TYPE", "RFC 2408 §3.14.1"},
    {30, "UNEQUAL_PAYLOAD_LENGTHS", "RFC 2408 §3.14.1"},
    {16384, "CONNECTED", "RFC 2408 §3.14.1"},
    {24576, "RESPONDER_LIFETIME", "RFC 2407 §4.6.3.1"},
    {24577, "REPLAY_STATUS", "RFC 2407 §4.6.3.2"},
    {24578, "INITIAL_CONTACT", "RFC 2407 §4.6.3.3"},
    {36136, "R_U_THERE", "RFC 3706 §5.3"},
    {36137, "R_U_THERE_ACK", "RFC 3706 §5.3"},
};

constexpr RegistryRow kAuthenticationMethods[] = {
    {1, "RSA signature", "RFC 7296 §3.8"},
    {2, "shared key", "RFC 7296 §3.8"},
    {3, "DSS signature", "RFC 7296 §3.8"},
    {9, "ECDSA with SHA-256 on P-256", "RFC 4754 §3"},
    {10, "ECDSA with SHA-384 on P-384", "RFC 4754 §3"},
    {11, "ECDSA with SHA-512 on P-521", "RFC 4754 §3"},
    {13, "null", "RFC 7619 §2.1"},
    {14, "digital signature", "RFC 7427 §3"},
};

constexpr RegistryRow kTransformTypes[] = {
    {1, "ENCR", "RFC 7296 §3.3.2"}, {2, "PRF", "RFC 7296 §3.3.2"}, {3, "INTEG", "RFC 7296 §3.3.2"},
    {4, "DH", "RFC 7296 §3.3.2"},   {5, "ESN", "RFC 7296 §3.3.2"},
};

constexpr RegistryRow kCertificateEncodings[] = {
    {4, "X.509 signature", "RFC 7296 §3.6"}, {7, "CRL", "RFC 7296 §3.6"},
    {12, "hash and URL", "RFC 7296 §3.6"},   {13, "hash and URL of bundle", "RFC 7296 §3.6"},
    {14, "OCSP content", "RFC 4806 §3.1"},
};

constexpr RegistryRow kConfigurationTypes[] = {
    {1, "request", "RFC 7296 §3.15"},
    {2, "reply", "RFC 7296 §3.15"},
    {3, "set", "RFC 7296 §3.15"},
    {4, "ack", "RFC 7296 §3.15"},
};

constexpr RegistryRow kConfigurationAttributes[] = {
    {1, "INTERNAL_IP4_ADDRESS", "RFC 7296 §3.15.1"},
    {2, "INTERNAL_IP4_NETMASK", "RFC 7296 §3.15.1"},
    {3, "INTERNAL_IP4_DNS", "RFC 7296 §3.15.1"},
    {4, "INTERNAL_IP4_NBNS", "RFC 7296 §3.15.1"},
    {6, "INTERNAL_IP4_DHCP", "RFC 7296 §3.15.1"},
    {7, "APPLICATION_VERSION", "RFC 7296 §3.15.1"},
    {8, "INTERNAL_IP6_ADDRESS", "RFC 7296 §3.15.1"},
    {10, "INTERNAL_IP6_DNS", "RFC 7296 §3.15.1"},
    {12, "INTERNAL_IP6_DHCP", "RFC 7296 §3.15.1"},
    {13, "INTERNAL_IP4_SUBNET", "RFC 7296 §3.15.1"},
    {14, "SUPPORTED_ATTRIBUTES", "RFC 7296 §3.15.1"},
    {15, "INTERNAL_IP6_SUBNET", "RFC 7296 §3.15.1"},
    {25, "INTERNAL_DNS_DOMAIN", "RFC 8598 §3.2"},
};

constexpr RegistryRow kIdTypes[] = {
    {1, "ID_IPV4_ADDR", "RFC 7296 §3.5"},
    {2, "ID_FQDN", "RFC 7296 §3.5"},
    {3, "ID_RFC822_ADDR", "RFC 7296 §3.5"},
    {4, "ID_IPV4_ADDR_SUBNET", "RFC 2407 §4.6.2.5"},
    {5, "ID_IPV6_ADDR", "RFC 7296 §3.5"},
    {6, "ID_IPV6_ADDR_SUBNET", "RFC 2407 §4.6.2.7"},
    {7, "ID_IPV4_ADDR_RANGE", "RFC 2407 §4.6.2.8"},
    {8, "ID_IPV6_ADDR_RANGE", "RFC 2407 §4.6.2.9"},
    {9, "ID_DER_ASN1_DN", "RFC 7296 §3.5"},
    {10, "ID_DER_ASN1_GN", "RFC 7296 §3.5"},
    {11, "ID_KEY_ID", "RFC 7296 §3.5"},
};

/// Ascending numbers: none is there twice, and a search could bisect.
template <std::size_t N>
constexpr bool is_sound(const RegistryRow (&rows)[N]) {
  for (std::size_t i = 1; i < N; ++i)
    if (rows[i - 1].number >= rows[i].number) return false;
  return true;
}
static_assert(is_sound(kPayloads) && is_sound(kExchanges) && is_sound(kNotifies));
static_assert(is_sound(kV1Notifies));
static_assert(is_sound(kAuthenticationMethods) && is_sound(kTransformTypes));
static_assert(is_sound(kCertificateEncodings) && is_sound(kConfigurationTypes));
static_assert(is_sound(kConfigurationAttributes) && is_sound(kIdTypes));

template <class Enum>
std::string name_in(std::span<const RegistryRow> rows, std::string_view kind, Enum value) {
  const auto number = static_cast<std::uint16_t>(value);
  for (const RegistryRow& row : rows)
    if (row.number == number) return std::string(row.name);
  return fmt::format("{}({})", kind, number);
}

}  // namespace

std::span<const RegistryRow> payload_registry() { return kPayloads; }
std::span<const RegistryRow> exchange_registry() { return kExchanges; }
std::span<const RegistryRow> notify_registry() { return kNotifies; }
std::span<const RegistryRow> v1_notify_registry() { return kV1Notifies; }
std::span<const RegistryRow> authentication_registry() { return kAuthenticationMethods; }
std::span<const RegistryRow> transform_type_registry() { return kTransformTypes; }
std::span<const RegistryRow> certificate_encoding_registry() { return kCertificateEncodings; }
std::span<const RegistryRow> configuration_type_registry() { return kConfigurationTypes; }
std::span<const RegistryRow> configuration_attribute_registry() { return kConfigurationAttributes; }
std::span<const RegistryRow> id_type_registry() { return kIdTypes; }

std::string name_of(PayloadType type) { return name_in(kPayloads, "payload", type); }
std::string name_of(ExchangeType type) { return name_in(kExchanges, "exchange", type); }
std::string name_of(NotifyType type) { return name_in(kNotifies, "notify", type); }
std::string name_of(V1NotifyType type) { return name_in(kV1Notifies, "notify", type); }
std::string name_of(AuthenticationMethod method) {
  return name_in(kAuthenticationMethods, "method", method);
}
std::string name_of(TransformType type) { return name_in(kTransformTypes, "transform", type); }
std::string name_of(CertificateEncoding encoding) {
  return name_in(kCertificateEncodings, "encoding", encoding);
}
std::string name_of(ConfigurationType type) { return name_in(kConfigurationTypes, "cfg", type); }
std::string name_of(ConfigurationAttribute attribute) {
  return name_in(kConfigurationAttributes, "attribute", attribute);
}

bool is_known(Version version, PayloadType type) {
  const auto number = static_cast<std::uint16_t>(type);
  const bool ikev2 = number >= kFirstIkev2Payload && number < kFirstPrivatePayload;
  if (ikev2 != (version == Version::kIkev2)) return false;
  for (const RegistryRow& row : kPayloads)
    if (row.number == number) return true;
  return false;
}

}  // namespace penstock::isakmp
