// SPDX-License-Identifier: BSD-3-Clause
// DummyTraffic: dummies come at their rate while their tunnel stands, and no longer (RFC 4303
// §2.6).
#include "control/bridge/dummy_traffic.h"

#include "control/io/clock.h"
#include "tests/pipeline/bridge/control_core.h"

namespace penstock::pipeline {
namespace {

constexpr std::uint16_t kRate = 200;

struct DummyTrafficTest : testing::Test {
  ControlCore core;
  bridge::DummyTraffic dummies{{core.g.writer->tables(), core.transmitter, core.loop, core.random}};

  DummyTrafficTest() {
    core.configure_nothing();
    core.installer.use(dummies);
  }
  void install(std::uint16_t rate, std::uint32_t spi = kSpiOut) {
    auto spec = make_spec({.spi = spi});
    spec.tunnel_header.dummy_packets = rate;
    ASSERT_TRUE(core.installer.switch_outbound(spec));
  }
  void retire(std::uint32_t spi = kSpiOut) {
    core.installer.retire({policy::Direction::kOutbound, net::Spi{spi}, policy::ChildSlot{kSlot},
                           net::IpAddress::v4(ip("192.0.2.9"))});
  }
  [[nodiscard]] std::uint64_t sent() const { return core.g.gateway.totals().dummies_sent; }
};

TEST_F(DummyTrafficTest, KeepsItsRate) {
  const base::MonoTime began = io::monotonic_now();
  install(kRate);
  ASSERT_TRUE(core.run_until([&] { return sent() >= 40; }));
  // 200 ms on the average; a quarter of it is 15 standard deviations away.
  EXPECT_GE(io::monotonic_now() - began, base::milliseconds{50});
  EXPECT_EQ(core.wire.size(), sent());
  EXPECT_EQ(core.g.gateway.dropped(), 0U);
}

TEST_F(DummyTrafficTest, GoesOnUnderTheSaThatARekeyBrought) {
  install(kRate);
  install(kRate, kSpiOut + 1);
  retire();
  ASSERT_TRUE(core.run_until([&] { return sent() >= 5; }));
  ASSERT_FALSE(core.wire.empty());
  EXPECT_EQ(core.g.writer->outbound_of(policy::ChildSlot{kSlot})->counters.packets, sent());
}

TEST_F(DummyTrafficTest, EndsWithItsTunnel) {
  install(kRate);
  ASSERT_TRUE(core.run_until([&] { return sent() >= 3; }));
  retire();
  core.run_for(base::milliseconds{60});
  const std::uint64_t before = core.g.gateway.totals().injected;
  core.run_for(base::milliseconds{60});
  EXPECT_EQ(core.g.gateway.totals().injected, before);
  // The next one of the slot gets its own.
  install(kRate, kSpiOut + 1);
  ASSERT_TRUE(core.run_until([&] { return core.g.gateway.totals().injected > before; }));
}

TEST_F(DummyTrafficTest, IsOffUnlessAskedFor) {
  install(0);
  core.run_for(base::milliseconds{60});
  EXPECT_EQ(core.g.gateway.totals().injected, 0U);
}

}  // namespace
}  // namespace penstock::pipeline
