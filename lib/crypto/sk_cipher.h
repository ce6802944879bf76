// SPDX-License-Identifier: BSD-3-Clause
// SkCipher: protects one direction of an IKE SA's messages (the SK payload, RFC 7296 §3.14, and for
// AEADs RFC 5282). IKEv1 has cbc.h.
#pragma once

#include <memory>

#include "lib/base/secret.h"
#include "lib/crypto/algorithms.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

class SkCipher {
 public:
  /// @param encr  a row with for_ike; @param integ  nullptr for an AEAD
  /// @param encr_key  key_bits / 8 + salt_octets octets (RFC 7296 §2.14, RFC 5282 §7.1)
  [[nodiscard]] static base::Result<SkCipher> create(const CryptoContext& context,
                                                     const EncrRow& encr, const IntegRow* integ,
                                                     base::Bytes encr_key, base::Bytes integ_key);
  SkCipher(SkCipher&&) noexcept;
  SkCipher& operator=(SkCipher&&) noexcept;
  ~SkCipher();

  /// Octets that sealing adds to a plaintext of this length: IV, padding, pad length, ICV.
  [[nodiscard]] std::size_t overhead(std::size_t plaintext_octets) const;

  /// @param aad  the message from the IKE header to the SK payload's generic header, lengths final
  /// @param plaintext  the payloads inside
  /// @param iv_source  for CBC the IV is drawn from it; for counter modes `message_counter` is the
  /// IV
  /// @return IV | ciphertext | ICV: the SK payload's body
  [[nodiscard]] base::ByteVector seal(base::Bytes aad, base::Bytes plaintext,
                                      std::uint64_t message_counter,
                                      base::RandomSource& iv_source) const;

  /// @param body  IV | ciphertext | ICV
  /// @return the payloads inside, padding removed; kAuthentication if the ICV is wrong (compared in
  ///         constant time, checked before anything is deciphered), kMalformed on a bad length
  [[nodiscard]] base::Result<base::SecretBytes> open(base::Bytes aad, base::Bytes body) const;

 private:
  struct Impl;
  explicit SkCipher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::crypto
