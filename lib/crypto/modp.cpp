// SPDX-License-Identifier: BSD-3-Clause
// MODP by OpenSSL's big numbers: exponentiations with secrets run in constant time. dh and
// private_group say which prime, which generator and how long an exponent.
#include "lib/crypto/modp.h"

#include <openssl/rand.h>

#include "lib/base/check.h"

namespace penstock::crypto {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::MutableBytes;
using base::Result;
using base::SecretBytes;

namespace {

std::size_t octets_of(const ModpGroup& group) {
  return static_cast<std::size_t>(BN_num_bytes(group.prime.get()));
}

tl::unexpected<base::Error> failed() {
  return fail(ErrorCode::kSystem, "OpenSSL failed in a MODP group");
}

/// base ^ exponent mod p, in constant time, filled with zeros to the length of p (RFC 7296 §3.4 and
/// §2.14).
bool power(CryptoContext::Impl& impl, const ModpGroup& group, const BIGNUM* base_value,
           Bytes exponent, MutableBytes out) {
  const BnCtxPtr scratch(BN_CTX_secure_new_ex(impl.library.get()));
  const BnPtr result(BN_secure_new());
  const BnPtr secret = number(exponent);
  return scratch && result &&
         BN_mod_exp_mont_consttime(result.get(), base_value, secret.get(), group.prime.get(),
                                   scratch.get(), group.montgomery.get()) == 1 &&
         write_padded(result.get(), out);
}

}  // namespace

BnPtr number(Bytes big_endian) {
  BnPtr out(BN_secure_new());
  PS_CHECK(out != nullptr && BN_bin2bn(base::u8(big_endian.data()),
                                       static_cast<int>(big_endian.size()), out.get()) != nullptr);
  BN_set_flags(out.get(), BN_FLG_CONSTTIME);
  return out;
}

bool write_padded(const BIGNUM* value, MutableBytes out) {
  const int octets = static_cast<int>(out.size());
  return BN_bn2binpad(value, base::u8(out.data()), octets) == octets;
}

ModpGroup modp_group_of(CryptoContext::Impl& impl, BnPtr prime) {
  ModpGroup group{std::move(prime), MontPtr(BN_MONT_CTX_new())};
  const BnCtxPtr scratch(BN_CTX_new_ex(impl.library.get()));
  PS_CHECK(group.prime && group.montgomery && scratch &&
           BN_MONT_CTX_set(group.montgomery.get(), group.prime.get(), scratch.get()) == 1);
  return group;
}

Result<DhKeyPair> modp_key_pair(CryptoContext::Impl& impl, const ModpGroup& group,
                                const BIGNUM* generator, std::size_t exponent_octets) {
  DhKeyPair pair{DhGroupId::kNone, SecretBytes(exponent_octets), ByteVector(octets_of(group))};
  const MutableBytes exponent = pair.private_value.mutable_bytes();
  if (RAND_priv_bytes_ex(impl.library.get(), base::u8(exponent.data()), exponent.size(), 0) != 1)
    return failed();
  exponent[0] |= std::byte{0x80};  // the length is fixed, and the exponent is not 0 or 1
  if (!power(impl, group, generator, exponent, pair.public_value)) return failed();
  return pair;
}

Result<SecretBytes> modp_shared_secret(CryptoContext::Impl& impl, const ModpGroup& group,
                                       Bytes private_value, Bytes peer_public) {
  const BnPtr peers = number(peer_public);
  const BnPtr most(BN_dup(group.prime.get()));
  if (!most || BN_sub_word(most.get(), 1) != 1) return failed();
  // RFC 6989 §2.1: the primes are safe, so 1 < y < p-1 is the whole test.
  if (BN_cmp(peers.get(), BN_value_one()) <= 0 || BN_cmp(peers.get(), most.get()) >= 0)
    return fail(ErrorCode::kMalformed, "a public value is not between 1 and p-1 (RFC 6989 §2.1)");
  SecretBytes secret(octets_of(group));
  if (!power(impl, group, peers.get(), private_value, secret.mutable_bytes())) return failed();
  return secret;
}

}  // namespace penstock::crypto
