// SPDX-License-Identifier: BSD-3-Clause
// Engine: runs ciphers over bursts of ESP packets in place. One stage prepares jobs, a later one
// looks at their status, whichever engine it was (design §4.8).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "lib/burst_crypto/session.h"

namespace penstock::burst_crypto {

enum class JobStatus : std::uint8_t {
  kPending,
  kDone,
  kIcvMismatch,
  kFailed,   ///< the engine could not do it
  kRefused,  ///< there was no room for it; the packet is as it was
  kLost,     ///< it never came back from its queue pair, which may still write to the packet
};

/// One packet's work: a cache line.
/// ESP: in the packet lie, one after the other from `esp` on: SPI and sequence number (8 octets),
/// the IV, `cipher_octets` of text, the ICV.
///   seal: the engine writes ciphertext and ICV; of block ciphers also the IV (see README).
///   open: the ICV is compared in constant time; the text is plain only with kDone.
/// AH: `cipher_octets` from `esp` on are covered, mutable fields zeroed by the stage (RFC 4302
/// §3.3.3.1); the ICV field lies `icv_offset` octets behind `esp`, and four octets behind what is
/// covered are there (tailroom: they are used and restored).
///   seal: the engine writes the ICV field, for AES-GMAC beginning with its IV.
///   open: the field is left as zeros where it was compared.
struct alignas(64) Job {
  const Session* session = nullptr;
  std::uint8_t* esp = nullptr;
  void* packet = nullptr;           ///< the caller's; for cryptodev the mbuf that holds it all
  std::uint32_t cipher_octets = 0;  ///< plaintext, padding and trailer
  std::uint8_t sequence_high[4]{};  ///< upper half of the ESN, wire order
  std::uint8_t nonce[12]{};         ///< of AEADs and AES-CTR: salt and IV
  std::uint8_t aad[12]{};           ///< of AEADs: SPI, (upper half,) lower half of the sequence
  JobStatus status = JobStatus::kPending;
  std::uint16_t icv_offset = 0;  ///< of AH
};
static_assert(sizeof(Job) == 64);

inline constexpr std::size_t kEspHeaderOctets = 8;  ///< SPI and sequence number, RFC 4303 §2
inline constexpr std::size_t kMaxIcvOctets = 32;    ///< HMAC-SHA2-512-256
inline constexpr std::size_t kCcmNonceOctets = 11;  ///< RFC 4309 §4: in nonce[1] to nonce[11]

/// Where a job's parts lie.
[[nodiscard]] inline std::uint8_t* text_of(const Job& job) {
  return job.esp + kEspHeaderOctets + job.session->iv_octets;
}
/// The octet behind all that is covered: where the upper half of an ESN is put for a MAC (RFC 4303
/// §2.2.1, RFC 4302 §2.5.1). Of ESP, the ICV begins here.
[[nodiscard]] inline std::uint8_t* covered_end(const Job& job) {
  return (job.session->ah ? job.esp : text_of(job)) + job.cipher_octets;
}
[[nodiscard]] inline std::uint8_t* icv_of(const Job& job) {
  return job.session->ah ? job.esp + job.icv_offset + job.session->iv_octets : covered_end(job);
}

/// Zeros for a chain that begins with a nonce (README, "AES-CBC's IV").
alignas(16) inline constexpr std::uint8_t kZeroIv[16]{};
/// The nonce of a block cipher's IV, written where the IV will be: salt and IV as the stage made
/// them, of which an IV of 8 octets takes the latter. @return where it is
inline std::uint8_t* write_cbc_nonce(const Job& job) {
  std::uint8_t* iv = job.esp + kEspHeaderOctets;
  std::memset(iv, 0, job.session->iv_octets);
  if (job.session->iv_octets < sizeof(job.nonce))
    std::memcpy(iv, job.nonce + 4, 8);
  else
    std::memcpy(iv, job.nonce, sizeof(job.nonce));
  return iv;
}

/// Monotonic counts of a FIFO that carries jobs beyond a burst (design §4.4): what was submitted
/// when an SA was unpublished has left it once `completed` has reached that count. It counts what a
/// worker has been given back; that worker may use it until its burst ends.
struct FifoProgress {
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> completed{0};
};

/// Which part of its keys a session's packets need, for those who ask the caches for it.
class KeyLines {
 public:
  /// All of them need the first octets; GCM also the powers of its hash key, of which one a block
  /// and two more, of `count` that lie from `at` on: the first power first, or last.
  struct Powers {
    std::uint16_t at = 0;
    std::uint16_t count = 0;
    bool backwards = false;
  };
  KeyLines() = default;
  explicit KeyLines(Powers powers) : powers_(powers) {}

  /// Inline in any case: GCC takes a function that only asks for lines for one without effect, and
  /// drops the call.
  /// @param octets  under the cipher
  /// @param kLocality  __builtin_prefetch()'s: 3 for L1, 2 for L2
  template <int kLocality>
  [[gnu::always_inline]] void prefetch(const Session& session, std::size_t octets) const {
    const std::byte* keys = session.keys->octets;
    if (session.kind != SessionKind::kGcm) return ask<kLocality>(keys, 0, kOtherOctets);
    ask<kLocality>(keys, 0, (session.key_octets / std::size_t{4} + 7) * kBlock);
    const std::size_t needed = std::min<std::size_t>(powers_.count, octets / kBlock + 2);
    const std::size_t skipped = powers_.backwards ? powers_.count - needed : 0;
    ask<kLocality>(keys, powers_.at + skipped * kBlock, powers_.at + (skipped + needed) * kBlock);
  }

 private:
  template <int kLocality>
  [[gnu::always_inline]] static void ask(const std::byte* keys, std::size_t first,
                                         std::size_t last) {
    for (std::size_t at = first / kLine * kLine; at < last; at += kLine)
      __builtin_prefetch(keys + at, 0, kLocality);
  }
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kBlock = 16;
  static constexpr std::size_t kOtherOctets = 6 * kLine;  ///< a schedule, two digest states
  Powers powers_;
};

/// One a worker; not shared between threads. Jobs of one SA come back in the order in which they
/// were given.
class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// For the stages that make jobs, a burst ahead.
  [[nodiscard]] const KeyLines& key_lines() const { return key_lines_; }
  /// Starts jobs, all of one direction. @return how many of them have an end already
  /// A synchronous engine has finished every one, in its place, and returns their number. An
  /// asynchronous one moves those to the front (they were refused, or done by another engine of the
  /// chain) and has copies of the others, which come back by completed(): `jobs` is the caller's.
  virtual std::size_t process(std::span<Job> jobs) = 0;
  /// Jobs of one direction that have finished since, copied to the front of `out`.
  /// @return how many; if it is out.size(), there may be more
  virtual std::size_t completed(CipherDirection direction, std::span<Job> out) {
    static_cast<void>(direction);
    static_cast<void>(out);
    return 0;
  }
  /// Whether jobs of this direction are under way: completed() is to be called soon.
  [[nodiscard]] virtual bool pending(CipherDirection direction) const {
    static_cast<void>(direction);
    return false;
  }
  /// Empty for a synchronous engine: nothing outlives a burst in it.
  [[nodiscard]] virtual std::span<const FifoProgress> fifos() const { return {}; }

 protected:
  KeyLines key_lines_;
};

}  // namespace penstock::burst_crypto
