// SPDX-License-Identifier: BSD-3-Clause
// Key derivation against NIST CAVP: what the exchanges call gives SP 800-135's octets, cut in the
// order of RFC 7296 §2.14 and §2.17.
#include "control/ikev2/keys.h"

#include <gtest/gtest.h>

#include "tests/lib/cavp.h"
#include "tests/lib/vectors.h"

namespace penstock::ikev2 {
namespace {

using base::ByteVector;

/// AES-CBC-256 with HMAC-SHA-512 wants the most keying material of all suites.
const crypto::EncrTransform kAes256{crypto::EncrId::kAesCbc, 256};
constexpr crypto::IntegId kSha512 = crypto::IntegId::kHmacSha512_256;

std::string join(std::initializer_list<const base::SecretBytes*> keys) {
  std::string out;
  for (const base::SecretBytes* key : keys) out += base::to_hex(key->bytes());
  return out;
}

/// prf+ is a stream: as much as both have must agree, and it must be enough to mean something.
void expect_same_stream(const std::string& ours, const std::string& theirs) {
  const std::size_t digits = std::min(ours.size(), theirs.size());
  EXPECT_GE(digits, 2U * 128);
  EXPECT_EQ(ours.substr(0, digits), theirs.substr(0, digits));
}

session::IkeSpi spi(const ByteVector& octets) {
  std::uint64_t value = 0;
  for (const std::byte octet : octets) value = value << 8U | std::to_integer<std::uint64_t>(octet);
  return session::IkeSpi{value};
}

TEST(Keys, AreThoseOfNistCavp) {
  PS_VECTORS_OR_SKIP(file, "nist-cavp/ikev2.rsp.gz");
  const crypto::CryptoContext context;
  const auto cases = test::read_ikev2_cases(file);
  EXPECT_GE(cases.size(), 200U);
  session::Agreed esp;
  esp.protocol = crypto::ProtocolId::kEsp;
  esp.encr = kAes256;
  esp.integ = kSha512;
  session::Agreed ah;
  ah.protocol = crypto::ProtocolId::kAh;
  ah.integ = kSha512;
  for (const test::IkeCase& c : cases) {
    SCOPED_TRACE(std::string(c.prf->name) + " COUNT " + c.text("COUNT"));
    const ByteVector ni = c.octets("Ni");
    const ByteVector nr = c.octets("Nr");
    const ByteVector secret = c.octets("g^ir");
    const ByteVector new_secret = c.octets("g^ir (new)");
    const Nonces nonces{ni, nr};

    const auto seed = skeyseed(context, *c.prf, nonces, secret);
    EXPECT_EQ(join({&seed}), c.text("SKEYSEED"));
    const IkeAlgorithms algorithms{crypto::find_encr(kAes256.id, kAes256.key_bits),
                                   crypto::find_integ(kSha512), c.prf};
    const IkeKeys k = derive_ike_keys(context, algorithms, seed.bytes(), nonces,
                                      spi(c.octets("SPIi")), spi(c.octets("SPIr")));
    expect_same_stream(join({&k.d, &k.ai, &k.ar, &k.ei, &k.er, &k.pi, &k.pr}), c.text("DKM"));

    const auto child = derive_child_keys(context, *c.prf, k.d.bytes(), {}, nonces, esp);
    ASSERT_TRUE(child.has_value());
    expect_same_stream(join({&child->enc_i, &child->auth_i, &child->enc_r, &child->auth_r}),
                       c.text("DKM(Child SA)"));
    const auto of_ah = derive_child_keys(context, *c.prf, k.d.bytes(), {}, nonces, ah);
    ASSERT_TRUE(of_ah.has_value());
    EXPECT_TRUE(of_ah->enc_i.empty() && of_ah->enc_r.empty());
    expect_same_stream(join({&of_ah->auth_i, &of_ah->auth_r}), c.text("DKM(Child SA)"));
    const auto pfs = derive_child_keys(context, *c.prf, k.d.bytes(), new_secret, nonces, esp);
    ASSERT_TRUE(pfs.has_value());
    expect_same_stream(join({&pfs->enc_i, &pfs->auth_i, &pfs->enc_r, &pfs->auth_r}),
                       c.text("DKM(Child SA D-H)"));
    const auto rekeyed = skeyseed_of_rekey(context, *c.prf, k.d.bytes(), new_secret, nonces);
    EXPECT_EQ(join({&rekeyed}), c.text("SKEYSEED(Rekey)"));
  }
}

// RFC 7296 §2.17: the key of an AEAD is followed by its salt, and there is no integrity key.
TEST(Keys, OfAnAeadHoldTheSaltAndNoIntegrityKey) {
  const crypto::CryptoContext context;
  session::Agreed esp;
  esp.protocol = crypto::ProtocolId::kEsp;
  esp.encr = {crypto::EncrId::kAesGcm16, 128};
  const ByteVector nonce(32);
  const auto keys = derive_child_keys(context, *crypto::find_prf(crypto::PrfId::kHmacSha256),
                                      ByteVector(32), {}, {nonce, nonce}, esp);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->enc_i.size(), 20U);
  EXPECT_EQ(keys->enc_r.size(), 20U);
  EXPECT_TRUE(keys->auth_i.empty() && keys->auth_r.empty());
}

// RFC 4543 §5.4.
TEST(Keys, OfGmacInAhHoldTheSalt) {
  const crypto::CryptoContext context;
  session::Agreed ah;
  ah.protocol = crypto::ProtocolId::kAh;
  ah.integ = crypto::parse_proposal(ah.protocol, "aes256gmac")->integ.front();
  const ByteVector nonce(32);
  const auto keys = derive_child_keys(context, *crypto::find_prf(crypto::PrfId::kHmacSha256),
                                      ByteVector(32), {}, {nonce, nonce}, ah);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->auth_i.size(), 36U);
  EXPECT_EQ(keys->auth_r.size(), 36U);
}

// RFC 7296 §2.14: for AES-XCBC-PRF-128 and AES-CMAC-PRF-128 only 64 bits of each nonce go into
// SKEYSEED.
TEST(Keys, ThePrfsOnAesTakeEightOctetsOfEachNonce) {
  const crypto::CryptoContext context;
  const ByteVector ni(32, std::byte{0x11});
  const ByteVector nr(32, std::byte{0x22});
  const ByteVector secret(32, std::byte{0x33});
  ByteVector key(8, std::byte{0x11});
  key.resize(16, std::byte{0x22});
  for (const crypto::PrfId id : {crypto::PrfId::kAes128Xcbc, crypto::PrfId::kAes128Cmac}) {
    const crypto::PrfRow& row = *crypto::find_prf(id);
    const auto expected = crypto::prf(context, row, key, {secret});
    const auto actual = skeyseed(context, row, {ni, nr}, secret);
    EXPECT_EQ(join({&actual}), join({&expected})) << row.name;
  }
}

}  // namespace
}  // namespace penstock::ikev2
