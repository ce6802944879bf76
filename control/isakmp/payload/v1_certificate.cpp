// SPDX-License-Identifier: BSD-3-Clause
// CERT and CR of IKEv1: one octet of encoding and what is encoded.
#include "control/isakmp/payload/v1_certificate.h"

#include <fmt/format.h>

#include "lib/base/byte_io.h"

namespace penstock::isakmp {
namespace {

constexpr std::uint8_t kLastEncoding = 10;  // X.509 - attribute
constexpr std::byte kDerSequence{0x30};

V1Result<std::uint8_t> read_encoding(base::Bytes body) {
  if (body.empty()) return broken(V1Rule::kCertificateEncoding, "there is none");
  const auto encoding = std::to_integer<std::uint8_t>(body.front());
  if (encoding == 0 || encoding > kLastEncoding)
    return broken(V1Rule::kCertificateEncoding, std::to_string(encoding));
  return encoding;
}

}  // namespace

V1Result<V1CertificatePayload> parse_v1_certificate(base::Bytes body) {
  PS_ASSIGN(const std::uint8_t encoding, read_encoding(body));
  if (body.size() == 1) return broken(V1Rule::kCertificate, "there is no data");
  return V1CertificatePayload{encoding, body.subspan(1)};
}

V1Result<V1CertificateRequestPayload> parse_v1_certificate_request(base::Bytes body) {
  PS_ASSIGN(const std::uint8_t encoding, read_encoding(body));
  const base::Bytes authority = body.subspan(1);
  const auto x509 = static_cast<std::uint8_t>(CertificateEncoding::kX509Signature);
  if (encoding == x509 && !authority.empty() && authority.front() != kDerSequence)
    return broken(V1Rule::kCertificateAuthority, "it is no distinguished name");
  return V1CertificateRequestPayload{encoding, authority};
}

void append_v1_certificate(MessageBuilder& builder, PayloadType which, std::uint8_t encoding,
                           base::Bytes data) {
  base::ByteWriter& out = builder.begin(which);
  out.u8(encoding);
  out.append(data);
  builder.end();
}

std::string describe(const V1CertificatePayload& payload) {
  return fmt::format("CERT[{}, {} octets]", payload.encoding, payload.data.size());
}

std::string describe(const V1CertificateRequestPayload& payload) {
  return fmt::format("CERTREQ[{}, {} octets]", payload.encoding, payload.authority.size());
}

}  // namespace penstock::isakmp
