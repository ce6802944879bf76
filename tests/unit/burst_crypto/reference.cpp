// SPDX-License-Identifier: BSD-3-Clause
#include "reference.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/check.h"

namespace penstock::burst_crypto::test {
namespace {

using base::Bytes;
using base::ByteVector;
using crypto::CipherKind;
using crypto::EncrId;
using crypto::IntegId;

ByteVector join(std::initializer_list<Bytes> parts) {
  ByteVector out;
  for (const Bytes part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

ByteVector unauthenticated(const std::string& name, Bytes key, Bytes iv, Bytes text, bool seal) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  ByteVector out(text.size() + 32);
  int n = 0;
  PS_CHECK(EVP_CipherInit_ex2(ctx, cipher, base::u8(key.data()),
                              iv.empty() ? nullptr : base::u8(iv.data()), seal, nullptr) == 1);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  PS_CHECK(EVP_CipherUpdate(ctx, base::u8(out.data()), &n, base::u8(text.data()),
                            static_cast<int>(text.size())) == 1);
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

/// text | tag of `tag_octets`. AES-CCM's tag length goes into its first block, so it is asked for;
/// of the others the whole tag is cut.
ByteVector aead_seal(const std::string& name, Bytes key, Bytes nonce, Bytes aad, Bytes text,
                     std::size_t tag_octets) {
  const bool ccm = name.ends_with("CCM");
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  ByteVector out(text.size());
  ByteVector tag(ccm ? tag_octets : 16);
  int n = 0;
  PS_CHECK(EVP_EncryptInit_ex2(ctx, cipher, nullptr, nullptr, nullptr) == 1);
  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr);
  if (ccm) EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_octets), nullptr);
  PS_CHECK(EVP_EncryptInit_ex2(ctx, nullptr, base::u8(key.data()), base::u8(nonce.data()),
                               nullptr) == 1);
  if (ccm) EVP_EncryptUpdate(ctx, nullptr, &n, nullptr, static_cast<int>(text.size()));
  if (!aad.empty())
    EVP_EncryptUpdate(ctx, nullptr, &n, base::u8(aad.data()), static_cast<int>(aad.size()));
  if (!text.empty())
    PS_CHECK(EVP_EncryptUpdate(ctx, base::u8(out.data()), &n, base::u8(text.data()),
                               static_cast<int>(text.size())) == 1);
  std::array<std::uint8_t, 16> rest;
  PS_CHECK(EVP_EncryptFinal_ex(ctx, rest.data(), &n) == 1);
  PS_CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()),
                               tag.data()) == 1);
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  return join({out, Bytes(tag).first(tag_octets)});
}

ByteVector openssl_mac(const char* name, OSSL_PARAM* params, Bytes key, Bytes data) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, name, nullptr);
  EVP_MAC_CTX* ctx = EVP_MAC_CTX_new(mac);
  ByteVector out(16);
  std::size_t n = 0;
  PS_CHECK(EVP_MAC_init(ctx, base::u8(key.data()), key.size(), params) == 1);
  PS_CHECK(EVP_MAC_update(ctx, base::u8(data.data()), data.size()) == 1);
  PS_CHECK(EVP_MAC_final(ctx, base::u8(out.data()), &n, out.size()) == 1 && n == out.size());
  EVP_MAC_CTX_free(ctx);
  EVP_MAC_free(mac);
  return out;
}

ByteVector gmac(Bytes key, Bytes nonce, Bytes data) {
  std::string cipher = "AES-" + std::to_string(key.size() * 8) + "-GCM";
  ByteVector iv = base::to_vector(nonce);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0),
                         OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv.data(), iv.size()),
                         OSSL_PARAM_construct_end()};
  return openssl_mac("GMAC", params, key, data);
}

ByteVector cmac(Bytes key, Bytes data) {
  std::string cipher = "AES-128-CBC";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0),
                         OSSL_PARAM_construct_end()};
  return openssl_mac("CMAC", params, key, data);
}

/// RFC 3566 §4, block by block.
ByteVector xcbc(Bytes key, Bytes data) {
  const auto aes = [](Bytes k, Bytes block) {
    return unauthenticated("AES-128-ECB", k, {}, block, true);
  };
  const ByteVector k1 = aes(key, ByteVector(16, std::byte{1}));
  const ByteVector k2 = aes(key, ByteVector(16, std::byte{2}));
  const ByteVector k3 = aes(key, ByteVector(16, std::byte{3}));
  ByteVector e(16);
  for (std::size_t at = 0;; at += 16) {
    ByteVector block =
        base::to_vector(data.subspan(at, std::min<std::size_t>(16, data.size() - at)));
    const bool last = at + 16 >= data.size();
    const bool whole = block.size() == 16;
    if (!whole) block.push_back(std::byte{0x80});
    block.resize(16);
    for (std::size_t i = 0; i < 16; ++i) {
      block[i] ^= e[i];
      if (last) block[i] ^= whole ? k2[i] : k3[i];
    }
    e = aes(k1, block);
    if (last) return e;
  }
}

ByteVector mac(const crypto::IntegRow& row, Bytes key, Bytes data) {
  ByteVector out;
  if (row.id == IntegId::kAesXcbc96) {
    out = xcbc(key, data);
  } else if (row.id == IntegId::kAesCmac96) {
    out = cmac(key, data);
  } else {
    out.resize(64);
    unsigned n = 0;
    HMAC(EVP_get_digestbyname(std::string(row.openssl_digest).c_str()), key.data(),
         static_cast<int>(key.size()), base::u8(data.data()), data.size(), base::u8(out.data()),
         &n);
  }
  out.resize(row.icv_octets);
  return out;
}

std::string name_of(const crypto::EncrRow& row) {
  const std::string aes = "AES-" + std::to_string(row.key_bits) + "-";
  switch (row.id) {
    case EncrId::k3Des:
      return "DES-EDE3-CBC";
    case EncrId::kAesCbc:
      return aes + "CBC";
    case EncrId::kAesCtr:
      return aes + "CTR";
    case EncrId::kAesCcm8:
    case EncrId::kAesCcm12:
    case EncrId::kAesCcm16:
      return aes + "CCM";
    case EncrId::kChaCha20Poly1305:
      return "ChaCha20-Poly1305";
    default:
      return aes + "GCM";
  }
}

/// What the cipher is given as its IV: RFC 3686 §4 appends a counter, AEADs have a salt in front.
ByteVector nonce_of(const ReferenceSa& sa, Bytes iv) {
  const auto salt = Bytes(sa.enc_key).last(sa.encr->salt_octets);
  static constexpr std::array kOne{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
  return join({salt, iv, sa.encr->kind == CipherKind::kCounter ? Bytes(kOne) : Bytes{}});
}

}  // namespace

ByteVector reference_seal(const ReferenceSa& sa, Bytes spi, Bytes sequence, Bytes iv, Bytes text) {
  const Bytes key = Bytes(sa.enc_key).first(sa.encr->key_bits / 8U);
  const Bytes counted = sa.esn ? sequence : sequence.last(4);
  const ByteVector header = join({spi, sequence.last(4), iv});
  const ByteVector aad = join({spi, counted});
  const ByteVector nonce = nonce_of(sa, iv);
  if (sa.encr->kind == CipherKind::kAuthOnly)
    return join({header, text, gmac(key, nonce, join({aad, iv, text}))});
  if (sa.encr->kind == CipherKind::kAead)
    return join({header, aead_seal(name_of(*sa.encr), key, nonce, aad, text, sa.encr->icv_octets)});
  const ByteVector sealed =
      join({header, sa.encr->kind == CipherKind::kNull
                        ? base::to_vector(text)
                        : unauthenticated(name_of(*sa.encr), key, nonce, text, true)});
  const Bytes high = sa.esn ? sequence.first(4) : Bytes{};
  return join({sealed, mac(*sa.integ, sa.auth_key, join({sealed, high}))});
}

std::optional<ByteVector> reference_open(const ReferenceSa& sa, Bytes sequence, Bytes packet) {
  const std::size_t icv_octets = sa.integ != nullptr ? sa.integ->icv_octets : sa.encr->icv_octets;
  const Bytes iv = packet.subspan(8, sa.encr->iv_octets);
  const Bytes text =
      packet.subspan(8U + sa.encr->iv_octets, packet.size() - 8U - sa.encr->iv_octets - icv_octets);
  ByteVector plain = base::to_vector(text);
  const Bytes key = Bytes(sa.enc_key).first(sa.encr->key_bits / 8U);
  if (sa.encr->kind == CipherKind::kAead) {
    // Counter modes: what deciphers is what enciphers. The tag is judged by sealing again.
    plain = aead_seal(name_of(*sa.encr), key, nonce_of(sa, iv), {}, text, sa.encr->icv_octets);
    plain.resize(text.size());
  } else if (sa.encr->kind == CipherKind::kBlock || sa.encr->kind == CipherKind::kCounter) {
    plain = unauthenticated(name_of(*sa.encr), key, nonce_of(sa, iv), text, false);
  }
  if (!std::ranges::equal(reference_seal(sa, packet.first(4), sequence, iv, plain), packet))
    return std::nullopt;
  return plain;
}

ByteVector reference_ah_icv(const ReferenceSa& sa, Bytes sequence, Bytes iv, Bytes covered) {
  const ByteVector data = join({covered, sa.esn ? sequence.first(4) : Bytes{}});
  if (sa.integ->salt_octets == 0) return mac(*sa.integ, sa.auth_key, data);
  const Bytes all = sa.auth_key;
  return gmac(all.first(sa.integ->key_octets), join({all.last(sa.integ->salt_octets), iv}), data);
}

}  // namespace penstock::burst_crypto::test
