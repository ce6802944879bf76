// SPDX-License-Identifier: BSD-3-Clause
// Building sessions for the openssl engine: a keyed cipher context for each worker, and the MAC's
// states. Runs on the control core when an SA is installed: all that OpenSSL allocates, it
// allocates here.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "lib/base/check.h"
#include "lib/base/secret.h"
#include "lib/burst_crypto/openssl.h"
#include "lib/burst_crypto/openssl_keys.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::IntegId;

constexpr std::size_t kBlock = 16;  // of AES

template <auto kMember, auto kInit, auto kUpdate, auto kFinal>
constexpr DigestRow digest_row(IntegId id, std::size_t block, std::size_t digest) {
  return {id,
          block,
          digest,
          [](DigestState& state) { kInit(&(state.*kMember)); },
          [](DigestState& state, const void* octets, std::size_t count) {
            kUpdate(&(state.*kMember), octets, count);
          },
          [](DigestState& state, std::uint8_t* out) { kFinal(out, &(state.*kMember)); }};
}
constexpr auto sha256_row(IntegId id) {
  return digest_row<&DigestState::sha256, SHA256_Init, SHA256_Update, SHA256_Final>(id, 64, 32);
}
constexpr std::array kDigestTable{
    digest_row<&DigestState::md5, MD5_Init, MD5_Update, MD5_Final>(IntegId::kHmacMd5_96, 64, 16),
    digest_row<&DigestState::sha1, SHA1_Init, SHA1_Update, SHA1_Final>(IntegId::kHmacSha1_96, 64,
                                                                       20),
    sha256_row(IntegId::kHmacSha256_128),
    sha256_row(IntegId::kHmacSha256_96),
    digest_row<&DigestState::sha512, SHA384_Init, SHA384_Update, SHA384_Final>(
        IntegId::kHmacSha384_192, 128, 48),
    digest_row<&DigestState::sha512, SHA512_Init, SHA512_Update, SHA512_Final>(
        IntegId::kHmacSha512_256, 128, 64),
};

/// OpenSSL's name of what a session's cipher is; empty if there is none.
std::string cipher_name(const Session& session, std::size_t key_octets) {
  const auto aes = [&](std::string_view mode) {
    return fmt::format("AES-{}-{}", key_octets * 8, mode);
  };
  switch (session.kind) {
    case SessionKind::kGcm:
    case SessionKind::kGmac:
      return aes("GCM");
    case SessionKind::kChaCha:
      return "ChaCha20-Poly1305";
    case SessionKind::kCcm:  // and a CBC-MAC
    case SessionKind::kCtr:
      return aes("CTR");
    case SessionKind::kCbc:
      return session.block_octets == kBlock ? aes("CBC") : "DES-EDE3-CBC";
    case SessionKind::kNull:
      break;
  }
  return {};
}

struct CipherDeleter {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER, CipherDeleter>;

bool key_context(EVP_CIPHER_CTX* ctx, const EVP_CIPHER* cipher, base::Bytes key, bool seal) {
  if (EVP_CipherInit_ex2(ctx, cipher, nullptr, nullptr, seal, nullptr) != 1) return false;
  // A first IV with the key: afterwards only the IV changes.
  const std::uint8_t* iv = kZeroIv;
  if (EVP_CipherInit_ex2(ctx, nullptr, base::u8(key.data()), iv, seal, nullptr) != 1) return false;
  return EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
}

void free_contexts(EVP_CIPHER_CTX** contexts, std::uint32_t workers) {
  if (contexts == nullptr) return;
  for (std::uint32_t i = 0; i < workers; ++i) EVP_CIPHER_CTX_free(contexts[i]);
  delete[] contexts;
}

void digest_pad(const DigestRow& row, base::Bytes key, std::uint8_t pad, DigestState& state) {
  std::array<std::uint8_t, 128> block;
  block.fill(pad);
  for (std::size_t i = 0; i < key.size(); ++i)
    block[i] = static_cast<std::uint8_t>(block[i] ^ std::to_integer<std::uint8_t>(key[i]));
  row.init(state);
  row.update(state, block.data(), row.block_octets);
  base::wipe(std::as_writable_bytes(std::span(block)));
}

/// RFC 4493 §2.3: times x in GF(2^128).
void double_block(const std::uint8_t* in, std::uint8_t* out) {
  const auto carry = static_cast<std::uint8_t>((in[0] >> 7) * 0x87);
  for (std::size_t i = 0; i + 1 < kBlock; ++i)
    out[i] = static_cast<std::uint8_t>(in[i] << 1 | in[i + 1] >> 7);
  out[kBlock - 1] = static_cast<std::uint8_t>(in[kBlock - 1] << 1 ^ carry);
}

class OpensslSessions final : public SessionFactory {
 public:
  explicit OpensslSessions(unsigned workers) : workers_(workers) {}

  std::string_view name() const override { return kOpensslName; }
  bool supports(const SessionRows&) const override { return true; }

  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    PS_TRY(begin_session(*this, spec, session, keys));
    OpensslKeys& mine = openssl_keys(keys);
    mine = OpensslKeys{};
    mine.workers = workers_;
    session.tag_octets = session.icv_octets;
    auto built = fill(spec, session, mine);
    if (!built) release(session, keys);
    return built;
  }

  Result<std::unique_ptr<Engine>> make_engine(unsigned worker) const override {
    return make_openssl_engine(worker);
  }

  void release(Session& session, KeyMaterial& keys) const override {
    OpensslKeys& mine = openssl_keys(keys);
    free_contexts(mine.cipher, mine.workers);
    free_contexts(mine.cbc_mac, mine.workers);
    SessionFactory::release(session, keys);
  }

 private:
  Result<void> fill(const SessionSpec& spec, const Session& session, OpensslKeys& mine) const {
    const base::Bytes key = cipher_key(spec);
    if (const std::string name = cipher_name(session, key.size()); !name.empty()) {
      const bool seal = session.direction == CipherDirection::kSeal;
      PS_ASSIGN(mine.cipher, make_contexts(name, key, seal));
    }
    if (session.kind == SessionKind::kCcm) {
      PS_ASSIGN(mine.cbc_mac, make_chain(key));
      return {};
    }
    if (spec.integ == nullptr || session.kind == SessionKind::kGmac) return {};
    if (spec.integ->id == IntegId::kAesXcbc96) return key_xcbc(spec.auth_key, mine);
    if (spec.integ->id == IntegId::kAesCmac96) return key_cmac(spec.auth_key, mine);
    const auto* row = std::ranges::find(kDigestTable, spec.integ->id, &DigestRow::id);
    PS_CHECK(row != kDigestTable.end());
    mine.digest = row;
    digest_pad(*row, spec.auth_key, 0x36, mine.inner);
    digest_pad(*row, spec.auth_key, 0x5c, mine.outer);
    return {};
  }

  Result<EVP_CIPHER_CTX**> make_contexts(const std::string& name, base::Bytes key,
                                         bool seal) const {
    const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
    auto* contexts = new EVP_CIPHER_CTX* [workers_] {};
    for (unsigned i = 0; i < workers_; ++i) {
      contexts[i] = EVP_CIPHER_CTX_new();
      if (cipher != nullptr && contexts[i] != nullptr &&
          key_context(contexts[i], cipher.get(), key, seal))
        continue;
      free_contexts(contexts, workers_);
      return fail(ErrorCode::kSystem, fmt::format("OpenSSL gives no {} here", name));
    }
    return contexts;
  }

  /// AES-CBC from an IV of zero: the chain of a CBC-MAC.
  Result<EVP_CIPHER_CTX**> make_chain(base::Bytes key) const {
    return make_contexts(fmt::format("AES-{}-CBC", key.size() * 8), key, true);
  }

  /// AES of blocks that are apart.
  static bool encipher(base::Bytes key, std::span<std::uint8_t> blocks) {
    const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr));
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    const bool done =
        cipher != nullptr && ctx != nullptr &&
        EVP_EncryptInit_ex2(ctx, cipher.get(), base::u8(key.data()), nullptr, nullptr) == 1 &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
        EVP_EncryptUpdate(ctx, blocks.data(), &n, blocks.data(), static_cast<int>(blocks.size())) ==
            1;
    EVP_CIPHER_CTX_free(ctx);
    return done;
  }

  /// RFC 3566 §4: K1, K2 and K3 are the ciphers of blocks of ones, twos and threes.
  Result<void> key_xcbc(base::Bytes key, OpensslKeys& mine) const {
    std::array<std::uint8_t, 3 * kBlock> derived;
    for (std::size_t i = 0; i < derived.size(); ++i)
      derived[i] = static_cast<std::uint8_t>(1 + i / kBlock);
    if (!encipher(key, derived)) return fail(ErrorCode::kSystem, "OpenSSL gives no AES here");
    const auto bytes = std::as_writable_bytes(std::span(derived));
    auto chain = make_chain(bytes.first(kBlock));
    std::memcpy(mine.whole_block, derived.data() + kBlock, kBlock);
    std::memcpy(mine.part_block, derived.data() + 2 * kBlock, kBlock);
    base::wipe(bytes);
    PS_ASSIGN(mine.cbc_mac, std::move(chain));
    return {};
  }

  /// RFC 4493 §2.3: the subkeys are the cipher of zeros, times x and times x².
  Result<void> key_cmac(base::Bytes key, OpensslKeys& mine) const {
    std::array<std::uint8_t, kBlock> zero{};
    if (!encipher(key, zero)) return fail(ErrorCode::kSystem, "OpenSSL gives no AES here");
    double_block(zero.data(), mine.whole_block);
    double_block(mine.whole_block, mine.part_block);
    base::wipe(std::as_writable_bytes(std::span(zero)));
    PS_ASSIGN(mine.cbc_mac, make_chain(key));
    return {};
  }

  unsigned workers_;
};

}  // namespace

Result<std::unique_ptr<SessionFactory>> make_openssl_sessions(const EngineOptions& options) {
  PS_CHECK(options.workers != 0);
  return std::make_unique<OpensslSessions>(options.workers);
}

}  // namespace penstock::burst_crypto
