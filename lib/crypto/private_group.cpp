// SPDX-License-Identifier: BSD-3-Clause
// Private MODP groups. A safe prime leaves a peer's public value nowhere to hide: every value
// between 1 and p-1 is of order q or 2q, whatever the generator.
#include "lib/crypto/private_group.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>

#include <algorithm>

#include "lib/crypto/modp.h"

namespace penstock::crypto {

using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

/// Twice the strength that SP 800-57 gives the largest prime that is taken, in whole octets.
constexpr std::size_t kExponentOctets = 38;

tl::unexpected<base::Error> refuse(std::string why) {
  return fail(ErrorCode::kRefused, "private group: " + std::move(why));
}

Bytes without_zeros(Bytes value) {
  const auto first = std::ranges::find_if(value, [](std::byte b) { return b != std::byte{0}; });
  return {first, value.end()};
}

BnPtr read(Bytes value) {
  return BnPtr(BN_bin2bn(base::u8(value.data()), static_cast<int>(value.size()), nullptr));
}

base::ByteVector octets_of(const BIGNUM* value) {
  base::ByteVector out(static_cast<std::size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, base::u8(out.data()));
  return out;
}

}  // namespace

Result<PrivateGroup> private_group_of(Bytes prime, Bytes generator) {
  PrivateGroup group{base::to_vector(without_zeros(prime)),
                     base::to_vector(without_zeros(generator))};
  // Before anything is computed with it.
  constexpr std::size_t kMostOctets = kMostPrivateBits / 8;
  if (group.prime.size() > kMostOctets || group.generator.size() > kMostOctets)
    return refuse("more than " + std::to_string(kMostPrivateBits) + " bits");
  const BnPtr p = read(group.prime);
  const BnPtr g = read(group.generator);
  if (!p || !g) return fail(ErrorCode::kSystem, "OpenSSL has no memory");
  const auto bits = static_cast<std::size_t>(BN_num_bits(p.get()));
  if (bits < kLeastPrivateBits)
    return refuse("a prime of " + std::to_string(bits) + " bits is below " +
                  std::to_string(kLeastPrivateBits));
  if (BN_is_odd(p.get()) == 0) return refuse("the prime is even");
  if (BN_sub_word(p.get(), 1) != 1 || BN_cmp(g.get(), BN_value_one()) <= 0 ||
      BN_cmp(g.get(), p.get()) >= 0)
    return refuse("the generator is not between 1 and p-1");
  return group;
}

Result<PrivateGroup> read_private_group(const CryptoContext& context, Bytes pem) {
  EVP_PKEY* read_key = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, OpensslFree<OSSL_DECODER_CTX_free>> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&read_key, "PEM", nullptr, "DH", 0,
                                    context.impl().library.get(), nullptr));
  const unsigned char* from = base::u8(pem.data());
  std::size_t octets = pem.size();
  const bool decoded = decoder && OSSL_DECODER_from_data(decoder.get(), &from, &octets) == 1;
  const PkeyPtr key(read_key);
  BIGNUM* p = nullptr;
  BIGNUM* g = nullptr;
  const bool found = decoded && EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_FFC_P, &p) == 1 &&
                     EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_FFC_G, &g) == 1;
  const BnPtr prime(p);
  const BnPtr generator(g);
  if (!found) return refuse("the file has no DH PARAMETERS in PEM");
  return private_group_of(octets_of(prime.get()), octets_of(generator.get()));
}

Result<void> check_private_group(const CryptoContext& context, const PrivateGroup& group) {
  CryptoContext::Impl& impl = context.impl();
  const BnCtxPtr scratch(BN_CTX_new_ex(impl.library.get()));
  const BnPtr two(BN_new());
  const BnPtr power(BN_new());
  const BnPtr half(BN_new());
  const ModpGroup modulus = modp_group_of(impl, read(group.prime));
  const BIGNUM* p = modulus.prime.get();
  if (!scratch || !two || !power || !half || BN_set_word(two.get(), 2) != 1 ||
      BN_rshift1(half.get(), p) != 1 || BN_lshift1(power.get(), half.get()) != 1 ||
      BN_mod_exp_mont(power.get(), two.get(), power.get(), p, scratch.get(),
                      modulus.montgomery.get()) != 1)
    return fail(ErrorCode::kSystem, "OpenSSL failed in a private group");
  // 2^(p-1) = 1: most composites end here. Once q = (p-1)/2 is known to be prime, this proves p
  // prime (Pocklington: q > sqrt(p), and 2^2 - 1 is prime to p).
  if (BN_is_one(power.get()) == 0 || BN_mod_word(p, 3) == 0) return refuse("its prime is none");
  const int prime = BN_check_prime(half.get(), scratch.get(), nullptr);
  if (prime < 0) return fail(ErrorCode::kSystem, "OpenSSL failed in a private group");
  if (prime == 0) return refuse("its prime is not safe: (p-1)/2 is not prime");
  return {};
}

Result<DhKeyPair> private_generate(const CryptoContext& context, const PrivateGroup& group) {
  const BnPtr generator = read(group.generator);
  return modp_key_pair(context.impl(), modp_group_of(context.impl(), read(group.prime)),
                       generator.get(), kExponentOctets);
}

Result<base::SecretBytes> private_shared_secret(const CryptoContext& context,
                                                const PrivateGroup& group, const DhKeyPair& own,
                                                Bytes peer_public) {
  if (peer_public.size() != group.prime.size())
    return fail(ErrorCode::kMalformed,
                "a public value is not as long as the private group's prime");
  return modp_shared_secret(context.impl(), modp_group_of(context.impl(), read(group.prime)),
                            own.private_value.bytes(), peer_public);
}

}  // namespace penstock::crypto
