// SPDX-License-Identifier: BSD-3-Clause
// Who a certificate is for: the identity of an ID payload against its subject and subjectAltName
// (RFC 4945 §3.1).
#pragma once

#include <openssl/types.h>

#include <string>

#include "lib/base/bytes.h"

namespace penstock::pki {

/// As in an ID payload (RFC 7296 §3.5).
struct PeerName {
  std::uint8_t id_type = 0;
  base::ByteVector data;
};

/// @return kRefused if the certificate does not name it, also for types that none can name
[[nodiscard]] base::Result<void> match_name(const X509* certificate, const PeerName& name);

/// The subject as text, made printable and cut; "(no subject)" if it is empty.
[[nodiscard]] std::string subject_text(const X509* certificate);

}  // namespace penstock::pki
