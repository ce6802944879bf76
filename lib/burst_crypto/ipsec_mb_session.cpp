// SPDX-License-Identifier: BSD-3-Clause
// Building sessions for the ipsec-mb engine: which rows it has, key lengths checked, keys expanded,
// the routine chosen. Runs on the control core when an SA is installed, never per packet.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/secret.h"
#include "lib/burst_crypto/ipsec_mb.h"
#include "lib/burst_crypto/ipsec_mb_manager.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::EncrId;
using crypto::IntegId;

constexpr std::array kEncrRows{EncrId::kAesGcm8, EncrId::kAesGcm12, EncrId::kAesGcm16,
                               EncrId::kAesCbc,  EncrId::kNull,     EncrId::kChaCha20Poly1305};
constexpr std::array kIntegRows{IntegId::kHmacSha1_96, IntegId::kHmacSha256_128,
                                IntegId::kHmacSha384_192, IntegId::kHmacSha512_256};

/// One HMAC: how ipsec-mb digests one block, and its number there.
struct HmacRow {
  IntegId id;
  IMB_HASH_ALG algorithm;
  std::size_t block_octets;  ///< of the digest (RFC 2104 §2, RFC 4868 §2.1)
  hash_one_block_t IMB_MGR::*one_block;
};
constexpr std::array kHmacTable{
    HmacRow{IntegId::kHmacSha1_96, IMB_AUTH_HMAC_SHA_1, 64, &IMB_MGR::sha1_one_block},
    HmacRow{IntegId::kHmacSha256_128, IMB_AUTH_HMAC_SHA_256, 64, &IMB_MGR::sha256_one_block},
    HmacRow{IntegId::kHmacSha384_192, IMB_AUTH_HMAC_SHA_384, 128, &IMB_MGR::sha384_one_block},
    HmacRow{IntegId::kHmacSha512_256, IMB_AUTH_HMAC_SHA_512, 128, &IMB_MGR::sha512_one_block},
};

/// One AES key length.
struct AesRow {
  std::size_t key_octets;
  aes_gcm_pre_t IMB_MGR::*gcm_expand;
  aes_gcm_enc_dec_t IMB_MGR::*gcm_seal;
  aes_gcm_enc_dec_t IMB_MGR::*gcm_open;
  keyexp_t IMB_MGR::*cbc_expand;
};
constexpr std::array kAesTable{
    AesRow{16, &IMB_MGR::gcm128_pre, &IMB_MGR::gcm128_enc, &IMB_MGR::gcm128_dec,
           &IMB_MGR::keyexp_128},
    AesRow{24, &IMB_MGR::gcm192_pre, &IMB_MGR::gcm192_enc, &IMB_MGR::gcm192_dec,
           &IMB_MGR::keyexp_192},
    AesRow{32, &IMB_MGR::gcm256_pre, &IMB_MGR::gcm256_enc, &IMB_MGR::gcm256_dec,
           &IMB_MGR::keyexp_256},
};

const AesRow* find_aes(std::size_t key_octets) {
  const auto* row = std::ranges::find(kAesTable, key_octets, &AesRow::key_octets);
  return row == kAesTable.end() ? nullptr : row;
}

template <class T>
T& as(KeyMaterial& keys) {
  return *reinterpret_cast<T*>(keys.octets);
}

/// RFC 2104 §4: the digest states after the key XOR ipad and XOR opad. Our keys have the digest's
/// length (RFC 4868 §2.1.1), which never exceeds its block.
void expand_hmac(const IMB_MGR& manager, const HmacRow& row, base::Bytes key, ChainedKeys& out) {
  alignas(64) std::array<std::uint8_t, 128> block;
  const auto digest_pad = [&](std::uint8_t pad, std::uint8_t* state) {
    block.fill(pad);
    for (std::size_t i = 0; i < key.size(); ++i)
      block[i] = static_cast<std::uint8_t>(block[i] ^ std::to_integer<std::uint8_t>(key[i]));
    (manager.*row.one_block)(block.data(), state);
  };
  digest_pad(0x36, out.inner);
  digest_pad(0x5c, out.outer);
  base::wipe(std::as_writable_bytes(std::span(block)));
}

void expand_cbc(const IMB_MGR& manager, const AesRow& row, CipherDirection direction,
                base::Bytes key, ChainedKeys& out) {
  alignas(64) std::array<std::uint8_t, sizeof(ChainedKeys::schedule)> other;
  const bool seal = direction == CipherDirection::kSeal;
  (manager.*row.cbc_expand)(key.data(), seal ? out.schedule : other.data(),
                            seal ? other.data() : out.schedule);
  base::wipe(std::as_writable_bytes(std::span(other)));
}

class IpsecMbSessions final : public SessionFactory {
 public:
  explicit IpsecMbSessions(Manager manager) : manager_(std::move(manager)) {}

  bool supports(const crypto::EncrRow& encr, const crypto::IntegRow* integ) const override {
    return std::ranges::find(kEncrRows, encr.id) != kEncrRows.end() &&
           (integ == nullptr || std::ranges::find(kIntegRows, integ->id) != kIntegRows.end());
  }

  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    PS_TRY(check(spec));
    const std::size_t key_octets = spec.encr->key_bits / 8U;
    const base::Bytes key = spec.enc_key.first(key_octets);
    session = Session{};
    session.keys = &keys;
    session.direction = spec.direction;
    session.iv_octets = spec.encr->iv_octets;
    session.block_octets = std::max<std::uint8_t>(spec.encr->block_octets, 4);
    session.aad_octets = spec.esn ? 12 : 8;
    session.key_octets = static_cast<std::uint8_t>(key_octets);
    session.icv_octets = spec.integ != nullptr ? spec.integ->icv_octets : spec.encr->icv_octets;
    if (spec.encr->salt_octets == sizeof(session.salt))
      std::memcpy(session.salt, spec.enc_key.data() + key_octets, sizeof(session.salt));
    switch (spec.encr->kind) {
      case crypto::CipherKind::kAead:
        return spec.encr->id == EncrId::kChaCha20Poly1305 ? build_chacha(key, session, keys)
                                                          : build_gcm(key, session, keys);
      case crypto::CipherKind::kBlock:
      case crypto::CipherKind::kNull:
        return build_chained(spec, key, session, keys);
      default:
        return fail(ErrorCode::kUnsupported,
                    fmt::format("the ipsec-mb engine has no {}", spec.encr->name));
    }
  }

 private:
  Result<void> check(const SessionSpec& spec) const {
    PS_CHECK(spec.encr != nullptr);
    const crypto::EncrRow& encr = *spec.encr;
    if (!supports(encr, spec.integ))
      return fail(ErrorCode::kUnsupported,
                  fmt::format("the ipsec-mb engine has no {}{}{}", encr.name,
                              spec.integ != nullptr ? " with " : "",
                              spec.integ != nullptr ? spec.integ->name : ""));
    const bool aead = encr.kind == crypto::CipherKind::kAead;
    if (aead && spec.integ != nullptr)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("{} protects integrity itself: no {} beside it (RFC 4303 §3.2.3)",
                              encr.name, spec.integ->name));
    // RFC 8221 §4: encryption without integrity is never used.
    if (!aead && spec.integ == nullptr)
      return fail(
          ErrorCode::kUnsupported,
          fmt::format("{} needs an integrity algorithm beside it (RFC 8221 §4)", encr.name));
    const std::size_t enc_octets = encr.key_bits / 8U + encr.salt_octets;
    if (spec.enc_key.size() != enc_octets)
      return fail(ErrorCode::kMalformed,
                  fmt::format("{} takes an encryption key of {} octets ({} of them salt), not {}",
                              encr.name, enc_octets, encr.salt_octets, spec.enc_key.size()));
    const std::size_t auth_octets = spec.integ != nullptr ? spec.integ->key_octets : 0;
    if (spec.auth_key.size() != auth_octets)
      return fail(ErrorCode::kMalformed,
                  fmt::format("{} takes an integrity key of {} octets, not {}",
                              spec.integ != nullptr ? spec.integ->name : encr.name, auth_octets,
                              spec.auth_key.size()));
    return {};
  }

  Result<void> build_gcm(base::Bytes key, Session& session, KeyMaterial& keys) const {
    const AesRow* row = find_aes(key.size());
    if (row == nullptr) return fail(ErrorCode::kUnsupported, "no AES with this key length");
    session.kind = SessionKind::kDirectGcm;
    session.gcm = manager_.get()->*(session.direction == CipherDirection::kSeal ? row->gcm_seal
                                                                                : row->gcm_open);
    (manager_.get()->*row->gcm_expand)(key.data(), &as<gcm_key_data>(keys));
    return {};
  }

  Result<void> build_chacha(base::Bytes key, Session& session, KeyMaterial& keys) const {
    session.kind = SessionKind::kChaCha;
    session.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    session.hash_algorithm = IMB_AUTH_CHACHA20_POLY1305;
    std::memcpy(as<ChaChaKeys>(keys).key, key.data(), key.size());
    return {};
  }

  Result<void> build_chained(const SessionSpec& spec, base::Bytes key, Session& session,
                             KeyMaterial& keys) const {
    const auto* hmac = std::ranges::find(kHmacTable, spec.integ->id, &HmacRow::id);
    PS_CHECK(hmac != kHmacTable.end());  // supports() has looked
    session.hash_algorithm = static_cast<std::uint8_t>(hmac->algorithm);
    auto& chained = as<ChainedKeys>(keys);
    expand_hmac(*manager_, *hmac, spec.auth_key, chained);
    session.kind = SessionKind::kNull;
    session.cipher_mode = IMB_CIPHER_NULL;
    if (spec.encr->kind == crypto::CipherKind::kNull) return {};
    const AesRow* row = find_aes(key.size());
    if (row == nullptr) return fail(ErrorCode::kUnsupported, "no AES with this key length");
    session.kind = SessionKind::kCbc;
    session.cipher_mode = IMB_CIPHER_CBC;
    expand_cbc(*manager_, *row, session.direction, key, chained);
    return {};
  }

  Manager manager_;
};

}  // namespace

std::span<const crypto::EncrId> ipsec_mb_encr_rows() { return kEncrRows; }
std::span<const crypto::IntegId> ipsec_mb_integ_rows() { return kIntegRows; }

Result<Manager> make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return fail(ErrorCode::kSystem, "ipsec-mb: no memory for a manager");
  init_mb_mgr_auto(manager.get(), nullptr);
  if (const int code = imb_get_errno(manager.get()); code != 0)
    return fail(ErrorCode::kSystem,
                fmt::format("ipsec-mb does not start on this CPU: {}", imb_get_strerror(code)));
  return manager;
}

Result<std::unique_ptr<SessionFactory>> make_ipsec_mb_sessions() {
  PS_ASSIGN(Manager manager, make_manager());
  return std::make_unique<IpsecMbSessions>(std::move(manager));
}

std::string_view ipsec_mb_version() { return imb_get_version_str(); }

}  // namespace penstock::burst_crypto
