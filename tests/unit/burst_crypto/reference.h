// SPDX-License-Identifier: BSD-3-Clause
// An independent judge of ESP and AH: seals and opens whole packets with OpenSSL's one-shot calls
// and, for AES-XCBC, with RFC 3566 §4 over its AES. Nothing of it is the engines' code.
#pragma once

#include <optional>

#include "lib/base/bytes.h"
#include "lib/crypto/algorithms.h"

namespace penstock::burst_crypto::test {

/// One SA, and what is of one packet of it.
struct ReferenceSa {
  const crypto::EncrRow* encr = nullptr;  ///< nullptr: AH
  const crypto::IntegRow* integ = nullptr;
  base::ByteVector enc_key;   ///< with the salt
  base::ByteVector auth_key;  ///< likewise (AES-GMAC of AH)
  bool esn = false;
};

/// SPI | low half of the sequence number | IV | ciphertext | ICV.
/// @param sequence  8 octets
/// @param iv  encr->iv_octets
[[nodiscard]] base::ByteVector reference_seal(const ReferenceSa& sa, base::Bytes spi,
                                              base::Bytes sequence, base::Bytes iv,
                                              base::Bytes text);
/// The text; nothing if the ICV is wrong.
[[nodiscard]] std::optional<base::ByteVector> reference_open(const ReferenceSa& sa,
                                                             base::Bytes sequence,
                                                             base::Bytes packet);
/// The ICV of AH over `covered`, whose ICV field is zero (RFC 4302 §3.3.3).
/// @param iv  of AES-GMAC, 8 octets, else empty
[[nodiscard]] base::ByteVector reference_ah_icv(const ReferenceSa& sa, base::Bytes sequence,
                                                base::Bytes iv, base::Bytes covered);

}  // namespace penstock::burst_crypto::test
