// SPDX-License-Identifier: BSD-3-Clause
// Signing and verifying over OpenSSL's EVP. Jobs of the pool come here: nothing on the loop's
// thread signs or verifies.
#include "lib/crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/crypto/signature_keys.h"

namespace penstock::crypto {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

using enum SignatureScheme;
using Family = SignatureFamily;
using Hash = SignatureHash;

// RFC 7427 appendix A; RFC 8420 appendix A; PSS with SHA2-384 and -512 after A.4.3's model.
constexpr std::array kSignatureTable{
    SignatureRow{kRsaPkcs1Sha1, "RSA-PKCS1-SHA1", Family::kRsaPkcs1, Hash::kSha1, "SHA1",
                 "300d06092a864886f70d0101050500"},
    SignatureRow{kRsaPkcs1Sha256, "RSA-PKCS1-SHA2-256", Family::kRsaPkcs1, Hash::kSha256, "SHA256",
                 "300d06092a864886f70d01010b0500"},
    SignatureRow{kRsaPkcs1Sha384, "RSA-PKCS1-SHA2-384", Family::kRsaPkcs1, Hash::kSha384, "SHA384",
                 "300d06092a864886f70d01010c0500"},
    SignatureRow{kRsaPkcs1Sha512, "RSA-PKCS1-SHA2-512", Family::kRsaPkcs1, Hash::kSha512, "SHA512",
                 "300d06092a864886f70d01010d0500"},
    SignatureRow{
        kRsaPssSha256, "RSA-PSS-SHA2-256", Family::kRsaPss, Hash::kSha256, "SHA256",
        "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a8648"
        "86f70d010108300d06096086480165030402010500a203020120a303020101"},
    SignatureRow{
        kRsaPssSha384, "RSA-PSS-SHA2-384", Family::kRsaPss, Hash::kSha384, "SHA384",
        "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11c301a06092a8648"
        "86f70d010108300d06096086480165030402020500a203020130a303020101"},
    SignatureRow{
        kRsaPssSha512, "RSA-PSS-SHA2-512", Family::kRsaPss, Hash::kSha512, "SHA512",
        "304606092a864886f70d01010a3039a00f300d06096086480165030402030500a11c301a06092a8648"
        "86f70d010108300d06096086480165030402030500a203020140a303020101"},
    SignatureRow{kEcdsaSha256, "ECDSA-SHA2-256", Family::kEcdsa, Hash::kSha256, "SHA256",
                 "300a06082a8648ce3d040302"},
    SignatureRow{kEcdsaSha384, "ECDSA-SHA2-384", Family::kEcdsa, Hash::kSha384, "SHA384",
                 "300a06082a8648ce3d040303"},
    SignatureRow{kEcdsaSha512, "ECDSA-SHA2-512", Family::kEcdsa, Hash::kSha512, "SHA512",
                 "300a06082a8648ce3d040304"},
    SignatureRow{kEd25519, "Ed25519", Family::kEd25519, Hash::kIdentity, nullptr, "300506032b6570"},
    SignatureRow{kEd448, "Ed448", Family::kEd448, Hash::kIdentity, nullptr, "300506032b6571"},
};
static_assert([] {
  for (std::size_t i = 0; i < kSignatureTable.size(); ++i)
    if (static_cast<std::size_t>(kSignatureTable.at(i).scheme) != i) return false;
  return true;
}());

struct KeyRow {
  KeyKind kind;
  std::string_view name;
  const char* group;   ///< OpenSSL's name of the curve
  std::size_t octets;  ///< of r and of s
};
constexpr std::array kKeyTable{
    KeyRow{KeyKind::kRsa, "RSA", nullptr, 0},
    KeyRow{KeyKind::kEcdsaP256, "ECDSA P-256", "prime256v1", 32},
    KeyRow{KeyKind::kEcdsaP384, "ECDSA P-384", "secp384r1", 48},
    KeyRow{KeyKind::kEcdsaP521, "ECDSA P-521", "secp521r1", 66},
    KeyRow{KeyKind::kEd25519, "Ed25519", nullptr, 0},
    KeyRow{KeyKind::kEd448, "Ed448", nullptr, 0},
    KeyRow{KeyKind::kDsa, "DSA", nullptr, 0},
};
const KeyRow& row_of(KeyKind kind) { return kKeyTable.at(static_cast<std::size_t>(kind)); }

using AlgorPtr = std::unique_ptr<X509_ALGOR, OpensslFree<X509_ALGOR_free>>;
using PssPtr = std::unique_ptr<RSA_PSS_PARAMS, OpensslFree<RSA_PSS_PARAMS_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;

int nid_of(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return OBJ_obj2nid(object);
}

const SignatureRow* find(Family family, int digest) {
  for (const SignatureRow& row : kSignatureTable)
    if (row.family == family && row.digest != nullptr && OBJ_sn2nid(row.digest) == digest)
      return &row;
  return nullptr;
}

/// RFC 8017 A.2.3: absent fields mean SHA-1, which is not for PSS here.
Result<SignatureScheme> read_pss(const X509_ALGOR* algorithm) {
  const auto unsupported = [](const char* what) {
    return fail(ErrorCode::kUnsupported, std::string("RSASSA-PSS: ") + what);
  };
  const PssPtr pss(static_cast<RSA_PSS_PARAMS*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter)));
  if (!pss) return fail(ErrorCode::kMalformed, "RSASSA-PSS without readable parameters");
  if (pss->hashAlgorithm == nullptr) return unsupported("SHA-1");
  const int digest = nid_of(pss->hashAlgorithm);
  const SignatureRow* row = find(Family::kRsaPss, digest);
  if (row == nullptr) return unsupported("an unknown hash algorithm");
  if (pss->maskGenAlgorithm == nullptr || nid_of(pss->maskGenAlgorithm) != NID_mgf1)
    return unsupported("another mask than MGF1 with its hash");
  const AlgorPtr mask(static_cast<X509_ALGOR*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), pss->maskGenAlgorithm->parameter)));
  if (!mask || nid_of(mask.get()) != digest)
    return unsupported("another mask than MGF1 with its hash");
  const long salt = pss->saltLength == nullptr ? 20 : ASN1_INTEGER_get(pss->saltLength);
  if (salt != EVP_MD_get_size(EVP_get_digestbynid(digest)))
    return unsupported("a salt that is not as long as the hash");
  if (pss->trailerField != nullptr && ASN1_INTEGER_get(pss->trailerField) != 1)
    return unsupported("an unknown trailer");
  return row->scheme;
}

bool set_padding(EVP_PKEY_CTX* ctx, Family family) {
  if (family == Family::kRsaPkcs1) return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
  if (family != Family::kRsaPss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

base::Error cannot(KeyKind key, const SignatureRow& row) {
  return {ErrorCode::kUnsupported,
          "a key of " + std::string(name_of(key)) + " makes no " + std::string(row.name)};
}

Result<KeyKind> kind_of_rsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < kMinRsaBits || bits > kMaxRsaBits)
    return fail(ErrorCode::kUnsupported, "an RSA key of " + std::to_string(bits) + " bits");
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1)
    return fail(ErrorCode::kMalformed, "an RSA key without exponent");
  const BnPtr exponent(raw);
  if (BN_num_bits(exponent.get()) > kMaxRsaExponentBits)
    return fail(ErrorCode::kUnsupported, "an RSA key with a long exponent");
  return KeyKind::kRsa;
}

Result<KeyKind> kind_of_ec(EVP_PKEY* key) {
  char text[64] = {};
  // A curve by its parameters would be the peer's own (RFC 5480 §2.1.1: namedCurve alone).
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, text, sizeof(text),
                                     nullptr) != 1 ||
      std::string_view(text) != OSSL_PKEY_EC_ENCODING_GROUP)
    return fail(ErrorCode::kUnsupported, "an ECDSA key on a curve without a name");
  std::size_t octets = 0;
  if (EVP_PKEY_get_group_name(key, text, sizeof(text), &octets) == 1)
    for (const KeyRow& row : kKeyTable)
      if (row.group != nullptr && std::string_view(text) == row.group) return row.kind;
  return fail(ErrorCode::kUnsupported, "an ECDSA key on the curve " + std::string(text));
}

Result<KeyKind> kind_of_dsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < kMinDsaBits || bits > kMaxDsaBits)
    return fail(ErrorCode::kUnsupported, "a DSA key of " + std::to_string(bits) + " bits");
  return KeyKind::kDsa;
}

}  // namespace

std::string_view name_of(KeyKind kind) { return row_of(kind).name; }
std::span<const SignatureRow> signature_table() { return kSignatureTable; }
const SignatureRow& row_of(SignatureScheme scheme) {
  return kSignatureTable.at(static_cast<std::size_t>(scheme));
}

bool can_make(KeyKind key, SignatureFamily family) {
  switch (key) {
    case KeyKind::kRsa:
      return family == Family::kRsaPkcs1 || family == Family::kRsaPss;
    case KeyKind::kEcdsaP256:
    case KeyKind::kEcdsaP384:
    case KeyKind::kEcdsaP521:
      return family == Family::kEcdsa;
    case KeyKind::kEd25519:
      return family == Family::kEd25519;
    case KeyKind::kEd448:
      return family == Family::kEd448;
    case KeyKind::kDsa:
      return false;
  }
  return false;
}

ByteVector algorithm_identifier(SignatureScheme scheme) {
  auto der = base::from_hex(row_of(scheme).prefix);
  PS_CHECK(der.has_value());
  return *std::move(der);
}

Result<SignatureScheme> read_algorithm_identifier(Bytes der) {
  const unsigned char* at = base::u8(der.data());
  const AlgorPtr algorithm(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())));
  if (!algorithm || at != base::u8(der.data()) + der.size())
    return fail(ErrorCode::kMalformed, "not an AlgorithmIdentifier");
  const int nid = nid_of(algorithm.get());
  if (nid == NID_rsassaPss) return read_pss(algorithm.get());
  if (nid == NID_ED25519) return kEd25519;
  if (nid == NID_ED448) return kEd448;
  int digest = NID_undef;
  int key = NID_undef;
  const bool known = OBJ_find_sigid_algs(nid, &digest, &key) == 1;
  const SignatureRow* row = nullptr;
  if (known && key == NID_rsaEncryption) row = find(Family::kRsaPkcs1, digest);
  if (known && key == NID_X9_62_id_ecPublicKey) row = find(Family::kEcdsa, digest);
  if (row == nullptr) return fail(ErrorCode::kUnsupported, "an unknown signature algorithm");
  return row->scheme;
}

Result<KeyKind> kind_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) return kind_of_rsa(key);
  if (EVP_PKEY_is_a(key, "EC") == 1) return kind_of_ec(key);
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyKind::kEd25519;
  if (EVP_PKEY_is_a(key, "ED448") == 1) return KeyKind::kEd448;
  if (EVP_PKEY_is_a(key, "DSA") == 1) return kind_of_dsa(key);
  return fail(ErrorCode::kUnsupported, "a key of another kind than RSA, ECDSA, EdDSA and DSA");
}

Result<KeyId> id_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int octets = i2d_PUBKEY(key, &der);
  if (octets <= 0) return fail(ErrorCode::kMalformed, "a key without its public half");
  const std::unique_ptr<unsigned char, decltype([](unsigned char* p) { OPENSSL_free(p); })> owned(
      der);
  KeyId id{};
  PS_CHECK(EVP_Digest(der, static_cast<std::size_t>(octets), base::u8(id.data()), nullptr,
                      EVP_sha256(), nullptr) == 1);
  return id;
}

// ---- signing ----

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;
KeyKind SigningKey::kind() const { return impl_->kind; }
const KeyId& SigningKey::id() const { return impl_->id; }
EVP_PKEY* openssl_key(const SigningKey& key) { return key.impl_->key.get(); }

Result<SigningKey> SigningKey::from_pkcs8(const CryptoContext& context, Bytes pkcs8) {
  const unsigned char* at = base::u8(pkcs8.data());
  PkeyPtr key(d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(pkcs8.size()),
                                    context.impl().library.get(), nullptr));
  if (!key) return fail(ErrorCode::kMalformed, "not a private key");
  PS_ASSIGN(const KeyKind kind, kind_of(key.get()));
  PS_ASSIGN(const KeyId id, id_of(key.get()));
  return SigningKey(std::make_unique<Impl>(Impl{std::move(key), kind, id}));
}

Result<ByteVector> SigningKey::sign(const CryptoContext& context, SignatureScheme scheme,
                                    Bytes octets) const {
  const SignatureRow& row = row_of(scheme);
  if (!can_make(impl_->kind, row.family)) return tl::unexpected(cannot(impl_->kind, row));
  const DigestCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_ctx = nullptr;
  std::size_t size = 0;
  const bool ready =
      ctx && EVP_DigestSignInit_ex(ctx.get(), &key_ctx, row.digest, context.impl().library.get(),
                                   nullptr, impl_->key.get(), nullptr) == 1;
  if (!ready || !set_padding(key_ctx, row.family) ||
      EVP_DigestSign(ctx.get(), nullptr, &size, base::u8(octets.data()), octets.size()) != 1)
    return fail(ErrorCode::kSystem, "the signature could not be made");
  ByteVector signature(size);
  if (EVP_DigestSign(ctx.get(), base::u8(signature.data()), &size, base::u8(octets.data()),
                     octets.size()) != 1)
    return fail(ErrorCode::kSystem, "the signature could not be made");
  signature.resize(size);
  return signature;
}

// ---- verifying ----

VerifyingKey::VerifyingKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VerifyingKey::VerifyingKey(VerifyingKey&&) noexcept = default;
VerifyingKey& VerifyingKey::operator=(VerifyingKey&&) noexcept = default;
VerifyingKey::~VerifyingKey() = default;
KeyKind VerifyingKey::kind() const { return impl_->kind; }
EVP_PKEY* openssl_key(const VerifyingKey& key) { return key.impl_->key.get(); }

Result<VerifyingKey> VerifyingKey::from_spki(const CryptoContext& context, Bytes spki) {
  const unsigned char* at = base::u8(spki.data());
  const PkeyPtr key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()),
                                  context.impl().library.get(), nullptr));
  if (!key || at != base::u8(spki.data()) + spki.size())
    return fail(ErrorCode::kMalformed, "not a public key");
  return of(key.get());
}

Result<VerifyingKey> VerifyingKey::of(EVP_PKEY* key) {
  PS_ASSIGN(const KeyKind kind, kind_of(key));
  PS_CHECK(EVP_PKEY_up_ref(key) == 1);
  return VerifyingKey(std::make_unique<Impl>(Impl{PkeyPtr(key), kind}));
}

Result<void> VerifyingKey::verify(const CryptoContext& context, SignatureScheme scheme,
                                  Bytes octets, Bytes signature) const {
  const SignatureRow& row = row_of(scheme);
  if (!can_make(impl_->kind, row.family)) return tl::unexpected(cannot(impl_->kind, row));
  const DigestCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_ctx = nullptr;
  const bool ready =
      ctx && EVP_DigestVerifyInit_ex(ctx.get(), &key_ctx, row.digest, context.impl().library.get(),
                                     nullptr, impl_->key.get(), nullptr) == 1;
  if (!ready || !set_padding(key_ctx, row.family))
    return fail(ErrorCode::kSystem, "the signature could not be looked at");
  if (EVP_DigestVerify(ctx.get(), base::u8(signature.data()), signature.size(),
                       base::u8(octets.data()), octets.size()) != 1)
    return fail(ErrorCode::kAuthentication, "the signature is wrong");
  return {};
}

// ---- two forms of DSA and ECDSA ----

std::size_t scalar_octets(EVP_PKEY* key, KeyKind kind) {
  if (kind != KeyKind::kDsa) return row_of(kind).octets;
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_Q, &raw) != 1) return 0;
  const BnPtr order(raw);
  return static_cast<std::size_t>(BN_num_bytes(order.get()));
}

Result<ByteVector> raw_of_der(std::size_t octets, Bytes der) {
  const unsigned char* at = base::u8(der.data());
  // A DSA signature is the same SEQUENCE of two INTEGERs.
  const EcdsaSigPtr sig(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  ByteVector raw(2 * octets);
  if (!sig || octets == 0 || at != base::u8(der.data()) + der.size() ||
      BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), base::u8(raw.data()), static_cast<int>(octets)) <
          0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), base::u8(raw.data() + octets),
                   static_cast<int>(octets)) < 0)
    return fail(ErrorCode::kMalformed, "not a signature of this kind of key");
  return raw;
}

Result<ByteVector> der_of_raw(std::size_t octets, Bytes raw) {
  if (octets == 0 || raw.size() != 2 * octets)
    return fail(ErrorCode::kMalformed, "not a signature of this kind of key");
  const EcdsaSigPtr sig(ECDSA_SIG_new());
  BnPtr r(BN_bin2bn(base::u8(raw.data()), static_cast<int>(octets), nullptr));
  BnPtr s(BN_bin2bn(base::u8(raw.data() + octets), static_cast<int>(octets), nullptr));
  PS_CHECK(sig && r && s && ECDSA_SIG_set0(sig.get(), r.get(), s.get()) == 1);
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(sig.get(), nullptr);
  PS_CHECK(size > 0);
  ByteVector der(static_cast<std::size_t>(size));
  unsigned char* out = base::u8(der.data());
  PS_CHECK(i2d_ECDSA_SIG(sig.get(), &out) == size);
  return der;
}

Result<ByteVector> ecdsa_raw_of_der(KeyKind kind, Bytes der) {
  return raw_of_der(row_of(kind).octets, der);
}

Result<ByteVector> ecdsa_der_of_raw(KeyKind kind, Bytes raw) {
  return der_of_raw(row_of(kind).octets, raw);
}

}  // namespace penstock::crypto
