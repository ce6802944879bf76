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
    // RFC 5114 A.4
    {DhGroupId{25}, "323fa3169d8e9c6593f59476bc142000ab5be0e249c43426",
     "cd46489ecfd6c105e7b3d32566e2b122e249abaadd87061268887b4877df51dd4dc3d6fd11f0a26f8fd38443"
     "17916e9a",
     "631f95bb4a67632c9c476eee9ab695ab240a0499307fcf62",
     "519a121680e0045466ba21df2eee47f5973b500577ef13d5ff613ab4d64cee3a20875bdb10f953f6b30ca072"
     "c60aa57f",
     "ad420182633f8526bfe954acda376f05e5ff4f837f54febe"},
    // A.5
    {DhGroupId{26}, "b558eb6c288da707bbb4f8fbae2ab9e9cb62e3bc5c7573e22e26d37f",
     "49dfef309f81488c304cff5ab3ee5a2154367dc7833150e0a51f3eeb4f2b5ee45762c4f654c1a0c67f54cf88"
     "b016b51bce3d7c228d57adb4",
     "ac3b1add3d9770e6f6a708ee9f3b8e0ab3b480e9f27f85c88b5e6d18",
     "6b3ac96a8d0cde6a5599be8032edf10c162d0a8ad219506dcd42a207d491be99c213a7d1ca3706debfe305f3"
     "61afcbb33e2609c8b1618ad5",
     "52272f50f46f4edc9151569092f46df2d96ecc3b6dc1714a4ea949fa"},
    // RFC 6932 A.1
    {DhGroupId{27}, "7c4b7a2c8a4bad1fbb7d79cc0955db7c6a4660ca64cc4778159b495e",
     "b104a67a6f6e85e14ec1825e1539e8ecdbbf584922367dd88c6bdcf246d782e7fdb5f60cd8404301ac5949c5"
     "8edb26bc68ba07695b750a94",
     "63976d4aae6cd0f6dd18defef55d96569d0507c03e74d6486ffa28fb",
     "2a97089a9296147b71b21a4b574e1278245b536f14d8c2b9d07a874e9b900d7c77a709a797276b8ca1ba61bb"
     "95b546fc29f862e44d59d25b",
     "312dfd98783f9fb77b9704945a73beb6dccbe3b65d0f967dcab574eb"},
    // A.2
    {DhGroupId{28}, "041eb8b1e2bc681bce8e39963b2e9fc415b05283313dd1a8bcc055f11ae49699",
     "78028496b5ecaab3c8b6c12e45db1e02c9e4d26b4113bc4f015f60c5ccc0d206a2ae1762a3831c1d20f03f8d"
     "1e3c0c39afe6f09b4d44bbe80cd100987b05f92b",
     "06f5240eacdb9837bc96d48274c8aa834b6c87ba9cc3eedd81f99a16b8d804d3",
     "8e07e219ba588916c5b06aa30a2f464c2f2acfc1610a3be2fb240b635341f0db148ea1d7d1e7e54b9555b6c9"
     "ac90629c18b63bee5d7aa6949ebbf47b24fde40d",
     "05e940915549e9f6a4a75693716e37466aba79b4bf2919877a16dd2cc2e23708"},
    // A.3
    {DhGroupId{29},
     "014ec0755b78594ba47fb0a56f6173045b4331e74ba1a6f47322e70d79d828d97e095884ca72b73fdabd5910"
     "df0fa76a",
     "45cb26e4384daf6fb776885307b9a38b7ad1b5c692e0c32f0125332778f3b8d3f50ca358099b30deb5ee69a9"
     "5c058b4e8173a1c54affa7e781d0e1e1d12c0dc2b74f4df58e4a4e3af7026c5d32dc530a2cd89c859bb4b4b7"
     "68497f49ab8cc859",
     "6b461cb79bd0ea519a87d6828815d8ce7cd9b3caa0b5a8262cbcd550a015c90095b976f3529957506e1224a8"
     "61711d54",
     "01bf92a92ee4be8ded1a911125c209b03f99e3161cfcc986dc7711383fc30af9ce28ca3386d59e2c8d72ce1e"
     "7b4666e83289c4a3a4fee035e39bdb885d509d224a142ff9fbcc5cfe5ccbb30268ee47487ed8044858d31d84"
     "8f7a95c635a347ac",
     "04cc4ff3dcccb07af24e0acc529955b36d7c807772b92fcbe48f3afe9a2f370a1f98d3fa73fd0c0747c632e1"
     "2f1423ec"},
    // A.4
    {DhGroupId{30},
     "636b6be0482a6c1c41aa7ae7b245e983392db94cecea2660a379cfe159559e357581825391175fc195d28bac"
     "0cf03a7841a383b95c262b983782874cce6fe333",
     "0562e68b9af7cbfd5565c6b16883b777ff11c199161ecc427a39d17ec2166499389571d6a994977c56ad8252"
     "658ba8a1b72ae42f4fb7532151afc3ef0971ccdaa7ca2d8191e21776a89860afbc1f582faa308d551c1dc613"
     "3af9f9c3cad59998d70079548140b90b1f311afb378aa81f51b275b2be6b7dee978efc7343ea642e",
     "0af4e7f6d52edd52907bb8dbab3992a0bb696ec10df11892ff205b66d381ece72314e6a6ea079cea06961dba"
     "5ae6422ef2e9ee803a1f236fb96a1799b86e5c8b",
     "5a7954e32663dff11ae24712d87419f26b708ac2b92877d6bfee2bfc43714d89bbdb6d24d807bbd3aeb7f0c3"
     "25f862e8bade4f74636b97eaace739e11720d32396d14621a9283a1bed84de8dd64836b2c0758b11441179dc"
     "0c54c0d49a47c03807d171dd544b72caaef7b7ce01c7753e2cad1a861eca55a71954ee1ba35e04be",
     "1ee8321a4bbf93b9cf8921ab209850ec9b7066d1984ef08c2bb723236208ac8f1a483e79461a00e0d5f6921c"
     "e9d360502f85c812bedee23ac5b210e5811b191e"},
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
  for (const DhGroupId group :
       {DhGroupId::kEcp256, DhGroupId::kEcp384, DhGroupId::kEcp521, DhGroupId{25}, DhGroupId{26},
        DhGroupId{27}, DhGroupId{28}, DhGroupId{29}, DhGroupId{30}}) {
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
