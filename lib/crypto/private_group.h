// SPDX-License-Identifier: BSD-3-Clause
// MODP groups that two peers agree on themselves (RFC 2409 §5.6). What costs little is asked first;
// primality costs up to some seconds and runs as a job, as key pairs and shared secrets do.
#pragma once

#include "lib/crypto/dh.h"

namespace penstock::crypto {

/// Sizes of the prime, bits. Below, discrete logarithms are in reach; above, whoever proposes a
/// group has us compute for long.
inline constexpr std::size_t kLeastPrivateBits = 2048;
inline constexpr std::size_t kMostPrivateBits = 4096;

/// Its prime p is safe, as far as check_private_group() has said so: (p-1)/2 is prime too.
struct PrivateGroup {
  base::ByteVector prime;      ///< big endian, without zeros in front
  base::ByteVector generator;  ///< likewise
  friend bool operator==(const PrivateGroup&, const PrivateGroup&) = default;
};

/// Numbers of private groups (RFC 2409 §5.6, appendix A).
[[nodiscard]] constexpr bool is_private(DhGroupId id) {
  return static_cast<std::uint16_t>(id) >= 0x8000;
}

/// Size, oddness and 1 < g < p-1: what costs nothing.
/// @return kRefused with a sentence
[[nodiscard]] base::Result<PrivateGroup> private_group_of(base::Bytes prime, base::Bytes generator);
/// From a PEM file with DH PARAMETERS; checked as above.
[[nodiscard]] base::Result<PrivateGroup> read_private_group(const CryptoContext& context,
                                                            base::Bytes pem);
/// Is the prime safe? @return kRefused if not
[[nodiscard]] base::Result<void> check_private_group(const CryptoContext& context,
                                                     const PrivateGroup& group);

/// Its `group` is kNone. @return kSystem if OpenSSL fails
[[nodiscard]] base::Result<DhKeyPair> private_generate(const CryptoContext& context,
                                                       const PrivateGroup& group);
/// @return kMalformed if the peer's value is not of the group (RFC 6989 §2.1)
[[nodiscard]] base::Result<base::SecretBytes> private_shared_secret(const CryptoContext& context,
                                                                    const PrivateGroup& group,
                                                                    const DhKeyPair& own,
                                                                    base::Bytes peer_public);

}  // namespace penstock::crypto
