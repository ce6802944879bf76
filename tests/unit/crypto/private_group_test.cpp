// SPDX-License-Identifier: BSD-3-Clause
// Private MODP groups (RFC 2409 §5.6): what is refused, and the same arithmetic as group 14 for its
// own prime (RFC 3526 §3), whose results dh_test.cpp checks against another implementation.
#include "lib/crypto/private_group.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include "lib/crypto/context_impl.h"
#include "tests/lib/dh_parameters.h"
#include "tests/unit/crypto/known.h"

namespace penstock::crypto {
namespace {

using base::ByteVector;
using base::ErrorCode;

const ByteVector kTwo{std::byte{2}};

/// The prime of group 14 (or 17), plus a number.
ByteVector prime_plus(unsigned more, BIGNUM* (*of)(BIGNUM*) = BN_get_rfc3526_prime_2048) {
  const BnPtr p(of(nullptr));
  EXPECT_EQ(BN_add_word(p.get(), more), 1);
  ByteVector out(static_cast<std::size_t>(BN_num_bytes(p.get())));
  BN_bn2bin(p.get(), base::u8(out.data()));
  return out;
}

class PrivateGroups : public testing::Test {
 protected:
  CryptoContext context_{7};
};

TEST_F(PrivateGroups, ASafePrimeIsTaken) {
  const auto group = private_group_of(prime_plus(0), kTwo);
  ASSERT_TRUE(group.has_value());
  EXPECT_TRUE(check_private_group(context_, *group).has_value());
}

TEST_F(PrivateGroups, ZerosInFrontDoNotCount) {
  ByteVector padded(3);
  const ByteVector prime = prime_plus(0);
  padded.insert(padded.end(), prime.begin(), prime.end());
  const auto group = private_group_of(padded, kTwo);
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->prime, prime);
}

TEST_F(PrivateGroups, WhatIsNoPrimeIsRefused) {
  for (const unsigned more : {2U, 4U, 6U}) {
    const auto group = private_group_of(prime_plus(more), kTwo);
    ASSERT_TRUE(group.has_value());
    const auto checked = check_private_group(context_, *group);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, ErrorCode::kRefused);
  }
}

TEST_F(PrivateGroups, APrimeThatIsNotSafeIsRefused) {
  // 2^2047 + 1919 is prime; half of it is not.
  ByteVector prime(256);
  prime.front() = std::byte{0x80};
  prime[254] = std::byte{1919 >> 8};
  prime[255] = std::byte{1919 & 0xff};
  const auto group = private_group_of(prime, kTwo);
  ASSERT_TRUE(group.has_value());
  const auto checked = check_private_group(context_, *group);
  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(checked.error().text.find("not safe"), std::string::npos) << checked.error().text;
}

TEST_F(PrivateGroups, SizesAndGeneratorsAreRefusedBeforeAnythingIsComputed) {
  const ByteVector p = prime_plus(0);
  EXPECT_FALSE(private_group_of(prime_plus(0, BN_get_rfc2409_prime_1024), kTwo).has_value());
  EXPECT_FALSE(private_group_of(prime_plus(0, BN_get_rfc3526_prime_6144), kTwo).has_value());
  EXPECT_TRUE(private_group_of(prime_plus(0, BN_get_rfc3526_prime_4096), kTwo).has_value());
  EXPECT_FALSE(private_group_of(prime_plus(1), kTwo).has_value());  // even
  EXPECT_FALSE(private_group_of({}, kTwo).has_value());
  EXPECT_FALSE(private_group_of(p, {}).has_value());
  EXPECT_FALSE(private_group_of(p, ByteVector{std::byte{1}}).has_value());
  ByteVector least = p;
  least.back() &= std::byte{0xfe};  // p - 1
  EXPECT_FALSE(private_group_of(p, least).has_value());
  EXPECT_FALSE(private_group_of(p, p).has_value());
  least.back() &= std::byte{0xfc};
  EXPECT_TRUE(private_group_of(p, least).has_value());
}

TEST_F(PrivateGroups, AgreesWithGroup14OverItsPrime) {
  const auto group = private_group_of(prime_plus(0), kTwo);
  const auto ours = private_generate(context_, *group);
  auto theirs = dh_generate(context_, DhGroupId::kModp2048);
  ASSERT_TRUE(ours && theirs);
  const auto a = private_shared_secret(context_, *group, *ours, theirs->public_value);
  const auto b = dh_shared_secret(context_, *theirs, ours->public_value);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(base::equal_constant_time(a->bytes(), b->bytes()));
  EXPECT_EQ(ours->public_value.size(), 256U);
}

TEST_F(PrivateGroups, AnotherGeneratorIsUsed) {
  const auto five = private_group_of(prime_plus(0), ByteVector{std::byte{5}});
  const auto ours = private_generate(context_, *five);
  const auto theirs = private_generate(context_, *five);
  ASSERT_TRUE(ours && theirs);
  const auto a = private_shared_secret(context_, *five, *ours, theirs->public_value);
  const auto b = private_shared_secret(context_, *five, *theirs, ours->public_value);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(base::equal_constant_time(a->bytes(), b->bytes()));
}

TEST_F(PrivateGroups, PublicValuesOutsideOfTheGroupAreRefused) {
  const auto group = private_group_of(prime_plus(0), kTwo);
  const auto ours = private_generate(context_, *group);
  ASSERT_TRUE(ours);
  ByteVector zero(256);
  ByteVector one(256);
  one.back() = std::byte{1};
  ByteVector most = group->prime;
  most.back() &= std::byte{0xfe};
  for (const ByteVector& bad : {zero, one, most, group->prime, ByteVector(255, std::byte{7})})
    EXPECT_FALSE(private_shared_secret(context_, *group, *ours, bad).has_value());
}

TEST_F(PrivateGroups, AreReadFromPem) {
  const std::string_view pem = test::kDhParameters;
  const auto group = read_private_group(context_, std::as_bytes(std::span(pem)));
  ASSERT_TRUE(group.has_value()) << group.error().text;
  EXPECT_EQ(group->generator, kTwo);
  EXPECT_TRUE(check_private_group(context_, *group).has_value());
  EXPECT_FALSE(read_private_group(context_, std::as_bytes(std::span(pem).first(200))).has_value());
  EXPECT_FALSE(read_private_group(context_, {}).has_value());
}

}  // namespace
}  // namespace penstock::crypto
