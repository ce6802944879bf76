// SPDX-License-Identifier: BSD-3-Clause
// Messages cut into SKF payloads: RFC 7383 §2.5.
#include <gtest/gtest.h>

#include "control/isakmp/payload/encrypted.h"
#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ByteVector;
using test::hex;

struct Fragments : testing::Test {
  static Header header() {
    Header h;
    h.initiator_spi = IkeSpi{0xc0c1c2c3c4c5c6c7};
    h.responder_spi = IkeSpi{0xd0d1d2d3d4d5d6d7};
    h.exchange = ExchangeType::kIkeAuth;
    h.flags = kFlagInitiator;
    h.message_id = MessageId{1};
    return h;
  }
  crypto::SkCipher make(crypto::EncrId id, std::uint16_t bits, ByteVector key,
                        const crypto::IntegRow* integ = nullptr) const {
    return crypto::SkCipher::create(context, *crypto::find_encr(id, bits), integ, key,
                                    ByteVector(integ != nullptr ? integ->key_octets : 0))
        .value();
  }
  static MessageBuilder with_payload(std::size_t octets) {
    MessageBuilder builder(header());
    ByteVector body;
    for (std::size_t i = 0; i < octets; ++i) body.push_back(static_cast<std::byte>(i));
    builder.append(PayloadType::kVendorId, body);
    return builder;
  }
  /// The messages of a train, which must be whole.
  static std::vector<ByteVector> apart(Bytes train) {
    std::vector<ByteVector> all;
    while (!train.empty()) {
      all.push_back(base::to_vector(next_message(train)));
      train = train.subspan(all.back().size());
    }
    return all;
  }
  /// What they hold; each is numbered as it should be.
  static ByteVector content(const crypto::SkCipher& cipher, const std::vector<ByteVector>& all) {
    ByteVector whole;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto message = MessageView::parse(all[i]);
      EXPECT_TRUE(message && message->encrypted() && message->encrypted()->is_fragment);
      const EncryptedView& skf = *message->encrypted();
      EXPECT_EQ(skf.fragment, i + 1);
      EXPECT_EQ(skf.fragments_total, all.size());
      EXPECT_EQ(skf.inner_type, i == 0 ? PayloadType::kVendorId : PayloadType::kNone);
      const auto part = cipher.open(skf.aad, skf.body);
      EXPECT_TRUE(part.has_value());
      if (part) whole.insert(whole.end(), part->bytes().begin(), part->bytes().end());
    }
    return whole;
  }

  crypto::CryptoContext context;
  base::SeededRandom random{1};
  std::uint64_t sealed = 7;
};

// The octets are those of an independent implementation (Python's `cryptography`).
TEST_F(Fragments, AreTheOctetsThatRfc7383Describes) {
  const auto cipher =
      make(crypto::EncrId::kAesGcm16, 128, hex("808182838485868788898a8b8c8d8e8fa0a1a2a3"));
  MessageBuilder builder = with_payload(36);
  const auto all = apart(builder.seal_fragments(cipher, sealed, random, 85));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(
      base::to_hex(all[0]),
      "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d73520230800000001000000552b000039000100020000000000000008"
      "7f0523c924e49bdb0a400c941c17eb7ed437a334b845961eddaa4bc98b011fae9a9245fe1b08b36ad7");
  EXPECT_EQ(
      base::to_hex(all[1]),
      "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d735202308000000010000004d00000031000200020000000000000009"
      "0d06c31f454761ce2ca5c6bbffbd08bce2fbf6f275bdd9d5a44e967c3f5a6e4ca8");
  EXPECT_EQ(sealed, 9U) << "each fragment has an IV of its own";
  EXPECT_TRUE(builder.empty());
}

TEST_F(Fragments, HoldTheContentAndFitWhateverTheCipherPads) {
  const crypto::IntegRow* integ = crypto::find_integ(crypto::IntegId::kHmacSha256_128);
  const auto gcm = make(crypto::EncrId::kAesGcm16, 128, ByteVector(20));
  const auto cbc = make(crypto::EncrId::kAesCbc, 128, ByteVector(16), integ);
  for (const crypto::SkCipher* cipher : {&gcm, &cbc})
    for (std::size_t most = 200; most < 240; ++most) {
      MessageBuilder builder = with_payload(1000);
      const auto all = apart(builder.seal_fragments(*cipher, sealed, random, most));
      for (const ByteVector& one : all) EXPECT_LE(one.size(), most);
      for (std::size_t i = 0; i + 1 < all.size(); ++i)
        EXPECT_GT(all[i].size() + 16, most) << "no octet more would fit, or no block";
      const ByteVector whole = content(*cipher, all);
      ASSERT_EQ(whole.size(), 1004U);
      EXPECT_EQ(base::to_hex(Bytes(whole).first(6)), "000003ec0001");
      EXPECT_EQ(whole.back(), std::byte{999 % 256});
    }
}

TEST_F(Fragments, AreOneWhereOneIsEnough) {
  const auto cipher = make(crypto::EncrId::kAesGcm16, 128, ByteVector(20));
  MessageBuilder builder = with_payload(100);
  EXPECT_EQ(builder.sealed_octets(cipher), 28U + 4 + 8 + 104 + 1 + 16);
  EXPECT_EQ(apart(builder.seal_fragments(cipher, sealed, random, 1200)).size(), 1U);
}

TEST_F(Fragments, AreLongerBeforeTheyAreTooMany) {
  const auto cipher = make(crypto::EncrId::kAesGcm16, 128, ByteVector(20));
  for (const std::size_t octets : {std::size_t{20'000}, std::size_t{65'531}}) {
    MessageBuilder builder = with_payload(octets);
    const auto all = apart(builder.seal_fragments(cipher, sealed, random, 62));
    EXPECT_LE(all.size(), kMaxFragments);
    EXPECT_EQ(content(cipher, all).size(), octets + 4);
  }
}

}  // namespace
}  // namespace penstock::isakmp
