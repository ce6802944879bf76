// SPDX-License-Identifier: BSD-3-Clause
// IKEv1's signatures. What is signed is a HASH already, so nothing is hashed here, and nothing in
// the signature says by what it was (RFC 2409 §5.1): RSA is PKCS #1 block type 1 around the bare
// HASH, DSA and ECDSA take it as their digest.
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "lib/crypto/signature_keys.h"

namespace penstock::crypto {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

base::Error cannot(KeyKind kind) {
  return {ErrorCode::kUnsupported,
          "a key of " + std::string(name_of(kind)) + " signs no HASH of IKEv1"};
}

/// Ready to sign or verify without a digest; nullptr if the key cannot.
PkeyCtxPtr start(const CryptoContext& context, EVP_PKEY* key, KeyKind kind,
                 int (*init)(EVP_PKEY_CTX*)) {
  if (kind == KeyKind::kEd25519 || kind == KeyKind::kEd448) return nullptr;
  PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(context.impl().library.get(), key, nullptr));
  if (!ctx || init(ctx.get()) != 1) return nullptr;
  if (kind == KeyKind::kRsa && EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING) != 1)
    return nullptr;
  return ctx;
}

}  // namespace

Result<ByteVector> SigningKey::sign_hash(const CryptoContext& context, Bytes hash) const {
  const PkeyCtxPtr ctx = start(context, impl_->key.get(), impl_->kind, EVP_PKEY_sign_init);
  if (!ctx) return tl::unexpected(cannot(impl_->kind));
  std::size_t size = 0;
  if (EVP_PKEY_sign(ctx.get(), nullptr, &size, base::u8(hash.data()), hash.size()) != 1)
    return fail(ErrorCode::kSystem, "the signature could not be made");
  ByteVector signature(size);
  if (EVP_PKEY_sign(ctx.get(), base::u8(signature.data()), &size, base::u8(hash.data()),
                    hash.size()) != 1)
    return fail(ErrorCode::kSystem, "the signature could not be made");
  signature.resize(size);
  if (impl_->kind == KeyKind::kRsa) return signature;
  return raw_of_der(scalar_octets(impl_->key.get(), impl_->kind), signature);
}

Result<void> VerifyingKey::verify_hash(const CryptoContext& context, Bytes hash,
                                       Bytes signature) const {
  const PkeyCtxPtr ctx = start(context, impl_->key.get(), impl_->kind, EVP_PKEY_verify_init);
  if (!ctx) return tl::unexpected(cannot(impl_->kind));
  ByteVector der;
  if (impl_->kind != KeyKind::kRsa) {
    PS_ASSIGN(der, der_of_raw(scalar_octets(impl_->key.get(), impl_->kind), signature));
    signature = der;
  }
  if (EVP_PKEY_verify(ctx.get(), base::u8(signature.data()), signature.size(),
                      base::u8(hash.data()), hash.size()) != 1)
    return fail(ErrorCode::kAuthentication, "the signature is wrong");
  return {};
}

}  // namespace penstock::crypto
