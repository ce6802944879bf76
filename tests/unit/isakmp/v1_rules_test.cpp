// SPDX-License-Identifier: BSD-3-Clause
// The rules of RFC 2408 §5 for header and chain, broken one by one; what is sound passes.
#include <gtest/gtest.h>

#include <functional>

#include "control/isakmp/v1_rules.h"
#include "lib/base/byte_io.h"
#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::ByteVector;

Header header(ExchangeType exchange = ExchangeType::kV1MainMode, std::uint32_t id = 0) {
  Header h;
  h.initiator_spi = IkeSpi{1};
  h.major = 1;
  h.exchange = exchange;
  h.message_id = MessageId{id};
  return h;
}

/// A Main Mode message of a nonce and a vendor id.
ByteVector sound(const Header& h = header()) {
  MessageBuilder builder(h);
  builder.append(PayloadType::kV1Nonce, ByteVector(16));
  builder.append(PayloadType::kV1VendorId, ByteVector(8));
  return builder.finish();
}

void expect_broken(V1Rule rule, const ByteVector& message) {
  const auto read = read_v1_message(message);
  ASSERT_FALSE(read.has_value()) << row_of(rule).name;
  EXPECT_EQ(row_of(read.error().rule).name, row_of(rule).name) << read.error().text;
}

constexpr std::size_t kFirstPayload = kHeaderOctets;
constexpr std::size_t kSecondPayload = kHeaderOctets + 20;

/// The sound message with one octet changed.
struct Broken {
  V1Rule rule;
  std::size_t at;
  std::uint8_t octet;
};
constexpr Broken kBroken[] = {
    {V1Rule::kCookie, 7, 0},
    {V1Rule::kNextPayload, 16, 0},   // nothing follows the header
    {V1Rule::kNextPayload, 16, 2},   // a proposal outside an SA payload
    {V1Rule::kNextPayload, 16, 15},  // unassigned
    {V1Rule::kNextPayload, 16, 33},  // IKEv2's
    {V1Rule::kMajorVersion, 17, 0x20},
    {V1Rule::kMinorVersion, 17, 0x11},
    {V1Rule::kExchangeType, 18, 0},
    {V1Rule::kExchangeType, 18, 7},
    {V1Rule::kExchangeType, 18, 34},
    {V1Rule::kFlags, 19, 0x08},
    {V1Rule::kFlags, 19, 0x05},  // authentication only, and enciphered
    {V1Rule::kMessageId, 23, 1},
    {V1Rule::kMessageId, 18, 32},  // Quick Mode with 0
    {V1Rule::kLength, 27, 0x50},
    {V1Rule::kLength, 26, 0xff},
    {V1Rule::kNextPayload, kFirstPayload, 3},
    {V1Rule::kReserved, kFirstPayload + 1, 1},
    {V1Rule::kReserved, kSecondPayload + 1, 0x80},
    {V1Rule::kLength, kFirstPayload + 3, 3},
    {V1Rule::kLength, kFirstPayload + 2, 1},
    {V1Rule::kLength, kSecondPayload + 3, 11},  // an octet is left over
    {V1Rule::kLength, kSecondPayload, 13},      // another payload is promised
};

TEST(V1Rules, TheSoundMessagePasses) {
  const ByteVector message = sound();
  const auto read = read_v1_message(message);
  ASSERT_TRUE(read.has_value()) << read.error().text;
  EXPECT_EQ(read->payloads().size(), 2U);
}

TEST(V1Rules, EachBrokenOneIsNamed) {
  for (const Broken& b : kBroken) {
    ByteVector message = sound();
    message.at(b.at) = std::byte{b.octet};
    SCOPED_TRACE(::testing::Message() << "octet " << b.at << " = " << unsigned{b.octet});
    expect_broken(b.rule, message);
  }
}

TEST(V1Rules, AHeaderCutShortIsALength) {
  ByteVector message = sound();
  message.resize(kHeaderOctets - 1);
  expect_broken(V1Rule::kLength, message);
}

TEST(V1Rules, EachExchangeHasItsMessageIds) {
  EXPECT_TRUE(read_v1_message(sound(header(ExchangeType::kV1QuickMode, 7))));
  EXPECT_TRUE(read_v1_message(sound(header(ExchangeType::kV1Informational, 0))));
  EXPECT_TRUE(read_v1_message(sound(header(ExchangeType::kV1Informational, 7))));
  expect_broken(V1Rule::kMessageId, sound(header(ExchangeType::kV1AggressiveMode, 7)));
  expect_broken(V1Rule::kMessageId, sound(header(ExchangeType::kV1NewGroupMode, 0)));
}

TEST(V1Rules, APrivatePayloadIsSkipped) {
  MessageBuilder builder(header());
  builder.append(PayloadType{200}, ByteVector(4));
  builder.append(PayloadType::kV1Nonce, ByteVector(16));
  const ByteVector message = builder.finish();
  const auto read = read_v1_message(message);
  ASSERT_TRUE(read.has_value()) << read.error().text;
  EXPECT_EQ(read->payloads().size(), 1U);
}

TEST(V1Rules, MorePayloadsThanTheLimitAreRefused) {
  MessageBuilder builder(header());
  for (std::size_t i = 0; i <= kMaxPayloads; ++i)
    builder.append(PayloadType::kV1VendorId, ByteVector(4));
  expect_broken(V1Rule::kLimit, builder.finish());
}

// RFC 2409 appendix B: what is enciphered is padded.
TEST(V1Rules, WhatWasDecipheredMayEndInPadding) {
  const ByteVector message = sound();
  ByteVector inside(message.begin() + kHeaderOctets, message.end());
  inside.resize(inside.size() + 7);
  const auto read = read_v1_inside(PayloadType::kV1Nonce, inside);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->size(), 2U);
  inside[1] = std::byte{9};
  EXPECT_EQ(read_v1_inside(PayloadType::kV1Nonce, inside).error().rule, V1Rule::kReserved);
}

TEST(V1Rules, EachHasANotifyOfTheRegistry) {
  for (const V1RuleRow& row : kV1RuleTable)
    EXPECT_EQ(name_of(row.notify).find('('), std::string::npos) << row.name;
}

}  // namespace
}  // namespace penstock::isakmp
