// SPDX-License-Identifier: BSD-3-Clause
// Revocation by OCSP responses that the operator laid down (RFC 6960); CRLs are OpenSSL's work
// while it validates a chain.
#pragma once

#include <span>

#include "control/pki/openssl.h"
#include "lib/base/time.h"

namespace penstock::pki {

enum class OcspStatus : std::uint8_t { kUnknown, kGood, kRevoked };

struct OcspVerdict {
  OcspStatus status = OcspStatus::kUnknown;
  base::UtcTime until{};  ///< nextUpdate, of kGood
};

/// What the responses that are valid now and verify say of a certificate.
/// @param chain  the validated chain; position  of the certificate in it, not the last
[[nodiscard]] OcspVerdict ask_ocsp(std::span<const OcspBasicPtr> responses, X509_STORE* store,
                                   STACK_OF(X509) * chain, int position, base::UtcTime now);

/// Is this error of a validation about revocation data that is missing, stale or not to be used?
[[nodiscard]] bool lacks_revocation_data(int x509_error);

[[nodiscard]] base::UtcTime utc_of(const ASN1_TIME* time);

}  // namespace penstock::pki
