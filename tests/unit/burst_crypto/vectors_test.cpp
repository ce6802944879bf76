// SPDX-License-Identifier: BSD-3-Clause
// Known answers: whole ESP packets of RFCs and drafts, RFC 4868's HMACs, wycheproof's edge cases.
#include <nlohmann/json.hpp>

#include "esp_packet.h"
#include "tests/lib/vectors.h"

namespace penstock::burst_crypto {
namespace {

using nlohmann::json;
using test::EspPacket;
using test::Keyed;

base::ByteVector hex(const std::string& text) { return base::from_hex(text).value(); }

/// Seals to `packet`, opens back, and refuses it with its last bit changed.
void check_aead(Engine& engine, const crypto::EncrRow& row, base::Bytes key, base::Bytes spi,
                base::Bytes sequence, base::Bytes nonce, base::Bytes text, base::Bytes packet) {
  const bool esn = sequence.size() == 8;
  const auto seal = Keyed::make(row, nullptr, CipherDirection::kSeal, esn, key, {});
  auto sealed = EspPacket::to_seal(*seal, spi, sequence, nonce, text);
  EXPECT_EQ(test::run(engine, sealed), JobStatus::kDone);
  EXPECT_EQ(base::to_hex(sealed.bytes), base::to_hex(packet));

  const auto open = Keyed::make(row, nullptr, CipherDirection::kOpen, esn, key, {});
  auto opened = EspPacket::to_open(*open, packet, sequence, nonce);
  auto altered = opened;
  altered.bytes.back() ^= std::byte{1};
  EXPECT_EQ(test::run(engine, opened), JobStatus::kDone);
  EXPECT_EQ(base::to_hex(opened.text(*open)), base::to_hex(text));
  EXPECT_EQ(test::run(engine, altered), JobStatus::kIcvMismatch);
}

class Vectors : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> engine = make_ipsec_mb_engine().value();
};

TEST_F(Vectors, AesGcmPacketsOfDraftMcgrew) {
  PS_VECTORS_OR_SKIP(text, "esp/draft_mcgrew_gcm_test.json");
  const json cases = json::parse(text).at("cases");
  for (const json& c : cases) {
    SCOPED_TRACE(c.dump());
    auto key = hex(c.at("key"));
    const auto row =
        test::encr_row(crypto::EncrId::kAesGcm16, static_cast<unsigned>(key.size() * 8));
    const auto nonce = hex(c.at("nonce"));
    key.insert(key.end(), nonce.begin(), nonce.begin() + 4);
    check_aead(*engine, row, key, hex(c.at("spi")), hex(c.at("seq")), nonce, hex(c.at("plaintext")),
               hex(c.at("packet")));
  }
  EXPECT_GE(cases.size(), 10U);
}

TEST_F(Vectors, ChaCha20Poly1305PacketOfRfc7634) {
  PS_VECTORS_OR_SKIP(text, "esp/rfc7634_esp.json");
  const json c = json::parse(text);
  const std::string salt = c.at("salt");
  const std::string iv = c.at("iv");
  const std::string spi = c.at("spi");
  const auto packet = hex(spi + "00000005" + iv + c.at("ct_tag").get<std::string>());
  check_aead(*engine, test::encr_row(crypto::EncrId::kChaCha20Poly1305, 0),
             hex(c.at("key").get<std::string>() + salt), hex(spi), hex("00000005"), hex(salt + iv),
             hex(c.at("plaintext")), packet);
}

TEST_F(Vectors, WycheproofAeadEdges) {
  PS_VECTORS_OR_SKIP(gcm, "wycheproof/aes_gcm_test.json.gz");
  PS_VECTORS_OR_SKIP(chacha20, "wycheproof/chacha20_poly1305_test.json.gz");
  int tried = 0;
  for (const auto& [file, id] : {std::pair{&gcm, crypto::EncrId::kAesGcm16},
                                 std::pair{&chacha20, crypto::EncrId::kChaCha20Poly1305}}) {
    const json vectors = json::parse(*file);
    for (const json& group : vectors.at("testGroups")) {
      if (group.at("ivSize") != 96 || group.at("tagSize") != 128) continue;
      const bool chacha = id == crypto::EncrId::kChaCha20Poly1305;
      const auto row = test::encr_row(id, chacha ? 0U : group.at("keySize").get<unsigned>());
      for (const json& t : group.at("tests")) {
        const auto aad = hex(t.at("aad"));
        const auto text = hex(t.at("msg"));
        if (aad.size() > 12 || text.empty()) continue;  // a job's AAD is ESP's; ESP is never empty
        SCOPED_TRACE(std::string(row.name) + " " + t.at("tcId").dump());
        const auto nonce = hex(t.at("iv"));
        auto key = hex(t.at("key"));
        key.insert(key.end(), nonce.begin(), nonce.begin() + 4);
        auto keyed = Keyed::make(row, nullptr, CipherDirection::kOpen, false, key, {});
        keyed->session.aad_octets = static_cast<std::uint8_t>(aad.size());
        const auto sent = hex("0000000000000000" + t.at("iv").get<std::string>().substr(8) +
                              t.at("ct").get<std::string>() + t.at("tag").get<std::string>());
        auto packet = EspPacket::to_open(*keyed, sent, {}, nonce);
        std::copy_n(base::u8(aad.data()), aad.size(), packet.job.aad);
        const bool valid = t.at("result") == "valid";
        EXPECT_EQ(test::run(*engine, packet), valid ? JobStatus::kDone : JobStatus::kIcvMismatch);
        if (valid) {
          EXPECT_EQ(base::to_hex(packet.text(*keyed)), base::to_hex(text));
        }
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 200);
}

/// RFC 4868 §2.7.2: cases 1 (8 octets: an ESP header alone) and 4 (50 octets).
TEST_F(Vectors, HmacsOfRfc4868) {
  struct Case {
    crypto::IntegId id;
    std::string key, data, icv;
  };
  const auto repeat = [](const std::string& octet, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += octet;
    return out;
  };
  const std::string hi = "4869205468657265";
  const std::string count = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
  const Case cases[] = {
      {crypto::IntegId::kHmacSha256_128, repeat("0b", 32), hi, "198a607eb44bfbc69903a0f1cf2bbdc5"},
      {crypto::IntegId::kHmacSha256_128, count, repeat("cd", 50),
       "372efcf9b40b35c2115b1346903d2ef4"},
      {crypto::IntegId::kHmacSha384_192, repeat("0b", 48), hi,
       "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
      {crypto::IntegId::kHmacSha384_192, count + "0a0b0c0d0e0f10111213141516171819",
       repeat("cd", 50), "5b540085c6e6358096532b2493609ed1cb298f774f87bb5c"},
      {crypto::IntegId::kHmacSha512_256, repeat("0b", 64), hi,
       "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
      // RFC 2202 §3, case 1, cut to 96 bits (RFC 2404 §2).
      {crypto::IntegId::kHmacSha1_96, repeat("0b", 20), hi, "b617318655057264e28bc0b6"},
  };
  const auto null = test::encr_row(crypto::EncrId::kNull, 0);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.icv);
    const auto integ = test::integ_row(c.id);
    const auto key = hex(c.key);
    const auto data = hex(c.data);
    const auto keyed = Keyed::make(null, &integ, CipherDirection::kSeal, false, {}, key);
    auto packet =
        EspPacket::to_seal(*keyed, base::Bytes(data).first(4), base::Bytes(data).subspan(4, 4), {},
                           base::Bytes(data).subspan(8));
    EXPECT_EQ(test::run(*engine, packet), JobStatus::kDone);
    EXPECT_EQ(base::to_hex(packet.bytes), c.data + c.icv);
  }
}

}  // namespace
}  // namespace penstock::burst_crypto
