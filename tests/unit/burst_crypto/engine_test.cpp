// SPDX-License-Identifier: BSD-3-Clause
// The chain of engines: mixed bursts, RFC 3602's packets, IVs, and refusals. Each algorithm by
// itself is in conformance_test.cpp.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <nlohmann/json.hpp>

#include "esp_packet.h"
#include "lib/base/random.h"
#include "lib/burst_crypto/ipsec_mb.h"
#include "tests/lib/vectors.h"

namespace penstock::burst_crypto {
namespace {

using crypto::EncrId;
using crypto::IntegId;
using test::EspPacket;
using test::Keyed;

base::ByteVector hex(const std::string& text) { return base::from_hex(text).value(); }

base::ByteVector random_octets(base::RandomSource& random, std::size_t count) {
  base::ByteVector out(count);
  random.fill(out);
  return out;
}

/// HMAC over packet up to the ICV, and the upper half of an ESN (RFC 4303 §2.2.1).
base::ByteVector reference_icv(const crypto::IntegRow& row, base::Bytes key, base::Bytes covered,
                               base::Bytes sequence_high) {
  base::ByteVector data = base::to_vector(covered);
  data.insert(data.end(), sequence_high.begin(), sequence_high.end());
  base::ByteVector out(64);
  unsigned size = 0;
  HMAC(EVP_get_digestbyname(std::string(row.openssl_digest).c_str()), key.data(),
       static_cast<int>(key.size()), base::u8(data.data()), data.size(), base::u8(out.data()),
       &size);
  out.resize(row.icv_octets);
  return out;
}

class EngineTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> engine = test::factory("ipsec-mb").make_engine(0).value();
  base::SeededRandom random{7};
  base::ByteVector spi = hex("00001001");
};

/// One suite of each kind of work, two of them openssl's in the chain.
TEST_F(EngineTest, FinishesMixedBurstsOfAnyLength) {
  struct Mixed {
    EncrId encr;
    unsigned bits;
    IntegId integ;
  };
  constexpr std::array kMix{Mixed{EncrId::kAesGcm16, 128, IntegId::kNone},
                            Mixed{EncrId::kAesCbc, 256, IntegId::kHmacSha512_256},
                            Mixed{EncrId::kChaCha20Poly1305, 0, IntegId::kNone},
                            Mixed{EncrId::kAesCcm16, 192, IntegId::kNone},
                            Mixed{EncrId::kAesCtr, 128, IntegId::kAesXcbc96},
                            Mixed{EncrId::kNullAesGmac, 256, IntegId::kNone},
                            Mixed{EncrId::kAesCcm8, 192, IntegId::kNone},
                            Mixed{EncrId::k3Des, 0, IntegId::kHmacSha256_96},
                            Mixed{EncrId::kAesCcm12, 256, IntegId::kNone}};
  const auto key = random_octets(random, 64);
  const base::Bytes k = key;
  const auto keyed = [&](CipherDirection direction) {
    std::vector<std::unique_ptr<Keyed>> all;
    for (const Mixed& m : kMix) {
      const auto encr = test::encr_row(m.encr, m.bits);
      const auto* integ = crypto::find_integ(m.integ);
      all.push_back(Keyed::make(encr, integ, direction, true,
                                k.first(encr.key_bits / 8U + encr.salt_octets),
                                k.first(integ != nullptr ? integ->key_octets : 0U)));
    }
    return all;
  };
  const auto seal = keyed(CipherDirection::kSeal);
  const auto open = keyed(CipherDirection::kOpen);
  const auto seq = hex("0000000000000001");
  for (const std::size_t count : {1U, 2U, 31U, 32U, 64U, 65U, 129U, 200U}) {
    std::vector<EspPacket> packets;
    std::vector<base::ByteVector> texts;
    std::vector<Job> jobs;
    jobs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(random_octets(random, 16 * (1 + i % 90)));
      packets.push_back(
          EspPacket::to_seal(*seal[i % kMix.size()], spi, seq, base::ByteVector(12), texts[i]));
    }
    for (auto& p : packets) jobs.push_back(p.job);
    EXPECT_EQ(engine->process(jobs), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(jobs[i].status, JobStatus::kDone);
      packets[i] =
          EspPacket::to_open(*open[i % kMix.size()], packets[i].bytes, seq, base::ByteVector(12));
      if (i % 7 == 3) packets[i].bytes[20] ^= std::byte{4};
      jobs[i] = packets[i].job;
      jobs[i].esp = base::u8(packets[i].bytes.data());
    }
    EXPECT_EQ(engine->process(jobs), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(jobs[i].status, i % 7 == 3 ? JobStatus::kIcvMismatch : JobStatus::kDone);
      if (i % 7 != 3) {
        EXPECT_EQ(base::to_hex(packets[i].text(*open[i % kMix.size()])), base::to_hex(texts[i]));
      }
    }
  }
}

TEST_F(EngineTest, OpensThePacketsOfRfc3602) {
  PS_VECTORS_OR_SKIP(file, "esp/rfc3602_packets.json");
  const auto cases = nlohmann::json::parse(file);
  const auto encr = test::encr_row(EncrId::kAesCbc, 128);
  const auto integ = test::integ_row(IntegId::kHmacSha1_96);
  const auto auth_key = random_octets(random, 20);
  for (const auto& c : cases) {  // the RFC's packets carry no ICV: OpenSSL adds one
    auto packet = hex(c.at("esp"));
    const auto icv = reference_icv(integ, auth_key, packet, {});
    packet.insert(packet.end(), icv.begin(), icv.end());
    const auto open =
        Keyed::make(encr, &integ, CipherDirection::kOpen, false, hex(c.at("key")), auth_key);
    auto opened = EspPacket::to_open(*open, packet, {}, {});
    EXPECT_EQ(test::run(*engine, opened), JobStatus::kDone);
    const auto payload = hex(c.at("payload"));
    EXPECT_EQ(base::to_hex(opened.text(*open).first(payload.size())), base::to_hex(payload));
    EXPECT_EQ(std::to_integer<int>(opened.text(*open).back()), c.at("next_header").get<int>());
  }
  EXPECT_EQ(cases.size(), 4U);
}

TEST_F(EngineTest, DrawsAnotherCbcIvForEachSequenceNumber) {
  const auto encr = test::encr_row(EncrId::kAesCbc, 128);
  const auto integ = test::integ_row(IntegId::kHmacSha1_96);
  const auto seal = Keyed::make(encr, &integ, CipherDirection::kSeal, false,
                                random_octets(random, 16), random_octets(random, 20));
  std::vector<std::string> ivs;
  for (std::uint8_t i = 0; i < 32; ++i) {
    base::ByteVector nonce(12);
    nonce.back() = std::byte{i};
    auto p = EspPacket::to_seal(*seal, spi, hex("00000001"), nonce, base::ByteVector(16));
    ASSERT_EQ(test::run(*engine, p), JobStatus::kDone);
    ivs.push_back(base::to_hex(base::Bytes(p.bytes).subspan(8, 16)));
  }
  std::ranges::sort(ivs);
  EXPECT_EQ(std::ranges::adjacent_find(ivs), ivs.end());
}

TEST(Sessions, RefusalsSayWhatIsWrong) {
  const auto gcm = test::encr_row(EncrId::kAesGcm16, 128);
  const auto cbc = test::encr_row(EncrId::kAesCbc, 128);
  const auto sha = test::integ_row(IntegId::kHmacSha256_128);
  const base::ByteVector octets(64);
  const auto refused = [&](const crypto::EncrRow& encr, const crypto::IntegRow* integ,
                           std::size_t enc, std::size_t auth) {
    Session session;
    KeyMaterial keys;
    const auto built = test::factory().build({.encr = &encr,
                                              .integ = integ,
                                              .enc_key = base::Bytes(octets).first(enc),
                                              .auth_key = base::Bytes(octets).first(auth)},
                                             session, keys);
    if (built) test::factory().release(session, keys);
    return built ? std::string("accepted") : built.error().text;
  };
  EXPECT_EQ(refused(gcm, nullptr, 20, 0), "accepted");
  EXPECT_NE(refused(gcm, nullptr, 16, 0).find("20 octets (4 of them salt), not 16"),
            std::string::npos);
  EXPECT_NE(refused(gcm, &sha, 20, 32).find("itself"), std::string::npos);
  EXPECT_NE(refused(cbc, nullptr, 16, 0).find("RFC 8221"), std::string::npos);
  EXPECT_NE(refused(cbc, &sha, 16, 31).find("32 octets, not 31"), std::string::npos);
  const auto gmac = test::integ_row(IntegId::kAes128Gmac);
  EXPECT_NE(refused(cbc, &gmac, 16, 20).find("AH only"), std::string::npos);
  const auto ccm = test::encr_row(EncrId::kAesCcm16, 192);
  EXPECT_EQ(refused(ccm, nullptr, 27, 0), "accepted");
  Session session;
  KeyMaterial keys;
  const auto alone = make_ipsec_mb_sessions({}).value()->build(
      {.encr = &ccm, .enc_key = base::Bytes(octets).first(27), .auth_key = {}}, session, keys);
  EXPECT_EQ(alone ? "accepted" : alone.error().text, "the ipsec-mb engine has no aes192ccm16");
}

}  // namespace
}  // namespace penstock::burst_crypto
