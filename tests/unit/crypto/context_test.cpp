// SPDX-License-Identifier: BSD-3-Clause
#include "lib/crypto/context.h"

#include <gtest/gtest.h>

#include "lib/crypto/dh.h"

namespace penstock::crypto {
namespace {

TEST(CryptoContext, ASeededContextLeavesTheOthersTheirRandomness) {
  const CryptoContext seeded_a(1);
  const CryptoContext real_a;
  const CryptoContext seeded_b(1);
  const CryptoContext real_b;
  const auto pair = [](const CryptoContext& context) {
    return dh_generate(context, DhGroupId::kX25519).value().public_value;
  };
  EXPECT_EQ(pair(seeded_a), pair(seeded_b));
  EXPECT_NE(pair(real_a), pair(real_b));
}

TEST(SystemRandom, FillsAllItIsGiven) {
  SystemRandom random;
  // An octet stays 0 in all of 64 fills with a probability of 2^-512.
  base::ByteVector seen(300);
  for (int round = 0; round < 64; ++round) {
    base::ByteVector drawn(seen.size());
    random.fill(drawn);
    for (std::size_t i = 0; i < seen.size(); ++i) seen[i] |= drawn[i];
  }
  for (const std::byte octet : seen) EXPECT_NE(octet, std::byte{0});
}

}  // namespace
}  // namespace penstock::crypto
