// SPDX-License-Identifier: BSD-3-Clause
#include "tests/crypto_device/transform.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

namespace penstock::test {
namespace {

constexpr rte_crypto_op_status kBroken = RTE_CRYPTO_OP_STATUS_ERROR;
constexpr rte_crypto_op_status kFine = RTE_CRYPTO_OP_STATUS_SUCCESS;

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Cipher = std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using Mac = std::unique_ptr<EVP_MAC, Freer<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;

rte_cryptodev_capabilities blank(rte_crypto_sym_xform_type type) {
  rte_cryptodev_capabilities one{};
  one.op = RTE_CRYPTO_OP_TYPE_SYMMETRIC;
  one.sym.xform_type = type;
  return one;
}

rte_cryptodev_capabilities cipher(rte_crypto_cipher_algorithm algorithm, std::uint16_t block,
                                  rte_crypto_param_range key, std::uint16_t iv) {
  auto one = blank(RTE_CRYPTO_SYM_XFORM_CIPHER);
  one.sym.cipher.algo = algorithm;
  one.sym.cipher.block_size = block;
  one.sym.cipher.key_size = key;
  one.sym.cipher.iv_size = {iv, iv, 0};
  return one;
}

rte_cryptodev_capabilities auth(rte_crypto_auth_algorithm algorithm, rte_crypto_param_range key,
                                rte_crypto_param_range digest, std::uint16_t iv = 0) {
  auto one = blank(RTE_CRYPTO_SYM_XFORM_AUTH);
  one.sym.auth.algo = algorithm;
  one.sym.auth.block_size = 64;
  one.sym.auth.key_size = key;
  one.sym.auth.digest_size = digest;
  one.sym.auth.iv_size = {iv, iv, 0};
  return one;
}

rte_cryptodev_capabilities aead(rte_crypto_aead_algorithm algorithm, rte_crypto_param_range key,
                                rte_crypto_param_range digest, std::uint16_t iv) {
  auto one = blank(RTE_CRYPTO_SYM_XFORM_AEAD);
  one.sym.aead.algo = algorithm;
  one.sym.aead.block_size = 16;
  one.sym.aead.key_size = key;
  one.sym.aead.digest_size = digest;
  one.sym.aead.aad_size = {0, 64, 1};
  one.sym.aead.iv_size = {iv, iv, 0};
  return one;
}

std::string sized(std::string_view front, std::size_t key_octets, std::string_view back) {
  return std::string(front) + std::to_string(key_octets * 8) + std::string(back);
}

std::uint8_t* place(const rte_crypto_op& op, std::uint16_t offset) {
  return reinterpret_cast<std::uint8_t*>(const_cast<rte_crypto_op*>(&op)) + offset;
}

CipherContext begin(const std::string& name, const std::uint8_t* key, const std::uint8_t* iv,
                    bool seal) {
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
  CipherContext ctx(EVP_CIPHER_CTX_new());
  if (!cipher || EVP_CipherInit_ex2(ctx.get(), cipher.get(), key, iv, seal, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1)
    return nullptr;
  return ctx;
}

bool update(const CipherContext& ctx, std::uint8_t* out, const std::uint8_t* in, std::size_t n) {
  int done = 0;
  return EVP_CipherUpdate(ctx.get(), out, &done, in, static_cast<int>(n)) == 1;
}

bool control(const CipherContext& ctx, int what, std::size_t octets, void* data) {
  return EVP_CIPHER_CTX_ctrl(ctx.get(), what, static_cast<int>(octets), data) == 1;
}

rte_crypto_op_status run_cipher(const CryptoSession::Step& step, rte_crypto_op& op) {
  const auto& cipher = step.transform.cipher;
  const auto& data = sym_of(op).cipher.data;
  std::string name = "DES-EDE3-CBC";
  if (cipher.algo == RTE_CRYPTO_CIPHER_AES_CBC) name = sized("AES-", step.key.size(), "-CBC");
  if (cipher.algo == RTE_CRYPTO_CIPHER_AES_CTR) name = sized("AES-", step.key.size(), "-CTR");
  const auto ctx = begin(name, step.key.data(), place(op, cipher.iv.offset),
                         cipher.op == RTE_CRYPTO_CIPHER_OP_ENCRYPT);
  auto* text = rte_pktmbuf_mtod_offset(sym_of(op).m_src, std::uint8_t*, data.offset);
  return ctx && update(ctx, text, text, data.length) ? kFine : kBroken;
}

using Digest = std::array<std::uint8_t, 64>;

bool mac(const std::string& algorithm, std::vector<OSSL_PARAM> parameters,
         const CryptoSession::Step& step, const std::uint8_t* covered, std::size_t octets,
         Digest& out) {
  const Mac fetched(EVP_MAC_fetch(nullptr, algorithm.c_str(), nullptr));
  const MacContext ctx(EVP_MAC_CTX_new(fetched.get()));
  parameters.push_back(OSSL_PARAM_construct_end());
  std::size_t size = 0;
  return EVP_MAC_init(ctx.get(), step.key.data(), step.key.size(), parameters.data()) == 1 &&
         EVP_MAC_update(ctx.get(), covered, octets) == 1 &&
         EVP_MAC_final(ctx.get(), out.data(), &size, out.size()) == 1;
}

bool compute(const CryptoSession::Step& step, const rte_crypto_op& op, const std::uint8_t* covered,
             std::size_t octets, Digest& out) {
  const auto& auth = step.transform.auth;
  const auto text = [](const char* key, std::string& value) {
    return OSSL_PARAM_construct_utf8_string(key, value.data(), 0);
  };
  std::string name = sized("AES-", step.key.size(), "-");
  switch (auth.algo) {
    case RTE_CRYPTO_AUTH_AES_GMAC:
      name += "GCM";
      return mac("GMAC",
                 {text(OSSL_MAC_PARAM_CIPHER, name),
                  OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, place(op, auth.iv.offset),
                                                    auth.iv.length)},
                 step, covered, octets, out);
    case RTE_CRYPTO_AUTH_AES_CMAC:
      name += "CBC";
      return mac("CMAC", {text(OSSL_MAC_PARAM_CIPHER, name)}, step, covered, octets, out);
    case RTE_CRYPTO_AUTH_MD5_HMAC:
      name = "MD5";
      break;
    case RTE_CRYPTO_AUTH_SHA1_HMAC:
      name = "SHA1";
      break;
    case RTE_CRYPTO_AUTH_SHA256_HMAC:
      name = "SHA256";
      break;
    case RTE_CRYPTO_AUTH_SHA384_HMAC:
      name = "SHA384";
      break;
    case RTE_CRYPTO_AUTH_SHA512_HMAC:
      name = "SHA512";
      break;
    default:
      return false;
  }
  return mac("HMAC", {text(OSSL_MAC_PARAM_DIGEST, name)}, step, covered, octets, out);
}

rte_crypto_op_status run_auth(const CryptoSession::Step& step, rte_crypto_op& op) {
  const auto& auth = step.transform.auth;
  const auto& data = sym_of(op).auth.data;
  const auto* covered = rte_pktmbuf_mtod_offset(sym_of(op).m_src, std::uint8_t*, data.offset);
  Digest digest{};
  if (!compute(step, op, covered, data.length, digest)) return kBroken;
  std::uint8_t* icv = sym_of(op).auth.digest.data;
  if (auth.op == RTE_CRYPTO_AUTH_OP_GENERATE) {
    std::memcpy(icv, digest.data(), auth.digest_length);
    return kFine;
  }
  return CRYPTO_memcmp(icv, digest.data(), auth.digest_length) == 0
             ? kFine
             : RTE_CRYPTO_OP_STATUS_AUTH_FAILED;
}

rte_crypto_op_status run_aead(const CryptoSession::Step& step, rte_crypto_op& op) {
  const auto& aead = step.transform.aead;
  const auto& data = sym_of(op).aead;
  const bool seal = aead.op == RTE_CRYPTO_AEAD_OP_ENCRYPT;
  const bool ccm = aead.algo == RTE_CRYPTO_AEAD_AES_CCM;
  std::string name = "ChaCha20-Poly1305";
  if (ccm) name = sized("AES-", step.key.size(), "-CCM");
  if (aead.algo == RTE_CRYPTO_AEAD_AES_GCM) name = sized("AES-", step.key.size(), "-GCM");
  const auto ctx = begin(name, nullptr, nullptr, seal);
  auto* text = rte_pktmbuf_mtod_offset(sym_of(op).m_src, std::uint8_t*, data.data.offset);
  const std::uint8_t* iv = place(op, aead.iv.offset) + (ccm ? 1 : 0);
  const std::uint8_t* aad = data.aad.data + (ccm ? 18 : 0);
  if (!ctx || !control(ctx, EVP_CTRL_AEAD_SET_IVLEN, aead.iv.length, nullptr)) return kBroken;
  if (ccm || !seal)
    if (!control(ctx, EVP_CTRL_AEAD_SET_TAG, aead.digest_length, seal ? nullptr : data.digest.data))
      return kBroken;
  if (EVP_CipherInit_ex2(ctx.get(), nullptr, step.key.data(), iv, seal, nullptr) != 1 ||
      (ccm && !update(ctx, nullptr, nullptr, data.data.length)) ||
      !update(ctx, nullptr, aad, aead.aad_length))
    return kBroken;
  const bool passed = update(ctx, text, text, data.data.length);
  int rest = 0;
  std::array<std::uint8_t, 16> none{};
  const bool finished = passed && (ccm || EVP_CipherFinal_ex(ctx.get(), none.data(), &rest) == 1);
  if (!seal) return finished ? kFine : RTE_CRYPTO_OP_STATUS_AUTH_FAILED;
  return finished && control(ctx, EVP_CTRL_AEAD_GET_TAG, aead.digest_length, data.digest.data)
             ? kFine
             : kBroken;
}

}  // namespace

std::vector<rte_cryptodev_capabilities> crypto_capabilities() {
  const rte_crypto_param_range aes{16, 32, 8};
  const rte_crypto_param_range any_key{1, 128, 1};
  const auto cut = [](std::uint16_t octets) { return rte_crypto_param_range{12, octets, 1}; };
  std::vector<rte_cryptodev_capabilities> all{
      cipher(RTE_CRYPTO_CIPHER_3DES_CBC, 8, {24, 24, 0}, 8),
      cipher(RTE_CRYPTO_CIPHER_AES_CBC, 16, aes, 16),
      cipher(RTE_CRYPTO_CIPHER_AES_CTR, 16, aes, 16),
      auth(RTE_CRYPTO_AUTH_MD5_HMAC, any_key, cut(16)),
      auth(RTE_CRYPTO_AUTH_SHA1_HMAC, any_key, cut(20)),
      auth(RTE_CRYPTO_AUTH_SHA256_HMAC, any_key, cut(32)),
      auth(RTE_CRYPTO_AUTH_SHA384_HMAC, any_key, cut(48)),
      auth(RTE_CRYPTO_AUTH_SHA512_HMAC, any_key, cut(64)),
      auth(RTE_CRYPTO_AUTH_AES_CMAC, {16, 16, 0}, cut(16)),
      auth(RTE_CRYPTO_AUTH_AES_GMAC, aes, {16, 16, 0}, 12),
      aead(RTE_CRYPTO_AEAD_AES_GCM, aes, {8, 16, 4}, 12),
      aead(RTE_CRYPTO_AEAD_AES_CCM, aes, {8, 16, 4}, 11),
      aead(RTE_CRYPTO_AEAD_CHACHA20_POLY1305, {32, 32, 0}, {16, 16, 0}, 12),
  };
  all.push_back({});  // RTE_CRYPTO_OP_TYPE_UNDEFINED: the end
  return all;
}

CryptoSession* make_crypto_session(const rte_crypto_sym_xform* transforms) {
  auto session = std::make_unique<CryptoSession>();
  for (; transforms != nullptr; transforms = transforms->next) {
    const auto key = [&](const auto& of) {
      return std::vector<std::uint8_t>(of.key.data, of.key.data + of.key.length);
    };
    switch (transforms->type) {
      case RTE_CRYPTO_SYM_XFORM_CIPHER:
        session->steps.push_back({*transforms, key(transforms->cipher)});
        break;
      case RTE_CRYPTO_SYM_XFORM_AUTH:
        session->steps.push_back({*transforms, key(transforms->auth)});
        break;
      case RTE_CRYPTO_SYM_XFORM_AEAD:
        session->steps.push_back({*transforms, key(transforms->aead)});
        break;
      default:
        return nullptr;
    }
  }
  return session.release();
}

rte_crypto_op_status run_crypto(const CryptoSession& session, rte_crypto_op& op) {
  for (const CryptoSession::Step& step : session.steps) {
    rte_crypto_op_status status = kBroken;
    if (step.transform.type == RTE_CRYPTO_SYM_XFORM_CIPHER) status = run_cipher(step, op);
    if (step.transform.type == RTE_CRYPTO_SYM_XFORM_AUTH) status = run_auth(step, op);
    if (step.transform.type == RTE_CRYPTO_SYM_XFORM_AEAD) status = run_aead(step, op);
    if (status != kFine) return status;
  }
  return kFine;
}

}  // namespace penstock::test
