// SPDX-License-Identifier: BSD-3-Clause
// The test device finds out every address that a real device would choke on; so that it has nothing
// to complain about in other tests says something.
#include "tests/crypto_device/crypto_device.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <rte_cryptodev.h>
#include <rte_malloc.h>
#include <unistd.h>

#include "lib/dpdk/eal.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/packet.h"
#include "tests/crypto_device/iova_map.h"
#include "tests/crypto_device/transform.h"

namespace penstock {
namespace {

using test::sym_of;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint8_t kDevice = RTE_CRYPTO_MAX_DEVS - 2;  // crypto_test0
constexpr std::uint16_t kIvOffset = sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op);
constexpr std::uint16_t kAadOffset = kIvOffset + 16;
constexpr std::uint16_t kDigestOffset = kAadOffset + 32;
constexpr std::uint16_t kBehindOp = 16 + 32 + 16;
constexpr unsigned kText = 64;

struct NoLog final : base::Log {
  using base::Log::write;
  void write(base::LogLevel, std::string_view, std::string_view,
             std::span<const base::LogField>) override {}
};

/// DPDK with pools whose IOVAs are no addresses of the process, made once.
struct World {
  NoLog log;
  dpdk::Eal eal =
      dpdk::Eal::start(
          {.args = {"--no-huge", "-m", "64", "--no-shconf", "--no-telemetry", "--iova-mode=va"},
           .file_prefix = fmt::format("crypto_device_{}", getpid()),
           .control_cpu = 0,
           .workers = {},
           .pci_devices = {}},
          log)
          .value();
  dpdk::PacketPool packets;
  rte_mempool* ops;
  rte_mempool* sessions;

  World() : packets(make_packets()) {
    ops = rte_crypto_op_pool_create("ops", RTE_CRYPTO_OP_TYPE_SYMMETRIC, 511, 0, kBehindOp, -1);
    sessions = rte_cryptodev_sym_session_pool_create(
        "sessions", 63, rte_cryptodev_sym_get_private_session_size(kDevice), 0, 0, -1);
    rte_cryptodev_qp_conf conf{};
    rte_cryptodev_queue_pair_setup(kDevice, 0, &conf, -1);
    rte_cryptodev_start(kDevice);
  }
  static dpdk::PacketPool make_packets() {
    test::give_memory_other_iovas();
    return dpdk::PacketPool::create({.packets = 1023}).value();
  }
};

World& world() {
  static World one;
  return one;
}

/// An AES-GCM operation that is right in every way, until a test breaks it.
struct CryptoDevice : testing::Test {
  rte_mbuf* packet = rte_pktmbuf_alloc(world().packets.get());
  rte_crypto_op* op = rte_crypto_op_alloc(world().ops, RTE_CRYPTO_OP_TYPE_SYMMETRIC);
  void* session = nullptr;

  CryptoDevice() {
    test::reset_crypto_devices();
    static const std::array<std::uint8_t, 16> kKey{};
    rte_crypto_sym_xform transform{};
    transform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    transform.aead = {.op = RTE_CRYPTO_AEAD_OP_ENCRYPT,
                      .algo = RTE_CRYPTO_AEAD_AES_GCM,
                      .key = {kKey.data(), kKey.size()},
                      .iv = {kIvOffset, 12},
                      .digest_length = 16,
                      .aad_length = 12};
    session = rte_cryptodev_sym_session_create(kDevice, &transform, world().sessions);
    (void)rte_pktmbuf_append(packet, kText + 16);
    auto& sym = sym_of(*op);
    sym.m_src = packet;
    sym.session = static_cast<decltype(sym.session)>(session);
    sym.aead.data.length = kText;
    sym.aead.aad = {behind(kAadOffset), rte_crypto_op_ctophys_offset(op, kAadOffset)};
    sym.aead.digest = {rte_pktmbuf_mtod_offset(packet, std::uint8_t*, kText),
                       rte_pktmbuf_iova_offset(packet, kText)};
  }
  ~CryptoDevice() override {
    rte_cryptodev_sym_session_free(kDevice, session);
    rte_crypto_op_free(op);
    rte_pktmbuf_free(packet);
  }

  [[nodiscard]] std::uint8_t* behind(std::uint16_t offset) const {
    return reinterpret_cast<std::uint8_t*>(op) + offset;
  }
  [[nodiscard]] static rte_iova_t as_if_va(const void* address) {
    return reinterpret_cast<rte_iova_t>(address);
  }
  [[nodiscard]] rte_crypto_op_status run() const {
    rte_crypto_op* one = op;
    EXPECT_EQ(rte_cryptodev_enqueue_burst(kDevice, 0, &one, 1), 1U);
    EXPECT_EQ(rte_cryptodev_dequeue_burst(kDevice, 0, &one, 1), 1U);
    return static_cast<rte_crypto_op_status>(op->status);
  }
  [[nodiscard]] std::vector<std::string> complaints() const {
    (void)run();
    return test::crypto_device_report(0).complaints;
  }
};

TEST_F(CryptoDevice, DoesWhatIsRightWithoutAWord) {
  EXPECT_EQ(run(), RTE_CRYPTO_OP_STATUS_SUCCESS);
  EXPECT_THAT(test::crypto_device_report(0).complaints, IsEmpty());
}
TEST_F(CryptoDevice, ItsMemoryIsNotWhereTheProcessSeesIt) {
  EXPECT_NE(rte_pktmbuf_iova(packet), as_if_va(rte_pktmbuf_mtod(packet, void*)));
  EXPECT_NE(op->phys_addr, as_if_va(op));
}
TEST_F(CryptoDevice, FindsTheProcessesAddressInPlaceOfAnIova) {
  sym_of(*op).aead.digest.phys_addr = as_if_va(sym_of(*op).aead.digest.data);
  EXPECT_THAT(complaints(), ElementsAre("the ICV has a wrong IOVA"));
  test::reset_crypto_devices();
  sym_of(*op).aead.digest.phys_addr = test::iova_of(sym_of(*op).aead.digest.data);
  sym_of(*op).aead.aad.phys_addr = as_if_va(sym_of(*op).aead.aad.data);
  EXPECT_THAT(complaints(), ElementsAre("the AAD has a wrong IOVA"));
}
TEST_F(CryptoDevice, FindsAnIovaThatIsOffByOne) {
  ++sym_of(*op).aead.digest.phys_addr;
  EXPECT_THAT(complaints(), ElementsAre("the ICV has a wrong IOVA"));
}
TEST_F(CryptoDevice, FindsMemoryThatIsNotDpdks) {
  std::array<std::uint8_t, 32> local{};
  sym_of(*op).aead.aad = {local.data(), as_if_va(local.data())};
  EXPECT_THAT(complaints(), ElementsAre("the AAD is not in DPDK memory"));
  test::reset_crypto_devices();
  sym_of(*op).aead.digest = {local.data(), as_if_va(local.data())};
  EXPECT_THAT(complaints(),
              ElementsAre("the ICV is not in DPDK memory", "the AAD is not in DPDK memory"));
}
TEST_F(CryptoDevice, FindsAnOperationThatDoesNotKnowWhereItIs) {
  const rte_iova_t right = op->phys_addr;
  op->phys_addr = as_if_va(op);
  EXPECT_THAT(complaints(),
              ElementsAre("the operation has a wrong IOVA", "the operation has another IOVA"));
  op->phys_addr = right;
}
TEST_F(CryptoDevice, FindsAPacketInABufferThatIsNotDpdks) {
  std::vector<std::uint8_t> local(packet->buf_len);
  void* const right = packet->buf_addr;
  packet->buf_addr = local.data();
  EXPECT_THAT(complaints(), ElementsAre("the packet is not in DPDK memory"));
  packet->buf_addr = right;
}
TEST_F(CryptoDevice, FindsAPacketWithTheIovaOfAnother) {
  rte_mbuf* other = rte_pktmbuf_alloc(world().packets.get());
  const rte_iova_t right = rte_mbuf_iova_get(packet);
  rte_mbuf_iova_set(packet, rte_mbuf_iova_get(other));
  EXPECT_THAT(complaints(), ElementsAre("the packet has a wrong IOVA"));
  rte_mbuf_iova_set(packet, right);
  rte_pktmbuf_free(other);
}
TEST_F(CryptoDevice, FindsAPacketOfTwoSegments) {
  rte_mbuf* second = rte_pktmbuf_alloc(world().packets.get());
  (void)rte_pktmbuf_append(second, 8);
  ASSERT_EQ(rte_pktmbuf_chain(packet, second), 0);
  EXPECT_THAT(complaints(), ElementsAre("the packet is not one segment"));
}
TEST_F(CryptoDevice, FindsTextBehindThePacket) {
  sym_of(*op).aead.data.length = kText + 17;
  EXPECT_THAT(complaints(), ElementsAre("the text ends 1 octets behind the packet's data"));
}

TEST(IovaMap, KnowsAGapBetweenBlocks) {
  (void)world();
  void* const memory = rte_zmalloc(nullptr, std::size_t{5} << 20, std::size_t{2} << 20);
  ASSERT_NE(memory, nullptr);
  const auto* at = static_cast<const std::byte*>(memory);
  const std::size_t block = std::size_t{2} << 20;
  EXPECT_TRUE(test::is_at_iova(at, block, test::iova_of(at)));
  EXPECT_FALSE(test::is_at_iova(at, block + 1, test::iova_of(at)));
  EXPECT_EQ(test::iova_of(&block), RTE_BAD_IOVA);
  rte_free(memory);
}

}  // namespace
}  // namespace penstock
