// SPDX-License-Identifier: BSD-3-Clause
// Message authentication codes for the .cpp files of this room: HMAC, AES-CMAC and AES-XCBC over
// parts that need not lie together.
#pragma once

#include <span>

#include "lib/base/bytes.h"
#include "lib/crypto/context_impl.h"

namespace penstock::crypto {

using Parts = std::span<const base::Bytes>;

inline constexpr std::size_t kAesBlockOctets = 16;
inline constexpr std::size_t kMaxDigestOctets = 64;

/// @param out  exactly the digest's size
void hmac(CryptoContext::Impl& impl, std::string_view digest, base::Bytes key, Parts parts,
          base::MutableBytes out);
/// RFC 4493. @param key  16 octets; @param out  16 octets
void aes_cmac(CryptoContext::Impl& impl, base::Bytes key, Parts parts, base::MutableBytes out);
/// AES-XCBC-MAC before truncation, RFC 3566 §4. @param key  16 octets; @param out  16 octets
void aes_xcbc(CryptoContext::Impl& impl, base::Bytes key, Parts parts, base::MutableBytes out);

}  // namespace penstock::crypto
