// SPDX-License-Identifier: BSD-3-Clause
// RSA encryption by PKCS #1 v1.5 (RFC 8017 §7.2), for the public-key encryption modes of IKEv1
// (RFC 2409 §5.2, §5.3). Decryption gives no answer to the question whether the padding was good.
#pragma once

#include "lib/crypto/signature.h"

namespace penstock::crypto {

/// Octets around the plaintext: 00 02, at least eight of padding, 00.
inline constexpr std::size_t kPkcs1Overhead = 11;

/// How long what was encrypted may be; the protocol says it (a nonce: 8 to 256 octets).
struct PlaintextOctets {
  std::size_t least = 0;
  std::size_t most = 0;
};

/// @return kUnsupported if the key is no RSA key; kLimit if the plaintext does not fit
[[nodiscard]] base::Result<base::ByteVector> rsa_encrypt(const CryptoContext& context,
                                                         const VerifyingKey& key,
                                                         base::Bytes plaintext);

/// The plaintext, or, whatever is wrong with the padding or the length, octets that look like one
/// and come by the same path in the same time: always the same for the same key and ciphertext,
/// else a repetition would tell (Bleichenbacher 1998; CVE-2018-5389). What goes wrong later goes
/// wrong for both.
/// @return kUnsupported if the key is no RSA key or `octets` does not fit it; kMalformed if the
///         ciphertext is not of the key's length or not below its modulus, which anybody can see
[[nodiscard]] base::Result<base::SecretBytes> rsa_decrypt(const CryptoContext& context,
                                                          const SigningKey& key,
                                                          base::Bytes ciphertext,
                                                          const PlaintextOctets& octets);

/// The unpadding alone: of a block as RSA gives it, in constant time.
/// @param instead  as long as the block: its end is taken if the block is no good
/// @param instead_octets  how long that end is, within `octets`
[[nodiscard]] base::SecretBytes unpad_pkcs1(base::Bytes block, base::Bytes instead,
                                            std::size_t instead_octets,
                                            const PlaintextOctets& octets);

}  // namespace penstock::crypto
