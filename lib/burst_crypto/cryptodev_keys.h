// SPDX-License-Identifier: BSD-3-Clause
// What the two halves of the cryptodev engine share: what lies in a session's KeyMaterial, and
// where an operation's parts lie behind it.
#pragma once

#include <rte_crypto.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/burst_crypto/cryptodev_device.h"
#include "lib/burst_crypto/engine.h"

namespace penstock::burst_crypto {

struct CryptodevKeys {
  void* session;                    ///< the device's
  std::uint32_t device;             ///< place among the engine's devices
  std::atomic<std::uint32_t> lost;  ///< operations that never came back: they keep the session
};
static_assert(sizeof(CryptodevKeys) <= kKeyMaterialOctets);

[[nodiscard]] inline CryptodevKeys& cryptodev_keys(KeyMaterial& keys) {
  return *reinterpret_cast<CryptodevKeys*>(keys.octets);
}
[[nodiscard]] inline CryptodevKeys& cryptodev_keys(const Session& session) {
  return *reinterpret_cast<CryptodevKeys*>(const_cast<std::byte*>(session.keys->octets));
}

/// A place for one job under way: it lies behind its operation, in the same piece of DPDK memory.
struct alignas(64) Slot {
  Job job;
  std::uint8_t iv[16];
  /// AES-CCM's begins 18 octets later and is filled up to 16 (rte_crypto_sym.h, aead.aad).
  std::uint8_t aad[48];
  std::uint8_t digest[64];  ///< an ICV that does not lie in the packet meanwhile
  std::uint8_t kept[8];     ///< octets of the packet under the upper half of an ESN
  std::uint8_t* overlaid;   ///< where they are; nullptr: nothing is overlaid
  std::uint8_t kept_octets;
  std::uint8_t grown;  ///< octets by which the packet's data was made longer
  bool digest_apart;   ///< the ICV is in `digest`
  std::uint8_t fifo;   ///< which of the engine's
  bool lost;
};
inline constexpr std::size_t kCcmAadOffset = 18;

/// The symmetric part of an operation lies behind it; rte_crypto_op declares it as an array of no
/// elements, which g++ takes at its word.
[[nodiscard]] inline rte_crypto_sym_op& sym_of(rte_crypto_op& op) {
  static_assert(offsetof(rte_crypto_op, sym) == sizeof(rte_crypto_op));
  return *reinterpret_cast<rte_crypto_sym_op*>(&op + 1);
}

inline constexpr std::uint16_t kSlotOffset =
    (sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op) + 63) / 64 * 64;
inline constexpr std::uint16_t kIvOffset = kSlotOffset + offsetof(Slot, iv);
inline constexpr std::uint16_t kAadOffset = kSlotOffset + offsetof(Slot, aad);
inline constexpr std::uint16_t kDigestOffset = kSlotOffset + offsetof(Slot, digest);

/// Octets of the IV that the device is given (and, for AES-CCM, of the nonce).
inline constexpr std::uint16_t kAeadIvOctets = 12;
inline constexpr std::uint16_t kCtrIvOctets = 16;  ///< RFC 3686 §4: with the block counter

using CryptoDevices = std::vector<std::unique_ptr<CryptoDevice>>;
/// @param devices  outlive the engine
[[nodiscard]] base::Result<std::unique_ptr<Engine>> make_cryptodev_engine(
    const CryptoDevices& devices, unsigned worker);

}  // namespace penstock::burst_crypto
