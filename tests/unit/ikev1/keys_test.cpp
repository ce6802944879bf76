// SPDX-License-Identifier: BSD-3-Clause
// Key derivation against NIST CAVP, and against values that Python's hmac and hashlib computed.
#include "control/ikev1/keys.h"

#include <gtest/gtest.h>

#include "lib/base/byte_io.h"
#include "tests/lib/cavp.h"
#include "tests/lib/vectors.h"

namespace penstock::ikev1 {
namespace {

using base::ByteVector;

ByteVector filled(unsigned octet, std::size_t count) { return {count, std::byte(octet)}; }
const crypto::PrfRow& sha1() { return *crypto::find_prf(crypto::PrfId::kHmacSha1); }
std::string hex(const base::SecretBytes& secret) { return base::to_hex(secret.bytes()); }

IkeSpi cookie(const ByteVector& octets) { return IkeSpi{base::ByteReader(octets).u64().value()}; }

TEST(Keys, AreThoseOfNistCavp) {
  PS_VECTORS_OR_SKIP(file, "nist-cavp/ikev1_psk.rsp.gz");
  const crypto::CryptoContext context;
  const auto cases = test::read_ikev1_cases(file);
  EXPECT_GE(cases.size(), 50U);
  for (const test::IkeCase& c : cases) {
    SCOPED_TRACE(std::string(c.prf->name) + " COUNT " + c.text("COUNT"));
    const ByteVector ni = c.octets("Ni");
    const ByteVector nr = c.octets("Nr");
    auto skeyid = skeyid_of_psk(context, *c.prf, c.octets("pre-shared-key"), {ni, nr});
    EXPECT_EQ(hex(skeyid), c.text("SKEYID"));
    const Skeyids keys = derive_skeyids(context, *c.prf, std::move(skeyid), c.octets("g^xy"),
                                        {cookie(c.octets("CKY_I")), cookie(c.octets("CKY_R"))});
    EXPECT_EQ(hex(keys.d), c.text("SKEYID_d"));
    EXPECT_EQ(hex(keys.a), c.text("SKEYID_a"));
    EXPECT_EQ(hex(keys.e), c.text("SKEYID_e"));
  }
}

TEST(Keys, SkeyidOfSignaturesIsKeyedByBothNonces) {
  const crypto::CryptoContext context;
  const ByteVector ni = filled(0xaa, 16);
  const ByteVector nr = filled(0xbb, 16);
  EXPECT_EQ(hex(skeyid_of_signatures(context, sha1(), {ni, nr}, base::as_bytes("gxy"))),
            "d471bd9712dab68935c9681ff9770c6091ff262f");
}

constexpr Cookies kCookies{IkeSpi{0x0102030405060708}, IkeSpi{0x1112131415161718}};

Algorithms algorithms_of(std::uint16_t key_bits, bool sha1_too) {
  return {crypto::find_encr(crypto::EncrId::kAesCbc, key_bits),
          crypto::find_prf(sha1_too ? crypto::PrfId::kHmacSha1 : crypto::PrfId::kHmacSha256),
          sha1_too ? "SHA1" : "SHA256"};
}

// By Python's hashlib and hmac.
TEST(Keys, SkeyidOfEncryptionIsKeyedByAHashOfBothNonces) {
  const crypto::CryptoContext context;
  const ByteVector ni = filled(0x11, 20);
  const ByteVector nr = filled(0x22, 24);
  EXPECT_EQ(hex(skeyid_of_encryption(context, algorithms_of(128, true), {ni, nr}, kCookies)),
            "c78653d7fd0eef329757f76b946191b541289447");
  EXPECT_EQ(hex(skeyid_of_encryption(context, algorithms_of(128, false), {ni, nr}, kCookies)),
            "7253849034718d3c251e92dc1cb9feb742bc81e3bb7fedd34a17e715e71e5690");
}

TEST(Keys, OfANonceAreCutOrExpanded) {
  const crypto::CryptoContext context;
  const ByteVector ni = filled(0x11, 20);
  const ByteVector nr = filled(0x22, 24);
  EXPECT_EQ(hex(nonce_key(context, algorithms_of(128, true), ni, kCookies.i)),
            "9b7b9e700d793c3fd688c962dece5db0");
  EXPECT_EQ(hex(nonce_key(context, algorithms_of(256, true), ni, kCookies.i)),
            "8876dc4f5dafd077476d433e221809065b9b0899c637901a7386836c9e324be5");
  EXPECT_EQ(hex(nonce_key(context, algorithms_of(256, false), nr, kCookies.r)),
            "2f0189f65cf5c6a6f9d53089a33f7a8dc7e1d2db060e410d126f82549df79e78");
}

// RFC 2409 appendix B: 20 octets are not enough for AES-256; Ka is expanded from a zero octet.
TEST(Keys, ALongCipherKeyIsExpanded) {
  const crypto::CryptoContext context;
  const ByteVector e = filled(0x11, 20);
  EXPECT_EQ(hex(cipher_key(context, sha1(), e, 32)),
            "f6e43fff9177e02cf81d8aed3fc99366d237212edaf9442147a6284699a1a3b1");
  EXPECT_EQ(hex(cipher_key(context, sha1(), e, 16)), std::string(32, '1'));
  EXPECT_EQ(hex(cipher_key(context, sha1(), e, 20)), std::string(40, '1'));
}

TEST(Keys, TheIvOfPhaseOneIsAHashOfBothPublicValuesAndOfPhaseTwoOfItsLastBlock) {
  const crypto::CryptoContext context;
  const Algorithms algorithms{crypto::find_encr(crypto::EncrId::kAesCbc, 128), &sha1(), "SHA1"};
  EXPECT_EQ(
      base::to_hex(phase1_iv(context, algorithms, base::as_bytes("gxi"), base::as_bytes("gxr"))),
      "b49fc71be72ae812278eda3d41504bc1");
  EXPECT_EQ(base::to_hex(phase2_iv(context, algorithms, filled(0x55, 16), 0x01020304)),
            "9f645d89bf0fbdaf80d99db91560590b");
}

TEST(Keys, HashesOfPhaseOneNameTheirSideFirst) {
  const crypto::CryptoContext context;
  const ByteVector skeyid = filled(0x11, 20);
  Phase1Hash what;
  what.own_public = base::as_bytes("gxi");
  what.peer_public = base::as_bytes("gxr");
  what.cookies = {IkeSpi{0x0102030405060708}, IkeSpi{0x1112131415161718}};
  what.sai_b = base::as_bytes("sa");
  what.id_b = base::as_bytes("id");
  EXPECT_EQ(hex(phase1_hash(context, sha1(), skeyid, what)),
            "40fd561a6e02543ebe1a92daee6a13d391b23522");
  std::swap(what.own_public, what.peer_public);
  what.of_initiator = false;
  EXPECT_EQ(hex(phase1_hash(context, sha1(), skeyid, what)),
            "f5f3569a2c6a9893837e2d88d54caf895af3e66b");
}

TEST(Keys, HashesOfPhaseTwoAreThoseOfTheClause) {
  const crypto::CryptoContext context;
  const ByteVector a = filled(0x44, 20);
  const ByteVector ni = filled(0xaa, 16);
  const ByteVector nr = filled(0xbb, 16);
  const base::Bytes rest = base::as_bytes("rest");
  EXPECT_EQ(hex(phase2_hash(context, sha1(), a, 0x01020304, {}, rest)),
            "27e1dc399fc795c5e9ba66012333d1cd373b2b26");
  EXPECT_EQ(hex(phase2_hash(context, sha1(), a, 0x01020304, ni, rest)),
            "c1120046e7b9d3dbdaa57c35dd265d336fb5bf20");
  EXPECT_EQ(hex(phase2_last_hash(context, sha1(), a, 0x01020304, {ni, nr})),
            "33ff631a1d18e937adba16f70f0926f8684007fd");
}

TEST(Keys, KeymatIsExpandedWithAndWithoutPfs) {
  const crypto::CryptoContext context;
  const ByteVector d = filled(0x22, 20);
  const ByteVector ni = filled(0xaa, 16);
  const ByteVector nr = filled(0xbb, 16);
  const ByteVector secret = filled(0x33, 8);
  KeymatOf what{{}, 3, 0x0badcafe, {ni, nr}};
  EXPECT_EQ(hex(keymat(context, sha1(), d, what, 36)),
            "5754706910590701ca4fbd336dd023787795e94a0bcc73f6dac7f72b2593490703a157d1");
  what.shared_secret = secret;
  EXPECT_EQ(hex(keymat(context, sha1(), d, what, 36)),
            "b2a3a78735c8c37b41aedc19e80dc5475f5564c5c1e91ae8c90fe6edcb93b3c4c183a20a");
}

// RFC 4434: AES-XCBC as a PRF takes keys of any length, so nothing is cut (RFC 2409 §5).
TEST(Keys, ThePrfsOnAesTakeWholeNonces) {
  const crypto::CryptoContext context;
  for (const crypto::PrfId id : {crypto::PrfId::kAes128Xcbc, crypto::PrfId::kAes128Cmac}) {
    const crypto::PrfRow& row = *crypto::find_prf(id);
    const ByteVector ni = filled(0xaa, 16);
    const ByteVector nr = filled(0xbb, 16);
    ByteVector other = nr;
    other.back() = std::byte{0};
    EXPECT_NE(hex(skeyid_of_signatures(context, row, {ni, nr}, ni)),
              hex(skeyid_of_signatures(context, row, {ni, other}, ni)))
        << row.name;
  }
}

}  // namespace
}  // namespace penstock::ikev1
