// SPDX-License-Identifier: BSD-3-Clause
// Certificate and Certificate Request payloads of IKEv1 (RFC 2408 §3.9, §3.10).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"

namespace penstock::isakmp {

/// Encodings 1 to 10 of RFC 2408 §3.9; 4 and 7 are those of CertificateEncoding.
struct V1CertificatePayload {
  std::uint8_t encoding = 0;
  base::Bytes data;
};
struct V1CertificateRequestPayload {
  std::uint8_t encoding = 0;
  base::Bytes authority;  ///< a DER name; empty: any
};

/// @return kCertificateEncoding, or kCertificate without data
[[nodiscard]] V1Result<V1CertificatePayload> parse_v1_certificate(base::Bytes body);
/// @return kCertificateEncoding, or kCertificateAuthority for a name that is no DER sequence
[[nodiscard]] V1Result<V1CertificateRequestPayload> parse_v1_certificate_request(base::Bytes body);
/// @param which  kV1Certificate or kV1CertificateRequest
void append_v1_certificate(MessageBuilder& builder, PayloadType which, std::uint8_t encoding,
                           base::Bytes data);
[[nodiscard]] std::string describe(const V1CertificatePayload& payload);
[[nodiscard]] std::string describe(const V1CertificateRequestPayload& payload);

}  // namespace penstock::isakmp
