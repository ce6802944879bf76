// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of the ipsec-mb engine share: the owned manager and the layout of keys.
#pragma once

#define NO_COMPAT_IMB_API_053  // its old names (MD5, SHA1 …) are OpenSSL's functions
#include <intel-ipsec-mb.h>

#include <cstdint>
#include <memory>

#include "lib/base/result.h"
#include "lib/burst_crypto/session.h"

namespace penstock::burst_crypto {

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

/// A manager with the best routines of this CPU.
[[nodiscard]] base::Result<Manager> make_manager();

/// A cipher with a MAC of its own, AES-CCM, or a MAC alone: the schedule of the session's direction
/// (counter modes: of enciphering), and what the MAC needs.
struct ChainedKeys {
  alignas(64) std::uint8_t schedule[15 * 16];
  /// HMAC: the digest states after the inner and the outer pad (RFC 2104 §4). AES-XCBC: K2 and K3
  /// (RFC 3566 §4). AES-CMAC: its subkeys (RFC 4493 §2.3).
  alignas(16) std::uint8_t inner[64];
  alignas(16) std::uint8_t outer[64];
  alignas(16) std::uint8_t mac_schedule[11 * 16];
  alignas(16) std::uint64_t des[3][IMB_DES_KEY_SCHED_SIZE / sizeof(std::uint64_t)];
  const void* des_keys[3];  ///< into `des`
};

/// ChaCha20-Poly1305: the key as it is.
struct ChaChaKeys {
  alignas(64) std::uint8_t key[32];
};

static_assert(sizeof(gcm_key_data) <= kKeyMaterialOctets);
static_assert(sizeof(ChainedKeys) <= kKeyMaterialOctets);
static_assert(alignof(gcm_key_data) <= alignof(KeyMaterial));

template <class T>
[[nodiscard]] const T& keys_of(const Session& session) {
  return *reinterpret_cast<const T*>(session.keys->octets);
}

}  // namespace penstock::burst_crypto
