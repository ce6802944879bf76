// SPDX-License-Identifier: BSD-3-Clause
#include "lib/base/bytes.h"

#include <gtest/gtest.h>

#include "lib/base/byte_io.h"
#include "lib/base/random.h"
#include "lib/base/secret.h"
#include "lib/base/strong.h"
#include "lib/base/token_bucket.h"

namespace penstock::base {
namespace {

TEST(Hex, ReadsWhatItWrote) {
  const auto bytes = from_hex("0x00ff:10 aB");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(to_hex(*bytes), "00ff10ab");
}

TEST(Hex, RefusesOddDigitsAndOtherCharacters) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_FALSE(from_hex("a b"));
}

TEST(EqualConstantTime, ComparesLengthAndEveryOctet) {
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab")));
}

TEST(ByteReader, FailsWithoutConsumingPastTheEnd) {
  const auto bytes = *from_hex("0102030405");
  ByteReader reader{Bytes{bytes}};
  EXPECT_EQ(*reader.u16(), 0x0102);
  EXPECT_FALSE(reader.u32());
  EXPECT_EQ(reader.size(), 3U);
  EXPECT_EQ(*reader.u8(), 3);
}

TEST(ByteWriter, WritesBigEndianAndPatches) {
  ByteWriter writer;
  writer.u16(0);
  writer.u32(0xdeadbeef);
  writer.patch_u16(0, 0x0102);
  EXPECT_EQ(to_hex(writer.bytes()), "0102deadbeef");
}

TEST(SecretBytes, MovesAndClonesByName) {
  SecretBytes a = SecretBytes::copy_of(as_bytes("key"));
  SecretBytes b = std::move(a);
  EXPECT_EQ(as_text(b.bytes()), "key");
  EXPECT_EQ(as_text(b.clone().bytes()), "key");
}

TEST(SeededRandom, SameSeedSameOctets) {
  SeededRandom a{7};
  SeededRandom b{7};
  EXPECT_EQ(a.u64(), b.u64());
  EXPECT_NE(a.u64(), SeededRandom{8}.u64());
}

TEST(TokenBucket, GivesTheBurstThenTheRate) {
  TokenBucket bucket{10, 2};
  MonoTime now{seconds{1}};
  EXPECT_TRUE(bucket.take(now));
  EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += milliseconds{100};
  EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  now += seconds{1'000'000'000};
  EXPECT_TRUE(bucket.take(now));
}

}  // namespace
}  // namespace penstock::base
