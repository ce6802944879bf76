// SPDX-License-Identifier: BSD-3-Clause
// The engine against OpenSSL as the judge: each pair of rows, with and without ESN, all lengths up
// to a few blocks, mixed bursts; RFC 3602's packets; and refusals.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <nlohmann/json.hpp>

#include "esp_packet.h"
#include "lib/base/random.h"
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

base::ByteVector reference_cbc(base::Bytes key, base::Bytes iv, base::Bytes text, bool encrypt) {
  const std::string name = "AES-" + std::to_string(key.size() * 8) + "-CBC";
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  base::ByteVector out(text.size() + 32);
  int n = 0;
  EVP_CipherInit_ex2(ctx, cipher, base::u8(key.data()), base::u8(iv.data()), encrypt, nullptr);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  EVP_CipherUpdate(ctx, base::u8(out.data()), &n, base::u8(text.data()),
                   static_cast<int>(text.size()));
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

/// ciphertext | tag cut to `tag_octets`
base::ByteVector reference_gcm(base::Bytes key, base::Bytes nonce, base::Bytes aad,
                               base::Bytes text, std::size_t tag_octets) {
  const std::string name = "AES-" + std::to_string(key.size() * 8) + "-GCM";
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  base::ByteVector out(text.size() + 16);
  int n = 0;
  EVP_EncryptInit_ex2(ctx, cipher, base::u8(key.data()), base::u8(nonce.data()), nullptr);
  EVP_EncryptUpdate(ctx, nullptr, &n, base::u8(aad.data()), static_cast<int>(aad.size()));
  EVP_EncryptUpdate(ctx, base::u8(out.data()), &n, base::u8(text.data()),
                    static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(ctx, base::u8(out.data()) + n, &n);
  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, base::u8(out.data() + text.size()));
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  out.resize(text.size() + tag_octets);
  return out;
}

constexpr std::array kHmacs{IntegId::kHmacSha1_96, IntegId::kHmacSha256_128,
                            IntegId::kHmacSha384_192, IntegId::kHmacSha512_256};

class EngineTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> engine = make_ipsec_mb_engine().value();
  base::SeededRandom random{7};
  base::ByteVector spi = hex("00001001");

  base::ByteVector sequence(bool esn) { return hex(esn ? "0102030400000009" : "00000009"); }
};

TEST_F(EngineTest, SealsAndOpensHmacPairsAsOpensslDoes) {
  struct Encr {
    EncrId id;
    unsigned bits;
  };
  for (const Encr e : {Encr{EncrId::kAesCbc, 128}, Encr{EncrId::kAesCbc, 192},
                       Encr{EncrId::kAesCbc, 256}, Encr{EncrId::kNull, 0}})
    for (const IntegId integ_id : kHmacs)
      for (const bool esn : {false, true}) {
        const auto encr = test::encr_row(e.id, e.bits);
        const auto integ = test::integ_row(integ_id);
        SCOPED_TRACE(std::string(encr.name) + " " + std::string(integ.name) + (esn ? " esn" : ""));
        const auto enc_key = random_octets(random, e.bits / 8);
        const auto auth_key = random_octets(random, integ.key_octets);
        const auto seq = sequence(esn);
        const auto high = esn ? base::Bytes(seq).first(4) : base::Bytes{};
        const auto seal = Keyed::make(encr, &integ, CipherDirection::kSeal, esn, enc_key, auth_key);
        const auto open = Keyed::make(encr, &integ, CipherDirection::kOpen, esn, enc_key, auth_key);
        for (std::size_t length = 16; length <= 256; length += 16) {
          const auto text = random_octets(random, length);
          auto sealed = EspPacket::to_seal(*seal, spi, seq, random_octets(random, 12), text);
          ASSERT_EQ(test::run(*engine, sealed), JobStatus::kDone);
          const base::Bytes bytes = sealed.bytes;
          const auto icv = bytes.last(integ.icv_octets);
          const auto covered = bytes.first(bytes.size() - integ.icv_octets);
          EXPECT_EQ(base::to_hex(icv), base::to_hex(reference_icv(integ, auth_key, covered, high)));
          const auto wire_text = sealed.text(*seal);
          EXPECT_EQ(base::to_hex(e.bits == 0 ? base::to_vector(wire_text)
                                             : reference_cbc(enc_key, bytes.subspan(8, 16),
                                                             wire_text, false)),
                    base::to_hex(text));
          auto opened = EspPacket::to_open(*open, bytes, seq, base::ByteVector(12));
          auto altered = opened;
          altered.bytes[9] ^= std::byte{0x80};
          EXPECT_EQ(test::run(*engine, opened), JobStatus::kDone);
          EXPECT_EQ(base::to_hex(opened.text(*open)), base::to_hex(text));
          EXPECT_EQ(test::run(*engine, altered), JobStatus::kIcvMismatch);
        }
      }
}

TEST_F(EngineTest, RefusesAnExtendedSequenceNumberWithAnotherUpperHalf) {
  const auto encr = test::encr_row(EncrId::kAesCbc, 128);
  const auto integ = test::integ_row(IntegId::kHmacSha256_128);
  const auto enc_key = random_octets(random, 16);
  const auto auth_key = random_octets(random, 32);
  const auto seal = Keyed::make(encr, &integ, CipherDirection::kSeal, true, enc_key, auth_key);
  const auto open = Keyed::make(encr, &integ, CipherDirection::kOpen, true, enc_key, auth_key);
  auto sealed = EspPacket::to_seal(*seal, spi, hex("0000000100000009"), base::ByteVector(12),
                                   base::ByteVector(32));
  ASSERT_EQ(test::run(*engine, sealed), JobStatus::kDone);
  auto other = EspPacket::to_open(*open, sealed.bytes, hex("0000000200000009"), {});
  EXPECT_EQ(test::run(*engine, other), JobStatus::kIcvMismatch);
}

TEST_F(EngineTest, SealsGcmWithEachKeyAndIcvLengthAsOpensslDoes) {
  for (const auto& [id, icv] : {std::pair{EncrId::kAesGcm8, 8U}, std::pair{EncrId::kAesGcm12, 12U},
                                std::pair{EncrId::kAesGcm16, 16U}})
    for (const unsigned bits : {128U, 192U, 256U})
      for (const bool esn : {false, true}) {
        SCOPED_TRACE(std::to_string(bits) + " icv " + std::to_string(icv));
        const auto row = test::encr_row(id, bits);
        const auto key = random_octets(random, bits / 8 + 4);
        const auto seq = sequence(esn);
        const auto seal = Keyed::make(row, nullptr, CipherDirection::kSeal, esn, key, {});
        const auto open = Keyed::make(row, nullptr, CipherDirection::kOpen, esn, key, {});
        for (std::size_t length = 4; length <= 1500; length = length * 3 / 2 / 4 * 4 + 4) {
          const auto text = random_octets(random, length);
          auto nonce = random_octets(random, 12);
          std::copy_n(key.end() - 4, 4, nonce.begin());
          auto sealed = EspPacket::to_seal(*seal, spi, seq, nonce, text);
          const auto aad = base::to_vector(
              std::as_bytes(std::span(sealed.job.aad).first(seal->session.aad_octets)));
          ASSERT_EQ(test::run(*engine, sealed), JobStatus::kDone);
          EXPECT_EQ(
              base::to_hex(base::Bytes(sealed.bytes).subspan(16)),
              base::to_hex(reference_gcm(base::Bytes(key).first(bits / 8), nonce, aad, text, icv)));
          for (std::size_t i = 0; i < icv; ++i) {  // each octet of the ICV counts
            auto altered = EspPacket::to_open(*open, sealed.bytes, seq, nonce);
            altered.bytes[altered.bytes.size() - 1 - i] ^= std::byte{1};
            EXPECT_EQ(test::run(*engine, altered), JobStatus::kIcvMismatch);
          }
          auto opened = EspPacket::to_open(*open, sealed.bytes, seq, nonce);
          EXPECT_EQ(test::run(*engine, opened), JobStatus::kDone);
          EXPECT_EQ(base::to_hex(opened.text(*open)), base::to_hex(text));
        }
      }
}

TEST_F(EngineTest, FinishesMixedBurstsOfAnyLength) {
  const auto gcm = test::encr_row(EncrId::kAesGcm16, 128);
  const auto cbc = test::encr_row(EncrId::kAesCbc, 256);
  const auto chacha = test::encr_row(EncrId::kChaCha20Poly1305, 0);
  const auto sha = test::integ_row(IntegId::kHmacSha512_256);
  const auto key = random_octets(random, 64);
  const base::Bytes k = key;
  const auto keyed = [&](CipherDirection direction) {
    std::array<std::unique_ptr<Keyed>, 3> all{
        Keyed::make(gcm, nullptr, direction, true, k.first(20), {}),
        Keyed::make(cbc, &sha, direction, true, k.first(32), k),
        Keyed::make(chacha, nullptr, direction, true, k.first(36), {})};
    return all;
  };
  const auto seal = keyed(CipherDirection::kSeal);
  const auto open = keyed(CipherDirection::kOpen);
  const auto seq = hex("0000000000000001");
  for (const std::size_t count : {1U, 2U, 31U, 32U, 64U, 65U, 129U, 200U}) {
    std::vector<EspPacket> packets;
    std::vector<base::ByteVector> texts;
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(random_octets(random, 16 * (1 + i % 90)));
      packets.push_back(EspPacket::to_seal(*seal[i % 3], spi, seq, base::ByteVector(12), texts[i]));
    }
    for (auto& p : packets) jobs.push_back(p.job);
    EXPECT_EQ(engine->process(jobs), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(jobs[i].status, JobStatus::kDone);
      packets[i] = EspPacket::to_open(*open[i % 3], packets[i].bytes, seq, base::ByteVector(12));
      if (i % 7 == 3) packets[i].bytes[20] ^= std::byte{4};
      jobs[i] = packets[i].job;
      jobs[i].esp = base::u8(packets[i].bytes.data());
    }
    EXPECT_EQ(engine->process(jobs), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(jobs[i].status, i % 7 == 3 ? JobStatus::kIcvMismatch : JobStatus::kDone);
      if (i % 7 != 3) {
        EXPECT_EQ(base::to_hex(packets[i].text(*open[i % 3])), base::to_hex(texts[i]));
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
    return built ? std::string("accepted") : built.error().text;
  };
  EXPECT_EQ(refused(gcm, nullptr, 20, 0), "accepted");
  EXPECT_NE(refused(gcm, nullptr, 16, 0).find("20 octets (4 of them salt), not 16"),
            std::string::npos);
  EXPECT_NE(refused(gcm, &sha, 20, 32).find("itself"), std::string::npos);
  EXPECT_NE(refused(cbc, nullptr, 16, 0).find("RFC 8221"), std::string::npos);
  EXPECT_NE(refused(cbc, &sha, 16, 31).find("32 octets, not 31"), std::string::npos);
  const auto tdes = test::encr_row(EncrId::k3Des, 0);
  EXPECT_NE(refused(tdes, &sha, 24, 32).find("has no"), std::string::npos);
}

}  // namespace
}  // namespace penstock::burst_crypto
