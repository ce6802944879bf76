// SPDX-License-Identifier: BSD-3-Clause
// The SK payload's protection. AEADs are compared with Wycheproof by opening its ciphertexts: the
// vectors' 12 octet nonce is our salt and IV. What real peers sealed is opened in
// tests/unit/isakmp/capture_test.cpp.
#include "lib/crypto/sk_cipher.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/lib/vectors.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using test::hex;

ByteVector counting(std::size_t octets, unsigned from = 0) {
  ByteVector out(octets);
  for (std::size_t i = 0; i < octets; ++i) out[i] = static_cast<std::byte>(from + i);
  return out;
}

struct Suite {
  const EncrRow* encr;
  const IntegRow* integ;
  std::string name;
};

/// Every cipher for IKE, with every integrity algorithm where it needs one.
std::vector<Suite> all_suites() {
  std::vector<Suite> out;
  for (const EncrRow& encr : encr_table()) {
    if (!encr.for_ike) continue;
    if (encr.icv_octets != 0) {
      out.push_back({&encr, nullptr, std::string(encr.name)});
      continue;
    }
    for (const IntegRow& integ : integ_table())
      if (integ.for_ike)
        out.push_back({&encr, &integ, std::string(encr.name) + "-" + std::string(integ.name)});
  }
  return out;
}

SkCipher make(const CryptoContext& context, const Suite& suite) {
  const ByteVector key = counting(suite.encr->key_bits / 8U + suite.encr->salt_octets, 1);
  const ByteVector integ_key = counting(suite.integ != nullptr ? suite.integ->key_octets : 0U, 100);
  auto cipher = SkCipher::create(context, *suite.encr, suite.integ, key, integ_key);
  EXPECT_TRUE(cipher.has_value()) << suite.name;
  return *std::move(cipher);
}

TEST(SkCipher, OpensWhatItSealedAtEachLength) {
  const CryptoContext context;
  base::SeededRandom random(1);
  for (const Suite& suite : all_suites()) {
    SCOPED_TRACE(suite.name);
    const SkCipher cipher = make(context, suite);
    for (std::size_t octets = 0; octets <= 65; ++octets) {
      const ByteVector aad = counting(32);
      const ByteVector plain = counting(octets, 7);
      const ByteVector body = cipher.seal(aad, plain, octets, random);
      EXPECT_EQ(body.size(), octets + cipher.overhead(octets));
      const auto opened = cipher.open(aad, body);
      ASSERT_TRUE(opened.has_value()) << opened.error().text;
      EXPECT_EQ(base::to_hex(opened->bytes()), base::to_hex(plain));
    }
  }
}

TEST(SkCipher, RefusesEachChangedOctet) {
  const CryptoContext context;
  base::SeededRandom random(1);
  for (const Suite& suite : all_suites()) {
    SCOPED_TRACE(suite.name);
    const SkCipher cipher = make(context, suite);
    ByteVector aad = counting(32);
    ByteVector body = cipher.seal(aad, counting(37), 1, random);
    for (ByteVector* part : {&aad, &body}) {
      for (std::byte& octet : *part) {
        octet ^= std::byte{0x40};
        const auto opened = cipher.open(aad, body);
        ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error().code, ErrorCode::kAuthentication);
        octet ^= std::byte{0x40};
      }
    }
    EXPECT_TRUE(cipher.open(aad, body).has_value());
  }
}

TEST(SkCipher, RefusesEachShorterBody) {
  const CryptoContext context;
  base::SeededRandom random(1);
  for (const Suite& suite : all_suites()) {
    SCOPED_TRACE(suite.name);
    const SkCipher cipher = make(context, suite);
    const ByteVector aad = counting(32);
    const ByteVector body = cipher.seal(aad, counting(20), 1, random);
    for (std::size_t octets = 0; octets < body.size(); ++octets)
      EXPECT_FALSE(cipher.open(aad, Bytes(body).first(octets)).has_value());
  }
}

TEST(SkCipher, TheCounterIsTheIvOfCounterModes) {
  const CryptoContext context;
  base::SeededRandom random(1);
  const Suite gcm{find_encr(EncrId::kAesGcm16, 128), nullptr, "aes128gcm16"};
  const SkCipher cipher = make(context, gcm);
  const ByteVector body = cipher.seal({}, counting(4), 0x0102030405060708ULL, random);
  EXPECT_EQ(base::to_hex(Bytes(body).first(8)), "0102030405060708");
}

TEST(SkCipher, TheIvOfCbcIsDrawn) {
  const CryptoContext context;
  base::SeededRandom random(1);
  const Suite cbc{find_encr(EncrId::kAesCbc, 128), find_integ(IntegId::kHmacSha1_96),
                  "aes128-sha1"};
  const SkCipher cipher = make(context, cbc);
  const ByteVector first = cipher.seal({}, counting(4), 1, random);
  const ByteVector second = cipher.seal({}, counting(4), 1, random);
  EXPECT_NE(base::to_hex(Bytes(first).first(16)), base::to_hex(Bytes(second).first(16)));
}

TEST(SkCipher, RefusesKeysOfAnotherLengthAndSuitesThatDoNotGoTogether) {
  const CryptoContext context;
  const EncrRow& gcm = *find_encr(EncrId::kAesGcm16, 128);
  const EncrRow& cbc = *find_encr(EncrId::kAesCbc, 128);
  const IntegRow& sha1 = *find_integ(IntegId::kHmacSha1_96);
  const auto code = [&](const EncrRow& encr, const IntegRow* integ, std::size_t key,
                        std::size_t integ_key) {
    const auto made =
        SkCipher::create(context, encr, integ, ByteVector(key), ByteVector(integ_key));
    return made ? std::optional<ErrorCode>{} : made.error().code;
  };
  EXPECT_EQ(code(gcm, nullptr, 20, 0), std::nullopt);
  EXPECT_EQ(code(gcm, nullptr, 16, 0), ErrorCode::kMalformed);
  EXPECT_EQ(code(gcm, &sha1, 20, 20), ErrorCode::kUnsupported);
  EXPECT_EQ(code(cbc, &sha1, 16, 20), std::nullopt);
  EXPECT_EQ(code(cbc, &sha1, 16, 19), ErrorCode::kMalformed);
  EXPECT_EQ(code(cbc, nullptr, 16, 0), ErrorCode::kUnsupported);
  EXPECT_EQ(code(*find_encr(EncrId::kNull, 0), &sha1, 0, 20), ErrorCode::kUnsupported);
  EXPECT_EQ(code(*find_encr(EncrId::kNullAesGmac, 128), nullptr, 20, 0), ErrorCode::kUnsupported);
}

struct AeadFile {
  const char* name;
  EncrId id;
};

TEST(SkCipher, WycheproofAeads) {
  for (const AeadFile& file : {AeadFile{"aes_gcm_test", EncrId::kAesGcm16},
                               AeadFile{"chacha20_poly1305_test", EncrId::kChaCha20Poly1305}}) {
    PS_VECTORS_OR_SKIP(text, std::string("wycheproof/") + file.name + ".json.gz");
    const CryptoContext context;
    int done = 0;
    const auto vectors = nlohmann::json::parse(text);
    for (const auto& group : vectors["testGroups"]) {
      const EncrRow* row = find_encr(file.id, group["keySize"].get<std::uint16_t>());
      if (row == nullptr || group["ivSize"] != 96 || group["tagSize"] != 128) continue;
      for (const auto& t : group["tests"]) {
        SCOPED_TRACE(t["tcId"].dump() + " " + t["comment"].get<std::string>());
        const auto field = [&t](const char* name) { return hex(t[name].get<std::string>()); };
        const ByteVector nonce = field("iv");
        ByteVector key = field("key");
        key.insert(key.end(), nonce.begin(), nonce.begin() + 4);
        ByteVector body(nonce.begin() + 4, nonce.end());
        for (const char* name : {"ct", "tag"}) {
          const ByteVector part = field(name);
          body.insert(body.end(), part.begin(), part.end());
        }
        const auto cipher = SkCipher::create(context, *row, nullptr, key, {});
        ASSERT_TRUE(cipher.has_value());
        const auto opened = cipher->open(field("aad"), body);
        // The vectors know no Pad Length: what verifies may still be refused for it.
        const ByteVector plain = field("msg");
        const bool verified = opened || opened.error().code != ErrorCode::kAuthentication;
        if (!plain.empty()) {
          EXPECT_EQ(verified, t["result"] == "valid");
          ++done;
        }
        if (opened) {
          EXPECT_EQ(base::to_hex(opened->bytes()),
                    base::to_hex(Bytes(plain).first(opened->size())));
        }
      }
    }
    EXPECT_GT(done, 100) << file.name;
  }
}

// RFC 7634 appendix B: an IKEv2 message whose SK payload ChaCha20-Poly1305 protects.
TEST(SkCipher, SealsTheExampleOfRfc7634) {
  const CryptoContext context;
  base::SeededRandom random(1);
  const ByteVector key =
      hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
          "a0a1a2a3");
  const auto cipher =
      SkCipher::create(context, *find_encr(EncrId::kChaCha20Poly1305, 0), nullptr, key, {});
  ASSERT_TRUE(cipher.has_value());
  const ByteVector aad = hex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029");
  const ByteVector plain = hex("0000000c000040010000000a00");
  const ByteVector body = cipher->seal(aad, Bytes(plain).first(12), 0x1011121314151617ULL, random);
  EXPECT_EQ(base::to_hex(body),
            "1011121314151617"
            "61039470"
            "1f8d017f7c12924889"
            "6b71bfe25236efd7cdc67066906315b2");
}

}  // namespace
}  // namespace penstock::crypto
