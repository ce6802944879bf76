// SPDX-License-Identifier: BSD-3-Clause
// Sessions of the cryptodev engine: which device has an SA's algorithms, by the device's own word,
// and the transforms that it is given. Runs on the control core when an SA is installed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>

#include "lib/base/check.h"
#include "lib/burst_crypto/cryptodev.h"
#include "lib/burst_crypto/cryptodev_keys.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::EncrId;
using crypto::EncrRow;
using crypto::IntegId;
using crypto::IntegRow;

struct CipherRow {
  EncrId id;
  rte_crypto_cipher_algorithm algorithm;
  std::uint16_t iv_octets;  ///< that the device is given
};
constexpr std::array kCipherTable{
    CipherRow{EncrId::k3Des, RTE_CRYPTO_CIPHER_3DES_CBC, 8},
    CipherRow{EncrId::kAesCbc, RTE_CRYPTO_CIPHER_AES_CBC, 16},
    CipherRow{EncrId::kAesCtr, RTE_CRYPTO_CIPHER_AES_CTR, kCtrIvOctets},
};

struct AeadRow {
  EncrId id;
  rte_crypto_aead_algorithm algorithm;
  std::uint16_t iv_octets;
};
constexpr std::array kAeadTable{
    AeadRow{EncrId::kAesCcm8, RTE_CRYPTO_AEAD_AES_CCM, kCcmNonceOctets},
    AeadRow{EncrId::kAesCcm12, RTE_CRYPTO_AEAD_AES_CCM, kCcmNonceOctets},
    AeadRow{EncrId::kAesCcm16, RTE_CRYPTO_AEAD_AES_CCM, kCcmNonceOctets},
    AeadRow{EncrId::kAesGcm8, RTE_CRYPTO_AEAD_AES_GCM, kAeadIvOctets},
    AeadRow{EncrId::kAesGcm12, RTE_CRYPTO_AEAD_AES_GCM, kAeadIvOctets},
    AeadRow{EncrId::kAesGcm16, RTE_CRYPTO_AEAD_AES_GCM, kAeadIvOctets},
    AeadRow{EncrId::kChaCha20Poly1305, RTE_CRYPTO_AEAD_CHACHA20_POLY1305, kAeadIvOctets},
};

struct AuthRow {
  IntegId id;
  rte_crypto_auth_algorithm algorithm;
};
constexpr std::array kAuthTable{
    AuthRow{IntegId::kHmacMd5_96, RTE_CRYPTO_AUTH_MD5_HMAC},
    AuthRow{IntegId::kHmacSha1_96, RTE_CRYPTO_AUTH_SHA1_HMAC},
    AuthRow{IntegId::kAesXcbc96, RTE_CRYPTO_AUTH_AES_XCBC_MAC},
    AuthRow{IntegId::kAesCmac96, RTE_CRYPTO_AUTH_AES_CMAC},
    AuthRow{IntegId::kAes128Gmac, RTE_CRYPTO_AUTH_AES_GMAC},
    AuthRow{IntegId::kAes192Gmac, RTE_CRYPTO_AUTH_AES_GMAC},
    AuthRow{IntegId::kAes256Gmac, RTE_CRYPTO_AUTH_AES_GMAC},
    AuthRow{IntegId::kHmacSha256_128, RTE_CRYPTO_AUTH_SHA256_HMAC},
    AuthRow{IntegId::kHmacSha384_192, RTE_CRYPTO_AUTH_SHA384_HMAC},
    AuthRow{IntegId::kHmacSha512_256, RTE_CRYPTO_AUTH_SHA512_HMAC},
    AuthRow{IntegId::kHmacSha256_96, RTE_CRYPTO_AUTH_SHA256_HMAC},
};

template <class Table, class Id>
const auto* row_of(const Table& table, Id id) {
  const auto found = std::ranges::find(table, id, &Table::value_type::id);
  return found != table.end() ? &*found : nullptr;
}

bool has_gmac(const CryptoDevice& device, std::uint16_t key_octets) {
  const auto* capability = device.find(RTE_CRYPTO_AUTH_AES_GMAC);
  return capability != nullptr &&
         rte_cryptodev_sym_capability_check_auth(capability, key_octets, 16, kAeadIvOctets) == 0;
}

bool has_cipher(const CryptoDevice& device, const EncrRow& encr) {
  const auto key_octets = static_cast<std::uint16_t>(encr.key_bits / 8);
  if (encr.id == EncrId::kNull) return true;  // nothing to do
  if (encr.id == EncrId::kNullAesGmac) return has_gmac(device, key_octets);
  if (const auto* row = row_of(kAeadTable, encr.id)) {
    const auto* capability = device.find(row->algorithm);
    const auto takes = [&](std::uint16_t aad_octets) {
      return rte_cryptodev_sym_capability_check_aead(capability, key_octets, encr.icv_octets,
                                                     aad_octets, row->iv_octets) == 0;
    };
    return capability != nullptr && takes(8) && takes(12);  // RFC 4106 §5: without and with ESN
  }
  const auto* row = row_of(kCipherTable, encr.id);
  if (row == nullptr) return false;
  const auto* capability = device.find(row->algorithm);
  return capability != nullptr &&
         rte_cryptodev_sym_capability_check_cipher(capability, key_octets, row->iv_octets) == 0;
}

bool has_integrity(const CryptoDevice& device, const IntegRow& integ) {
  if (integ.salt_octets != 0) return has_gmac(device, integ.key_octets);
  const auto* row = row_of(kAuthTable, integ.id);
  if (row == nullptr) return false;
  const auto* capability = device.find(row->algorithm);
  return capability != nullptr && rte_cryptodev_sym_capability_check_auth(
                                      capability, integ.key_octets, integ.icv_octets, 0) == 0;
}

bool has(const CryptoDevice& device, const SessionRows& rows) {
  if (rows.encr != nullptr && !has_cipher(device, *rows.encr)) return false;
  if (rows.integ != nullptr && !has_integrity(device, *rows.integ)) return false;
  const bool chained =
      rows.encr != nullptr && rows.integ != nullptr && rows.encr->id != EncrId::kNull;
  return !chained || device.can_chain();
}

rte_crypto_sym_xform aead_transform(const SessionSpec& spec, const Session& session) {
  const AeadRow& row = *row_of(kAeadTable, spec.encr->id);
  rte_crypto_sym_xform transform{};
  transform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
  auto& aead = transform.aead;
  aead.op = session.direction == CipherDirection::kSeal ? RTE_CRYPTO_AEAD_OP_ENCRYPT
                                                        : RTE_CRYPTO_AEAD_OP_DECRYPT;
  aead.algo = row.algorithm;
  aead.key.data = base::u8(cipher_key(spec).data());
  aead.key.length = session.key_octets;
  aead.iv.offset = kIvOffset;
  aead.iv.length = row.iv_octets;
  aead.digest_length = session.icv_octets;
  aead.aad_length = session.aad_octets;
  return transform;
}

rte_crypto_sym_xform cipher_transform(const SessionSpec& spec, const Session& session) {
  const CipherRow& row = *row_of(kCipherTable, spec.encr->id);
  rte_crypto_sym_xform transform{};
  transform.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
  auto& cipher = transform.cipher;
  cipher.op = session.direction == CipherDirection::kSeal ? RTE_CRYPTO_CIPHER_OP_ENCRYPT
                                                          : RTE_CRYPTO_CIPHER_OP_DECRYPT;
  cipher.algo = row.algorithm;
  cipher.key.data = base::u8(cipher_key(spec).data());
  cipher.key.length = session.key_octets;
  cipher.iv.offset = kIvOffset;
  cipher.iv.length = row.iv_octets;
  return transform;
}

/// A MAC of its own, and AES-GMAC, which takes an IV.
rte_crypto_sym_xform auth_transform(const SessionSpec& spec, const Session& session) {
  rte_crypto_sym_xform transform{};
  transform.type = RTE_CRYPTO_SYM_XFORM_AUTH;
  auto& auth = transform.auth;
  auth.op = session.direction == CipherDirection::kSeal ? RTE_CRYPTO_AUTH_OP_GENERATE
                                                        : RTE_CRYPTO_AUTH_OP_VERIFY;
  auth.digest_length = session.icv_octets;
  if (session.kind == SessionKind::kGmac) {
    auth.algo = RTE_CRYPTO_AUTH_AES_GMAC;
    auth.key.data = base::u8(cipher_key(spec).data());
    auth.key.length = session.key_octets;
    auth.iv.offset = kIvOffset;
    auth.iv.length = kAeadIvOctets;
    return transform;
  }
  auth.algo = row_of(kAuthTable, spec.integ->id)->algorithm;
  auth.key.data = base::u8(spec.auth_key.data());
  auth.key.length = static_cast<std::uint16_t>(spec.auth_key.size());
  return transform;
}

Result<void*> make_session(CryptoDevice& device, const SessionSpec& spec, const Session& session) {
  rte_crypto_sym_xform first;
  rte_crypto_sym_xform second;
  switch (session.kind) {
    case SessionKind::kGcm:
    case SessionKind::kCcm:
    case SessionKind::kChaCha:
      first = aead_transform(spec, session);
      break;
    case SessionKind::kGmac:
    case SessionKind::kNull:
      first = auth_transform(spec, session);
      break;
    default:
      first = cipher_transform(spec, session);
      second = auth_transform(spec, session);
      // RFC 4303 §3.3.2.1, §3.4.4.1: the MAC is of the ciphertext.
      if (session.direction == CipherDirection::kOpen) std::swap(first, second);
      first.next = &second;
  }
  return device.make_session(first);
}

class CryptodevSessions final : public SessionFactory {
 public:
  explicit CryptodevSessions(CryptoDevices devices) : devices_(std::move(devices)) {}

  std::string_view name() const override { return kCryptodevName; }

  bool supports(const SessionRows& rows) const override {
    return std::ranges::any_of(devices_, [&](const auto& device) { return has(*device, rows); });
  }

  /// Of the devices that have the algorithms, the one with the fewest sessions takes it.
  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    PS_TRY(begin_session(*this, spec, session, keys));
    std::size_t place = devices_.size();
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (has(*devices_[i], {spec.encr, spec.integ}) &&
          (place == devices_.size() || devices_[i]->sessions() < devices_[place]->sessions()))
        place = i;
    PS_CHECK(place < devices_.size());  // supports() said so
    session.tag_octets = session.icv_octets;
    auto made = make_session(*devices_[place], spec, session);
    if (!made) {
      SessionFactory::release(session, keys);
      return tl::unexpected(std::move(made).error());
    }
    auto& mine = *new (keys.octets) CryptodevKeys{};
    mine.session = *made;
    mine.device = static_cast<std::uint32_t>(place);
    return {};
  }

  void release(Session& session, KeyMaterial& keys) const override {
    const CryptodevKeys& mine = cryptodev_keys(keys);
    CryptoDevice& device = *devices_[mine.device];
    // Design §4.4: what a stuck queue pair may still use is kept.
    if (mine.lost.load(std::memory_order_acquire) == 0)
      device.free_session(mine.session);
    else
      device.keep_session();
    SessionFactory::release(session, keys);
  }

  Result<std::unique_ptr<Engine>> make_engine(unsigned worker) const override {
    return make_cryptodev_engine(devices_, worker);
  }

  bool supervise(dpdk::RcuDomain& rcu, base::Log& log) override {
    bool soon = false;
    for (const auto& device : devices_) soon |= device->supervise(rcu, log);
    return soon;
  }

 private:
  CryptoDevices devices_;
};

}  // namespace

Result<std::unique_ptr<SessionFactory>> make_cryptodev_sessions(const EngineOptions& options) {
  if (options.devices.empty())
    return fail(ErrorCode::kMalformed,
                "the engine cryptodev needs devices: PCI addresses, or vdevs as crypto_openssl0");
  CryptoDevices devices;
  for (const std::string& device : options.devices) {
    PS_ASSIGN(auto opened, CryptoDevice::open(device, options.workers));
    devices.push_back(std::move(opened));
  }
  return std::make_unique<CryptodevSessions>(std::move(devices));
}

}  // namespace penstock::burst_crypto
