// SPDX-License-Identifier: BSD-3-Clause
// CBC against NIST SP 800-38A appendix F.2 and, for Triple DES, OpenSSL's command line.
#include "lib/crypto/cbc.h"

#include <gtest/gtest.h>

namespace penstock::crypto {
namespace {

base::ByteVector hex(std::string_view text) { return base::from_hex(text).value(); }

struct Known {
  EncrId id;
  std::uint16_t key_bits;
  std::string_view key, iv, plain, cipher;
};
constexpr Known kKnown[] = {
    {EncrId::kAesCbc, 128, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"},
    {EncrId::kAesCbc, 256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f", "6bc1bee22e409f96e93d7e117393172a",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd6"},
    {EncrId::k3Des, 192, "0123456789abcdef23456789abcdef01456789abcdef0123", "f69f2445df4f9b17",
     "6bc1bee22e409f96e93d7e117393172a", "2079c3d53aa763e193b79e2569ab5262"},
};

TEST(Cbc, GivesTheKnownAnswersBothWays) {
  const CryptoContext context;
  for (const Known& k : kKnown) {
    const EncrRow& row = *find_encr(k.id, k.id == EncrId::k3Des ? 0 : k.key_bits);
    base::ByteVector data = hex(k.plain);
    cbc_encrypt(context, row, hex(k.key), hex(k.iv), data);
    EXPECT_EQ(base::to_hex(data), k.cipher) << row.name;
    cbc_decrypt(context, row, hex(k.key), hex(k.iv), data);
    EXPECT_EQ(base::to_hex(data), k.plain) << row.name;
  }
}

}  // namespace
}  // namespace penstock::crypto
