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

/// One HMAC: how ipsec-mb digests one block, and its number there.
struct HmacRow {
  IntegId id;
  IMB_HASH_ALG algorithm;
  std::size_t block_octets;  ///< of the digest (RFC 2104 §2, RFC 4868 §2.1)
  hash_one_block_t IMB_MGR::*one_block;
  std::uint8_t tag_octets;  ///< what the manager writes
};
constexpr std::array kHmacTable{
    HmacRow{IntegId::kHmacMd5_96, IMB_AUTH_MD5, 64, &IMB_MGR::md5_one_block, 12},
    HmacRow{IntegId::kHmacSha1_96, IMB_AUTH_HMAC_SHA_1, 64, &IMB_MGR::sha1_one_block, 12},
    HmacRow{IntegId::kHmacSha256_128, IMB_AUTH_HMAC_SHA_256, 64, &IMB_MGR::sha256_one_block, 16},
    HmacRow{IntegId::kHmacSha256_96, IMB_AUTH_HMAC_SHA_256, 64, &IMB_MGR::sha256_one_block, 16},
    HmacRow{IntegId::kHmacSha384_192, IMB_AUTH_HMAC_SHA_384, 128, &IMB_MGR::sha384_one_block, 24},
    HmacRow{IntegId::kHmacSha512_256, IMB_AUTH_HMAC_SHA_512, 128, &IMB_MGR::sha512_one_block, 32},
};

/// The ciphers that the library has, with their numbers there; and not: AES-CCM with 192 bits.
struct CipherRow {
  EncrId id;
  IMB_CIPHER_MODE mode;
  IMB_HASH_ALG hash;  ///< of AEADs
};
constexpr std::array kCipherTable{
    CipherRow{EncrId::k3Des, IMB_CIPHER_DES3, IMB_AUTH_NULL},
    CipherRow{EncrId::kNull, IMB_CIPHER_NULL, IMB_AUTH_NULL},
    CipherRow{EncrId::kAesCbc, IMB_CIPHER_CBC, IMB_AUTH_NULL},
    CipherRow{EncrId::kAesCtr, IMB_CIPHER_CNTR, IMB_AUTH_NULL},
    CipherRow{EncrId::kAesCcm8, IMB_CIPHER_CCM, IMB_AUTH_AES_CCM},
    CipherRow{EncrId::kAesCcm12, IMB_CIPHER_CCM, IMB_AUTH_AES_CCM},
    CipherRow{EncrId::kAesCcm16, IMB_CIPHER_CCM, IMB_AUTH_AES_CCM},
    CipherRow{EncrId::kAesGcm8, IMB_CIPHER_GCM, IMB_AUTH_AES_GMAC},
    CipherRow{EncrId::kAesGcm12, IMB_CIPHER_GCM, IMB_AUTH_AES_GMAC},
    CipherRow{EncrId::kAesGcm16, IMB_CIPHER_GCM, IMB_AUTH_AES_GMAC},
    CipherRow{EncrId::kNullAesGmac, IMB_CIPHER_GCM, IMB_AUTH_AES_GMAC},
    CipherRow{EncrId::kChaCha20Poly1305, IMB_CIPHER_CHACHA20_POLY1305, IMB_AUTH_CHACHA20_POLY1305},
};
const CipherRow* find_cipher(const crypto::EncrRow& encr) {
  const auto* row = std::ranges::find(kCipherTable, encr.id, &CipherRow::id);
  if (row == kCipherTable.end()) return nullptr;
  return row->mode == IMB_CIPHER_CCM && encr.key_bits == 192 ? nullptr : row;
}

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

/// The schedule for deciphering only if that is what a mode deciphers with.
void expand_aes(const IMB_MGR& manager, const AesRow& row, bool decipher, base::Bytes key,
                ChainedKeys& out) {
  alignas(64) std::array<std::uint8_t, sizeof(ChainedKeys::schedule)> other;
  (manager.*row.cbc_expand)(key.data(), decipher ? other.data() : out.schedule,
                            decipher ? out.schedule : other.data());
  base::wipe(std::as_writable_bytes(std::span(other)));
}

void expand_3des(const IMB_MGR& manager, base::Bytes key, ChainedKeys& out) {
  constexpr std::size_t kDesKeyOctets = 8;
  for (std::size_t i = 0; i < 3; ++i) {
    manager.des_key_sched(out.des[i], key.data() + i * kDesKeyOctets);
    out.des_keys[i] = out.des[i];
  }
}

void expand_cmac(const IMB_MGR& manager, base::Bytes key, ChainedKeys& out) {
  alignas(64) std::array<std::uint8_t, sizeof(ChainedKeys::schedule)> other;
  manager.keyexp_128(key.data(), out.mac_schedule, other.data());
  manager.cmac_subkey_gen_128(out.mac_schedule, out.inner, out.outer);
  base::wipe(std::as_writable_bytes(std::span(other)));
}

class IpsecMbSessions final : public SessionFactory {
 public:
  explicit IpsecMbSessions(Manager manager) : manager_(std::move(manager)) {}

  std::string_view name() const override { return kIpsecMbName; }

  bool supports(const SessionRows& rows) const override {
    return (rows.encr == nullptr || find_cipher(*rows.encr) != nullptr) &&
           (rows.integ == nullptr || rows.integ->salt_octets != 0 || has_mac(rows.integ->id));
  }

  Result<std::unique_ptr<Engine>> make_engine(unsigned) const override {
    return make_ipsec_mb_engine();
  }

  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    PS_TRY(begin_session(*this, spec, session, keys));
    const base::Bytes key = cipher_key(spec);
    const CipherRow* cipher = spec.encr != nullptr ? find_cipher(*spec.encr) : nullptr;
    session.cipher_mode =
        static_cast<std::uint8_t>(cipher != nullptr ? cipher->mode : IMB_CIPHER_NULL);
    session.hash_algorithm =
        static_cast<std::uint8_t>(cipher != nullptr ? cipher->hash : IMB_AUTH_NULL);
    session.tag_octets = session.icv_octets;
    switch (session.kind) {
      case SessionKind::kGcm:
      case SessionKind::kGmac:
        return build_gcm(key, session, keys);
      case SessionKind::kChaCha:
        std::memcpy(as<ChaChaKeys>(keys).key, key.data(), key.size());
        return {};
      case SessionKind::kCcm:
        return expand_cipher(key, session, keys);
      case SessionKind::kCbc:
      case SessionKind::kCtr:
        PS_TRY(expand_cipher(key, session, keys));
        break;
      case SessionKind::kNull:
        break;
    }
    expand_mac(spec, session, keys);
    return {};
  }

 private:
  static bool has_mac(IntegId id) {
    return id == IntegId::kAesXcbc96 || id == IntegId::kAesCmac96 ||
           std::ranges::find(kHmacTable, id, &HmacRow::id) != kHmacTable.end();
  }

  Result<void> build_gcm(base::Bytes key, Session& session, KeyMaterial& keys) const {
    const AesRow* row = find_aes(key.size());
    if (row == nullptr) return fail(ErrorCode::kUnsupported, "no AES with this key length");
    session.gcm = manager_.get()->*(session.direction == CipherDirection::kSeal ? row->gcm_seal
                                                                                : row->gcm_open);
    (manager_.get()->*row->gcm_expand)(key.data(), &as<gcm_key_data>(keys));
    return {};
  }

  Result<void> expand_cipher(base::Bytes key, Session& session, KeyMaterial& keys) const {
    auto& chained = as<ChainedKeys>(keys);
    if (session.cipher_mode == IMB_CIPHER_DES3) {
      expand_3des(*manager_, key, chained);
      return {};
    }
    const AesRow* row = find_aes(key.size());
    if (row == nullptr) return fail(ErrorCode::kUnsupported, "no AES with this key length");
    const bool decipher =
        session.kind == SessionKind::kCbc && session.direction == CipherDirection::kOpen;
    expand_aes(*manager_, *row, decipher, key, chained);
    return {};
  }

  void expand_mac(const SessionSpec& spec, Session& session, KeyMaterial& keys) const {
    auto& chained = as<ChainedKeys>(keys);
    const auto algorithm = [&](IMB_HASH_ALG number) {
      session.hash_algorithm = static_cast<std::uint8_t>(number);
    };
    if (spec.integ->id == IntegId::kAesXcbc96) {
      algorithm(IMB_AUTH_AES_XCBC);
      manager_->xcbc_keyexp(spec.auth_key.data(), chained.mac_schedule, chained.inner,
                            chained.outer);
      return;
    }
    if (spec.integ->id == IntegId::kAesCmac96) {
      algorithm(IMB_AUTH_AES_CMAC);
      expand_cmac(*manager_, spec.auth_key, chained);
      return;
    }
    const auto* hmac = std::ranges::find(kHmacTable, spec.integ->id, &HmacRow::id);
    PS_CHECK(hmac != kHmacTable.end());  // supports() has looked
    algorithm(hmac->algorithm);
    session.tag_octets = hmac->tag_octets;
    expand_hmac(*manager_, *hmac, spec.auth_key, chained);
  }

  Manager manager_;
};

}  // namespace

Result<Manager> make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return fail(ErrorCode::kSystem, "ipsec-mb: no memory for a manager");
  init_mb_mgr_auto(manager.get(), nullptr);
  if (const int code = imb_get_errno(manager.get()); code != 0)
    return fail(ErrorCode::kSystem,
                fmt::format("ipsec-mb does not start on this CPU: {}", imb_get_strerror(code)));
  return manager;
}

Result<std::unique_ptr<SessionFactory>> make_ipsec_mb_sessions(const EngineOptions&) {
  PS_ASSIGN(Manager manager, make_manager());
  return std::make_unique<IpsecMbSessions>(std::move(manager));
}

std::string_view ipsec_mb_version() { return imb_get_version_str(); }

}  // namespace penstock::burst_crypto
