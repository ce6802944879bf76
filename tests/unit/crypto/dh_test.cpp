// SPDX-License-Identifier: BSD-3-Clause
// Diffie-Hellman against RFC 5903 §8, RFC 8031 appendix A, Wycheproof, and MODP values that another
// implementation of modular exponentiation computed from the primes in the RFC texts.
#include "lib/crypto/dh.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/crypto/prf.h"
#include "tests/lib/vectors.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::ByteVector;
using base::ErrorCode;
using test::hex;

DhKeyPair pair_of(DhGroupId group, std::string_view private_hex) {
  return {group, base::SecretBytes::copy_of(hex(private_hex)), {}};
}

struct TwoSides {
  DhGroupId group;
  std::string_view i;
  std::string_view public_i;
  std::string_view r;
  std::string_view public_r;
  std::string_view secret;
};

constexpr TwoSides kRfcExamples[] = {
    {DhGroupId::kEcp256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c45"
     "6fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c"
     "13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {DhGroupId::kEcp384,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896"
     "783ab194",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732ae"
     "e95f41aa9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947da"
     "e69b4c634573a81c",
     "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd5"
     "5a7448fc",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0"
     "774a3571dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff"
     "5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a2"
     "70f59746"},
    {DhGroupId::kEcp521,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d9"
     "37ba9777f5957b2639bab072462f68c27a57382d4a52",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c"
     "2d107564941885942af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e"
     "1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a"
     "3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352"
     "f6be64a6c2912d4ef2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551"
     "a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a347868"
     "59810c06b3c715a3a8cc3151f2bee417996d19f3ddea"},
    {DhGroupId::kX25519, "751fb430 8655b476 b6789b73 25f9ea8c ddd16a58 533ff6d9 e6000946 4a5f9d94",
     "48d5ddd4 061257ba 166fa3f9 bbdb74f1 a4e81c08 9384fa77 f790709f 0dfbc766",
     "0a546452 53290d60 ddadd0e0 30bacd9e 5501efdc 220755a1 e978f1b8 39a05688",
     "0be7c1f5 aad87d7e 44866267 3298a443 478b8597 45179eaf 564c79c0 ef6eee25",
     "c7495060 7a12327f 3204d94b 6825bfb0 68b7f831 9a9e3708 ed3d43ce 8130c950"},
    // RFC 7748 §6.2.
    {DhGroupId::kX448,
     "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391"
     "006382a6f127ab1d9ac2d8c0a598726b",
     "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d4"
     "0c5b12da88120d53177f80e532c41fa0",
     "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21"
     "374c9c921b09d1b0366f10b65173992d",
     "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13c"
     "a706dcb57aec3dae07bdc1c67bf33609",
     "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936"
     "521c24403085d59a449a5037514a879d"},
};

TEST(Dh, SharedSecretIsThatOfTheRfcs) {
  const CryptoContext context;
  for (const TwoSides& example : kRfcExamples) {
    SCOPED_TRACE(find_dh(example.group)->name);
    const auto at_i =
        dh_shared_secret(context, pair_of(example.group, example.i), hex(example.public_r));
    const auto at_r =
        dh_shared_secret(context, pair_of(example.group, example.r), hex(example.public_i));
    ASSERT_TRUE(at_i.has_value()) << at_i.error().text;
    ASSERT_TRUE(at_r.has_value()) << at_r.error().text;
    EXPECT_EQ(base::to_hex(at_i->bytes()), base::to_hex(hex(example.secret)));
    EXPECT_EQ(base::to_hex(at_r->bytes()), base::to_hex(hex(example.secret)));
  }
}

struct ModpAnswer {
  DhGroupId group;
  std::string_view public_sha256;  ///< of 2^a
  std::string_view secret_sha256;  ///< of 2^(a*b)
};
constexpr ModpAnswer kModpAnswers[] = {
    {DhGroupId::kModp768, "983f65c1780576f288fcef2024c395c3012bcb2ca1894b8d1c7021869db87968",
     "0ad5762f7bad7ba56583ee09ee0b5750a8a02311fc307c474d0398ffd7a4e6ca"},
    {DhGroupId::kModp1024, "3e5e53f04e5eeec9a4732ead2dc7f2ffad5d7f6aab19395b4a8130e8ec660251",
     "7c816b72d5984fe5df9ea7dc06ace7686c5c5753cde72f53d9e077009eadf12e"},
    {DhGroupId::kModp1536, "9a5ea5c17387a96223486d00a3d3437a4622bc0c790f48f01a1cebca6ce67221",
     "5bd5cd204f4792c4377dcbafc2edd3ffa740365d758dc9f42bfd43d7e1a029cf"},
    {DhGroupId::kModp2048, "0b9cb9036d2a594a7e3b43169bdf47ee9c7b64a2292203f1bb137b0b648d7e3c",
     "b47b4e1281da0a516c04f40f49407b684098d1b227852ee0827f747a9a3b353f"},
    {DhGroupId::kModp3072, "b74e630be90eb9d4b19affaa173864f62b7b5408127da1bbe6614ff3b3d96c4d",
     "a8a953889263d4156c21cceb6056af2e346ae7132d552982d350b3c9e480962e"},
    {DhGroupId::kModp4096, "0587822953fd21e5d74b2e8d6b068da2bf44c4793b7955aaa0d8ea4a5d3fceee",
     "f856e48d837f956584d0b49be929eecfd415ce99bce1ae1088105751561c9cee"},
    {DhGroupId::kModp6144, "b59a1fdd9ea5a2e0b9ba03805a744504315892715900c6b39cc32f9f36a04f8c",
     "4c07d91f0050840e8c20a958249a99367d8bab405db3242387f5e682cf86dd1e"},
    {DhGroupId::kModp8192, "5198b265547120332a823f75cb69fe8df34fff6cf8070f3d44b8ca64f1af5190",
     "c1951592f89c479479b8b0e775f74cb221bf2b6e95f50e908da2e60b3e46f7b0"},
};

TEST(Dh, ModpPowersAreThoseOfThePrimesInTheRfcs) {
  const CryptoContext context;
  base::SecretBytes a(32);
  base::SecretBytes b(32);
  for (std::size_t i = 0; i < 32; ++i) {
    a.mutable_bytes()[i] = static_cast<std::byte>(1 + i);
    b.mutable_bytes()[i] = static_cast<std::byte>(101 + i);
  }
  for (const ModpAnswer& answer : kModpAnswers) {
    SCOPED_TRACE(find_dh(answer.group)->name);
    ByteVector generator(find_dh(answer.group)->public_octets);
    generator.back() = std::byte{2};
    const auto public_a = dh_shared_secret(context, {answer.group, a.clone(), {}}, generator);
    ASSERT_TRUE(public_a.has_value());
    EXPECT_EQ(base::to_hex(hash(context, "SHA256", {public_a->bytes()})), answer.public_sha256);
    const auto secret = dh_shared_secret(context, {answer.group, b.clone(), {}}, public_a->bytes());
    ASSERT_TRUE(secret.has_value());
    EXPECT_EQ(base::to_hex(hash(context, "SHA256", {secret->bytes()})), answer.secret_sha256);
  }
}

TEST(Dh, EachGroupAgreesWithItself) {
  const CryptoContext context;
  for (const DhRow& row : dh_table()) {
    SCOPED_TRACE(row.name);
    const auto i = dh_generate(context, row.id);
    const auto r = dh_generate(context, row.id);
    ASSERT_TRUE(i.has_value() && r.has_value());
    EXPECT_EQ(i->public_value.size(), row.public_octets);
    EXPECT_NE(i->public_value, r->public_value);
    const auto at_i = dh_shared_secret(context, *i, r->public_value);
    const auto at_r = dh_shared_secret(context, *r, i->public_value);
    ASSERT_TRUE(at_i.has_value() && at_r.has_value());
    EXPECT_EQ(at_i->size(), row.secret_octets);
    EXPECT_EQ(base::to_hex(at_i->bytes()), base::to_hex(at_r->bytes()));
  }
}

TEST(Dh, KeyPairsRepeatWithTheSeedAndDifferWithAnother) {
  for (const DhRow& row : dh_table()) {
    SCOPED_TRACE(row.name);
    const CryptoContext first(7);
    const CryptoContext same(7);
    const CryptoContext other(8);
    for (int round = 0; round < 2; ++round) {
      const auto a = dh_generate(first, row.id);
      const auto b = dh_generate(same, row.id);
      const auto c = dh_generate(other, row.id);
      ASSERT_TRUE(a.has_value() && b.has_value() && c.has_value());
      EXPECT_EQ(a->public_value, b->public_value);
      EXPECT_NE(a->public_value, c->public_value);
      // Whatever the computation of a secret draws (blinding), it draws the same.
      const auto secret_a = dh_shared_secret(first, *a, c->public_value);
      const auto secret_b = dh_shared_secret(same, *b, c->public_value);
      ASSERT_TRUE(secret_a.has_value() && secret_b.has_value());
      EXPECT_EQ(base::to_hex(secret_a->bytes()), base::to_hex(secret_b->bytes()));
    }
  }
}

TEST(Dh, RefusesAPublicValueOfAnotherLength) {
  const CryptoContext context;
  for (const DhRow& row : dh_table()) {
    SCOPED_TRACE(row.name);
    const auto own = dh_generate(context, row.id);
    ASSERT_TRUE(own.has_value());
    for (const std::size_t octets :
         {std::size_t{0}, row.public_octets - std::size_t{1}, row.public_octets + std::size_t{1}}) {
      const auto secret = dh_shared_secret(context, *own, ByteVector(octets, std::byte{2}));
      ASSERT_FALSE(secret.has_value());
      EXPECT_EQ(secret.error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(Dh, RefusesModpValuesOutsideTheRangeOfRfc6989) {
  const CryptoContext context;
  const auto own = dh_generate(context, DhGroupId::kModp2048);
  ASSERT_TRUE(own.has_value());
  // The prime: 2^2048 - 2^1984 - 1 + 2^64 * ([2^1918 pi] + 124476); from RFC 3526 §3.
  const ByteVector prime =
      hex("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A0879"
          "8E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B"
          "0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA4836"
          "1C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804"
          "F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6"
          "955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF");
  ByteVector zero(prime.size());
  ByteVector one = zero;
  one.back() = std::byte{1};
  ByteVector two = zero;
  two.back() = std::byte{2};
  ByteVector less_one = prime;
  less_one.back() = std::byte{0xfe};
  ByteVector less_two = prime;
  less_two.back() = std::byte{0xfd};
  ByteVector all_ones(prime.size(), std::byte{0xff});
  for (const ByteVector& bad : {zero, one, less_one, prime, all_ones})
    EXPECT_FALSE(dh_shared_secret(context, *own, bad).has_value());
  for (const ByteVector& good : {two, less_two})
    EXPECT_TRUE(dh_shared_secret(context, *own, good).has_value());
}

TEST(Dh, RefusesPointsOffTheCurve) {
  const CryptoContext context;
  for (const DhGroupId group : {DhGroupId::kEcp256, DhGroupId::kEcp384, DhGroupId::kEcp521}) {
    const auto own = dh_generate(context, group);
    ASSERT_TRUE(own.has_value());
    ByteVector off = own->public_value;
    off.back() ^= std::byte{1};
    const ByteVector infinity(off.size());
    const ByteVector beyond(off.size(), std::byte{0xff});
    for (const ByteVector& bad : {off, infinity, beyond}) {
      const auto secret = dh_shared_secret(context, *own, bad);
      ASSERT_FALSE(secret.has_value());
      EXPECT_EQ(secret.error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(Dh, RefusesPointsOfSmallOrder) {
  const CryptoContext context;
  for (const DhGroupId group : {DhGroupId::kX25519, DhGroupId::kX448}) {
    const auto own = dh_generate(context, group);
    ASSERT_TRUE(own.has_value());
    ByteVector zero(find_dh(group)->public_octets);
    ByteVector one = zero;
    one.front() = std::byte{1};
    for (const ByteVector& bad : {zero, one}) {
      const auto secret = dh_shared_secret(context, *own, bad);
      ASSERT_FALSE(secret.has_value());
      EXPECT_EQ(secret.error().code, ErrorCode::kMalformed);
    }
  }
}

TEST(Dh, UnknownGroupsAreUnsupported) {
  const CryptoContext context;
  EXPECT_EQ(dh_generate(context, DhGroupId::kNone).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(dh_generate(context, DhGroupId{24}).error().code, ErrorCode::kUnsupported);
}

TEST(Dh, WycheproofX25519) {
  PS_VECTORS_OR_SKIP(text, "wycheproof/x25519_test.json.gz");
  const CryptoContext context;
  int done = 0;
  const auto vectors = nlohmann::json::parse(text);
  for (const auto& group : vectors["testGroups"]) {
    for (const auto& t : group["tests"]) {
      SCOPED_TRACE(t["tcId"].dump());
      const auto own = pair_of(DhGroupId::kX25519, t["private"].get<std::string>());
      const auto secret = dh_shared_secret(context, own, hex(t["public"].get<std::string>()));
      const auto expected = t["shared"].get<std::string>();
      // RFC 8031 §2 is stricter than the function: an all-zero result is refused.
      if (expected.find_first_not_of('0') == std::string::npos) {
        EXPECT_FALSE(secret.has_value());
      } else {
        ASSERT_TRUE(secret.has_value()) << secret.error().text;
        EXPECT_EQ(base::to_hex(secret->bytes()), expected);
      }
      ++done;
    }
  }
  EXPECT_GT(done, 500);
}

TEST(Dh, WycheproofEcp256) {
  PS_VECTORS_OR_SKIP(text, "wycheproof/ecdh_secp256r1_ecpoint_test.json.gz");
  const CryptoContext context;
  int done = 0;
  const auto vectors = nlohmann::json::parse(text);
  for (const auto& group : vectors["testGroups"]) {
    for (const auto& t : group["tests"]) {
      SCOPED_TRACE(t["tcId"].dump() + " " + t["comment"].get<std::string>());
      const ByteVector point = hex(t["public"].get<std::string>());
      // IKE has no compressed points: only x | y (RFC 5903 §7).
      if (point.empty() || point.front() != std::byte{4}) continue;
      ByteVector scalar = hex(t["private"].get<std::string>());
      while (scalar.size() > 32 && scalar.front() == std::byte{0}) scalar.erase(scalar.begin());
      const DhKeyPair own{DhGroupId::kEcp256, base::SecretBytes::copy_of(scalar), {}};
      const auto secret = dh_shared_secret(context, own, base::Bytes(point).subspan(1));
      if (t["result"] == "invalid") {
        EXPECT_FALSE(secret.has_value());
      } else {
        ASSERT_TRUE(secret.has_value()) << secret.error().text;
        EXPECT_EQ(base::to_hex(secret->bytes()), t["shared"].get<std::string>());
      }
      ++done;
    }
  }
  EXPECT_GT(done, 200);
}

}  // namespace
}  // namespace penstock::crypto
