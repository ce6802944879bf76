// SPDX-License-Identifier: BSD-3-Clause
// Session: everything of one direction of one SA that a cipher needs, resolved when the SA is
// built. It lies inside the SA's record: the head in a hot line, the keys on lines of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/crypto/algorithms.h"

struct gcm_key_data;      // ipsec-mb's; named here so that its header stays in this room
struct gcm_context_data;  // likewise

namespace penstock::base {
class Log;
}
namespace penstock::dpdk {
class RcuDomain;
}

namespace penstock::burst_crypto {

enum class CipherDirection : std::uint8_t { kSeal, kOpen };

/// How an engine processes a session's jobs.
enum class SessionKind : std::uint8_t {
  kGcm,   ///< AES-GCM
  kGmac,  ///< AES-GMAC: nothing is enciphered (RFC 4543)
  kCcm,
  kChaCha,  ///< ChaCha20-Poly1305
  kCbc,     ///< a block cipher and a MAC of its own
  kCtr,     ///< AES-CTR, likewise
  kNull,    ///< a MAC alone
};

/// AES-GCM in one call: key, scratch, out, in, octets, 12-octet nonce, AAD and its octets, tag and
/// its octets.
using GcmRoutine = void (*)(const ::gcm_key_data*, ::gcm_context_data*, std::uint8_t*,
                            const std::uint8_t*, std::uint64_t, const std::uint8_t*,
                            const std::uint8_t*, std::uint64_t, std::uint8_t*, std::uint64_t);

/// Expanded keys. 1,280 octets hold ipsec-mb 2.0's AES-GCM key with its powers of H (1,024 in 1.3).
inline constexpr std::size_t kKeyMaterialOctets = 1280;
struct alignas(64) KeyMaterial {
  std::byte octets[kKeyMaterialOctets];
};

struct Session {
  GcmRoutine gcm = nullptr;           ///< for kGcm, if the engine calls one
  const KeyMaterial* keys = nullptr;  ///< beside this head in the same SA
  SessionKind kind = SessionKind::kNull;
  CipherDirection direction = CipherDirection::kSeal;
  std::uint8_t icv_octets = 0;
  std::uint8_t iv_octets = 0;  ///< explicit IV in the packet
  std::uint8_t block_octets =
      4;                        ///< the ciphertext is a multiple of it; at least 4 (RFC 4303 §2.4)
  std::uint8_t aad_octets = 8;  ///< 12 with ESN (RFC 4106 §5)
  std::uint8_t cipher_mode = 0;     ///< engine's own number
  std::uint8_t hash_algorithm = 0;  ///< engine's own number
  std::uint8_t salt[4] = {};  ///< wire order; CCM's three octets are the last ones (RFC 4309 §4)
  std::uint8_t key_octets = 0;
  std::uint8_t tag_octets = 0;  ///< what the engine's routine writes, before it is cut
  std::uint8_t engine = 0;      ///< place in a chain of engines (chain.h)
  bool ah = false;              ///< AH: the ICV lies among what it covers

  [[nodiscard]] bool esn() const { return aad_octets == 12; }
};
static_assert(sizeof(Session) == 32 && std::is_trivially_copyable_v<Session>);

/// What a session is made from.
struct SessionSpec {
  const crypto::EncrRow* encr = nullptr;    ///< nullptr for AH
  const crypto::IntegRow* integ = nullptr;  ///< nullptr for an AEAD
  CipherDirection direction = CipherDirection::kSeal;
  bool esn = false;
  base::Bytes enc_key;   ///< key, then salt
  base::Bytes auth_key;  ///< likewise (AES-GMAC of AH)
};

/// Which algorithms a factory is asked for: ESP's pair, or AH's one with `encr` nullptr.
struct SessionRows {
  const crypto::EncrRow* encr = nullptr;
  const crypto::IntegRow* integ = nullptr;
};

class Engine;

/// Expands keys, and makes the engines that use them; the control core has one.
class SessionFactory {
 public:
  virtual ~SessionFactory() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual bool supports(const SessionRows& rows) const = 0;
  /// @param keys  filled, and pointed at by `session`: both stay where they are until release()
  /// @return kUnsupported (a row that the engine lacks, or an ill pair), kMalformed (key length)
  [[nodiscard]] virtual base::Result<void> build(const SessionSpec& spec, Session& session,
                                                 KeyMaterial& keys) const = 0;
  /// Gives back what build() made beside the record, and wipes the keys. No job is under way.
  virtual void release(Session& session, KeyMaterial& keys) const;
  /// The engine of one worker; it does not outlive the factory.
  /// @param worker  below the number of workers that the factory was made for
  [[nodiscard]] virtual base::Result<std::unique_ptr<Engine>> make_engine(
      unsigned worker) const = 0;
  /// The control core's, now and then: reports and resets queue pairs of devices that are stuck.
  /// @return whether workers wait for it: to be called again soon
  virtual bool supervise(dpdk::RcuDomain& rcu, base::Log& log) {
    static_cast<void>(rcu);
    static_cast<void>(log);
    return false;
  }
};

/// What every factory does first: rows that go together, keys of the right length, and all of the
/// session that does not depend on the engine. Sets everything but gcm, the numbers of the engine
/// and tag_octets.
[[nodiscard]] base::Result<void> begin_session(const SessionFactory& factory,
                                               const SessionSpec& spec, Session& session,
                                               KeyMaterial& keys);
/// The cipher's key, or AES-GMAC's of AH, without its salt.
[[nodiscard]] base::Bytes cipher_key(const SessionSpec& spec);

}  // namespace penstock::burst_crypto
