// SPDX-License-Identifier: BSD-3-Clause
// Engine: runs ciphers over bursts of ESP packets in place. One stage prepares jobs, a later one
// looks at their status, whichever engine it was (design §4.8).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/burst_crypto/session.h"

namespace penstock::burst_crypto {

enum class JobStatus : std::uint8_t { kPending, kDone, kIcvMismatch, kFailed };

/// One ESP packet's work: a cache line. In the packet lie, one after the other from `esp` on: SPI
/// and sequence number (8 octets), the IV, `cipher_octets` of text, the ICV.
///   seal: the engine writes ciphertext and ICV; for AES-CBC also the IV (see README).
///   open: the ICV is compared in constant time; the text is plain only with kDone.
struct alignas(64) Job {
  const Session* session = nullptr;
  std::uint8_t* esp = nullptr;
  void* packet = nullptr;           ///< the caller's
  std::uint32_t cipher_octets = 0;  ///< plaintext, padding and trailer
  std::uint8_t sequence_high[4]{};  ///< upper half of the ESN, wire order
  std::uint8_t nonce[12]{};         ///< of AEADs: salt and IV
  std::uint8_t aad[12]{};           ///< of AEADs: SPI, (upper half,) lower half of the sequence
  JobStatus status = JobStatus::kPending;
};
static_assert(sizeof(Job) == 64);

/// Monotonic counts of a FIFO that carries jobs beyond a burst (design §4.4): what was submitted
/// when an SA was unpublished has left it once `completed` has reached that count.
struct FifoProgress {
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> completed{0};
};

/// One a worker; not shared between threads.
class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Starts jobs, all of one direction. A synchronous engine has finished every one when it
  /// returns and returns their number; an asynchronous one returns 0 and its jobs come back by
  /// completed(), their storage in use until then.
  virtual std::size_t process(std::span<Job> jobs) = 0;
  /// Jobs that finished since the last call, at most out.size().
  virtual std::size_t completed(std::span<Job*> out) {
    static_cast<void>(out);
    return 0;
  }
  /// nullptr for a synchronous engine: nothing outlives a burst in it.
  [[nodiscard]] virtual const FifoProgress* fifo() const { return nullptr; }
};

}  // namespace penstock::burst_crypto
