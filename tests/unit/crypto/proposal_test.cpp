// SPDX-License-Identifier: BSD-3-Clause
#include "lib/crypto/proposal.h"

#include <gtest/gtest.h>

namespace penstock::crypto {
namespace {

using base::ErrorCode;

Proposal good(ProtocolId protocol, std::string_view text) {
  auto parsed = parse_proposal(protocol, text);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << parsed.error().text;
  return parsed ? *std::move(parsed) : Proposal{};
}

void expect_refused(ProtocolId protocol, std::string_view text, ErrorCode code,
                    std::string_view word) {
  const auto parsed = parse_proposal(protocol, text);
  ASSERT_FALSE(parsed.has_value()) << text;
  EXPECT_EQ(parsed.error().code, code) << text;
  EXPECT_NE(parsed.error().text.find(word), std::string::npos)
      << parsed.error().text << " does not name " << word;
}

TEST(Proposal, ReadsAnAeadForIke) {
  const Proposal p = good(ProtocolId::kIke, "aes128gcm16-prfsha256-x25519");
  EXPECT_EQ(p.encr, (std::vector{EncrTransform{EncrId::kAesGcm16, 128}}));
  EXPECT_EQ(p.prf, std::vector{PrfId::kHmacSha256});
  EXPECT_TRUE(p.integ.empty());
  EXPECT_EQ(p.dh, std::vector{DhGroupId::kX25519});
  EXPECT_TRUE(p.esn.empty());
}

TEST(Proposal, TheFixedLengthCipherHasNoKeyLength) {
  const Proposal p = good(ProtocolId::kEsp, "chacha20poly1305");
  EXPECT_EQ(p.encr, (std::vector{EncrTransform{EncrId::kChaCha20Poly1305, 0}}));
}

TEST(Proposal, DerivesThePrfFromIntegrityInIkeOnly) {
  EXPECT_EQ(good(ProtocolId::kIke, "aes256-sha256-sha1-modp2048").prf,
            (std::vector{PrfId::kHmacSha256, PrfId::kHmacSha1}));
  EXPECT_EQ(good(ProtocolId::kIke, "aes256-sha256-prfsha384-modp2048").prf,
            std::vector{PrfId::kHmacSha384});
  EXPECT_TRUE(good(ProtocolId::kEsp, "aes256-sha256-modp2048").prf.empty());
}

TEST(Proposal, KeepsTheOrderAndDropsRepetition) {
  const Proposal p = good(ProtocolId::kEsp, "aes256-aes128-sha512-sha256-aes256-esn-noesn");
  EXPECT_EQ(p.encr, (std::vector{EncrTransform{EncrId::kAesCbc, 256},
                                 EncrTransform{EncrId::kAesCbc, 128}}));
  EXPECT_EQ(p.integ, (std::vector{IntegId::kHmacSha512_256, IntegId::kHmacSha256_128}));
  EXPECT_EQ(p.esn, (std::vector{EsnId::kEsn, EsnId::kNoEsn}));
}

TEST(Proposal, EspWithoutAWordIsNoesn) {
  EXPECT_EQ(good(ProtocolId::kEsp, "aes128gcm16").esn, std::vector{EsnId::kNoEsn});
  EXPECT_EQ(good(ProtocolId::kEsp, "aes128gcm16-esn").esn, std::vector{EsnId::kEsn});
}

TEST(Proposal, ReadsSwanctlsOtherSpellings) {
  EXPECT_EQ(good(ProtocolId::kIke, "aes-sha-modp2048"),
            good(ProtocolId::kIke, "aes128-sha1-modp2048"));
  EXPECT_EQ(good(ProtocolId::kEsp, "aes256gcm128-curve25519"),
            good(ProtocolId::kEsp, "aes256gcm16-x25519"));
  EXPECT_EQ(good(ProtocolId::kEsp, "aes128-sha2_256"), good(ProtocolId::kEsp, "aes128-sha256"));
}

TEST(Proposal, GmacIsACipherInEspAndIntegrityInAh) {
  EXPECT_EQ(good(ProtocolId::kEsp, "aes128gmac").encr.front().id, EncrId::kNullAesGmac);
  EXPECT_EQ(good(ProtocolId::kAh, "aes128gmac").integ.front(), IntegId::kAes128Gmac);
}

TEST(Proposal, NullGoesWithIntegrityInEspAndNeverInIke) {
  EXPECT_EQ(good(ProtocolId::kEsp, "null-sha256").encr.front().id, EncrId::kNull);
  expect_refused(ProtocolId::kEsp, "null", ErrorCode::kMalformed, "integrity");
  expect_refused(ProtocolId::kIke, "null-sha256-x25519", ErrorCode::kUnsupported, "null");
}

TEST(Proposal, NamesTheWordItDoesNotKnow) {
  expect_refused(ProtocolId::kEsp, "aes128gcm16-sha257", ErrorCode::kUnsupported, "sha257");
  expect_refused(ProtocolId::kIke, "aes128--x25519", ErrorCode::kUnsupported, "\"\"");
  expect_refused(ProtocolId::kIke, "AES128-sha256-x25519", ErrorCode::kUnsupported, "AES128");
}

TEST(Proposal, NamesTheWordThatDoesNotFitTheProtocol) {
  expect_refused(ProtocolId::kEsp, "aes128-sha256-prfsha256", ErrorCode::kUnsupported, "prfsha256");
  expect_refused(ProtocolId::kIke, "aes128-sha256-x25519-esn", ErrorCode::kUnsupported, "esn");
  expect_refused(ProtocolId::kIke, "aes128gmac-prfsha256-x25519", ErrorCode::kUnsupported,
                 "aes128gmac");
  expect_refused(ProtocolId::kIke, "aes128-sha256-modpnone", ErrorCode::kUnsupported, "modpnone");
  expect_refused(ProtocolId::kAh, "aes128-sha256", ErrorCode::kUnsupported, "aes128");
}

TEST(Proposal, SaysWhatIsMissingOrDoesNotGoTogether) {
  const auto refused = [](ProtocolId protocol, std::string_view text, std::string_view word) {
    expect_refused(protocol, text, ErrorCode::kMalformed, word);
  };
  refused(ProtocolId::kIke, "", "empty");
  refused(ProtocolId::kIke, "aes128gcm16-x25519", "PRF");
  refused(ProtocolId::kIke, "aes128gcm16-sha256-x25519", "own integrity");
  refused(ProtocolId::kIke, "aes128-prfsha256-x25519", "needs an integrity");
  refused(ProtocolId::kIke, "aes128-sha256", "Diffie-Hellman");
  refused(ProtocolId::kIke, "sha256-x25519", "cipher");
  refused(ProtocolId::kEsp, "aes128gcm16-aes128-sha256", "two proposals");
  refused(ProtocolId::kEsp, "aes128", "integrity");
  refused(ProtocolId::kAh, "x25519", "integrity");
}

TEST(Proposal, IsReadBackFromWhatItPrints) {
  for (const auto& [protocol, text] : {
           std::pair{ProtocolId::kIke, "aes128gcm16-chacha20poly1305-prfsha256-x25519-modp3072"},
           std::pair{ProtocolId::kIke, "3des-aes192-sha1-sha512-modp1024"},
           std::pair{ProtocolId::kEsp, "aes256ctr-aesxcbc-ecp521-modpnone-esn-noesn"},
           std::pair{ProtocolId::kEsp, "aes256ccm8-noesn"},
           std::pair{ProtocolId::kAh, "sha384-x448"},
       }) {
    const Proposal p = good(protocol, text);
    EXPECT_EQ(good(protocol, p.to_string()), p) << p.to_string();
  }
}

TEST(Proposal, NamesPrivateGroupsByTheirNumbers) {
  const auto p = parse_proposal(ProtocolId::kEsp, "aes128-sha256-private32768-private65535");
  ASSERT_TRUE(p.has_value());
  EXPECT_EQ(p->dh, (std::vector{DhGroupId{32768}, DhGroupId{65535}}));
  EXPECT_EQ(p->to_string(), "aes128-sha256-private32768-private65535-noesn");
  for (const auto* text : {"private32767", "private65536", "private", "private-1", "private40000x"})
    EXPECT_FALSE(parse_proposal(ProtocolId::kEsp, std::string("aes128-sha256-") + text).has_value())
        << text;
}

TEST(Proposal, PrintsNumbersThatNobodyKnows) {
  Proposal p;
  p.encr = {{EncrId{23}, 128}, {EncrId{28}, 256}};
  p.prf = {PrfId{9}};
  p.dh = {DhGroupId{24}};
  EXPECT_EQ(p.to_string(), "encr(23/128)-encr(28/256)-prf(9)-dh(24)");
}

TEST(Proposals, AreAListInWhichDefaultStandsForOurs) {
  const auto list = parse_proposals(ProtocolId::kEsp, " aes128gcm8 , default,null-sha1");
  ASSERT_TRUE(list.has_value()) << list.error().text;
  ASSERT_EQ(list->size(), 2 + default_proposals(ProtocolId::kEsp).size());
  EXPECT_EQ(list->at(1), default_proposals(ProtocolId::kEsp).front());
  EXPECT_FALSE(parse_proposals(ProtocolId::kEsp, "aes128gcm16,").has_value());
}

TEST(Proposals, DefaultsHoldNothingWeak) {
  for (const ProtocolId protocol : {ProtocolId::kIke, ProtocolId::kEsp, ProtocolId::kAh}) {
    EXPECT_FALSE(default_proposals(protocol).empty());
    for (const Proposal& p : default_proposals(protocol)) {
      for (const EncrTransform& encr : p.encr) {
        EXPECT_NE(encr.id, EncrId::k3Des);
        EXPECT_NE(encr.id, EncrId::kNull);
      }
      for (const IntegId integ : p.integ) EXPECT_NE(integ, IntegId::kHmacMd5_96);
      for (const DhGroupId dh : p.dh) EXPECT_FALSE(find_dh(dh)->weak);
      EXPECT_EQ(p.dh.empty(), protocol != ProtocolId::kIke);
    }
  }
}

TEST(Algorithms, AreFoundByNumberAndKeyLength) {
  EXPECT_EQ(find_encr(EncrId::kAesGcm16, 256)->name, "aes256gcm16");
  EXPECT_EQ(find_encr(EncrId::kAesGcm16, 0), nullptr);  // RFC 7296 §3.3.5: it must be there
  EXPECT_EQ(find_encr(EncrId::kAesGcm16, 100), nullptr);
  EXPECT_EQ(find_encr(EncrId::kChaCha20Poly1305, 0)->key_bits, 256);
  EXPECT_EQ(find_integ(IntegId{99}), nullptr);
  EXPECT_EQ(find_prf(PrfId::kNone), nullptr);
  EXPECT_EQ(find_dh(DhGroupId::kNone), nullptr);
}

}  // namespace
}  // namespace penstock::crypto
