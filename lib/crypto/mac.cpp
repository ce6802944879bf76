// SPDX-License-Identifier: BSD-3-Clause
// HMAC and AES-CMAC are OpenSSL's; AES-XCBC, which it lacks, is a CBC-MAC over its AES.
#include "lib/crypto/mac.h"

#include <array>

#include "lib/base/check.h"
#include "lib/base/secret.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::MutableBytes;
using Block = std::array<std::byte, kAesBlockOctets>;

/// A keyed copy of `prepared` does the work, so that no algorithm is fetched by name here.
void compute(const EVP_MAC_CTX* prepared, Bytes key, Parts parts, MutableBytes out) {
  const MacCtxPtr ctx(EVP_MAC_CTX_dup(prepared));
  // OpenSSL takes a null key for "the same key again", and an empty key is a key.
  const std::byte nothing{};
  const std::byte* key_data = key.empty() ? &nothing : key.data();
  PS_CHECK(ctx != nullptr && EVP_MAC_init(ctx.get(), base::u8(key_data), key.size(), nullptr) == 1);
  for (const Bytes part : parts)
    PS_CHECK(EVP_MAC_update(ctx.get(), base::u8(part.data()), part.size()) == 1);
  std::size_t written = 0;
  PS_CHECK(EVP_MAC_final(ctx.get(), base::u8(out.data()), &written, out.size()) == 1);
  PS_CHECK(written == out.size());
}

/// One block cipher call under a key, in place.
class Aes128 {
 public:
  Aes128(CryptoContext::Impl& impl, const Block& key) : ctx_(EVP_CIPHER_CTX_new()) {
    PS_CHECK(ctx_ != nullptr && EVP_EncryptInit_ex2(ctx_.get(), impl.cipher("AES-128-ECB"),
                                                    base::u8(key.data()), nullptr, nullptr) == 1);
    EVP_CIPHER_CTX_set_padding(ctx_.get(), 0);
  }
  void encrypt(Block& block) {
    int written = 0;
    PS_CHECK(EVP_EncryptUpdate(ctx_.get(), base::u8(block.data()), &written, base::u8(block.data()),
                               static_cast<int>(block.size())) == 1);
  }

 private:
  CipherCtxPtr ctx_;
};

void exclusive_or(Block& into, const Block& other) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] ^= other[i];
}

}  // namespace

void hmac(CryptoContext::Impl& impl, std::string_view digest, Bytes key, Parts parts,
          MutableBytes out) {
  compute(impl.hmac(digest), key, parts, out);
}

void aes_cmac(CryptoContext::Impl& impl, Bytes key, Parts parts, MutableBytes out) {
  PS_CHECK(key.size() == kAesBlockOctets && out.size() == kAesBlockOctets);
  compute(impl.aes_cmac(), key, parts, out);
}

void aes_xcbc(CryptoContext::Impl& impl, Bytes key, Parts parts, MutableBytes out) {
  PS_CHECK(key.size() == kAesBlockOctets && out.size() == kAesBlockOctets);
  Block master;
  std::ranges::copy(key, master.begin());
  Block k1;
  Block k2;
  Block k3;
  k1.fill(std::byte{1});
  k2.fill(std::byte{2});
  k3.fill(std::byte{3});
  Aes128 derive(impl, master);
  derive.encrypt(k1);
  derive.encrypt(k2);
  derive.encrypt(k3);

  Aes128 chain(impl, k1);
  Block state{};
  Block block{};
  std::size_t filled = 0;
  for (const Bytes part : parts) {
    for (const std::byte octet : part) {
      // RFC 3566 §4: the last block is treated apart, so a full block waits until more comes.
      if (filled == block.size()) {
        exclusive_or(state, block);
        chain.encrypt(state);
        filled = 0;
      }
      block[filled++] = octet;
    }
  }
  const bool whole = filled == block.size();
  if (!whole) {
    block[filled++] = std::byte{0x80};
    while (filled < block.size()) block[filled++] = std::byte{0};
  }
  exclusive_or(state, block);
  exclusive_or(state, whole ? k2 : k3);
  chain.encrypt(state);
  std::ranges::copy(state, out.begin());
  for (Block* secret : {&master, &k1, &k2, &k3}) base::wipe(*secret);
}

}  // namespace penstock::crypto
