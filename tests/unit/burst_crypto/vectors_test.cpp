// SPDX-License-Identifier: BSD-3-Clause
// Known answers: whole ESP packets of RFCs and drafts, ciphers and MACs of their RFCs, wycheproof's
// edge cases.
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
  const auto seal = Keyed::make(row, nullptr, CipherDirection::kSeal, esn, key, {}, engine.name());
  auto sealed = EspPacket::to_seal(*seal, spi, sequence, nonce, text);
  EXPECT_EQ(test::run(engine, sealed), JobStatus::kDone);
  EXPECT_EQ(base::to_hex(sealed.bytes), base::to_hex(packet));

  const auto open = Keyed::make(row, nullptr, CipherDirection::kOpen, esn, key, {}, engine.name());
  auto opened = EspPacket::to_open(*open, packet, sequence, nonce);
  auto altered = opened;
  altered.bytes.back() ^= std::byte{1};
  EXPECT_EQ(test::run(engine, opened), JobStatus::kDone);
  EXPECT_EQ(base::to_hex(opened.text(*open)), base::to_hex(text));
  EXPECT_EQ(test::run(engine, altered), JobStatus::kIcvMismatch);
}

/// On each chain of engines.
class Vectors : public ::testing::TestWithParam<std::string_view> {
 protected:
  std::unique_ptr<Engine> engine = test::factory(GetParam()).make_engine(0).value();
};

TEST_P(Vectors, AesGcmPacketsOfDraftMcgrew) {
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

TEST_P(Vectors, ChaCha20Poly1305PacketOfRfc7634) {
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

struct WycheproofFile {
  std::string name;
  crypto::EncrId id;
  int iv_bits;
  int tag_bits;
  int at_least;  ///< so many of its tests have ESP's shape
};

TEST_P(Vectors, WycheproofAeadEdges) {
  for (const WycheproofFile& file :
       {WycheproofFile{"aes_gcm_test", crypto::EncrId::kAesGcm16, 96, 128, 100},
        WycheproofFile{"chacha20_poly1305_test", crypto::EncrId::kChaCha20Poly1305, 96, 128, 200},
        WycheproofFile{"aes_ccm_test", crypto::EncrId::kAesCcm16, 88, 128, 10}}) {
    PS_VECTORS_OR_SKIP(contents, "wycheproof/" + file.name + ".json.gz");
    int tried = 0;
    const json vectors = json::parse(contents);
    for (const json& group : vectors.at("testGroups")) {
      if (group.at("ivSize") != file.iv_bits || group.at("tagSize") != file.tag_bits) continue;
      const bool chacha = file.id == crypto::EncrId::kChaCha20Poly1305;
      const auto row = test::encr_row(file.id, chacha ? 0U : group.at("keySize").get<unsigned>());
      for (const json& t : group.at("tests")) {
        const auto aad = hex(t.at("aad"));
        const auto text = hex(t.at("msg"));
        if (aad.size() > 12 || text.empty()) continue;  // a job's AAD is ESP's; ESP is never empty
        SCOPED_TRACE(file.name + " " + t.at("tcId").dump());
        const auto iv = hex(t.at("iv"));
        base::ByteVector nonce(12 - iv.size());  // a job's nonce ends with the IV
        nonce.insert(nonce.end(), iv.begin(), iv.end());
        auto key = hex(t.at("key"));
        key.insert(key.end(), iv.begin(), iv.begin() + row.salt_octets);
        auto keyed = Keyed::make(row, nullptr, CipherDirection::kOpen, false, key, {}, GetParam());
        keyed->session.aad_octets = static_cast<std::uint8_t>(aad.size());
        const auto sent =
            hex("0000000000000000" + t.at("iv").get<std::string>().substr(2U * row.salt_octets) +
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
    EXPECT_GE(tried, file.at_least) << file.name;
  }
}

/// RFC 3686 §6, test vectors 2, 5 and 8: key, nonce and IV, plaintext 0 to 31, ciphertext.
TEST_P(Vectors, AesCtrOfRfc3686) {
  struct Case {
    unsigned bits;
    std::string key, nonce, iv, ciphertext;
  };
  const Case cases[] = {
      {128, "7e24067817fae0d743d6ce1f32539163", "006cb6db", "c0543b59da48d90b",
       "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"},
      {192, "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a", "0096b03b", "020c6eadc2cb500d",
       "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00"},
      {256, "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884", "00faac24",
       "c1585ef15a43d875", "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c"},
  };
  const auto integ = test::integ_row(crypto::IntegId::kHmacSha1_96);
  const base::ByteVector auth_key(20);
  base::ByteVector text(32);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::byte>(i);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.bits);
    const auto keyed =
        Keyed::make(test::encr_row(crypto::EncrId::kAesCtr, c.bits), &integ, CipherDirection::kSeal,
                    false, hex(c.key + c.nonce), auth_key, GetParam());
    auto packet =
        EspPacket::to_seal(*keyed, hex("00000100"), hex("00000001"), hex(c.nonce + c.iv), text);
    EXPECT_EQ(test::run(*engine, packet), JobStatus::kDone);
    EXPECT_EQ(base::to_hex(packet.text(*keyed)), c.ciphertext);
  }
}

/// RFC 4868 §2.7.2: cases 1 (8 octets: an ESP header alone) and 4 (50 octets); and of the others
/// those with 8 octets and more.
TEST_P(Vectors, MacsOfTheirRfcs) {
  struct Case {
    crypto::IntegId id;
    std::string key, data, icv;
  };
  const auto repeat = [](const std::string& octet, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += octet;
    return out;
  };
  const auto first = [](int n) {
    base::ByteVector octets;
    for (int i = 0; i < n; ++i) octets.push_back(static_cast<std::byte>(i));
    return base::to_hex(octets);
  };
  const std::string cmac_key = "2b7e151628aed2a6abf7158809cf4f3c";
  const std::string cmac_data =
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
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
      // RFC 2202 §2, case 1, cut to 96 bits (RFC 2403 §2).
      {crypto::IntegId::kHmacMd5_96, repeat("0b", 16), hi, "9294727a3638bb1c13f48ef8"},
      {crypto::IntegId::kHmacSha256_96, repeat("0b", 32), hi, "198a607eb44bfbc69903a0f1"},
      // RFC 3566 §4.6, cases 4, 5 and 6.
      {crypto::IntegId::kAesXcbc96, first(16), first(20), "47f51b4564966215b8985c63"},
      {crypto::IntegId::kAesXcbc96, first(16), first(32), "f54f0ec8d2b9f3d36807734b"},
      {crypto::IntegId::kAesXcbc96, first(16), first(34), "becbb3bccdb518a30677d548"},
      // RFC 4494 §4, cases 2, 3 and 4.
      {crypto::IntegId::kAesCmac96, cmac_key, cmac_data.substr(0, 32), "070a16b46b4d4144f79bdd9d"},
      {crypto::IntegId::kAesCmac96, cmac_key, cmac_data.substr(0, 80), "dfa66747de9ae63030ca3261"},
      {crypto::IntegId::kAesCmac96, cmac_key, cmac_data, "51f0bebf7e3b9d92fc497417"},
  };
  const auto null = test::encr_row(crypto::EncrId::kNull, 0);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.icv);
    const auto integ = test::integ_row(c.id);
    const auto key = hex(c.key);
    const auto data = hex(c.data);
    const auto keyed =
        Keyed::make(null, &integ, CipherDirection::kSeal, false, {}, key, GetParam());
    auto packet =
        EspPacket::to_seal(*keyed, base::Bytes(data).first(4), base::Bytes(data).subspan(4, 4), {},
                           base::Bytes(data).subspan(8));
    EXPECT_EQ(test::run(*engine, packet), JobStatus::kDone);
    EXPECT_EQ(base::to_hex(packet.bytes), c.data + c.icv);
  }
}

INSTANTIATE_TEST_SUITE_P(Chains, Vectors, testing::Values("ipsec-mb", "openssl"),
                         [](const auto& one) {
                           return std::string(one.param == "openssl" ? "openssl" : "ipsec_mb");
                         });

}  // namespace
}  // namespace penstock::burst_crypto
