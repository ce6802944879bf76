// SPDX-License-Identifier: BSD-3-Clause
// The operator's files: PEM and DER, keys in clear and encrypted.
#include "tests/unit/pki/proof.h"

namespace penstock::pki {
namespace {

using base::as_bytes;
using base::ErrorCode;

struct Files : testing::Test {
  House h;
  Entity peer = h.peer();
};

TEST_F(Files, OfCertificatesMayBePemWithSeveralOrDerWithOne) {
  const std::string text = "a remark\n" + test::pem("CERTIFICATE", peer.certificate) +
                           test::pem("PRIVATE KEY", peer.pkcs8) +
                           test::pem("CERTIFICATE", h.middle.certificate);
  const auto both = read_certificates(h.context, as_bytes(text));
  ASSERT_TRUE(both.has_value()) << both.error().text;
  EXPECT_EQ(*both, (std::vector{peer.certificate, h.middle.certificate}));
  const auto one = read_certificates(h.context, peer.certificate);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->front(), peer.certificate);
}

TEST_F(Files, ThatHoldSomethingElseAreRefused) {
  EXPECT_EQ(read_certificates(h.context, {}).error().code, ErrorCode::kNotFound);
  const std::string key = test::pem("PRIVATE KEY", peer.pkcs8);
  EXPECT_EQ(read_certificates(h.context, as_bytes(key)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_certificates(h.context, as_bytes("rubbish")).error().code, ErrorCode::kMalformed);
  std::string broken = test::pem("CERTIFICATE", peer.certificate);
  broken.erase(broken.size() / 2);
  EXPECT_EQ(read_certificates(h.context, as_bytes(broken)).error().code, ErrorCode::kMalformed);
  const std::string wrong = test::pem("CERTIFICATE", peer.pkcs8);
  EXPECT_EQ(read_certificates(h.context, as_bytes(wrong)).error().code, ErrorCode::kMalformed);
}

TEST_F(Files, OfKeysAreReadInClearAndEncrypted) {
  const std::string clear = test::pem("PRIVATE KEY", peer.pkcs8);
  const auto a = read_private_key(h.context, as_bytes(clear), {});
  ASSERT_TRUE(a.has_value()) << a.error().text;
  EXPECT_EQ(a->kind, crypto::KeyKind::kEcdsaP256);
  const std::string locked = test::encrypted_pem(peer, "open sesame");
  const auto b = read_private_key(h.context, as_bytes(locked), as_bytes("open sesame"));
  ASSERT_TRUE(b.has_value()) << b.error().text;
  EXPECT_EQ(a->id, b->id);
  EXPECT_TRUE(std::ranges::equal(a->pkcs8.bytes(), b->pkcs8.bytes()));
  const auto facts = facts_of(h.context, peer.certificate);
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->key, a->id) << "certificate and key find each other";
}

TEST_F(Files, OfEncryptedKeysWantTheirPassphrase) {
  const std::string locked = test::encrypted_pem(peer, "open sesame");
  const auto none = read_private_key(h.context, as_bytes(locked), {});
  EXPECT_EQ(none.error().code, ErrorCode::kAuthentication);
  EXPECT_NE(none.error().text.find("no passphrase"), std::string::npos);
  const auto wrong = read_private_key(h.context, as_bytes(locked), as_bytes("guess"));
  EXPECT_EQ(wrong.error().code, ErrorCode::kAuthentication);
}

TEST_F(Files, OfKeysThatWeDoNotTakeAreRefusedByName) {
  const Entity weak = h.peer({.key = "RSA-1024"});
  const auto key = read_private_key(h.context, weak.pkcs8, {});
  EXPECT_EQ(key.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(key.error().text.find("1024"), std::string::npos);
  const Entity other = h.peer({.key = "secp256k1"});
  EXPECT_EQ(read_private_key(h.context, other.pkcs8, {}).error().code, ErrorCode::kUnsupported);
}

TEST_F(Files, OfCrlsAndOcspResponsesAreChecked) {
  const base::ByteVector crl = h.authority.revoke(h.middle, {peer});
  const std::string text = test::pem("X509 CRL", crl);
  const auto read = read_crls(h.context, as_bytes(text));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->front(), crl);
  EXPECT_FALSE(read_crls(h.context, peer.certificate).has_value());
  EXPECT_TRUE(read_ocsp_response(h.authority.answer(h.middle, peer, false, h.middle)).has_value());
  EXPECT_FALSE(read_ocsp_response(peer.certificate).has_value());
}

}  // namespace
}  // namespace penstock::pki
