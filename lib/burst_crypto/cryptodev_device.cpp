// SPDX-License-Identifier: BSD-3-Clause
// Opening a crypto device, its sessions' memory, and the reset of a queue pair that is stuck. All
// of it runs on the control core; workers only enqueue and dequeue (cryptodev_engine.cpp).
#include "lib/burst_crypto/cryptodev_device.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <algorithm>
#include <optional>

#include "lib/base/check.h"
#include "lib/burst_crypto/cryptodev.h"
#include "lib/dpdk/eal.h"
#include "lib/dpdk/eal_log.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

std::string said_or(int error) {
  const std::string said = dpdk::first_eal_error();
  return said.empty() ? rte_strerror(error) : said;
}

/// A symmetric device of this name; a PCI device's drivers add to it: 0000:6b:00.1_qat_sym.
std::optional<std::uint8_t> find_device(const std::string& name) {
  for (unsigned id = 0; id < RTE_CRYPTO_MAX_DEVS; ++id) {
    const auto number = static_cast<std::uint8_t>(id);
    if (rte_cryptodev_is_valid_dev(number) == 0) continue;
    const std::string found = rte_cryptodev_name_get(number);
    if (found != name && !found.starts_with(name + "_")) continue;
    rte_cryptodev_info info{};
    rte_cryptodev_info_get(number, &info);
    if ((info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO) != 0) return number;
  }
  return std::nullopt;
}

struct Found {
  std::uint8_t id;
  bool probed;  ///< by us
};

Result<Found> find_or_probe(const std::string& device) {
  const std::string name = device.substr(0, device.find(','));
  if (const auto id = find_device(name)) return Found{*id, false};
  dpdk::forget_eal_errors();
  const int error = rte_dev_probe(device.c_str());
  if (error == 0)
    if (const auto id = find_device(name)) return Found{*id, true};
  return fail(ErrorCode::kNotFound,
              fmt::format("the crypto device '{}' could not be opened: {}; {}", device,
                          said_or(error < 0 ? -error : ENODEV),
                          dpdk::is_pci_address(device)
                              ? "bind it to vfio-pci and look with `dpdk-devbind.py --status`"
                              : "check the driver's name"));
}

int algorithm_of(const rte_cryptodev_symmetric_capability& capability) {
  switch (capability.xform_type) {
    case RTE_CRYPTO_SYM_XFORM_CIPHER:
      return capability.cipher.algo;
    case RTE_CRYPTO_SYM_XFORM_AUTH:
      return capability.auth.algo;
    case RTE_CRYPTO_SYM_XFORM_AEAD:
      return capability.aead.algo;
    default:
      return -1;
  }
}

}  // namespace

CryptoDevice::CryptoDevice(std::string name, std::uint8_t id, unsigned workers)
    : name_(std::move(name)), id_(id), queue_pairs_(workers) {
  rte_cryptodev_info_get(id_, &info_);
  socket_ = rte_cryptodev_socket_id(id_);
}

Result<std::unique_ptr<CryptoDevice>> CryptoDevice::open(const std::string& device,
                                                         unsigned workers) {
  PS_ASSIGN(const Found found, find_or_probe(device));
  std::unique_ptr<CryptoDevice> made(
      new CryptoDevice(device.substr(0, device.find(',')), found.id, workers));
  made->unplug_ = found.probed && !dpdk::is_pci_address(device);
  PS_TRY(made->start(workers));
  return made;
}

Result<void> CryptoDevice::start(unsigned workers) {
  if (info_.max_nb_queue_pairs != 0 && workers > info_.max_nb_queue_pairs)
    return fail(ErrorCode::kLimit,
                fmt::format("crypto device {}: each of {} workers needs its own queue pair and the "
                            "device has {}; use fewer workers, or give a vdev more "
                            "(max_nb_queue_pairs={})",
                            name_, workers, info_.max_nb_queue_pairs, workers));
  dpdk::forget_eal_errors();
  const auto refused = [this](std::string_view what, int error) {
    return fail(ErrorCode::kSystem,
                fmt::format("crypto device {}: {}: {}", name_, what, said_or(-error)));
  };
  rte_cryptodev_config config{};
  config.socket_id = socket_;
  config.nb_queue_pairs = static_cast<std::uint16_t>(workers);
  config.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SECURITY;
  if (const int error = rte_cryptodev_configure(id_, &config); error != 0)
    return refused("it cannot be configured", error);
  PS_TRY(add_pool());
  for (unsigned i = 0; i < workers; ++i)
    if (const int error = set_up_queue_pair(i); error != 0)
      return refused(fmt::format("queue pair {} cannot be set up", i), error);
  if (const int error = rte_cryptodev_start(id_); error != 0)
    return refused("it does not start", error);
  started_ = true;
  return {};
}

/// On the node of its worker (design §4.11), which is lcore worker + 1.
int CryptoDevice::set_up_queue_pair(unsigned worker) const {
  rte_cryptodev_qp_conf conf{};
  conf.nb_descriptors = kQueueDescriptors;
  conf.mp_session = pools_.front();
  const int socket = rte_lcore_is_enabled(worker + 1) != 0
                         ? static_cast<int>(rte_lcore_to_socket_id(worker + 1))
                         : SOCKET_ID_ANY;
  return rte_cryptodev_queue_pair_setup(id_, static_cast<std::uint16_t>(worker), &conf, socket);
}

Result<rte_mempool*> CryptoDevice::add_pool() {
  if (pools_.size() == kMaxSessionPools)
    return fail(ErrorCode::kLimit, fmt::format("crypto device {}: {} sessions are in use", name_,
                                               kMaxSessionPools * kSessionsAPool));
  static unsigned made = 0;  // the control core's; names are of the process
  const std::string name = fmt::format("crypto_sess_{}_{}", id_, made++);
  rte_mempool* pool = rte_cryptodev_sym_session_pool_create(
      name.c_str(), kSessionsAPool, rte_cryptodev_sym_get_private_session_size(id_), 0, 0, socket_);
  if (pool == nullptr)
    return fail(ErrorCode::kLimit,
                fmt::format("crypto device {}: not enough hugepage memory for {} more sessions",
                            name_, kSessionsAPool));
  pools_.push_back(pool);
  return pool;
}

bool CryptoDevice::can_chain() const {
  return (info_.feature_flags & RTE_CRYPTODEV_FF_SYM_OPERATION_CHAINING) != 0;
}

const rte_cryptodev_symmetric_capability* CryptoDevice::find(rte_crypto_sym_xform_type type,
                                                             int algorithm) const {
  const rte_cryptodev_capabilities* one = info_.capabilities;
  for (; one != nullptr && one->op != RTE_CRYPTO_OP_TYPE_UNDEFINED; ++one)
    if (one->op == RTE_CRYPTO_OP_TYPE_SYMMETRIC && one->sym.xform_type == type &&
        algorithm_of(one->sym) == algorithm)
      return &one->sym;
  return nullptr;
}
const rte_cryptodev_symmetric_capability* CryptoDevice::find(rte_crypto_cipher_algorithm a) const {
  return find(RTE_CRYPTO_SYM_XFORM_CIPHER, a);
}
const rte_cryptodev_symmetric_capability* CryptoDevice::find(rte_crypto_auth_algorithm a) const {
  return find(RTE_CRYPTO_SYM_XFORM_AUTH, a);
}
const rte_cryptodev_symmetric_capability* CryptoDevice::find(rte_crypto_aead_algorithm a) const {
  return find(RTE_CRYPTO_SYM_XFORM_AEAD, a);
}

Result<void*> CryptoDevice::make_session(rte_crypto_sym_xform& transform) {
  const auto with_room =
      std::ranges::find_if(pools_, [](rte_mempool* pool) { return rte_mempool_empty(pool) == 0; });
  rte_mempool* pool = with_room != pools_.end() ? *with_room : nullptr;
  if (pool == nullptr) {
    PS_ASSIGN(pool, add_pool());
  }
  dpdk::forget_eal_errors();
  void* session = rte_cryptodev_sym_session_create(id_, &transform, pool);
  if (session == nullptr)
    return fail(ErrorCode::kUnsupported,
                fmt::format("crypto device {} refuses the session: {}", name_, said_or(rte_errno)));
  ++sessions_;
  return session;
}

void CryptoDevice::free_session(void* session) {
  PS_CHECK(rte_cryptodev_sym_session_free(id_, session) == 0);
  --sessions_;
}

bool CryptoDevice::supervise(dpdk::RcuDomain& rcu, base::Log& log) {
  if (reset_ == Reset::kNone)
    begin_reset(rcu, log);
  else if (rcu.passed(closed_at_))
    reset(log);
  return reset_ != Reset::kNone;
}

void CryptoDevice::begin_reset(dpdk::RcuDomain& rcu, base::Log& log) {
  for (unsigned i = 0; i < queue_pairs_.size(); ++i) {
    const std::uint32_t turn = turns(i);
    if (!stuck(turn) || queue_pairs_[i].reported == turn) continue;
    queue_pairs_[i].reported = turn;
    log.write(
        base::LogLevel::kError, "burst_crypto",
        fmt::format("crypto device {}: queue pair {} gave nothing back for {} ms; its packets "
                    "are lost, and it is reset; their buffers are kept{}",
                    name_, i, kStuckAfterMs, is_software() ? " until then" : ""));
    closed_.store(true, std::memory_order_release);
    closed_at_ = rcu.token();
    reset_ = Reset::kClosing;
  }
}

void CryptoDevice::reset(base::Log& log) {
  reset_ = Reset::kNone;
  rte_cryptodev_stop(id_);
  for (unsigned i = 0; i < queue_pairs_.size(); ++i) {
    const std::uint32_t turn = turns(i);
    if (!stuck(turn)) continue;
    if (const int error = set_up_queue_pair(i); error != 0) {
      log.write(base::LogLevel::kError, "burst_crypto",
                fmt::format("crypto device {}: queue pair {} cannot be reset ({}): packets of its "
                            "worker's SAs on this device are dropped until a restart",
                            name_, i, rte_strerror(-error)));
      continue;
    }
    set_turns(i, turn + 1);
  }
  if (const int error = rte_cryptodev_start(id_); error != 0) {
    log.write(base::LogLevel::kError, "burst_crypto",
              fmt::format("crypto device {} does not start again ({}): packets of its SAs are "
                          "dropped until a restart",
                          name_, rte_strerror(-error)));
    return;  // closed
  }
  closed_.store(false, std::memory_order_release);
}

/// The workers have ended, and the sessions are given back.
CryptoDevice::~CryptoDevice() {
  if (started_) rte_cryptodev_stop(id_);
  if (kept_sessions_ != 0)
    return;  // an operation that never came back may still write: all is kept
  const int error =
      unplug_ ? rte_eal_hotplug_remove("vdev", name_.c_str()) : rte_cryptodev_close(id_);
  if (error != 0) return;
  for (rte_mempool* pool : pools_) rte_mempool_free(pool);
}

}  // namespace penstock::burst_crypto
