// SPDX-License-Identifier: BSD-3-Clause
// PRFs and integrity algorithms against RFC 2104's family (Wycheproof), RFC 3566, 4434, 4494, 4615,
// and IKEv2's key derivation against NIST CAVP (SP 800-135).
#include "lib/crypto/prf.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/lib/cavp.h"
#include "tests/lib/vectors.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using test::hex;

std::string prf_hex(PrfId id, const ByteVector& key, const ByteVector& message) {
  const CryptoContext context;
  return base::to_hex(prf(context, *find_prf(id), key, {message}).bytes());
}

TEST(Prf, AesXcbcIsThatOfRfc4434ForEachKeyLength) {
  const ByteVector message = hex("000102030405060708090a0b0c0d0e0f10111213");
  EXPECT_EQ(prf_hex(PrfId::kAes128Xcbc, hex("000102030405060708090a0b0c0d0e0f"), message),
            "47f51b4564966215b8985c63055ed308");
  EXPECT_EQ(prf_hex(PrfId::kAes128Xcbc, hex("00010203040506070809"), message),
            "0fa087af7d866e7653434e602fdde835");
  EXPECT_EQ(prf_hex(PrfId::kAes128Xcbc, hex("000102030405060708090a0b0c0d0e0fedcb"), message),
            "8cd3c93ae598a9803006ffb67c40e9e4");
}

TEST(Prf, AesCmacIsThatOfRfc4615ForEachKeyLength) {
  const ByteVector message = hex("000102030405060708090a0b0c0d0e0f10111213");
  EXPECT_EQ(prf_hex(PrfId::kAes128Cmac, hex("000102030405060708090a0b0c0d0e0fedcb"), message),
            "84a348a4a45d235babfffc0d2b4da09a");
  EXPECT_EQ(prf_hex(PrfId::kAes128Cmac, hex("000102030405060708090a0b0c0d0e0f"), message),
            "980ae87b5f4c9c5214f5b6a8455e4c2d");
  EXPECT_EQ(prf_hex(PrfId::kAes128Cmac, hex("00010203040506070809"), message),
            "290d9e112edb09ee141fcf64c0b72f3d");
}

// RFC 2202 test cases 1 of HMAC-MD5 and HMAC-SHA-1, RFC 4231 test case 1.
TEST(Prf, HmacIsThatOfTheRfcs) {
  const ByteVector key16(16, std::byte{0x0b});
  const ByteVector key20(20, std::byte{0x0b});
  const ByteVector message = base::to_vector(base::as_bytes("Hi There"));
  EXPECT_EQ(prf_hex(PrfId::kHmacMd5, key16, message), "9294727a3638bb1c13f48ef8158bfc9d");
  EXPECT_EQ(prf_hex(PrfId::kHmacSha1, key20, message), "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(prf_hex(PrfId::kHmacSha256, key20, message),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(prf_hex(PrfId::kHmacSha384, key20, message),
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
            "faea9ea9076ede7f4af152e8b2fa9cb6");
  EXPECT_EQ(prf_hex(PrfId::kHmacSha512, key20, message),
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
}

TEST(Prf, AnEmptyKeyIsAKey) {
  // HMAC-SHA-256 of nothing under nothing.
  EXPECT_EQ(prf_hex(PrfId::kHmacSha256, {}, {}),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Prf, PartsAreJoinedWithoutATrace) {
  const CryptoContext context;
  const ByteVector message =
      hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const ByteVector key = hex("000102030405060708090a0b0c0d0e0f");
  for (const PrfRow& row : prf_table()) {
    const auto whole = prf(context, row, key, {message});
    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
      const Bytes all(message);
      const auto parts = prf(context, row, key, {all.first(cut), {}, all.subspan(cut)});
      EXPECT_EQ(base::to_hex(whole.bytes()), base::to_hex(parts.bytes())) << row.name << cut;
    }
  }
}

struct XcbcCase {
  std::size_t octets;
  std::string_view icv;
};
TEST(Integrity, AesXcbc96IsThatOfRfc3566) {
  const CryptoContext context;
  const ByteVector key = hex("000102030405060708090a0b0c0d0e0f");
  constexpr XcbcCase kCases[] = {
      {0, "75f0251d528ac01c4573dfd5"},  {3, "5b376580ae2f19afe7219cee"},
      {16, "d2a246fa349b68a79998a439"}, {20, "47f51b4564966215b8985c63"},
      {32, "f54f0ec8d2b9f3d36807734b"}, {34, "becbb3bccdb518a30677d548"},
  };
  for (const XcbcCase& c : kCases) {
    ByteVector message(c.octets);
    for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
    EXPECT_EQ(base::to_hex(integrity(context, *find_integ(IntegId::kAesXcbc96), key, {message})),
              c.icv);
  }
  EXPECT_EQ(
      base::to_hex(integrity(context, *find_integ(IntegId::kAesXcbc96), key, {ByteVector(1000)})),
      "f0dafee895db30253761103b");
}

// RFC 4868 §2.7.2.1 (AUTH256-1, AUTH384-1, AUTH512-1 have keys of the algorithm's own length).
TEST(Integrity, HmacSha2IsTruncatedToHalf) {
  const CryptoContext context;
  const ByteVector message = base::to_vector(base::as_bytes("Hi There"));
  const auto icv = [&](IntegId id) {
    const IntegRow& row = *find_integ(id);
    return base::to_hex(
        integrity(context, row, ByteVector(row.key_octets, std::byte{0x0b}), {message}));
  };
  EXPECT_EQ(icv(IntegId::kHmacSha256_128), "198a607eb44bfbc69903a0f1cf2bbdc5");
  EXPECT_EQ(icv(IntegId::kHmacSha384_192), "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973");
  EXPECT_EQ(icv(IntegId::kHmacSha512_256),
            "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8");
}

TEST(Prf, Wycheproof) {
  struct File {
    const char* name;
    PrfId id;
  };
  for (const File& file :
       {File{"hmac_sha256_test", PrfId::kHmacSha256}, File{"aes_cmac_test", PrfId::kAes128Cmac}}) {
    PS_VECTORS_OR_SKIP(text, std::string("wycheproof/") + file.name + ".json.gz");
    const CryptoContext context;
    const PrfRow& row = *find_prf(file.id);
    int done = 0;
    const auto vectors = nlohmann::json::parse(text);
    for (const auto& group : vectors["testGroups"]) {
      for (const auto& t : group["tests"]) {
        const ByteVector key = hex(t["key"].get<std::string>());
        const std::string tag = t["tag"].get<std::string>();
        if (tag.size() != 2U * row.output_octets || key.size() != row.key_octets) continue;
        const auto mac = prf(context, row, key, {hex(t["msg"].get<std::string>())});
        EXPECT_EQ(base::to_hex(mac.bytes()) == tag, t["result"] == "valid") << t.dump();
        ++done;
      }
    }
    EXPECT_GT(done, 50) << file.name;
  }
}

TEST(Hash, Sha1IsThatOfRfc3174) {
  const CryptoContext context;
  EXPECT_EQ(base::to_hex(hash(context, "SHA1", {base::as_bytes("a"), base::as_bytes("bc")})),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
}

// RFC 7296 §2.14, §2.17, §2.18, written out from PRF and prf+; tests/unit/ikev2 has the functions
// that IKE calls.
TEST(PrfPlus, Ikev2KeyDerivationIsThatOfNistCavp) {
  PS_VECTORS_OR_SKIP(text, "nist-cavp/ikev2.rsp.gz");
  const CryptoContext context;
  const auto cases = test::read_ikev2_cases(text);
  EXPECT_GE(cases.size(), 200U);
  for (const test::IkeCase& c : cases) {
    SCOPED_TRACE(std::string(c.prf->name) + " COUNT " + c.text("COUNT"));
    const auto ni = c.octets("Ni");
    const auto nr = c.octets("Nr");
    auto nonces = ni;
    nonces.insert(nonces.end(), nr.begin(), nr.end());
    const auto skeyseed = prf(context, *c.prf, nonces, {c.octets("g^ir")});
    EXPECT_EQ(base::to_hex(skeyseed.bytes()), c.text("SKEYSEED"));
    const auto dkm = prf_plus(context, *c.prf, skeyseed.bytes(),
                              {ni, nr, c.octets("SPIi"), c.octets("SPIr")}, c.octets("DKM").size());
    EXPECT_EQ(base::to_hex(dkm.bytes()), c.text("DKM"));
  }
}

}  // namespace
}  // namespace penstock::crypto
