// SPDX-License-Identifier: BSD-3-Clause
// Protection of messages by an ISAKMP SA (RFC 2409 appendix B): CBC over all after the header, with
// IVs that go on from message to message; and the HASH payload that stands in front.
#pragma once

#include "control/ikev1/keys.h"
#include "control/isakmp/message_view.h"

namespace penstock::ikev1 {

/// Pads with zeros, enciphers, sets flag and length.
/// @param iv  becomes the last block
[[nodiscard]] base::ByteVector encipher(const crypto::CryptoContext& context,
                                        const crypto::EncrRow& encr, base::Bytes key,
                                        base::ByteVector clear, base::ByteVector& iv);

/// @param iv  becomes the last block of what came
/// @return kMalformed if it is not a whole number of blocks
[[nodiscard]] base::Result<base::ByteVector> decipher(const crypto::CryptoContext& context,
                                                      const crypto::EncrRow& encr, base::Bytes key,
                                                      base::Bytes body, base::ByteVector& iv);

/// What a HASH payload in front covers: all payloads behind it, without padding.
/// @param inside  the deciphered octets, or a message's after its header; its chain is sound
[[nodiscard]] base::Bytes hashed_part(isakmp::PayloadType first, base::Bytes inside);

}  // namespace penstock::ikev1
