// SPDX-License-Identifier: BSD-3-Clause
// What a CryptoContext holds, for the .cpp files of this room and of control/pki: the library
// context, and what was fetched from it. A fetch by name costs more than the operation that
// follows.
#pragma once

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/random.h"
#include "lib/crypto/context.h"

namespace penstock::crypto {

template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using LibCtxPtr = std::unique_ptr<OSSL_LIB_CTX, OpensslFree<OSSL_LIB_CTX_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, OpensslFree<OSSL_PROVIDER_unload>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, OpensslFree<EVP_CIPHER_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD, OpensslFree<EVP_MD_free>>;
using DigestCtxPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using MacPtr = std::unique_ptr<EVP_MAC, OpensslFree<EVP_MAC_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, OpensslFree<EVP_MAC_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using BnPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>>;
using BnCtxPtr = std::unique_ptr<BN_CTX, OpensslFree<BN_CTX_free>>;
using MontPtr = std::unique_ptr<BN_MONT_CTX, OpensslFree<BN_MONT_CTX_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, OpensslFree<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, OpensslFree<EC_POINT_clear_free>>;

/// A MODP group with what a modular exponentiation wants prepared.
struct ModpGroup {
  BnPtr prime;
  MontPtr montgomery;
};

/// X25519 or X448: what makes keys, of random octets and of given ones.
struct MontgomeryGroup {
  PkeyCtxPtr generate;
  PkeyCtxPtr import;
};

struct CryptoContext::Impl {
  std::unique_ptr<base::SeededRandom> seeded;  ///< outlives the providers; only with a seed
  LibCtxPtr library;
  ProviderPtr provider;
  ProviderPtr seeded_provider;

  std::map<std::string, CipherPtr, std::less<>> ciphers;
  std::map<std::string, DigestPtr, std::less<>> digests;
  std::map<std::string, MacCtxPtr, std::less<>>
      hmacs;                                       ///< by digest; keyed copies are made of them
  MacCtxPtr cmac;                                  ///< AES-128
  std::map<int, GroupPtr> curves;                  ///< by NID
  std::map<std::uint16_t, ModpGroup> modp_groups;  ///< by DhGroupId
  std::map<std::uint16_t, MontgomeryGroup> montgomery_groups;

  /// Fetched at the first use. An algorithm of the table that OpenSSL lacks is a broken
  /// installation: the process ends.
  const EVP_CIPHER* cipher(const std::string& name);
  const EVP_MD* digest(std::string_view name);
  EVP_MAC_CTX* hmac(std::string_view digest_name);
  EVP_MAC_CTX* aes_cmac();
};

}  // namespace penstock::crypto
