// SPDX-License-Identifier: BSD-3-Clause
// Diffie-Hellman by kind of group. MODP and ECP go to OpenSSL's arithmetic directly: EVP's check of
// a peer's value costs as much again as the exchange, and RFC 6989 asks for less (see below).
// Private values are drawn and used in constant time.
#include "lib/crypto/dh.h"

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#include <array>

#include "lib/base/check.h"
#include "lib/crypto/context_impl.h"
#include "lib/crypto/modp.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::MutableBytes;
using base::Result;
using base::SecretBytes;

struct EcpCurve {
  DhGroupId id;
  int nid;
};
constexpr EcpCurve kEcpCurves[] = {{DhGroupId::kEcp256, NID_X9_62_prime256v1},
                                   {DhGroupId::kEcp384, NID_secp384r1},
                                   {DhGroupId::kEcp521, NID_secp521r1},
                                   {DhGroupId{25}, NID_X9_62_prime192v1},
                                   {DhGroupId{26}, NID_secp224r1},
                                   {DhGroupId{27}, NID_brainpoolP224r1},
                                   {DhGroupId{28}, NID_brainpoolP256r1},
                                   {DhGroupId{29}, NID_brainpoolP384r1},
                                   {DhGroupId{30}, NID_brainpoolP512r1}};

/// Exponents: at least the smaller estimate of RFC 3526 §8, and twice the strength that SP 800-57
/// gives the prime (112, 128, 152, 176, 200 bits), in whole octets; never below 256 bits.
struct ModpParameters {
  DhGroupId id;
  BIGNUM* (*prime)(BIGNUM*);
  std::size_t exponent_octets;
};
constexpr ModpParameters kModpGroups[] = {
    {DhGroupId::kModp768, BN_get_rfc2409_prime_768, 32},
    {DhGroupId::kModp1024, BN_get_rfc2409_prime_1024, 32},
    {DhGroupId::kModp1536, BN_get_rfc3526_prime_1536, 32},
    {DhGroupId::kModp2048, BN_get_rfc3526_prime_2048, 32},
    {DhGroupId::kModp3072, BN_get_rfc3526_prime_3072, 33},
    {DhGroupId::kModp4096, BN_get_rfc3526_prime_4096, 38},
    {DhGroupId::kModp6144, BN_get_rfc3526_prime_6144, 44},
    {DhGroupId::kModp8192, BN_get_rfc3526_prime_8192, 50},
};

template <class Row, std::size_t N>
const Row& row_of(const Row (&rows)[N], DhGroupId id) {
  for (const Row& row : rows)
    if (row.id == id) return row;
  PS_CHECK(false && "every group of the algorithm table has a row here");
  std::abort();
}

tl::unexpected<base::Error> failed(const DhRow& row) {
  return fail(ErrorCode::kSystem, "OpenSSL failed in group " + std::string(row.name));
}
tl::unexpected<base::Error> bad_value(const DhRow& row, std::string_view why) {
  return fail(ErrorCode::kMalformed,
              "public value of " + std::string(row.name) + " " + std::string(why));
}

// ---- X25519 and X448, RFC 8031 ----

const MontgomeryGroup& montgomery_group(CryptoContext::Impl& impl, const DhRow& row) {
  MontgomeryGroup& group = impl.montgomery_groups[static_cast<std::uint16_t>(row.id)];
  if (!group.generate) {
    const std::string name(row.openssl_name);
    for (PkeyCtxPtr* ctx : {&group.generate, &group.import})
      ctx->reset(EVP_PKEY_CTX_new_from_name(impl.library.get(), name.c_str(), nullptr));
    PS_CHECK(group.generate && EVP_PKEY_keygen_init(group.generate.get()) == 1 && group.import &&
             EVP_PKEY_fromdata_init(group.import.get()) == 1);
  }
  return group;
}

/// A key out of its octets. With the public half beside the private one OpenSSL need not compute
/// it, which costs half as much as the exchange.
PkeyPtr montgomery_key(const MontgomeryGroup& group, Bytes private_value, Bytes public_value) {
  const auto octets = [](const char* name, Bytes value) {
    // OpenSSL only reads it.
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(value.data()),
                                             value.size());
  };
  std::array<OSSL_PARAM, 3> params;
  std::size_t count = 0;
  if (!public_value.empty()) params.at(count++) = octets(OSSL_PKEY_PARAM_PUB_KEY, public_value);
  if (!private_value.empty()) params.at(count++) = octets(OSSL_PKEY_PARAM_PRIV_KEY, private_value);
  params.at(count) = OSSL_PARAM_construct_end();
  EVP_PKEY* key = nullptr;
  const int what = private_value.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (EVP_PKEY_fromdata(group.import.get(), &key, what, params.data()) != 1) return nullptr;
  return PkeyPtr(key);
}

Result<DhKeyPair> montgomery_generate(CryptoContext::Impl& impl, const DhRow& row) {
  DhKeyPair pair{row.id, SecretBytes(row.secret_octets), ByteVector(row.public_octets)};
  EVP_PKEY* made = nullptr;
  const bool generated = EVP_PKEY_keygen(montgomery_group(impl, row).generate.get(), &made) == 1;
  const PkeyPtr key(made);
  std::size_t private_octets = pair.private_value.size();
  std::size_t public_octets = pair.public_value.size();
  if (!generated ||
      EVP_PKEY_get_raw_private_key(key.get(), base::u8(pair.private_value.mutable_bytes().data()),
                                   &private_octets) != 1 ||
      EVP_PKEY_get_raw_public_key(key.get(), base::u8(pair.public_value.data()), &public_octets) !=
          1)
    return failed(row);
  return pair;
}

Result<SecretBytes> montgomery_secret(CryptoContext::Impl& impl, const DhRow& row,
                                      const DhKeyPair& own, Bytes peer_public) {
  const MontgomeryGroup& group = montgomery_group(impl, row);
  const PkeyPtr mine = montgomery_key(group, own.private_value.bytes(), own.public_value);
  const PkeyPtr peers = montgomery_key(group, {}, peer_public);
  if (!mine || !peers) return failed(row);
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(impl.library.get(), mine.get(), nullptr));
  if (!ctx || EVP_PKEY_derive_init(ctx.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(ctx.get(), peers.get(), 0) != 1)
    return failed(row);
  SecretBytes secret(row.secret_octets);
  std::size_t octets = secret.size();
  // RFC 8031 §2: an all-zero result (a point of small order) ends the exchange; OpenSSL refuses
  // it here (RFC 7748 §6.1), and it is checked again because the RFC asks it of us.
  const bool derived =
      EVP_PKEY_derive(ctx.get(), base::u8(secret.mutable_bytes().data()), &octets) == 1;
  const ByteVector zeros(secret.size());
  if (!derived || base::equal_constant_time(secret.bytes(), zeros))
    return bad_value(row, "is of small order (RFC 8031 §2)");
  return secret;
}

// ---- ECP, RFC 5903 ----

const EC_GROUP* curve(CryptoContext::Impl& impl, DhGroupId id) {
  const int nid = row_of(kEcpCurves, id).nid;
  GroupPtr& group = impl.curves[nid];
  if (!group) group.reset(EC_GROUP_new_by_curve_name_ex(impl.library.get(), nullptr, nid));
  PS_CHECK(group != nullptr);
  return group.get();
}

Result<DhKeyPair> ecp_generate(CryptoContext::Impl& impl, const DhRow& row) {
  const EC_GROUP* group = curve(impl, row.id);
  const BnCtxPtr scratch(BN_CTX_secure_new_ex(impl.library.get()));
  const BnPtr scalar(BN_secure_new());
  const PointPtr point(EC_POINT_new(group));
  const BnPtr x(BN_new());
  const BnPtr y(BN_new());
  if (!scratch || !scalar || !point || !x || !y) return failed(row);
  // 1 … n-1: n is prime and zero is drawn again.
  do {
    if (BN_priv_rand_range_ex(scalar.get(), EC_GROUP_get0_order(group), 0, scratch.get()) != 1)
      return failed(row);
  } while (BN_is_zero(scalar.get()));
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  DhKeyPair pair{row.id, SecretBytes(row.secret_octets), ByteVector(row.public_octets)};
  const MutableBytes public_value(pair.public_value);
  const std::size_t half = row.public_octets / 2U;
  // RFC 5903 §7: x and y, each filled with zeros to the length of the prime.
  if (EC_POINT_mul(group, point.get(), scalar.get(), nullptr, nullptr, scratch.get()) != 1 ||
      EC_POINT_get_affine_coordinates(group, point.get(), x.get(), y.get(), scratch.get()) != 1 ||
      !write_padded(x.get(), public_value.first(half)) ||
      !write_padded(y.get(), public_value.subspan(half)) ||
      !write_padded(scalar.get(), pair.private_value.mutable_bytes()))
    return failed(row);
  return pair;
}

Result<SecretBytes> ecp_secret(CryptoContext::Impl& impl, const DhRow& row, const DhKeyPair& own,
                               Bytes peer_public) {
  const EC_GROUP* group = curve(impl, row.id);
  const BnCtxPtr scratch(BN_CTX_secure_new_ex(impl.library.get()));
  const PointPtr peers(EC_POINT_new(group));
  const PointPtr shared(EC_POINT_new(group));
  const BnPtr scalar = number(own.private_value.bytes());
  const BnPtr x(BN_secure_new());
  if (!scratch || !peers || !shared || !x) return failed(row);
  ByteVector uncompressed{std::byte{0x04}};
  uncompressed.insert(uncompressed.end(), peer_public.begin(), peer_public.end());
  // RFC 6989 §2.3: both coordinates below p, and the point on the curve; EC_POINT_oct2point checks
  // both. The curves have cofactor 1, so a point on one is of order n, and infinity has no x | y.
  if (EC_POINT_oct2point(group, peers.get(), base::u8(uncompressed.data()), uncompressed.size(),
                         scratch.get()) != 1)
    return bad_value(row, "is not on the curve (RFC 6989 §2.3)");
  SecretBytes secret(row.secret_octets);
  // RFC 5903 §7: the shared secret is the x coordinate alone.
  if (EC_POINT_mul(group, shared.get(), nullptr, peers.get(), scalar.get(), scratch.get()) != 1 ||
      EC_POINT_get_affine_coordinates(group, shared.get(), x.get(), nullptr, scratch.get()) != 1 ||
      !write_padded(x.get(), secret.mutable_bytes()))
    return failed(row);
  return secret;
}

// ---- MODP, RFC 2409 §6 and RFC 3526 ----

const ModpGroup& modp_group(CryptoContext::Impl& impl, const ModpParameters& parameters) {
  ModpGroup& group = impl.modp_groups[static_cast<std::uint16_t>(parameters.id)];
  if (!group.prime) group = modp_group_of(impl, BnPtr(parameters.prime(nullptr)));
  return group;
}

Result<DhKeyPair> modp_generate(CryptoContext::Impl& impl, const DhRow& row) {
  const ModpParameters& parameters = row_of(kModpGroups, row.id);
  const BnPtr two(BN_new());
  if (!two || BN_set_word(two.get(), 2) != 1) return failed(row);
  PS_ASSIGN(DhKeyPair pair, modp_key_pair(impl, modp_group(impl, parameters), two.get(),
                                          parameters.exponent_octets));
  pair.group = row.id;
  return pair;
}

Result<SecretBytes> modp_secret(CryptoContext::Impl& impl, const DhRow& row, const DhKeyPair& own,
                                Bytes peer_public) {
  return modp_shared_secret(impl, modp_group(impl, row_of(kModpGroups, row.id)),
                            own.private_value.bytes(), peer_public);
}

struct Kind {
  DhKind kind;
  Result<DhKeyPair> (*generate)(CryptoContext::Impl&, const DhRow&);
  Result<SecretBytes> (*secret)(CryptoContext::Impl&, const DhRow&, const DhKeyPair&, Bytes);
};
constexpr Kind kKinds[] = {{DhKind::kModp, modp_generate, modp_secret},
                           {DhKind::kEcp, ecp_generate, ecp_secret},
                           {DhKind::kMontgomery, montgomery_generate, montgomery_secret}};

const Kind& kind_of(const DhRow& row) {
  for (const Kind& kind : kKinds)
    if (kind.kind == row.kind) return kind;
  PS_CHECK(false && "every kind of group has a row");
  std::abort();
}

Result<const DhRow*> group_row(DhGroupId id) {
  const DhRow* row = find_dh(id);
  if (row == nullptr)
    return fail(ErrorCode::kUnsupported,
                "Diffie-Hellman group " + std::to_string(static_cast<unsigned>(id)));
  return row;
}

}  // namespace

Result<DhKeyPair> dh_generate(const CryptoContext& context, DhGroupId group) {
  PS_ASSIGN(const DhRow* row, group_row(group));
  return kind_of(*row).generate(context.impl(), *row);
}

Result<SecretBytes> dh_shared_secret(const CryptoContext& context, const DhKeyPair& own,
                                     Bytes peer_public) {
  PS_ASSIGN(const DhRow* row, group_row(own.group));
  // RFC 7296 §3.4: the length of the data is that of the prime; RFC 5903 §7, RFC 8031 §3.1.
  if (peer_public.size() != row->public_octets)
    return bad_value(*row, "has " + std::to_string(peer_public.size()) + " octets instead of " +
                               std::to_string(row->public_octets));
  return kind_of(*row).secret(context.impl(), *row, own, peer_public);
}

}  // namespace penstock::crypto
