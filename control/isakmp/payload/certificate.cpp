// SPDX-License-Identifier: BSD-3-Clause
// Certificate and Certificate Request payloads: an encoding and octets that control/pki reads.
#include "control/isakmp/payload/certificate.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ErrorCode;
using base::fail;

struct Fixed {
  std::uint8_t encoding;
};

void append_any(MessageBuilder& builder, PayloadType type, CertificateEncoding encoding,
                Bytes data) {
  base::ByteWriter& out = builder.begin(type);
  out.put(Fixed{static_cast<std::uint8_t>(encoding)});
  out.append(data);
  builder.end();
}

}  // namespace

base::Result<CertificatePayload> parse_certificate(Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const Bytes data = body.subspan(sizeof(Fixed));
  if (data.empty()) return fail(ErrorCode::kMalformed, "CERT: there is no certificate");
  return CertificatePayload{CertificateEncoding{fixed->encoding}, data};
}

base::Result<CertificateRequestPayload> parse_certificate_request(Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const Bytes authorities = body.subspan(sizeof(Fixed));
  const auto encoding = CertificateEncoding{fixed->encoding};
  // RFC 7296 §3.7: a concatenated list of SHA-1 hashes.
  if (encoding == CertificateEncoding::kX509Signature &&
      authorities.size() % kAuthorityHashOctets != 0)
    return fail(ErrorCode::kMalformed, "CERTREQ: not a list of 20 octet hashes");
  return CertificateRequestPayload{encoding, authorities};
}

void append_certificate(MessageBuilder& builder, CertificateEncoding encoding, Bytes data) {
  append_any(builder, PayloadType::kCertificate, encoding, data);
}

void append_certificate_request(MessageBuilder& builder, CertificateEncoding encoding,
                                Bytes authorities) {
  append_any(builder, PayloadType::kCertificateRequest, encoding, authorities);
}

std::string describe(const CertificatePayload& payload) {
  return fmt::format("CERT[{}, {} octets]", name_of(payload.encoding), payload.data.size());
}

std::string describe(const CertificateRequestPayload& payload) {
  return fmt::format("CERTREQ[{}, {} authorities]", name_of(payload.encoding), payload.count());
}

}  // namespace penstock::isakmp
