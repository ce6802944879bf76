// SPDX-License-Identifier: BSD-3-Clause
// PKCS #1 v1.5 by hand over bare RSA: OpenSSL 3.0's own check of the padding tells by time and by
// its error whether it was good.
#include "lib/crypto/rsa_encryption.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "lib/base/byte_io.h"
#include "lib/base/check.h"
#include "lib/crypto/prf.h"
#include "lib/crypto/signature_keys.h"

namespace penstock::crypto {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::MutableBytes;
using base::Result;
using base::SecretBytes;

namespace {

/// All ones or all zeros: what a branch would be decided by.
using Mask = std::uint32_t;

/// The compiler must not learn that a mask is one of two values, or it makes a branch of it.
Mask opaque(Mask mask) {
  asm("" : "+r"(mask));  // NOLINT(hicpp-no-assembler)
  return mask;
}
Mask mask_of_top_bit(std::uint32_t value) { return opaque(0U - (value >> 31U)); }
Mask is_zero(std::uint32_t value) { return mask_of_top_bit(~value & (value - 1U)); }
Mask is_equal(std::uint32_t a, std::uint32_t b) { return is_zero(a ^ b); }
/// Both below 2^31.
Mask is_below(std::uint32_t a, std::uint32_t b) { return mask_of_top_bit(a - b); }
std::uint32_t choose(Mask mask, std::uint32_t yes, std::uint32_t no) {
  return (yes & mask) | (no & ~mask);
}

base::Error not_rsa(KeyKind kind) {
  return {ErrorCode::kUnsupported, "a key of " + std::string(name_of(kind)) + " encrypts nothing"};
}

/// What a bad block is replaced by, of the key and the ciphertext (draft-irtf-cfrg-rsa-guidance):
/// as many octets as a block has, and how many of them count.
struct Replacement {
  SecretBytes block;
  std::size_t octets = 0;
};

Result<Replacement> replacement(const CryptoContext& context, EVP_PKEY* key, Bytes ciphertext,
                                const PlaintextOctets& octets) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &raw) != 1)
    return fail(ErrorCode::kSystem, "an RSA key without its private half");
  const std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>> d(raw);
  SecretBytes exponent(ciphertext.size());
  PS_CHECK(BN_bn2binpad(d.get(), base::u8(exponent.mutable_bytes().data()),
                        static_cast<int>(exponent.size())) >= 0);
  const PrfRow& row = *find_prf(PrfId::kHmacSha256);
  const SecretBytes seed = prf(context, row, exponent.bytes(), {ciphertext});
  constexpr std::size_t kDrawOctets = 4;
  const SecretBytes drawn =
      prf_plus(context, row, seed.bytes(), {ciphertext}, kDrawOctets + ciphertext.size());
  // Scaled and not divided: a division's time depends on what is divided.
  std::uint64_t draw = 0;
  for (const std::byte b : drawn.bytes().first(kDrawOctets))
    draw = draw << 8U | std::to_integer<std::uint64_t>(b);
  const std::uint64_t range = octets.most - octets.least + 1;
  return Replacement{SecretBytes::copy_of(drawn.bytes().subspan(kDrawOctets)),
                     octets.least + static_cast<std::size_t>(draw * range >> 32U)};
}

}  // namespace

Result<ByteVector> rsa_encrypt(const CryptoContext& context, const VerifyingKey& key,
                               Bytes plaintext) {
  EVP_PKEY* pkey = openssl_key(key);
  if (key.kind() != KeyKind::kRsa) return tl::unexpected(not_rsa(key.kind()));
  const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(pkey));
  if (plaintext.size() + kPkcs1Overhead > size)
    return fail(ErrorCode::kLimit, "the RSA key is too short for this plaintext");
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(context.impl().library.get(), pkey, nullptr));
  ByteVector ciphertext(size);
  std::size_t written = size;
  if (!ctx || EVP_PKEY_encrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), base::u8(ciphertext.data()), &written, base::u8(plaintext.data()),
                       plaintext.size()) != 1)
    return fail(ErrorCode::kSystem, "RSA encryption failed");
  return ciphertext;
}

SecretBytes unpad_pkcs1(Bytes block, Bytes instead, std::size_t instead_octets,
                        const PlaintextOctets& octets) {
  PS_CHECK(block.size() == instead.size() && block.size() >= kPkcs1Overhead &&
           octets.most <= block.size() - kPkcs1Overhead);
  const auto at = [](Bytes bytes, std::size_t i) {
    return std::to_integer<std::uint32_t>(bytes[i]);
  };
  // RFC 8017 §7.2.2: 00 | 02 | eight octets or more that are not 0 | 00 | plaintext.
  Mask good = is_zero(at(block, 0)) & is_equal(at(block, 1), 2);
  Mask found = 0;
  std::uint32_t zero = 0;
  for (std::size_t i = 2; i < block.size(); ++i) {
    const Mask here = is_zero(at(block, i)) & ~found;
    zero = choose(here, static_cast<std::uint32_t>(i), zero);
    found |= here;
  }
  const auto size = static_cast<std::uint32_t>(block.size());
  const std::uint32_t length = size - 1U - zero;
  good &= found & ~is_below(zero, kPkcs1Overhead - 1U);
  good &= ~is_below(length, static_cast<std::uint32_t>(octets.least));
  good &= ~is_below(static_cast<std::uint32_t>(octets.most), length);

  // Both plaintexts end where the block does, so they are mixed octet by octet.
  SecretBytes mixed(block.size());
  const MutableBytes out = mixed.mutable_bytes();
  for (std::size_t i = 0; i < block.size(); ++i)
    out[i] = static_cast<std::byte>(choose(good, at(block, i), at(instead, i)) & 0xffU);
  const std::size_t taken = choose(good, length, static_cast<std::uint32_t>(instead_octets));
  return SecretBytes::copy_of(mixed.bytes().last(taken));
}

Result<SecretBytes> rsa_decrypt(const CryptoContext& context, const SigningKey& key,
                                Bytes ciphertext, const PlaintextOctets& octets) {
  EVP_PKEY* pkey = openssl_key(key);
  if (key.kind() != KeyKind::kRsa) return tl::unexpected(not_rsa(key.kind()));
  const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(pkey));
  if (octets.least > octets.most || octets.most + kPkcs1Overhead > size)
    return fail(ErrorCode::kUnsupported, "the RSA key is too short for such a plaintext");
  if (ciphertext.size() != size)
    return fail(ErrorCode::kMalformed, "an RSA ciphertext of another length than the key");
  PS_ASSIGN(const Replacement instead, replacement(context, pkey, ciphertext, octets));
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(context.impl().library.get(), pkey, nullptr));
  SecretBytes block(size);
  std::size_t written = size;
  if (!ctx || EVP_PKEY_decrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_NO_PADDING) != 1)
    return fail(ErrorCode::kSystem, "RSA decryption failed");
  // Bare RSA fails for one reason that a ciphertext can give: it is not below the modulus.
  if (EVP_PKEY_decrypt(ctx.get(), base::u8(block.mutable_bytes().data()), &written,
                       base::u8(ciphertext.data()), ciphertext.size()) != 1 ||
      written != size)
    return fail(ErrorCode::kMalformed, "an RSA ciphertext that is not below the modulus");
  return unpad_pkcs1(block.bytes(), instead.block.bytes(), instead.octets, octets);
}

}  // namespace penstock::crypto
