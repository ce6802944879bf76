// SPDX-License-Identifier: BSD-3-Clause
// What OpenSSL takes for the operations themselves.
#include "tests/bench/ike/ike_bare.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

#include "lib/base/check.h"
#include "lib/crypto/context_impl.h"

namespace penstock::bench {
namespace {

using crypto::BnCtxPtr;
using crypto::BnPtr;
using crypto::DigestCtxPtr;
using crypto::MontPtr;
using crypto::PkeyCtxPtr;
using crypto::PkeyPtr;

double cpu_us() {
  timespec t{};
  PS_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

double median_us(const std::function<void()>& operation) {
  constexpr std::size_t kTurns = 9;
  constexpr double kTurnUs = 20'000;
  std::array<double, kTurns> turns{};
  for (double& turn : turns) {
    const double start = cpu_us();
    double end = start;
    std::size_t count = 0;
    for (; end - start < kTurnUs; end = cpu_us(), ++count) operation();
    turn = (end - start) / static_cast<double>(count);
  }
  std::ranges::sort(turns);
  return turns[kTurns / 2];
}

double evp_exchange_us(const char* algorithm, const char* curve) {
  const auto key = [&] {
    return PkeyPtr(curve == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, algorithm)
                                    : EVP_PKEY_Q_keygen(nullptr, nullptr, algorithm, curve));
  };
  const PkeyPtr own = key();
  const PkeyPtr peers = key();
  const PkeyCtxPtr generate(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  PS_CHECK(EVP_PKEY_keygen_init(generate.get()) == 1);
  const PkeyCtxPtr derive(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
  PS_CHECK(EVP_PKEY_derive_init(derive.get()) == 1 &&
           EVP_PKEY_derive_set_peer_ex(derive.get(), peers.get(), 0) == 1);
  return median_us([&] {
    EVP_PKEY* made = nullptr;
    PS_CHECK(EVP_PKEY_keygen(generate.get(), &made) == 1);
    EVP_PKEY_free(made);
    std::array<std::uint8_t, 64> secret{};
    std::size_t octets = secret.size();
    PS_CHECK(EVP_PKEY_derive(derive.get(), secret.data(), &octets) == 1);
  });
}

double modp2048_us() {
  const BnCtxPtr scratch(BN_CTX_new());
  const BnPtr prime(BN_get_rfc3526_prime_2048(nullptr));
  const MontPtr montgomery(BN_MONT_CTX_new());
  const BnPtr generator(BN_new());
  const BnPtr exponent(BN_new());
  const BnPtr own(BN_new());
  const BnPtr secret(BN_new());
  PS_CHECK(BN_MONT_CTX_set(montgomery.get(), prime.get(), scratch.get()) == 1 &&
           BN_set_word(generator.get(), 2) == 1 && BN_priv_rand(exponent.get(), 256, 0, 0) == 1);
  return median_us([&] {
    for (const auto& [out, in] : {std::pair{own.get(), generator.get()}, {secret.get(), own.get()}})
      PS_CHECK(BN_mod_exp_mont_consttime(out, in, exponent.get(), prime.get(), scratch.get(),
                                         montgomery.get()) == 1);
  });
}

}  // namespace

double bare_exchange_us(const std::string& group) {
  if (group == "modp2048") return modp2048_us();
  return group == "x25519" ? evp_exchange_us("X25519", nullptr) : evp_exchange_us("EC", "P-256");
}

double bare_proof_us(const std::string& key) {
  const bool rsa = key.starts_with("RSA");
  const PkeyPtr pair(rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
                         : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const PkeyCtxPtr sign(EVP_PKEY_CTX_new_from_pkey(nullptr, pair.get(), nullptr));
  const PkeyCtxPtr verify(EVP_PKEY_CTX_new_from_pkey(nullptr, pair.get(), nullptr));
  PS_CHECK(EVP_PKEY_sign_init(sign.get()) == 1 && EVP_PKEY_verify_init(verify.get()) == 1);
  const std::array<std::uint8_t, 32> digest{1, 2, 3};
  return median_us([&] {
    std::array<std::uint8_t, 256> signature{};
    std::size_t octets = signature.size();
    PS_CHECK(
        EVP_PKEY_sign(sign.get(), signature.data(), &octets, digest.data(), digest.size()) == 1 &&
        EVP_PKEY_verify(verify.get(), signature.data(), octets, digest.data(), digest.size()) == 1);
  });
}

}  // namespace penstock::bench
