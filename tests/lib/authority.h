// SPDX-License-Identifier: BSD-3-Clause
// An authority for tests: makes keys, certificates, CRLs and OCSP responses when a test runs, from
// a seed, so that a simulation repeats.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/crypto/context.h"

namespace penstock::test {

/// A time at which what is issued by default is valid.
inline constexpr base::UtcTime kNow{std::chrono::seconds{1'800'000'000}};
using std::chrono::days;

/// A certificate with its private key.
struct Entity {
  std::string name;
  base::ByteVector certificate;  ///< DER
  base::ByteVector pkcs8;        ///< DER, in clear: a test's key is no secret
};

struct Wish {
  std::string name = "peer";       ///< the CN; empty: no subject
  std::string key = "P-256";       ///< `P-256`, `P-384`, `P-521`, `RSA-2048`, `ED25519`, `DSA`, …
  const Entity* issuer = nullptr;  ///< nullptr: self-signed
  bool authority = false;
  std::string alternatives = {};        ///< as openssl.cnf has it: `DNS:peer.example`
  std::string key_usage = {};           ///< `digitalSignature`
  std::string extended_key_usage = {};  ///< `serverAuth`
  std::string name_constraints = {};    ///< `permitted;DNS:example`
  base::UtcTime from = kNow - days{30};
  base::UtcTime until = kNow + days{30};
};

class Authority {
 public:
  explicit Authority(std::uint64_t seed = 1);

  [[nodiscard]] Entity issue(const Wish& wish);
  /// @return a CRL, DER
  [[nodiscard]] base::ByteVector revoke(const Entity& issuer, const std::vector<Entity>& revoked,
                                        base::UtcTime from = kNow - days{1},
                                        base::UtcTime until = kNow + days{1});
  /// @param signer  the issuer, or whom it delegated to
  /// @return an OCSPResponse, DER
  [[nodiscard]] base::ByteVector answer(const Entity& issuer, const Entity& subject, bool revoked,
                                        const Entity& signer, base::UtcTime from = kNow - days{1},
                                        base::UtcTime until = kNow + days{1});

 private:
  crypto::CryptoContext context_;
  long serial_ = 0;
};

/// `-----BEGIN CERTIFICATE-----` and so on.
[[nodiscard]] std::string pem(std::string_view label, base::Bytes der);
/// PKCS #8, encrypted.
[[nodiscard]] std::string encrypted_pem(const Entity& entity, const std::string& passphrase);

}  // namespace penstock::test
