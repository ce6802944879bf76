// SPDX-License-Identifier: BSD-3-Clause
// Header, chain, encrypted part, builder: what is accepted, what is refused and why.
#include <gtest/gtest.h>

#include "control/isakmp/describe.h"
#include "control/isakmp/payload/encrypted.h"
#include "control/isakmp/payload/notify.h"
#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using test::hex;
using test::message_hex;

TEST(Header, ReadsEachField) {
  const auto header =
      Header::parse(hex("0102030405060708 1112131415161718 21 20 22 08"
                        "00000007 0000001c"));
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->initiator_spi, IkeSpi{0x0102030405060708});
  EXPECT_EQ(header->responder_spi, IkeSpi{0x1112131415161718});
  EXPECT_EQ(header->next_payload, PayloadType::kSa);
  EXPECT_EQ(header->major, 2);
  EXPECT_EQ(header->minor, 0);
  EXPECT_EQ(header->exchange, ExchangeType::kIkeSaInit);
  EXPECT_TRUE(header->from_initiator());
  EXPECT_FALSE(header->is_response());
  EXPECT_EQ(header->message_id, MessageId{7});
  EXPECT_EQ(header->length, 28U);
}

TEST(Header, IsTruncatedBelow28Octets) {
  EXPECT_EQ(Header::parse(ByteVector(27)).error().code, ErrorCode::kTruncated);
  EXPECT_TRUE(Header::parse(ByteVector(28)).has_value());
}

TEST(Header, DescribesExchangeDirectionAndId) {
  Header header;
  header.exchange = ExchangeType::kIkeAuth;
  header.message_id = MessageId{1};
  EXPECT_EQ(describe(header), "IKE_AUTH request 1");
  header.flags = kFlagResponse;
  EXPECT_EQ(describe(header), "IKE_AUTH response 1");
  header.exchange = ExchangeType{99};
  EXPECT_EQ(describe(header), "exchange(99) response 1");
}

TEST(MessageView, AMessageWithoutPayloadsIsLegal) {
  const auto message = hex(message_hex("00", "25", 28));
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view.has_value()) << view.error().text;
  EXPECT_EQ(view->payloads().size(), 0U);
  EXPECT_FALSE(view->encrypted().has_value());
}

TEST(MessageView, TheLengthIsThatOfTheDatagram) {
  EXPECT_EQ(MessageView::parse(hex(message_hex("00", "25", 29))).error().code,
            ErrorCode::kTruncated);
  EXPECT_EQ(MessageView::parse(hex(message_hex("00", "25", 27))).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(MessageView::parse(hex(message_hex("00", "25", 28) + "00")).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(MessageView::parse({}).error().code, ErrorCode::kTruncated);
}

// RFC 7296 §2.5: INVALID_MAJOR_VERSION is answered from the header alone.
TEST(MessageView, AnotherMajorVersionIsUnsupportedAndItsHeaderReadable) {
  for (const char* version : {"00", "30", "f0"}) {
    const ByteVector message = hex(std::string("0102030405060708 0000000000000000 00") + version +
                                   "22 08 00000000 0000001c");
    EXPECT_EQ(MessageView::parse(message).error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(Header::parse(message)->initiator_spi, IkeSpi{0x0102030405060708});
  }
}

TEST(MessageView, AHigherMinorVersionIsIgnored) {
  EXPECT_TRUE(MessageView::parse(hex("0102030405060708 0000000000000000 00 2f 22 08 00000000"
                                     "0000001c"))
                  .has_value());
}

TEST(MessageView, PayloadLengthsAreChecked) {
  // One nonce payload (40) whose length field is too small, too large, or leaves octets over.
  const std::string body = "00112233445566778899aabbccddeeff";
  EXPECT_TRUE(MessageView::parse(hex(message_hex("28", "22", 48) + "00000014" + body)).has_value());
  for (const char* generic : {"00000000", "00000003", "00000013", "00000015", "0000ffff"})
    EXPECT_FALSE(MessageView::parse(hex(message_hex("28", "22", 48) + generic + body)).has_value())
        << generic;
  // A chain that names a payload which is not there.
  EXPECT_EQ(MessageView::parse(hex(message_hex("28", "22", 48) + "29000014" + body)).error().code,
            ErrorCode::kTruncated);
  // A header that names none although there is one.
  EXPECT_EQ(MessageView::parse(hex(message_hex("00", "22", 48) + "00000014" + body)).error().code,
            ErrorCode::kMalformed);
}

TEST(MessageView, ReservedBitsAreIgnored) {
  EXPECT_TRUE(MessageView::parse(hex(message_hex("28", "22", 48) + "007f0014" +
                                     "00112233445566778899aabbccddeeff"))
                  .has_value());
}

TEST(MessageView, UnknownPayloadsAreSkippedUnlessCritical) {
  // Types 200 and 201 are unknown; 43 follows.
  const auto harmless = MessageView::parse(
      hex(message_hex("c8", "22", 28 + 5 + 4 + 5) + "c9000005ff" + "2b000004" + "00000005aa"));
  ASSERT_TRUE(harmless.has_value()) << harmless.error().text;
  EXPECT_EQ(harmless->payloads().size(), 1U);
  EXPECT_EQ(harmless->payloads().unknown_critical(), std::nullopt);
  const auto critical = MessageView::parse(
      hex(message_hex("c8", "22", 28 + 5 + 4 + 5) + "c9000005ff" + "2b800004" + "00000005aa"));
  ASSERT_TRUE(critical.has_value());
  EXPECT_EQ(critical->payloads().unknown_critical(), 201);
}

TEST(MessageView, TheCriticalBitOfAKnownPayloadIsIgnored) {
  const auto view = MessageView::parse(hex(message_hex("2b", "22", 33) + "00800005aa"));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->payloads().unknown_critical(), std::nullopt);
  EXPECT_EQ(view->payloads().size(), 1U);
}

TEST(MessageView, APayloadOfTheOtherVersionIsUnknown) {
  const auto view = MessageView::parse(hex(message_hex("0d", "22", 33) + "00800005aa"));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->payloads().unknown_critical(), 13);
}

std::string many_payloads(std::size_t count) {
  std::string out = message_hex(count == 0 ? "00" : "2b", "22", 28 + 5 * count);
  for (std::size_t i = 0; i < count; ++i) out += i + 1 == count ? "00000005aa" : "2b000005aa";
  return out;
}

TEST(MessageView, TheNumberOfPayloadsIsBounded) {
  const ByteVector most = hex(many_payloads(kMaxPayloads));
  EXPECT_EQ(MessageView::parse(most)->payloads().count(PayloadType::kVendorId), kMaxPayloads);
  const ByteVector more = hex(many_payloads(kMaxPayloads + 1));
  EXPECT_EQ(MessageView::parse(more).error().code, ErrorCode::kLimit);
}

TEST(MessageView, FindsTheEncryptedPayloadAndWhatItCovers) {
  const ByteVector message =
      hex(message_hex("2b", "23", 28 + 5 + 10) + "2e000005aa" + "2900000a" + "010203040506");
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view.has_value()) << view.error().text;
  ASSERT_TRUE(view->encrypted().has_value());
  EXPECT_EQ(view->encrypted()->inner_type, PayloadType::kNotify);
  EXPECT_EQ(base::to_hex(view->encrypted()->body), "010203040506");
  EXPECT_EQ(view->encrypted()->aad.data(), message.data());
  EXPECT_EQ(view->encrypted()->aad.size(), 28U + 5 + 4);
  EXPECT_FALSE(view->encrypted()->is_fragment);
}

TEST(MessageView, NothingFollowsTheEncryptedPayload) {
  EXPECT_EQ(
      MessageView::parse(hex(message_hex("2e", "23", 28 + 6 + 5) + "2b0000060102" + "00000005aa"))
          .error()
          .code,
      ErrorCode::kMalformed);
}

TEST(MessageView, NoEncryptedPayloadWithinAnother) {
  EXPECT_EQ(PayloadChain::parse(PayloadType::kEncrypted, hex("000000060102")).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(PayloadChain::parse(PayloadType::kEncryptedFragment, hex("0000000a000100010102"))
                .error()
                .code,
            ErrorCode::kMalformed);
}

// RFC 7383 §2.5.
TEST(MessageView, FragmentsAreNumbered) {
  const auto fragment = [](const char* next, const char* numbers) {
    return hex(message_hex("35", "23", 28 + 10) + next + "00000a" + numbers + "0102");
  };
  const ByteVector second = fragment("00", "00020003");
  const auto view = MessageView::parse(second);
  ASSERT_TRUE(view.has_value()) << view.error().text;
  EXPECT_TRUE(view->encrypted()->is_fragment);
  EXPECT_EQ(view->encrypted()->fragment, 2);
  EXPECT_EQ(view->encrypted()->fragments_total, 3);
  EXPECT_EQ(view->encrypted()->aad.size(), 28U + 8);
  EXPECT_EQ(base::to_hex(view->encrypted()->body), "0102");
  EXPECT_TRUE(MessageView::parse(fragment("29", "00010003")).has_value());
  for (const char* numbers : {"00000003", "00040003", "00000000"})
    EXPECT_FALSE(MessageView::parse(fragment("00", numbers)).has_value()) << numbers;
  EXPECT_FALSE(MessageView::parse(fragment("29", "00020003")).has_value());
  EXPECT_FALSE(
      MessageView::parse(hex(message_hex("35", "23", 28 + 6) + "000000060001")).has_value());
}

TEST(MessageView, AnEncryptedIkev1MessageIsOneCiphertext) {
  const ByteVector message =
      hex("0102030405060708 1112131415161718 05 10 02 01 00000000 00000024"
          "a0a1a2a3a4a5a6a7");
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->version(), Version::kIkev1);
  EXPECT_EQ(view->payloads().size(), 0U);
  EXPECT_EQ(view->encrypted()->inner_type, PayloadType::kV1Identification);
  EXPECT_EQ(base::to_hex(view->encrypted()->body), "a0a1a2a3a4a5a6a7");
}

TEST(PayloadChain, PaddingMayFollowInsideIkev1Only) {
  const ByteVector padded = hex("00000005aa000003");
  EXPECT_TRUE(
      PayloadChain::parse(PayloadType::kV1VendorId, padded, ChainKind::kV1Inside).has_value());
  EXPECT_FALSE(
      PayloadChain::parse(PayloadType::kV1VendorId, padded, ChainKind::kV1Clear).has_value());
  EXPECT_FALSE(PayloadChain::parse(PayloadType::kVendorId, padded).has_value());
}

TEST(MessageBuilder, LinksPayloadsAndSetsLengths) {
  Header header;
  header.initiator_spi = IkeSpi{0x0102030405060708};
  header.exchange = ExchangeType::kIkeSaInit;
  header.flags = kFlagInitiator;
  MessageBuilder builder(header);
  EXPECT_TRUE(builder.empty());
  builder.append(PayloadType::kVendorId, hex("aa"));
  builder.append(PayloadType::kNonce, hex("00112233445566778899aabbccddeeff"), true);
  EXPECT_EQ(builder.payload_octets(), 25U);
  EXPECT_EQ(base::to_hex(builder.finish()),
            "010203040506070800000000000000002b202208000000000000003528000005aa"
            "0080001400112233445566778899aabbccddeeff");
  EXPECT_TRUE(builder.empty());
}

TEST(MessageBuilder, AnEmptyMessageIsAHeader) {
  Header header;
  header.exchange = ExchangeType::kInformational;
  EXPECT_EQ(base::to_hex(MessageBuilder(header).finish()),
            "00000000000000000000000000000000002025000000000000"
            "00001c");
}

/// RFC 7634 appendix B.
struct Rfc7634 {
  ByteVector message =
      hex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
          "101112131415161761039470"
          "1f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
  ByteVector key =
      hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
          "a0a1a2a3");
  crypto::CryptoContext context;
  crypto::SkCipher cipher =
      crypto::SkCipher::create(context, *crypto::find_encr(crypto::EncrId::kChaCha20Poly1305, 0),
                               nullptr, key, {})
          .value();
};

TEST(MessageBuilder, SealsTheMessageOfRfc7634) {
  const Rfc7634 example;
  Header header;
  header.initiator_spi = IkeSpi{0xc0c1c2c3c4c5c6c7};
  header.responder_spi = IkeSpi{0xd0d1d2d3d4d5d6d7};
  header.exchange = ExchangeType::kInformational;
  header.message_id = MessageId{9};
  MessageBuilder builder(header);
  append_window_size(builder, 10);
  base::SeededRandom unused(0);
  EXPECT_EQ(base::to_hex(builder.seal(example.cipher, 0x1011121314151617, unused)),
            base::to_hex(example.message));
}

TEST(OpenedPayload, OpensTheMessageOfRfc7634) {
  const Rfc7634 example;
  const auto message = MessageView::parse(example.message);
  ASSERT_TRUE(message.has_value());
  auto opened = OpenedPayload::open(example.cipher, *message);
  ASSERT_TRUE(opened.has_value()) << opened.error().text;
  const OpenedPayload moved = std::move(*opened);  // the views stay good
  const auto notify = find_notify(moved.payloads(), NotifyType::kSetWindowSize);
  ASSERT_TRUE(notify.has_value());
  EXPECT_EQ(window_size_of(*notify).value(), 10U);
  EXPECT_EQ(describe(*message), "INFORMATIONAL request 9 [SK[37 octets]]");
  EXPECT_EQ(describe(*message, moved.payloads()),
            "INFORMATIONAL request 9 [SK[N(SET_WINDOW_SIZE)]]");
}

TEST(OpenedPayload, EachChangedOctetIsRefusedAndNeverACrash) {
  const Rfc7634 example;
  for (std::size_t i = 0; i < example.message.size(); ++i) {
    ByteVector changed = example.message;
    changed[i] ^= std::byte{0x01};
    const auto message = MessageView::parse(changed);
    if (!message) continue;
    EXPECT_FALSE(OpenedPayload::open(example.cipher, *message).has_value()) << i;
  }
}

TEST(OpenedPayload, AnEmptySkIsLegal) {
  const Rfc7634 example;
  Header header;
  header.exchange = ExchangeType::kInformational;
  MessageBuilder builder(header);
  base::SeededRandom unused(0);
  const ByteVector sealed = builder.seal(example.cipher, 1, unused);
  const auto message = MessageView::parse(sealed);
  ASSERT_TRUE(message.has_value());
  const auto opened = OpenedPayload::open(example.cipher, *message);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->payloads().size(), 0U);
}

TEST(OpenedPayload, IsNotThereInAClearMessage) {
  const Rfc7634 example;
  const ByteVector clear = hex(message_hex("00", "25", 28));
  EXPECT_EQ(OpenedPayload::open(example.cipher, MessageView::parse(clear).value()).error().code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace penstock::isakmp
