// SPDX-License-Identifier: BSD-3-Clause
// Signatures: public vectors, the AlgorithmIdentifiers of RFC 7427 appendix A, both forms of ECDSA.
#include "lib/crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <nlohmann/json.hpp>

#include "lib/crypto/context_impl.h"
#include "lib/crypto/prf.h"
#include "tests/lib/vectors.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::ByteVector;
using base::ErrorCode;
using test::hex;

/// A key pair made for the test: PKCS #8 and SubjectPublicKeyInfo.
struct Pair {
  ByteVector pkcs8, spki;
};
template <auto kEncode, class T>
ByteVector der_of(T* object) {
  unsigned char* out = nullptr;
  const int octets = kEncode(object, &out);
  EXPECT_GT(octets, 0);
  const auto* first = reinterpret_cast<const std::byte*>(out);
  ByteVector der{first, first + octets};
  OPENSSL_free(out);
  return der;
}
Pair pair_of(const CryptoContext& context, const std::string& kind) {
  OSSL_LIB_CTX* library = context.impl().library.get();
  EVP_PKEY* made = kind.starts_with("RSA-")
                       ? EVP_PKEY_Q_keygen(library, nullptr, "RSA", std::stoul(kind.substr(4)))
                   : kind.starts_with("ED")
                       ? EVP_PKEY_Q_keygen(library, nullptr, kind.c_str())
                       : EVP_PKEY_Q_keygen(library, nullptr, "EC", kind.c_str());
  const PkeyPtr key(made);
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key.get());
  Pair pair{der_of<i2d_PKCS8_PRIV_KEY_INFO>(info), der_of<i2d_PUBKEY>(key.get())};
  PKCS8_PRIV_KEY_INFO_free(info);
  return pair;
}

void run_vectors(const std::string& text, SignatureScheme scheme, const char* key_field) {
  const CryptoContext context;
  std::size_t run = 0;
  const nlohmann::json vectors = nlohmann::json::parse(text);
  for (const auto& group : vectors.at("testGroups")) {
    const auto key = VerifyingKey::from_spki(context, hex(group.at(key_field).get<std::string>()));
    ASSERT_TRUE(key.has_value()) << key.error().text;
    for (const auto& one : group.at("tests")) {
      const auto verdict = key->verify(context, scheme, hex(one.at("msg").get<std::string>()),
                                       hex(one.at("sig").get<std::string>()));
      EXPECT_EQ(verdict.has_value(), one.at("result") == "valid") << one.dump();
      ++run;
    }
  }
  EXPECT_GT(run, 50U);
}

TEST(Signature, VerifiesTheEcdsaVectors) {
  PS_VECTORS_OR_SKIP(text, "wycheproof/ecdsa_secp256r1_sha256_test.json.gz");
  run_vectors(text, SignatureScheme::kEcdsaSha256, "publicKeyDer");
}
TEST(Signature, VerifiesTheRsaPssVectors) {
  PS_VECTORS_OR_SKIP(text, "wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json.gz");
  run_vectors(text, SignatureScheme::kRsaPssSha256, "publicKeyDer");
}
TEST(Signature, VerifiesTheEd25519Vectors) {
  PS_VECTORS_OR_SKIP(text, "wycheproof/ed25519_test.json.gz");
  run_vectors(text, SignatureScheme::kEd25519, "publicKeyDer");
}

TEST(Signature, OfEachSchemeIsVerifiedByOpenssl) {
  const CryptoContext context;
  const ByteVector octets = hex("00112233");
  for (const char* kind : {"RSA-2048", "P-256", "P-384", "P-521", "ED25519", "ED448"}) {
    const Pair pair = pair_of(context, kind);
    const auto signer = SigningKey::from_pkcs8(context, pair.pkcs8);
    const auto verifier = VerifyingKey::from_spki(context, pair.spki);
    ASSERT_TRUE(signer && verifier) << kind;
    EXPECT_EQ(base::to_vector(signer->id()), hash(context, "SHA256", {pair.spki}));
    std::size_t made = 0;
    for (const SignatureRow& row : signature_table()) {
      auto signature = signer->sign(context, row.scheme, octets);
      ASSERT_EQ(signature.has_value(), can_make(signer->kind(), row.family)) << kind << row.name;
      if (!signature) continue;
      ++made;
      EXPECT_TRUE(verifier->verify(context, row.scheme, octets, *signature)) << row.name;
      signature->back() ^= std::byte{1};
      EXPECT_EQ(verifier->verify(context, row.scheme, octets, *signature).error().code,
                ErrorCode::kAuthentication)
          << row.name;
    }
    EXPECT_GE(made, 1U) << kind;
  }
}

TEST(Signature, OfASeededContextRepeats) {
  const auto once = [] {
    const CryptoContext context(42);
    const Pair pair = pair_of(context, "P-256");
    return *SigningKey::from_pkcs8(context, pair.pkcs8)
                ->sign(context, SignatureScheme::kEcdsaSha256, hex("01"));
  };
  EXPECT_EQ(once(), once());
}

TEST(Signature, RefusesKeysThatAreWeakOrWithoutAName) {
  const CryptoContext context;
  const auto refused = [&](const Pair& pair) {
    return VerifyingKey::from_spki(context, pair.spki).error().code;
  };
  EXPECT_EQ(refused(pair_of(context, "RSA-1024")), ErrorCode::kUnsupported);
  EXPECT_EQ(refused(pair_of(context, "secp256k1")), ErrorCode::kUnsupported);
  EXPECT_EQ(refused({{}, hex("3000")}), ErrorCode::kMalformed);
}

TEST(AlgorithmIdentifier, IsReadBackForEachScheme) {
  for (const SignatureRow& row : signature_table()) {
    const auto back = read_algorithm_identifier(algorithm_identifier(row.scheme));
    ASSERT_TRUE(back.has_value()) << row.name << ": " << back.error().text;
    EXPECT_EQ(*back, row.scheme) << row.name;
  }
}

TEST(AlgorithmIdentifier, OfOtherWritersIsRead) {
  // A.2: ecdsa with NULL parameters is not DER as the RFC has it, and is seen all the same.
  EXPECT_TRUE(read_algorithm_identifier(hex("300c06082a8648ce3d0403020500")).has_value());
  // PSS without the trailer, which has its default.
  EXPECT_EQ(*read_algorithm_identifier(
                hex("304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a"
                    "864886f70d010108300d06096086480165030402010500a203020120")),
            SignatureScheme::kRsaPssSha256);
}

TEST(AlgorithmIdentifier, ThatIsWeakUnknownOrBrokenIsRefused) {
  const auto code = [](std::string_view der) {
    const auto read = read_algorithm_identifier(hex(der));
    EXPECT_FALSE(read.has_value()) << der;
    return read ? ErrorCode::kSystem : read.error().code;
  };
  // RSASSA-PSS with default parameters, empty and written out (A.4.1, A.4.2): SHA-1.
  EXPECT_EQ(code("300d06092a864886f70d01010a3000"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d"
                 "010108300906052b0e03021a0500a203020114a303020101"),
            ErrorCode::kUnsupported);
  // SHA2-256 with a mask of SHA-1; with a salt of 20 octets.
  EXPECT_EQ(code("304206092a864886f70d01010a3035a00f300d06096086480165030402010500a118301606092a86"
                 "4886f70d010108300906052b0e03021a0500a203020120a303020101"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(code("304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a86"
                 "4886f70d010108300d06096086480165030402010500a203020114a303020101"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(code("300906072a8648ce380403"), ErrorCode::kUnsupported);  // dsa-with-sha1
  EXPECT_EQ(code("300906072a8648ce3d0401"), ErrorCode::kUnsupported);  // ecdsa-with-SHA1
  EXPECT_EQ(code("300d06092a864886f70d01010b050000"), ErrorCode::kMalformed);
  EXPECT_EQ(code("300d06092a864886f70d01010b05"), ErrorCode::kMalformed);
}

TEST(Ecdsa, RawAndDerAreTheSameSignature) {
  // RFC 4754 §8.1: r and s, 32 octets each.
  const ByteVector raw =
      hex("cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c"
          "86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315");
  const auto der = ecdsa_der_of_raw(KeyKind::kEcdsaP256, raw);
  ASSERT_TRUE(der.has_value());
  EXPECT_EQ(base::to_hex(*der),
            "3046022100cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c"
            "02210086fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315");
  EXPECT_EQ(*ecdsa_raw_of_der(KeyKind::kEcdsaP256, *der), raw);
}

TEST(Ecdsa, TheRfcsSignatureVerifies) {
  // RFC 4754 §8.1: the key is g^w, the message "abc".
  const CryptoContext context;
  const auto key = VerifyingKey::from_spki(
      context, hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                   "2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e970"
                   "6fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d"));
  ASSERT_TRUE(key.has_value()) << key.error().text;
  const auto der = ecdsa_der_of_raw(
      KeyKind::kEcdsaP256, hex("cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c"
                               "86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315"));
  EXPECT_TRUE(key->verify(context, SignatureScheme::kEcdsaSha256, hex("616263"), *der));
}

TEST(Ecdsa, OfAnotherLengthIsRefused) {
  EXPECT_FALSE(ecdsa_der_of_raw(KeyKind::kEcdsaP256, ByteVector(63)).has_value());
  EXPECT_FALSE(ecdsa_der_of_raw(KeyKind::kEcdsaP521, ByteVector(64)).has_value());
  EXPECT_FALSE(ecdsa_der_of_raw(KeyKind::kRsa, {}).has_value());
  EXPECT_FALSE(ecdsa_raw_of_der(KeyKind::kEcdsaP256, hex("3000")).has_value());
  EXPECT_FALSE(ecdsa_raw_of_der(KeyKind::kEcdsaP256, hex("30260221"
                                                         "01" +
                                                         std::string(64, 'f') + "020101"))
                   .has_value());
}

}  // namespace
}  // namespace penstock::crypto
