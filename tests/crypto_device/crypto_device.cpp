// SPDX-License-Identifier: BSD-3-Clause
// The device itself. Debian ships no headers for drivers, so it is no driver in DPDK's table: it
// defines DPDK's functions anew, answers for its own numbers and hands on what is about others, and
// its enqueue and dequeue stand in rte_crypto_fp_ops[] as a driver's do.
#include "tests/crypto_device/crypto_device.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "tests/crypto_device/iova_map.h"
#include "tests/crypto_device/transform.h"

namespace penstock::test {
namespace {

constexpr unsigned kDevices = 2;
constexpr unsigned kFirstId = RTE_CRYPTO_MAX_DEVS - kDevices;
constexpr unsigned kMaxQueuePairs = 8;

struct QueuePair {
  unsigned device = 0;
  std::optional<CryptoDeviceBehaviour> own;
  struct Waiting {
    rte_crypto_op* op;
    std::uint64_t ready_at;
  };
  std::deque<Waiting> waiting;
  std::uint64_t polls = 0;
};

/// What a session's place in DPDK's memory holds.
struct SessionHead {
  CryptoSession* session;
};

struct Device {
  std::string name;
  CryptoDeviceBehaviour behaviour;
  CryptoDeviceReport report;
  std::array<QueuePair, kMaxQueuePairs> pairs;
  std::array<void*, kMaxQueuePairs> pointers{};
  std::array<rte_cryptodev_cb_rcu, kMaxQueuePairs> callbacks{};
  std::vector<rte_mbuf*> forgotten;
  bool started = false;
};

std::array<Device, kDevices>& devices() {
  static std::array<Device, kDevices> all;
  return all;
}

Device* device_of(std::uint8_t id) {
  if (id < kFirstId || id >= kFirstId + kDevices) return nullptr;
  Device& device = devices()[id - kFirstId];
  device.name = fmt::format("crypto_test{}", id - kFirstId);
  return &device;
}

const CryptoDeviceBehaviour& behaviour_of(const QueuePair& pair) {
  return pair.own ? *pair.own : devices()[pair.device].behaviour;
}

class Inspector {
 public:
  Inspector(CryptoDeviceReport& report, const rte_crypto_op& op) : report_(report), op_(op) {}

  void look(const CryptoSession& session) {
    // IVs have no address of their own: they are counted from the operation's.
    address("the operation", &op_, op_.mempool->elt_size, op_.phys_addr);
    if (op_.phys_addr != rte_mempool_virt2iova(&op_)) complain("the operation has another IOVA");
    const rte_mbuf* packet = sym_of(op_).m_src;
    if (packet == nullptr || packet->nb_segs != 1 || packet->pkt_len != packet->data_len)
      return complain("the packet is not one segment");
    address("the packet", packet->buf_addr, packet->buf_len, rte_mbuf_iova_get(packet));
    if (packet->data_off + packet->data_len > packet->buf_len)
      complain("the packet is longer than its buffer");
    if (packet->refcnt != 1) complain("the packet has another holder");
    for (const auto& step : session.steps) look(step.transform);
  }

 private:
  void complain(std::string_view what) { report_.complaints.emplace_back(what); }
  void address(std::string_view what, const void* at, std::size_t octets, rte_iova_t iova) {
    if (iova_of(at) == RTE_BAD_IOVA)
      complain(fmt::format("{} is not in DPDK memory", what));
    else if (!is_at_iova(at, octets, iova))
      complain(fmt::format("{} has a wrong IOVA", what));
  }
  void range(std::string_view what, std::uint32_t offset, std::uint32_t octets) {
    if (offset + octets > sym_of(op_).m_src->data_len)
      complain(fmt::format("{} ends {} octets behind the packet's data", what,
                           offset + octets - sym_of(op_).m_src->data_len));
  }
  /// rte_crypto_sym.h: AES-CCM's begins 18 octets later and is filled up to 16.
  static std::size_t aad_octets(const rte_crypto_aead_xform& aead) {
    return aead.algo == RTE_CRYPTO_AEAD_AES_CCM ? 18U + (aead.aad_length + 15U) / 16U * 16U
                                                : aead.aad_length;
  }
  void iv(std::uint16_t offset, std::uint16_t octets) {
    if (octets != 0 && (offset < sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op) ||
                        unsigned{offset} + octets > op_.mempool->elt_size))
      complain("the IV is not behind its operation");
  }
  void look(const rte_crypto_sym_xform& transform) {
    const rte_crypto_sym_op& sym = sym_of(op_);
    switch (transform.type) {
      case RTE_CRYPTO_SYM_XFORM_AEAD:
        range("the text", sym.aead.data.offset, sym.aead.data.length);
        address("the ICV", sym.aead.digest.data, transform.aead.digest_length,
                sym.aead.digest.phys_addr);
        address("the AAD", sym.aead.aad.data, aad_octets(transform.aead), sym.aead.aad.phys_addr);
        iv(transform.aead.iv.offset, transform.aead.iv.length);
        break;
      case RTE_CRYPTO_SYM_XFORM_CIPHER:
        range("the text", sym.cipher.data.offset, sym.cipher.data.length);
        iv(transform.cipher.iv.offset, transform.cipher.iv.length);
        break;
      default:
        range("what is covered", sym.auth.data.offset, sym.auth.data.length);
        address("the ICV", sym.auth.digest.data, transform.auth.digest_length,
                sym.auth.digest.phys_addr);
        iv(transform.auth.iv.offset, transform.auth.iv.length);
    }
  }

  CryptoDeviceReport& report_;
  const rte_crypto_op& op_;
};

CryptoSession& session_of(const rte_crypto_op& op) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-cstyle-cast): void* in one release, a type in another
  return *reinterpret_cast<SessionHead*>(sym_of(op).session)->session;
}

std::uint16_t enqueue(void* queue_pair, rte_crypto_op** ops, std::uint16_t count) {
  QueuePair& pair = *static_cast<QueuePair*>(queue_pair);
  Device& device = devices()[pair.device];
  const CryptoDeviceBehaviour& behaviour = behaviour_of(pair);
  if (!device.started) device.report.complaints.emplace_back("enqueue to a stopped device");
  std::uint16_t taken = 0;
  for (; taken < count && pair.waiting.size() < behaviour.room; ++taken) {
    CryptoSession& session = session_of(*ops[taken]);
    Inspector(device.report, *ops[taken]).look(session);
    ++session.in_flight;
    ++device.report.in_flight;
    ++device.report.operations;
    pair.waiting.push_back({ops[taken], pair.polls + behaviour.delay_polls});
  }
  device.report.refused += static_cast<unsigned>(count - taken);
  return taken;
}

std::uint16_t dequeue(void* queue_pair, rte_crypto_op** ops, std::uint16_t count) {
  QueuePair& pair = *static_cast<QueuePair*>(queue_pair);
  Device& device = devices()[pair.device];
  const CryptoDeviceBehaviour& behaviour = behaviour_of(pair);
  if (behaviour.stuck) return 0;
  std::uint16_t given = 0;
  for (; given < count && !pair.waiting.empty() && pair.waiting.front().ready_at <= pair.polls;
       ++given) {
    rte_crypto_op* op = pair.waiting.front().op;
    pair.waiting.pop_front();
    CryptoSession& session = session_of(*op);
    static std::uint64_t number = 0;
    const bool fails = behaviour.fail_every != 0 && ++number % behaviour.fail_every == 0;
    op->status = fails ? RTE_CRYPTO_OP_STATUS_ERROR
                       : static_cast<rte_crypto_op_status>(run_crypto(session, *op));
    --session.in_flight;
    --device.report.in_flight;
    ops[given] = op;
  }
  ++pair.polls;
  return given;
}

/// DPDK's own function of this name.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

CryptoDeviceBehaviour& crypto_device(unsigned device) { return devices()[device].behaviour; }

void set_crypto_queue(unsigned device, unsigned queue_pair,
                      const CryptoDeviceBehaviour& behaviour) {
  devices()[device].pairs[queue_pair].own = behaviour;
}

CryptoDeviceReport crypto_device_report(unsigned device) { return devices()[device].report; }

void free_forgotten_packets(unsigned device) {
  for (rte_mbuf* packet : devices()[device].forgotten) rte_pktmbuf_free(packet);
  devices()[device].forgotten.clear();
}

void reset_crypto_devices() {
  for (Device& device : devices()) {
    device.behaviour = {};
    for (QueuePair& pair : device.pairs) pair.own.reset();
    device.report = {};  // sessions that were kept are of the past
  }
}

}  // namespace penstock::test

// DPDK's functions, for devices of ours.
using penstock::test::device_of;
using penstock::test::real;

extern "C" {

unsigned int rte_cryptodev_is_valid_dev(std::uint8_t id) {
  static const auto next = real<unsigned(std::uint8_t)>("rte_cryptodev_is_valid_dev");
  return device_of(id) != nullptr ? 1 : next(id);
}

const char* rte_cryptodev_name_get(std::uint8_t id) {
  static const auto next = real<const char*(std::uint8_t)>("rte_cryptodev_name_get");
  const auto* device = device_of(id);
  return device != nullptr ? device->name.c_str() : next(id);
}

void rte_cryptodev_info_get(std::uint8_t id, rte_cryptodev_info* info) {
  static const auto next = real<void(std::uint8_t, rte_cryptodev_info*)>("rte_cryptodev_info_get");
  static const auto capabilities = penstock::test::crypto_capabilities();
  if (device_of(id) == nullptr) return next(id, info);
  *info = {};
  info->driver_name = "crypto_test";
  info->feature_flags = RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SYM_OPERATION_CHAINING;
  if (device_of(id)->behaviour.hardware) info->feature_flags |= RTE_CRYPTODEV_FF_HW_ACCELERATED;
  info->capabilities = capabilities.data();
  info->max_nb_queue_pairs = penstock::test::kMaxQueuePairs;
}

int rte_cryptodev_socket_id(std::uint8_t id) {
  static const auto next = real<int(std::uint8_t)>("rte_cryptodev_socket_id");
  return device_of(id) != nullptr ? SOCKET_ID_ANY : next(id);
}

int rte_cryptodev_configure(std::uint8_t id, rte_cryptodev_config* config) {
  static const auto next =
      real<int(std::uint8_t, rte_cryptodev_config*)>("rte_cryptodev_configure");
  return device_of(id) != nullptr ? 0 : next(id, config);
}

int rte_cryptodev_queue_pair_setup(std::uint8_t id, std::uint16_t number,
                                   const rte_cryptodev_qp_conf* conf, int socket) {
  static const auto next =
      real<int(std::uint8_t, std::uint16_t, const rte_cryptodev_qp_conf*, int)>(
          "rte_cryptodev_queue_pair_setup");
  auto* device = device_of(id);
  if (device == nullptr) return next(id, number, conf, socket);
  auto& pair = device->pairs[number];
  if (device->started) device->report.complaints.emplace_back("set up while it runs");
  if (!pair.waiting.empty() && device->behaviour.setup_fails_busy) return -EAGAIN;
  if (!pair.waiting.empty() && device->behaviour.setup_skips_busy) return 0;
  device->report.forgotten += static_cast<unsigned>(pair.waiting.size());
  device->report.in_flight -= static_cast<unsigned>(pair.waiting.size());
  if (device->behaviour.hardware)
    for (const auto& waiting : pair.waiting)
      device->forgotten.push_back(penstock::test::sym_of(*waiting.op).m_src);
  pair.waiting.clear();  // their sessions stay in use: they were never given back
  pair.device = id - penstock::test::kFirstId;
  device->pointers[number] = &pair;
  return 0;
}

int rte_cryptodev_start(std::uint8_t id) {
  static const auto next = real<int(std::uint8_t)>("rte_cryptodev_start");
  auto* device = device_of(id);
  if (device == nullptr) return next(id);
  device->started = true;
  rte_crypto_fp_ops[id].enqueue_burst = penstock::test::enqueue;
  rte_crypto_fp_ops[id].dequeue_burst = penstock::test::dequeue;
  rte_crypto_fp_ops[id].qp.data = device->pointers.data();
  rte_crypto_fp_ops[id].qp.enq_cb = device->callbacks.data();
  rte_crypto_fp_ops[id].qp.deq_cb = device->callbacks.data();
  return 0;
}

void rte_cryptodev_stop(std::uint8_t id) {
  static const auto next = real<void(std::uint8_t)>("rte_cryptodev_stop");
  auto* device = device_of(id);
  if (device == nullptr) return next(id);
  device->started = false;
}

int rte_cryptodev_close(std::uint8_t id) {
  static const auto next = real<int(std::uint8_t)>("rte_cryptodev_close");
  auto* device = device_of(id);
  if (device == nullptr) return next(id);
  if (device->report.sessions != 0) device->report.complaints.emplace_back("closed with sessions");
  return 0;
}

unsigned int rte_cryptodev_sym_get_private_session_size(std::uint8_t id) {
  static const auto next =
      real<unsigned(std::uint8_t)>("rte_cryptodev_sym_get_private_session_size");
  return device_of(id) != nullptr ? sizeof(penstock::test::SessionHead) : next(id);
}

void* rte_cryptodev_sym_session_create(std::uint8_t id, rte_crypto_sym_xform* transforms,
                                       rte_mempool* pool) {
  static const auto next = real<void*(std::uint8_t, rte_crypto_sym_xform*, rte_mempool*)>(
      "rte_cryptodev_sym_session_create");
  auto* device = device_of(id);
  if (device == nullptr) return next(id, transforms, pool);
  void* place = nullptr;
  if (rte_mempool_get(pool, &place) != 0) {
    rte_errno = ENOMEM;
    return nullptr;
  }
  auto* made = penstock::test::make_crypto_session(transforms);
  static_cast<penstock::test::SessionHead*>(place)->session = made;
  if (made == nullptr) {
    rte_mempool_put(pool, place);
    rte_errno = ENOTSUP;
    return nullptr;
  }
  ++device->report.sessions;
  return place;
}

int rte_cryptodev_sym_session_free(std::uint8_t id, void* place) {
  static const auto next = real<int(std::uint8_t, void*)>("rte_cryptodev_sym_session_free");
  auto* device = device_of(id);
  if (device == nullptr) return next(id, place);
  auto* head = static_cast<penstock::test::SessionHead*>(place);
  if (head->session->in_flight != 0)
    device->report.complaints.emplace_back("a session was freed with operations in flight");
  delete head->session;
  head->session = nullptr;
  --device->report.sessions;
  rte_mempool_put(rte_mempool_from_obj(place), place);
  return 0;
}

}  // extern "C"
