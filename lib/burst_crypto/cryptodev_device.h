// SPDX-License-Identifier: BSD-3-Clause
// CryptoDevice: one DPDK crypto device with a queue pair for each worker, the memory of its
// sessions, and what control core and workers tell each other about it.
#pragma once

#include <rte_cryptodev.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/log.h"
#include "lib/base/result.h"
#include "lib/dpdk/rcu.h"

namespace penstock::burst_crypto {

/// Sessions are given memory in pieces of so many, at most so many pieces.
inline constexpr unsigned kSessionsAPool = 1024;
inline constexpr unsigned kMaxSessionPools = 256;
inline constexpr std::uint32_t kQueueDescriptors = 2048;

class CryptoDevice {
 public:
  /// @param device  a PCI address or a vdev string
  [[nodiscard]] static base::Result<std::unique_ptr<CryptoDevice>> open(const std::string& device,
                                                                        unsigned workers);
  ~CryptoDevice();
  CryptoDevice(const CryptoDevice&) = delete;
  CryptoDevice& operator=(const CryptoDevice&) = delete;

  [[nodiscard]] std::uint8_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int socket() const { return socket_; }

  // ---- the control core's ----
  [[nodiscard]] bool can_chain() const;
  /// @return nullptr if the device has no such algorithm
  [[nodiscard]] const rte_cryptodev_symmetric_capability* find(rte_crypto_cipher_algorithm) const;
  [[nodiscard]] const rte_cryptodev_symmetric_capability* find(rte_crypto_auth_algorithm) const;
  [[nodiscard]] const rte_cryptodev_symmetric_capability* find(rte_crypto_aead_algorithm) const;
  /// @return kUnsupported (the driver refuses), kLimit (memory)
  [[nodiscard]] base::Result<void*> make_session(rte_crypto_sym_xform& transform);
  void free_session(void* session);
  /// Left where it is: an operation that never came back may still use it.
  void keep_session() {
    --sessions_;
    ++kept_sessions_;
  }
  [[nodiscard]] unsigned sessions() const { return sessions_; }
  [[nodiscard]] unsigned kept_sessions() const { return kept_sessions_; }
  /// Resets queue pairs that are stuck: closes the device to all workers, waits until each has
  /// seen it, sets the queue pairs up anew. Moves on by one step a call and never waits.
  /// @return whether the device is closed for it: to be called again soon
  bool supervise(dpdk::RcuDomain& rcu, base::Log& log);

  // ---- a worker's ----
  /// Nobody touches the queue pairs meanwhile.
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }
  /// How often this queue pair has got stuck or come back to work: it is stuck if that is odd. The
  /// worker counts; only while it is stuck and the device closed, the control core, when it has set
  /// the queue pair up anew.
  [[nodiscard]] std::uint32_t turns(unsigned worker) const {
    return queue_pairs_[worker].turns.load(std::memory_order_acquire);
  }
  void set_turns(unsigned worker, std::uint32_t turns) {
    queue_pairs_[worker].turns.store(turns, std::memory_order_release);
  }
  [[nodiscard]] static bool stuck(std::uint32_t turns) { return turns % 2 != 0; }
  /// Nothing but its driver's calls touches what is enqueued: a queue pair that was set up anew has
  /// nothing of before. (Of hardware that is not known: docs/decisions/0009.)
  [[nodiscard]] bool is_software() const {
    return (info_.feature_flags & RTE_CRYPTODEV_FF_HW_ACCELERATED) == 0;
  }

 private:
  struct alignas(64) QueuePair {
    std::atomic<std::uint32_t> turns{0};
    std::uint32_t reported = 0;  ///< the control core's: at which turn
  };
  enum class Reset : std::uint8_t { kNone, kClosing };

  CryptoDevice(std::string name, std::uint8_t id, unsigned workers);
  base::Result<void> start(unsigned workers);
  [[nodiscard]] int set_up_queue_pair(unsigned worker) const;
  base::Result<rte_mempool*> add_pool();
  [[nodiscard]] const rte_cryptodev_symmetric_capability* find(rte_crypto_sym_xform_type type,
                                                               int algorithm) const;
  void begin_reset(dpdk::RcuDomain& rcu, base::Log& log);
  void reset(base::Log& log);

  std::string name_;
  std::uint8_t id_;
  int socket_;
  rte_cryptodev_info info_{};
  bool started_ = false;
  bool unplug_ = false;  ///< a vdev that was made here
  std::vector<rte_mempool*> pools_;
  unsigned sessions_ = 0;
  unsigned kept_sessions_ = 0;
  std::atomic<bool> closed_{false};
  std::vector<QueuePair> queue_pairs_;
  Reset reset_ = Reset::kNone;
  dpdk::GraceToken closed_at_{};
};

}  // namespace penstock::burst_crypto
