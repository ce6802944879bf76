// SPDX-License-Identifier: BSD-3-Clause
// Certificate and Certificate Request payloads of IKEv2 (RFC 7296 §3.6, §3.7).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

inline constexpr std::size_t kAuthorityHashOctets = 20;  ///< SHA-1 of SubjectPublicKeyInfo (§3.7)

struct CertificatePayload {
  CertificateEncoding encoding{};  ///< may be one without a name
  base::Bytes data;
};
struct CertificateRequestPayload {
  CertificateEncoding encoding{};
  base::Bytes authorities;  ///< for X.509: hashes of 20 octets each, perhaps none

  [[nodiscard]] std::size_t count() const { return authorities.size() / kAuthorityHashOctets; }
};

/// @return kTruncated; kMalformed if there is no data
[[nodiscard]] base::Result<CertificatePayload> parse_certificate(base::Bytes body);
/// @return kTruncated; kMalformed if X.509 authorities are not a multiple of 20 octets
[[nodiscard]] base::Result<CertificateRequestPayload> parse_certificate_request(base::Bytes body);
void append_certificate(MessageBuilder& builder, CertificateEncoding encoding, base::Bytes data);
void append_certificate_request(MessageBuilder& builder, CertificateEncoding encoding,
                                base::Bytes authorities);
[[nodiscard]] std::string describe(const CertificatePayload& payload);
[[nodiscard]] std::string describe(const CertificateRequestPayload& payload);

}  // namespace penstock::isakmp
