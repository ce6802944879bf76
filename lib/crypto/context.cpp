// SPDX-License-Identifier: BSD-3-Clause
// The library context and its caches, and for simulations a provider of one algorithm: a RAND that
// repeats with its seed. OpenSSL then draws private keys and blinding from it, through
// RAND_bytes_ex of this library context alone; other contexts of the process keep their real
// randomness.
#include "lib/crypto/context.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "lib/base/check.h"
#include "lib/crypto/context_impl.h"

namespace penstock::crypto {
namespace {

constexpr const char* kSeededProvider = "penstock-seeded";
constexpr const char* kSeededRand = "PENSTOCK-SEEDED";
constexpr unsigned kSeededStrength = 256;
constexpr std::size_t kSeededMaxRequest = 1U << 16U;

// The functions of OSSL_OP_RAND, provider-rand(7). The three instances that OpenSSL makes (primary,
// public, private) draw from the one stream of the context.
void* rand_new(void* provider_ctx, void*, const OSSL_DISPATCH*) { return provider_ctx; }
void rand_free(void*) {}
int rand_instantiate(void*, unsigned, int, const unsigned char*, std::size_t, const OSSL_PARAM[]) {
  return 1;
}
int rand_uninstantiate(void*) { return 1; }
int rand_generate(void* ctx, unsigned char* out, std::size_t octets, unsigned, int,
                  const unsigned char*, std::size_t) {
  static_cast<base::SeededRandom*>(ctx)->fill(
      std::as_writable_bytes(std::span<unsigned char>(out, octets)));
  return 1;
}
int rand_enable_locking(void*) { return 1; }  // a context belongs to one thread
const OSSL_PARAM* rand_gettable(void*, void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr),
                                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
                                       OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr),
                                       OSSL_PARAM_END};
  return kParams;
}
int rand_get_params(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
  if (p != nullptr && OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY) == 0) return 0;
  p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
  if (p != nullptr && OSSL_PARAM_set_uint(p, kSeededStrength) == 0) return 0;
  p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
  return p == nullptr || OSSL_PARAM_set_size_t(p, kSeededMaxRequest) != 0 ? 1 : 0;
}

using Function = void (*)();
template <class F>
Function as_function(F* f) {
  return reinterpret_cast<Function>(f);
}

const OSSL_ALGORITHM* provider_query(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH kFunctions[] = {
      {OSSL_FUNC_RAND_NEWCTX, as_function(rand_new)},
      {OSSL_FUNC_RAND_FREECTX, as_function(rand_free)},
      {OSSL_FUNC_RAND_INSTANTIATE, as_function(rand_instantiate)},
      {OSSL_FUNC_RAND_UNINSTANTIATE, as_function(rand_uninstantiate)},
      {OSSL_FUNC_RAND_GENERATE, as_function(rand_generate)},
      {OSSL_FUNC_RAND_ENABLE_LOCKING, as_function(rand_enable_locking)},
      {OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, as_function(rand_gettable)},
      {OSSL_FUNC_RAND_GET_CTX_PARAMS, as_function(rand_get_params)},
      {0, nullptr}};
  static const OSSL_ALGORITHM kRands[] = {
      {kSeededRand, "provider=penstock-seeded", kFunctions, "a RAND that repeats with its seed"},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? kRands : nullptr;
}

// A provider is initialised without an argument of ours; the seeded stream is handed over here.
thread_local base::SeededRandom* seeded_stream_of_next_provider = nullptr;

int provider_init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                  void** provider_ctx) {
  static const OSSL_DISPATCH kFunctions[] = {
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, as_function(provider_query)}, {0, nullptr}};
  *out = kFunctions;
  *provider_ctx = seeded_stream_of_next_provider;
  return *provider_ctx != nullptr ? 1 : 0;
}

}  // namespace

CryptoContext::CryptoContext() : impl_(std::make_unique<Impl>()) {
  impl_->library.reset(OSSL_LIB_CTX_new());
  PS_CHECK(impl_->library != nullptr);
  impl_->provider.reset(OSSL_PROVIDER_load(impl_->library.get(), "default"));
  PS_CHECK(impl_->provider != nullptr);
}

CryptoContext::CryptoContext(std::uint64_t seed) : CryptoContext() {
  impl_->seeded = std::make_unique<base::SeededRandom>(seed);
  OSSL_LIB_CTX* library = impl_->library.get();
  PS_CHECK(OSSL_PROVIDER_add_builtin(library, kSeededProvider, provider_init) == 1);
  seeded_stream_of_next_provider = impl_->seeded.get();
  impl_->seeded_provider.reset(OSSL_PROVIDER_load(library, kSeededProvider));
  seeded_stream_of_next_provider = nullptr;
  PS_CHECK(impl_->seeded_provider != nullptr);
  PS_CHECK(RAND_set_DRBG_type(library, kSeededRand, nullptr, nullptr, nullptr) == 1);
}

CryptoContext::~CryptoContext() = default;

const EVP_CIPHER* CryptoContext::Impl::cipher(const std::string& name) {
  CipherPtr& entry = ciphers[name];
  if (!entry) entry.reset(EVP_CIPHER_fetch(library.get(), name.c_str(), nullptr));
  PS_CHECK(entry != nullptr);
  return entry.get();
}

const EVP_MD* CryptoContext::Impl::digest(std::string_view name) {
  const auto found = digests.find(name);
  if (found != digests.end()) return found->second.get();
  std::string key(name);
  DigestPtr fetched(EVP_MD_fetch(library.get(), key.c_str(), nullptr));
  PS_CHECK(fetched != nullptr);
  return digests.emplace(std::move(key), std::move(fetched)).first->second.get();
}

EVP_MAC_CTX* CryptoContext::Impl::hmac(std::string_view digest_name) {
  const auto found = hmacs.find(digest_name);
  if (found != hmacs.end()) return found->second.get();
  std::string name(digest_name);
  const MacPtr mac(EVP_MAC_fetch(library.get(), "HMAC", nullptr));
  PS_CHECK(mac != nullptr);
  MacCtxPtr ctx(EVP_MAC_CTX_new(mac.get()));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  PS_CHECK(ctx != nullptr && EVP_MAC_CTX_set_params(ctx.get(), params) == 1);
  return hmacs.emplace(std::move(name), std::move(ctx)).first->second.get();
}

EVP_MAC_CTX* CryptoContext::Impl::aes_cmac() {
  if (cmac) return cmac.get();
  const MacPtr mac(EVP_MAC_fetch(library.get(), "CMAC", nullptr));
  PS_CHECK(mac != nullptr);
  cmac.reset(EVP_MAC_CTX_new(mac.get()));
  std::string name = "AES-128-CBC";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name.data(), 0),
      OSSL_PARAM_construct_end()};
  // OpenSSL copies only a CMAC that has a key; each copy gets its own afterwards.
  const unsigned char any_key[16] = {};
  PS_CHECK(cmac != nullptr && EVP_MAC_init(cmac.get(), any_key, sizeof(any_key), params) == 1);
  return cmac.get();
}

void SystemRandom::fill(base::MutableBytes out) {
  constexpr std::size_t kAtOnce = 1U << 20U;
  for (std::size_t at = 0; at < out.size(); at += kAtOnce) {
    const base::MutableBytes part = out.subspan(at, std::min(kAtOnce, out.size() - at));
    PS_CHECK(RAND_bytes(base::u8(part.data()), static_cast<int>(part.size())) == 1);
  }
}

}  // namespace penstock::crypto
