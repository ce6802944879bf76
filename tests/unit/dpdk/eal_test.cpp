// SPDX-License-Identifier: BSD-3-Clause
// What is said before the EAL starts; no EAL is started here.
#include "lib/dpdk/eal.h"

#include <gtest/gtest.h>

#include "lib/dpdk/mempool.h"

namespace penstock::dpdk {
namespace {

struct NoLog final : base::Log {
  using base::Log::write;
  void write(base::LogLevel, std::string_view, std::string_view,
             std::span<const base::LogField>) override {}
};

TEST(PciAddress, IsToldFromAVdevString) {
  for (const auto* yes : {"0000:3b:00.1", "3b:00.1", "10000:e1:00.0", "00:1f.6"})
    EXPECT_TRUE(is_pci_address(yes)) << yes;
  for (const auto* no : {"net_af_packet0,iface=v0", "net_tap0", "", "3b:00", "3b.0", "0000:3b:00.",
                         "0000:3g:00.1", "0:0:0:0.0", "net_pcap0,rx_pcap=a:b.c", "3b:000.1"})
    EXPECT_FALSE(is_pci_address(no)) << no;
}

TEST(EalStart, NamesTheCpuThatIsNotThere) {
  NoLog log;
  const auto eal = Eal::start({.args = {"--no-huge"},
                               .file_prefix = "x",
                               .control_cpu = 0,
                               .workers = {100'000},
                               .pci_devices = {}},
                              log);
  ASSERT_FALSE(eal);
  EXPECT_NE(eal.error().text.find("CPU 100000 does not exist"), std::string::npos);
}

TEST(DataRoom, HoldsTheLargestPacketAndTwoSeals) {
  EXPECT_EQ(data_room_for(1500), RTE_MBUF_DEFAULT_BUF_SIZE);
  EXPECT_EQ(data_room_for(576), RTE_MBUF_DEFAULT_BUF_SIZE);
  const unsigned jumbo = data_room_for(9000);
  EXPECT_GE(jumbo, RTE_PKTMBUF_HEADROOM + kLinkHeadroom + 9000U +
                       kMaxNesting * (kSealHeadroom + kSealTailroom));
  EXPECT_EQ(jumbo % 64, 0U);
  EXPECT_LE(data_room_for(65535), 65535U);
}

// In front: the link header of the received frame is taken off before the seals are put on.
// A packet is sealed once between two times that it is opened, so it never needs two seals' room.
TEST(DataRoom, HeadroomSufficesForASeal) {
  EXPECT_GE(unsigned{RTE_PKTMBUF_HEADROOM}, kSealHeadroom + kLinkHeadroom);
}

}  // namespace
}  // namespace penstock::dpdk
