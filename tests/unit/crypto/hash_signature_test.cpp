// SPDX-License-Identifier: BSD-3-Clause
// IKEv1's signatures of a bare HASH, and RSA encryption whose decryption keeps its secret: against
// OpenSSL, bare RSA and RFC 4754's example.
#include <gtest/gtest.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <set>

#include "lib/crypto/prf.h"
#include "lib/crypto/rsa_encryption.h"
#include "lib/crypto/signature_keys.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::SecretBytes;
using test::hex;

/// Made by `openssl dsaparam 2048` and `openssl gendsa`: a q of 224 bits.
constexpr std::string_view kDsaKey =
    "308203443082023606072a8648ce380401308202290282010100dee5adf573b6faecee22fdf94c32aa6446a5"
    "e933af44b5cf89ef3909adf9689d303db809d7886e71a77b68a67980707f01821514476c6bc511e00ee4e0ab"
    "568ad2d3e6f35a8cdd7362ff5e52dda10a024be4590a388a8cfa35d176de1251a2c0d302271ee86da0092e9d"
    "324ae3ec5f7713a1568e536554ae6e8610d2ed7738b1fbb8321f08c1e99bdc59af4d4e23cd5023d12c2adf9d"
    "63b7d51c099fd37deffad918f931d2d87de7d76e0684b3d146ca3afc3bb902feff7b971fcb2dabdb858efb83"
    "7ca9ce65bfe3441d03f170567595642d1aee8c55e6466dd5079a827d4b60c5b7b170d18f0fe61003dea322fe"
    "72484ff6c69a16192f0b7f85687c3b68d757021d00aae8d26bef70d12f8abd49c540e105740734296126b5a6"
    "951f870ad90282010100942744116f2da485d160c055459b056a2d3337fcdc13c205d7af0ba22d239f793055"
    "665e22083065dcfc133a54644ce02d034f8b9963082a903f8e50294053e2b5d16a27b1547a604dcd36c3f441"
    "e05942cc07a86ae033126f8450e0a2c54e51dceb0cd633fd3deee448ebee2bea54a5a4834ae15567931c7e44"
    "6c0f228c6904515d1c737932974f321ec2e199f2f47f8a71ce906275616acbba3a22935542a8b34597bc4d36"
    "a5f5ed4f187e558c564505ea50461d349f17cd5805a8281792a231ce6f0daf8874614f2f1c4562cb12c68193"
    "e0537fb3a5000b3a15976cc9b9a4e4a4531c8c88dfc6ecbcbcf6b90dc773b523623456ef216d9e962ce29240"
    "e9b3038201060002820101009f6f52b06c676b20dda013aa9c4945f2a24f19b9652f1954939f6a94e86dc746"
    "bf76d0b42e240c0f7f9fde6fee7a7029e4dd74be59a313d8b6028fd09604f3a7f1a343a09b855a716f34a799"
    "cdd9181e632cefb88eac9a3c8bf6eeea969ff3f4c3821e41bb042cc8730555024fcfa754fdf6e90eb955262d"
    "3eda21aca6831abfc731f037d0185846aa4ffd2e58ea50468e76419eeb955286d3f730bc73e1f324da1d6b4c"
    "af53cd39364430be4466b98aaf8de7593eb00c8197f90e712c934e0c2c1ebbb3ff5e05afa9123d3f72be9ac2"
    "455f2eaa392874d60951daf9d75af7cee72b0cc21e7e67c6ced67de8ddd918e70abbc7ab8b40f0844f2d6133"
    "40f501f7";

template <auto kEncode, class T>
ByteVector der_of(T* object) {
  ByteVector der(static_cast<std::size_t>(kEncode(object, nullptr)));
  unsigned char* out = base::u8(der.data());
  EXPECT_EQ(kEncode(object, &out), static_cast<int>(der.size()));
  return der;
}

struct Keys {
  SigningKey own;
  VerifyingKey peer;
};

class HashSignature : public testing::Test {
 protected:
  static Keys keys_of(const CryptoContext& context, EVP_PKEY* made) {
    const PkeyPtr key(made);
    PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key.get());
    const ByteVector pkcs8 = der_of<i2d_PKCS8_PRIV_KEY_INFO>(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return {SigningKey::from_pkcs8(context, pkcs8).value(),
            VerifyingKey::from_spki(context, der_of<i2d_PUBKEY>(key.get())).value()};
  }
  Keys rsa(unsigned bits = 2048) {
    return keys_of(context, EVP_PKEY_Q_keygen(context.impl().library.get(), nullptr, "RSA",
                                              std::size_t{bits}));
  }
  Keys ec(const char* curve) {
    return keys_of(context, EVP_PKEY_Q_keygen(context.impl().library.get(), nullptr, "EC", curve));
  }
  /// A key of kDsaKey's parameters.
  Keys dsa() {
    const auto parameters = VerifyingKey::from_spki(context, hex(kDsaKey)).value();
    const PkeyCtxPtr ctx(
        EVP_PKEY_CTX_new_from_pkey(context.impl().library.get(), openssl_key(parameters), nullptr));
    EVP_PKEY* key = nullptr;
    EXPECT_EQ(EVP_PKEY_keygen_init(ctx.get()), 1);
    EXPECT_EQ(EVP_PKEY_generate(ctx.get(), &key), 1);
    return keys_of(context, key);
  }
  /// octets ^ e mod n, or ^ d: RSA without any padding.
  ByteVector bare(EVP_PKEY* key, Bytes octets, bool encrypt) {
    const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(context.impl().library.get(), key, nullptr));
    ByteVector out(octets.size());
    std::size_t size = out.size();
    EXPECT_EQ(encrypt ? EVP_PKEY_encrypt_init(ctx.get()) : EVP_PKEY_decrypt_init(ctx.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_NO_PADDING), 1);
    EXPECT_EQ((encrypt ? EVP_PKEY_encrypt : EVP_PKEY_decrypt)(
                  ctx.get(), base::u8(out.data()), &size, base::u8(octets.data()), octets.size()),
              1);
    return out;
  }

  CryptoContext context{7};
  ByteVector hash = hex("00112233445566778899aabbccddeeff01234567");
};

TEST_F(HashSignature, OfRsaIsBlockTypeOneAroundTheBareHash) {
  const Keys keys = rsa();
  const auto signature = keys.own.sign_hash(context, hash);
  ASSERT_TRUE(signature.has_value()) << signature.error().text;
  const std::string block = base::to_hex(bare(openssl_key(keys.peer), *signature, true));
  std::string expected = "0001";
  for (std::size_t i = 0; i < 256 - 3 - hash.size(); ++i) expected += "ff";
  EXPECT_EQ(block, expected + "00" + base::to_hex(hash)) << "RFC 2409 §5.1: no OID";
  EXPECT_TRUE(keys.peer.verify_hash(context, hash, *signature));
}

TEST_F(HashSignature, OfRsaWithAnOidIsRefused) {
  const Keys keys = rsa();
  const auto signature = keys.own.sign(context, SignatureScheme::kRsaPkcs1Sha1, hash);
  const ByteVector digest = crypto::hash(context, "SHA1", {hash});
  EXPECT_EQ(keys.peer.verify_hash(context, digest, *signature).error().code,
            ErrorCode::kAuthentication);
}

TEST_F(HashSignature, OfEcdsaIsTheRfcsExample) {
  // RFC 4754 §8.1: r and s over SHA-256 of "abc", by the key g^w.
  const auto key = VerifyingKey::from_spki(
      context, hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                   "2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e970"
                   "6fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d"));
  ASSERT_TRUE(key.has_value());
  const ByteVector digest = crypto::hash(context, "SHA256", {hex("616263")});
  EXPECT_TRUE(
      key->verify_hash(context, digest,
                       hex("cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c"
                           "86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315")));
}

TEST_F(HashSignature, OfDsaIsOpenssls) {
  // `openssl pkeyutl -sign` over these 20 octets.
  const auto key = VerifyingKey::from_spki(context, hex(kDsaKey));
  ASSERT_TRUE(key.has_value()) << key.error().text;
  EXPECT_EQ(key->kind(), KeyKind::kDsa);
  const ByteVector twenty = hex("612048415348206f66207477656e7479206f6374");
  const ByteVector signature =
      hex("8a05f88c60721bff6e0b81649b3a7ec1c251bc0ba3a095e23e93e424"
          "2a8290e641b84ae05b6ca28025fa11e637b3f543209f79442acde093");
  EXPECT_TRUE(key->verify_hash(context, twenty, signature));
  EXPECT_FALSE(key->verify_hash(context, hash, signature));
}

TEST_F(HashSignature, OfEachKindVerifiesAndOnlyOverItsHash) {
  struct Case {
    Keys keys;
    std::size_t octets;
  };
  std::vector<Case> cases;
  cases.push_back({rsa(), 256});
  cases.push_back({ec("P-256"), 64});
  cases.push_back({ec("P-384"), 96});
  cases.push_back({ec("P-521"), 132});
  cases.push_back({dsa(), 56});
  for (const Case& c : cases) {
    const auto signature = c.keys.own.sign_hash(context, hash);
    ASSERT_TRUE(signature.has_value()) << name_of(c.keys.own.kind());
    EXPECT_EQ(signature->size(), c.octets) << name_of(c.keys.own.kind());
    EXPECT_TRUE(c.keys.peer.verify_hash(context, hash, *signature));
    ByteVector other = hash;
    other.front() ^= std::byte{1};
    EXPECT_EQ(c.keys.peer.verify_hash(context, other, *signature).error().code,
              ErrorCode::kAuthentication);
    ByteVector broken = *signature;
    broken.back() ^= std::byte{1};
    EXPECT_FALSE(c.keys.peer.verify_hash(context, hash, broken).has_value());
    broken.pop_back();
    EXPECT_FALSE(c.keys.peer.verify_hash(context, hash, broken).has_value());
    EXPECT_FALSE(c.keys.peer.verify_hash(context, hash, {}).has_value());
  }
}

TEST_F(HashSignature, IsNothingThatEdwardsCurvesMake) {
  const Keys keys =
      keys_of(context, EVP_PKEY_Q_keygen(context.impl().library.get(), nullptr, "ED25519"));
  EXPECT_EQ(keys.own.sign_hash(context, hash).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(keys.peer.verify_hash(context, hash, ByteVector(64)).error().code,
            ErrorCode::kUnsupported);
}

// ---- RSA encryption ----

constexpr PlaintextOctets kNonce{8, 200};

struct RsaEncryption : HashSignature {
  /// Encrypts a block as it stands.
  ByteVector encrypted(const Keys& keys, Bytes block) {
    return bare(openssl_key(keys.peer), block, true);
  }
  /// 00 02, padding of these octets, 00, the plaintext.
  static ByteVector block_of(std::size_t octets, Bytes plaintext) {
    ByteVector block(octets, std::byte{0x5a});
    block[0] = std::byte{0};
    block[1] = std::byte{2};
    block[octets - plaintext.size() - 1] = std::byte{0};
    std::ranges::copy(plaintext, block.end() - static_cast<std::ptrdiff_t>(plaintext.size()));
    return block;
  }
};

TEST_F(RsaEncryption, ComesBack) {
  const Keys keys = rsa();
  for (const std::size_t octets : {8U, 20U, 200U}) {
    const ByteVector plaintext(octets, std::byte{0});
    const auto ciphertext = rsa_encrypt(context, keys.peer, plaintext);
    ASSERT_TRUE(ciphertext.has_value());
    const auto back = rsa_decrypt(context, keys.own, *ciphertext, kNonce);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(base::to_hex(back->bytes()), base::to_hex(plaintext));
    const ByteVector block = bare(openssl_key(keys.own), *ciphertext, false);
    EXPECT_EQ(base::to_hex(Bytes(block).first(2)), "0002");
  }
}

TEST_F(RsaEncryption, OfTheShortestPaddingComesBack) {
  const Keys keys = rsa();
  const PlaintextOctets octets{0, 256 - kPkcs1Overhead};
  for (const std::size_t n : {std::size_t{0}, std::size_t{245}}) {
    const ByteVector plaintext(n, std::byte{7});
    const auto back =
        rsa_decrypt(context, keys.own, encrypted(keys, block_of(256, plaintext)), octets);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(base::to_hex(back->bytes()), base::to_hex(plaintext));
  }
}

TEST_F(RsaEncryption, OfBadPaddingBecomesOctetsThatAreAlwaysTheSame) {
  const Keys keys = rsa();
  const ByteVector plaintext(20, std::byte{7});
  const ByteVector good = block_of(256, plaintext);
  std::vector<ByteVector> bad;
  const auto change = [&](std::size_t at, unsigned to) {
    bad.push_back(good);
    bad.back()[at] = static_cast<std::byte>(to);
  };
  change(0, 1);
  change(1, 1);
  change(1, 0);
  for (std::size_t at = 2; at < 10; ++at) change(at, 0);
  change(256 - 21, 1);                                          // no 00 at all
  bad.push_back(block_of(256, ByteVector(7, std::byte{7})));    // shorter than a nonce
  bad.push_back(block_of(256, ByteVector(201, std::byte{7})));  // longer
  bad.emplace_back(256);
  std::set<std::string> all;
  for (const ByteVector& block : bad) {
    const ByteVector ciphertext = encrypted(keys, block);
    const auto once = rsa_decrypt(context, keys.own, ciphertext, kNonce);
    const auto again = rsa_decrypt(context, keys.own, ciphertext, kNonce);
    ASSERT_TRUE(once && again);
    EXPECT_TRUE(std::ranges::equal(once->bytes(), again->bytes()));
    EXPECT_GE(once->size(), kNonce.least);
    EXPECT_LE(once->size(), kNonce.most);
    all.insert(base::to_hex(once->bytes()));
    EXPECT_EQ(base::to_hex(block).find(base::to_hex(once->bytes())), std::string::npos);
  }
  EXPECT_EQ(all.size(), bad.size()) << "each is its own";
}

TEST_F(RsaEncryption, OfBadPaddingHasEveryLengthThatAGoodOneMayHave) {
  const Keys keys = rsa();
  std::set<std::size_t> lengths;
  for (unsigned i = 0; i < 200; ++i) {
    ByteVector ciphertext(256);
    ciphertext.back() = static_cast<std::byte>(i + 2);
    lengths.insert(rsa_decrypt(context, keys.own, ciphertext, {8, 12})->size());
  }
  EXPECT_EQ(lengths, (std::set<std::size_t>{8, 9, 10, 11, 12}));
}

TEST_F(RsaEncryption, OfBadPaddingDependsOnTheKey) {
  const ByteVector ciphertext(256, std::byte{1});
  const Keys one = rsa();
  const Keys other = rsa();
  EXPECT_NE(base::to_hex(rsa_decrypt(context, one.own, ciphertext, {20, 20})->bytes()),
            base::to_hex(rsa_decrypt(context, other.own, ciphertext, {20, 20})->bytes()));
}

TEST_F(RsaEncryption, RefusesWhatAnybodyCanSee) {
  const Keys keys = rsa();
  const auto code = [&](const ByteVector& ciphertext, const PlaintextOctets& octets) {
    return rsa_decrypt(context, keys.own, ciphertext, octets).error().code;
  };
  EXPECT_EQ(code(ByteVector(255), kNonce), ErrorCode::kMalformed);
  EXPECT_EQ(code(ByteVector(257), kNonce), ErrorCode::kMalformed);
  EXPECT_EQ(code(ByteVector(256, std::byte{0xff}), kNonce), ErrorCode::kMalformed);
  EXPECT_EQ(code(ByteVector(256), {8, 246}), ErrorCode::kUnsupported);
  EXPECT_EQ(rsa_encrypt(context, keys.peer, ByteVector(246)).error().code, ErrorCode::kLimit);
  const Keys curve = ec("P-256");
  EXPECT_EQ(rsa_encrypt(context, curve.peer, hash).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(rsa_decrypt(context, curve.own, hash, kNonce).error().code, ErrorCode::kUnsupported);
}

TEST_F(RsaEncryption, IsUnpaddedWithEveryPlaceOfTheZero) {
  const ByteVector instead(64, std::byte{0xee});
  for (std::size_t zero = 2; zero < 64; ++zero) {
    ByteVector block(64, std::byte{0x80});  // no octet looks like the marks
    block[0] = std::byte{0};
    block[1] = std::byte{2};
    block[zero] = std::byte{0};
    if (zero + 1 < 64) block[63] = std::byte{0};  // a second one counts for nothing
    const SecretBytes out = unpad_pkcs1(block, instead, 5, {0, 53});
    if (zero < 10) {
      EXPECT_EQ(base::to_hex(out.bytes()), "eeeeeeeeee") << zero;
    } else {
      EXPECT_EQ(base::to_hex(out.bytes()), base::to_hex(Bytes(block).subspan(zero + 1))) << zero;
    }
  }
}

}  // namespace
}  // namespace penstock::crypto
