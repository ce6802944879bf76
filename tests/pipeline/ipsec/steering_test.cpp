// SPDX-License-Identifier: BSD-3-Clause
// Steering by SPI: a NIC's rules bring each inbound packet to the worker that owns its SA, so
// nothing is handed over; whatever a driver refuses, every packet still gets there.
#include <rte_ethdev.h>

#include <gmock/gmock.h>

#include "tests/pipeline/ipsec/steered_gateway.h"

namespace penstock::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> steered(const SteeredGateway& g) {
  std::vector<std::string> out;
  for (const char* kind : g.port().steering().steered()) out.emplace_back(kind);
  return out;
}

/// Everything that the gateway has SAs for, once; all of it is opened and forwarded.
void run_all(SteeredGateway& g, std::uint64_t sequence = 1) {
  for (unsigned way = 0; way < kWays; ++way)
    for (std::uint32_t i = 0; i < kSpis; ++i)
      g.put(SteeredGateway::frame_of(static_cast<Way>(way), spi_of(static_cast<Way>(way), i),
                                     sequence));
  g.run(std::uint64_t{kWays} * kSpis);
  EXPECT_EQ(g.delivered(), std::size_t{kWays} * kSpis);
  EXPECT_EQ(g.all().dropped_total(), 0U);
}

struct Steered : testing::TestWithParam<unsigned> {};

TEST_P(Steered, EachPacketComesInWhereItsSaIs) {
  SteeredGateway g({.workers = GetParam()});
  for (unsigned way = 0; way < kWays; ++way)
    for (std::uint32_t i = 0; i < kSpis; ++i) {
      const std::uint32_t spi = spi_of(static_cast<Way>(way), i);
      EXPECT_EQ(g.worker_of(SteeredGateway::frame_of(static_cast<Way>(way), spi)), g.owner_of(spi));
    }
  run_all(g);
  EXPECT_EQ(g.all().handed_over, 0U);
  for (const auto& worker : g.counters()) EXPECT_GT(worker.received, 0U);
}
TEST_P(Steered, WithoutRulesEachIsHandedOver) {
  SteeredGateway g({.workers = GetParam(), .steering = false});
  EXPECT_EQ(g.nic().rules(), 0U);
  run_all(g);
  EXPECT_GT(g.all().handed_over, 0U);
}
INSTANTIATE_TEST_SUITE_P(Workers, Steered, testing::Values(2U, 3U, 4U, 5U, 8U));

TEST(Steering, AWorkerWithoutAQueueIsHandedItsPackets) {
  SteeredGateway g({.workers = 3, .queues = 2});
  unsigned without = 0;
  for (std::uint32_t i = 0; i < kSpis; ++i) {
    const std::uint32_t spi = spi_of(Way::kEsp4, i);
    const auto queue = g.nic().steered(SteeredGateway::frame_of(Way::kEsp4, spi));
    if (queue)
      EXPECT_EQ(g.worker_of(SteeredGateway::frame_of(Way::kEsp4, spi)), g.owner_of(spi));
    else
      ++without;
  }
  EXPECT_GE(without, kSpis / 4);  // a third of them
  EXPECT_LE(without, kSpis / 2);
  run_all(g);
  EXPECT_GE(g.all().handed_over, without);
}

TEST(Steering, TaggedFramesAreSteeredToo) {
  SteeredGateway g({.workers = 4});
  for (const Way way : {Way::kEsp4, Way::kEsp6, Way::kUdpEsp4, Way::kUdpEsp6, Way::kAh4, Way::kAh6})
    for (std::uint32_t i = 0; i < 8; ++i) {
      const ByteVector plain = SteeredGateway::frame_of(way, spi_of(way, i));
      const auto tagged = SteeredGateway::framed(Bytes(plain).subspan(14), 100);
      EXPECT_EQ(g.nic().steered(tagged), g.nic().steered(plain));
      EXPECT_TRUE(g.nic().steered(tagged));
    }
}

TEST(Steering, FragmentsStayTogether) {
  // RSS hashes fragments by addresses; the first of them must not follow its SPI.
  for (const bool conditions : {true, false}) {
    SteeredGateway g(
        {.workers = 4, .nic = {.conditions = conditions, .looks_into_fragments = conditions}});
    const std::uint32_t spi = spi_of(Way::kEsp4, 3);
    const ByteVector big = peer_seal(inbound_packet(1000), {.spi = spi});
    for (const ByteVector& fragment : cut(big, 576))
      EXPECT_FALSE(g.nic().steered(SteeredGateway::framed(fragment))) << conditions;
    EXPECT_TRUE(g.nic().steered(SteeredGateway::framed(big))) << conditions;
    ByteVector first = fragment_header(net::kProtocolEsp, 0, true, 7);
    const Bytes esp = Bytes(big).subspan(sizeof(net::Ipv4Header));
    first.insert(first.end(), esp.begin(), esp.begin() + 512);
    EXPECT_FALSE(g.nic().steered(SteeredGateway::framed(ipv6(
        {.source = "2001:db8:f::9", .destination = "2001:db8:f::1", .next_header = 44}, first))))
        << conditions;
    for (const ByteVector& fragment : cut(big, 576)) g.put(SteeredGateway::framed(fragment));
    g.run(cut(big, 576).size());
    EXPECT_EQ(g.delivered(), 1U);
  }
}

TEST(Steering, IkeAndKeepalivesComeInSomewhereAndArePunted) {
  SteeredGateway g({.workers = 3});
  const ByteVector marker(4);
  ByteVector ike = marker;
  ike.resize(4 + 28);
  ike[4] = std::byte{1};
  for (const auto& [port, payload] :
       {std::pair<std::uint16_t, ByteVector>{500, ByteVector(ike.begin() + 4, ike.end())},
        {4500, ike},
        {4500, ByteVector(1, std::byte{0xff})}}) {
    const auto packet = udp("192.0.2.9", "192.0.2.1", port, port, payload);
    EXPECT_LT(g.worker_of(SteeredGateway::framed(packet)), 3U);
    g.put(SteeredGateway::framed(packet));
  }
  g.run(3);
  EXPECT_EQ(g.all().punted, 2U);
  EXPECT_EQ(g.all().dropped_total(), 0U);
}

// ---- what drivers refuse: the fall back is named, and every packet still gets there ----

struct Refusal {
  const char* name;
  test::FlowDeviceAbility nic;
  std::vector<std::string> steered;
  std::string says;
  dpdk::Spread spread = dpdk::Spread::kRssSpi;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

struct DriverRefuses : testing::TestWithParam<Refusal> {};

TEST_P(DriverRefuses, AndTheRestIsHandedOver) {
  const Refusal& refusal = GetParam();
  SteeredGateway g({.workers = 2, .nic = refusal.nic});
  std::vector<std::string> untagged;
  for (const std::string& kind : steered(g))
    if (!kind.starts_with("vlan_")) untagged.push_back(kind);
  EXPECT_EQ(untagged, refusal.steered);
  EXPECT_THAT(g.log.lines, HasSubstr(refusal.says));
  EXPECT_EQ(g.port().capabilities().spread, refusal.spread);
  run_all(g);
  if (refusal.steered.size() < kWays)
    EXPECT_GT(g.all().handed_over, 0U);
  else
    EXPECT_EQ(g.all().handed_over, 0U);
}

const std::vector<std::string> kAll{"ipv4_esp",     "ipv6_esp", "ipv4_udp_esp",
                                    "ipv6_udp_esp", "ipv4_ah",  "ipv6_ah"};
INSTANTIATE_TEST_SUITE_P(
    Of, DriverRefuses,
    testing::Values(
        Refusal{"Nothing", {}, kAll, "rules steer by SPI: ipv4_esp ipv6_esp"},
        Refusal{"RteFlow", {.rte_flow = false}, {}, "(the driver: no rte_flow)"},
        Refusal{"BitsOfAnSpi", {.spi_bits = false}, {}, "(the driver: only a whole SPI)"},
        Refusal{"Ah",
                {.ah = false},
                {"ipv4_esp", "ipv6_esp", "ipv4_udp_esp", "ipv6_udp_esp"},
                "handed over between workers: ipv4_ah ipv6_ah vlan_ipv4_ah vlan_ipv6_ah (the "
                "driver: unknown item)"},
        Refusal{"EspInUdp",
                {.esp_in_udp = false},
                {"ipv4_esp", "ipv6_esp", "ipv4_ah", "ipv6_ah"},
                "ipv4_udp_esp ipv6_udp_esp"},
        Refusal{"Conditions",
                {.conditions = false, .looks_into_fragments = false},
                kAll,
                "24 rules steer"},
        Refusal{"MoreThanSoManyRules",
                {.room = 5},
                {"ipv4_esp", "ipv6_esp"},
                "(the driver: no room for more)"},
        Refusal{"RssOnSpis",
                {.spi_bits = false, .rss_refused = RTE_ETH_RSS_ESP},
                {},
                "spread by RSS on addresses and ports",
                dpdk::Spread::kRssPorts},
        Refusal{"RssOnPorts",
                {.spi_bits = false, .rss = RTE_ETH_RSS_IP},
                {},
                "spread by RSS on addresses",
                dpdk::Spread::kRssAddresses},
        Refusal{"Rss",
                {.spi_bits = false, .rss = 0},
                {},
                "spread by the driver's own way",
                dpdk::Spread::kDriver}),
    [](const auto& about) { return about.param.name; });

TEST(Steering, WhatIsNotTakenWholeIsTakenBack) {
  SteeredGateway g({.workers = 4, .nic = {.room = 6}});
  EXPECT_THAT(steered(g), ElementsAre("ipv4_esp"));
  EXPECT_EQ(g.nic().rules(), 4U);
}
TEST(Steering, RulesAreRenewedAndGoWithThePort) {
  SteeredGateway g({.workers = 2});
  EXPECT_EQ(g.nic().rules(), 24U);
  const dpdk::SpiRule all{.spi = 0, .mask = 0, .queue = 1};
  g.steer({&all, 1});
  EXPECT_EQ(g.nic().rules(), 12U);
  EXPECT_EQ(g.nic().steered(SteeredGateway::frame_of(Way::kEsp4, 0x77770)), 1U);
  g.close_port();
  EXPECT_EQ(g.nic().rules(), 0U);
}

}  // namespace
}  // namespace penstock::pipeline
