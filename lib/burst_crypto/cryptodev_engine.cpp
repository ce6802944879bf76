// SPDX-License-Identifier: BSD-3-Clause
// A worker's cryptodev engine: jobs go into its queue pair of the device that their session is for,
// and come back in a later poll. Everything that a job needs under way lies in a slot behind its
// operation; kJobsInFlight of them are used at a time. On the path: between seal or open and their
// closing stages.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include <array>

#include "lib/base/check.h"
#include "lib/burst_crypto/cryptodev.h"
#include "lib/burst_crypto/cryptodev_operation.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

constexpr unsigned kBatch = 64;                 // operations given to a device at a time
constexpr unsigned kSlots = 4 * kJobsInFlight;  // for those that a stuck queue pair keeps
constexpr unsigned kEnqueueTries = 4;           // with a dequeue between them, which makes room
constexpr std::size_t kDirections = 2;

/// Operations that came back and wait for completed(), in their order.
class ReadyQueue {
 public:
  [[nodiscard]] bool empty() const { return first_ == end_; }
  void put(rte_crypto_op* op) { ops_[end_++ % kJobsInFlight] = op; }  // never more than slots
  [[nodiscard]] rte_crypto_op* take() { return ops_[first_++ % kJobsInFlight]; }

 private:
  std::array<rte_crypto_op*, kJobsInFlight> ops_{};
  unsigned first_ = 0;
  unsigned end_ = 0;
};
static_assert((kJobsInFlight & (kJobsInFlight - 1)) == 0);

class CryptodevEngine final : public Engine {
 public:
  CryptodevEngine(const CryptoDevices& devices, unsigned worker, rte_mempool* pool)
      : devices_(devices),
        worker_(worker),
        pool_(pool),
        pairs_(devices.size()),
        fifos_(devices.size() * kDirections),
        stuck_after_(rte_get_tsc_hz() / 1000 * kStuckAfterMs) {}

  /// @return false if the pool has not as many
  bool fill_slots() {
    all_.resize(kSlots);
    if (rte_crypto_op_bulk_alloc(pool_, RTE_CRYPTO_OP_TYPE_SYMMETRIC, all_.data(), kSlots) == 0)
      return false;
    free_ = all_;
    for (rte_crypto_op* op : all_) slot_of(op) = Slot{};
    return true;
  }

  ~CryptodevEngine() override {
    for (const Pair& pair : pairs_)
      if (pair.lost != 0 || pair.under_way() != 0) return;  // devices may write to them: kept
    rte_mempool_free(pool_);
  }
  CryptodevEngine(const CryptodevEngine&) = delete;
  CryptodevEngine& operator=(const CryptodevEngine&) = delete;

  std::string_view name() const override { return kCryptodevName; }

  std::size_t process(std::span<Job> jobs) override {
    std::size_t refused = 0;
    std::size_t device = 0;
    batched_ = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const std::size_t wanted = cryptodev_keys(*jobs[i].session).device;
      if (batched_ == kBatch || wanted != device) refused += submit(device, jobs.data() + refused);
      device = wanted;
      if (!is_open(device) || is_full()) {
        jobs[refused] = jobs[i];
        jobs[refused++].status = JobStatus::kRefused;
        continue;
      }
      rte_crypto_op* op = free_.back();
      free_.pop_back();
      prepare(*op, jobs[i]);
      slot_of(op).fifo = fifo_of(device, jobs[i].session->direction);
      batch_[batched_++] = op;
    }
    return refused + submit(device, jobs.data() + refused);
  }

  std::size_t completed(CipherDirection direction, std::span<Job> out) override {
    for (std::size_t device = 0; device < pairs_.size(); ++device) {
      Pair& pair = pairs_[device];
      if (pair.under_way() == 0 && pair.lost == 0) continue;
      dequeue(device);
      if (pair.under_way() != 0 && is_overdue(device)) [[unlikely]]
        give_up(device);
    }
    std::size_t count = 0;
    ReadyQueue& ready = ready_[static_cast<std::size_t>(direction)];
    while (count < out.size() && !ready.empty()) {
      rte_crypto_op* op = ready.take();
      Slot& slot = slot_of(op);
      out[count++] = slot.job;
      auto& completed = fifos_[slot.fifo].completed;
      completed.store(completed.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      --waiting_[static_cast<std::size_t>(direction)];
      const bool lost = slot.job.status == JobStatus::kLost;
      slot.job.session = nullptr;
      if (slot.lost) continue;  // the slot is the device's until the operation comes back
      if (lost) rte_pktmbuf_free(sym_of(*op).m_src);  // it has come back meanwhile
      free_.push_back(op);
    }
    return count;
  }

  bool pending(CipherDirection direction) const override {
    return waiting_[static_cast<std::size_t>(direction)] != 0;
  }
  std::span<const FifoProgress> fifos() const override { return fifos_; }

 private:
  /// This worker's queue pair of one device.
  struct Pair {
    std::uint64_t enqueued = 0;
    std::uint64_t dequeued = 0;     ///< or given up
    std::uint64_t progress_at = 0;  ///< ticks
    std::uint64_t closed_at = 0;    ///< ticks; 0: the device is open
    std::uint64_t lost = 0;         ///< given up, and not seen since
    std::uint32_t turns = 0;        ///< CryptoDevice::turns() as this worker knows it
    [[nodiscard]] bool stuck() const { return CryptoDevice::stuck(turns); }
    [[nodiscard]] std::uint64_t under_way() const { return enqueued - dequeued; }
  };

  static std::uint8_t fifo_of(std::size_t device, CipherDirection direction) {
    return static_cast<std::uint8_t>(device * kDirections + static_cast<std::size_t>(direction));
  }
  [[nodiscard]] bool is_full() const {
    return waiting_[0] + waiting_[1] + batched_ >= kJobsInFlight || free_.empty();
  }
  /// A queue pair that is stuck is looked at here, too: what it had may come back after all.
  bool is_open(std::size_t device) {
    if (devices_[device]->closed()) return false;
    if (pairs_[device].stuck()) [[unlikely]]
      dequeue(device);
    return !pairs_[device].stuck();
  }
  /// While the device is closed, for the reset of a queue pair, nothing can come back: that time
  /// does not count, unless it has no end.
  bool is_overdue(std::size_t device) {
    Pair& pair = pairs_[device];
    const std::uint64_t now = rte_rdtsc();
    if (!devices_[device]->closed()) [[likely]] {
      pair.closed_at = 0;
    } else {
      if (pair.closed_at == 0) pair.closed_at = now;
      if (now - pair.closed_at < stuck_after_) pair.progress_at = now;
    }
    return now - pair.progress_at > stuck_after_;
  }

  /// Gives the batch to the device; what it does not take goes to `refused`.
  /// @return how many that are
  std::size_t submit(std::size_t device, Job* refused) {
    if (batched_ == 0) return 0;
    Pair& pair = pairs_[device];
    if (pair.under_way() == 0) {
      pair.progress_at = rte_rdtsc();
      pair.closed_at = 0;
    }
    unsigned given = 0;
    for (unsigned tries = 0; given < batched_ && tries < kEnqueueTries; ++tries) {
      if (tries != 0) dequeue(device);
      const unsigned taken = rte_cryptodev_enqueue_burst(
          devices_[device]->id(), static_cast<std::uint16_t>(worker_), batch_.data() + given,
          static_cast<std::uint16_t>(batched_ - given));
      // Counted before a dequeue can see one of them.
      for (unsigned i = given; i < given + taken; ++i) {
        const std::size_t fifo = slot_of(batch_[i]).fifo;
        auto& submitted = fifos_[fifo].submitted;
        submitted.store(submitted.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        ++waiting_[fifo % kDirections];
      }
      pair.enqueued += taken;
      given += taken;
    }
    for (unsigned i = given; i < batched_; ++i) {
      conclude(*batch_[i]);
      Job& job = slot_of(batch_[i]).job;
      job.status = JobStatus::kRefused;
      *refused++ = job;
      free_.push_back(batch_[i]);
    }
    const std::size_t left = batched_ - given;
    batched_ = 0;
    return left;
  }

  void dequeue(std::size_t device) {
    if (devices_[device]->closed()) return;
    Pair& pair = pairs_[device];
    if (pair.stuck() && devices_[device]->turns(worker_) != pair.turns) [[unlikely]]
      begin_anew(device);
    std::array<rte_crypto_op*, kBatch> ops;
    unsigned taken = 0;
    do {
      taken = rte_cryptodev_dequeue_burst(devices_[device]->id(),
                                          static_cast<std::uint16_t>(worker_), ops.data(), kBatch);
      for (unsigned i = 0; i < taken; ++i) take_back(pair, ops[i]);
      if (taken != 0) pair.progress_at = rte_rdtsc();
    } while (taken == kBatch);
    // All that was given up came back by itself: it works again.
    if (pair.lost == 0 && pair.stuck()) devices_[device]->set_turns(worker_, ++pair.turns);
  }

  /// The control core has set the queue pair up anew. Software has forgotten what it had; hardware
  /// may go on with it, or even give it back.
  void begin_anew(std::size_t device) {
    Pair& pair = pairs_[device];
    ++pair.turns;
    if (!devices_[device]->is_software()) return;
    for (rte_crypto_op* op : all_)
      if (slot_of(op).lost && slot_of(op).fifo / kDirections == device) take_back(pair, op);
  }

  void take_back(Pair& pair, rte_crypto_op* op) {
    Slot& slot = slot_of(op);
    if (slot.lost) [[unlikely]] {  // its packet was dropped long ago; its buffer is free now
      --pair.lost;
      slot.lost = false;
      if (slot.job.session != nullptr) return;  // completed() has not seen it yet
      rte_pktmbuf_free(sym_of(*op).m_src);
      free_.push_back(op);
      return;
    }
    ++pair.dequeued;
    conclude(*op);
    ready_[static_cast<std::size_t>(slot.job.session->direction)].put(op);
  }

  /// Design §4.4: the queue pair does not drain. Its jobs end as lost: the closing stage drops the
  /// packets, whose buffers get another holder here, for the device may still write to them. The
  /// slots and the sessions stay, too. The control core resets the queue pair.
  void give_up(std::size_t device) {
    Pair& pair = pairs_[device];
    for (rte_crypto_op* op : all_) {
      Slot& slot = slot_of(op);
      if (slot.job.session == nullptr || slot.job.status != JobStatus::kPending ||
          slot.fifo / kDirections != device)
        continue;
      slot.lost = true;
      slot.job.status = JobStatus::kLost;
      rte_mbuf_refcnt_update(sym_of(*op).m_src, 1);
      cryptodev_keys(*slot.job.session).lost.fetch_add(1, std::memory_order_release);
      ready_[static_cast<std::size_t>(slot.job.session->direction)].put(op);
      ++pair.lost;
      ++pair.dequeued;
    }
    devices_[device]->set_turns(worker_, ++pair.turns);
  }

  const CryptoDevices& devices_;
  unsigned worker_;
  rte_mempool* pool_;
  std::vector<Pair> pairs_;           ///< by device
  std::vector<FifoProgress> fifos_;   ///< by device and direction
  std::vector<rte_crypto_op*> free_;  ///< never more than there are: no allocation
  std::vector<rte_crypto_op*> all_;
  std::array<ReadyQueue, kDirections> ready_;
  std::array<std::uint64_t, kDirections> waiting_{};  ///< given and not yet taken
  std::array<rte_crypto_op*, kBatch> batch_{};
  unsigned batched_ = 0;
  std::uint64_t stuck_after_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_cryptodev_engine(const CryptoDevices& devices,
                                                      unsigned worker) {
  static unsigned made = 0;  // the control core's; names are of the process
  const std::string name = fmt::format("crypto_ops_{}", made++);
  const int socket = rte_lcore_is_enabled(worker + 1) != 0
                         ? static_cast<int>(rte_lcore_to_socket_id(worker + 1))
                         : SOCKET_ID_ANY;
  rte_mempool* pool = rte_crypto_op_pool_create(
      name.c_str(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, kSlots, 0,
      kSlotOffset - sizeof(rte_crypto_op) - sizeof(rte_crypto_sym_op) + sizeof(Slot), socket);
  if (pool == nullptr)
    return fail(ErrorCode::kSystem,
                fmt::format("not enough hugepage memory for {} crypto operations of worker {}",
                            kSlots, worker));
  auto engine = std::make_unique<CryptodevEngine>(devices, worker, pool);
  if (!engine->fill_slots())
    return fail(ErrorCode::kSystem, "the pool of crypto operations is short");
  return engine;
}

}  // namespace penstock::burst_crypto
