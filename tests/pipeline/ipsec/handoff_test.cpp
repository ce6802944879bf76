// SPDX-License-Identifier: BSD-3-Clause
// Two workers: ESP goes to the one that owns its SA, which alone moves the window; the counters of
// both together account for every packet.
#include "lib/channel/handoff.h"

#include <fmt/format.h>

#include "dataplane/pipeline.h"
#include "dataplane/stages.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;

constexpr std::uint32_t kOursSpi = 0x2002;    // 0 mod 2
constexpr std::uint32_t kTheirsSpi = 0x2003;  // 1 mod 2

/// The gateway is worker 0, which receives; worker 1 has no ports.
struct TwoWorkers : testing::Test {
  IpsecGateway g{with_workers(2)};
  std::unique_ptr<channel::Handoff> handoff = channel::Handoff::create(2, -1).value();
  std::unique_ptr<channel::Wakeup> wakeup = channel::Wakeup::create().value();
  std::unique_ptr<channel::WorkerChannel> channel;
  std::unique_ptr<dataplane::IpsecState> state;
  dataplane::WorkerContext other;

  static ipsec::WriterLimits with_workers(std::uint32_t workers) {
    auto limits = IpsecGateway::small_limits();
    limits.workers = workers;
    return limits;
  }

  TwoWorkers() {
    static unsigned number = 1000;
    channel = channel::WorkerChannel::create(number++, -1, *wakeup).value();
    state = std::make_unique<dataplane::IpsecState>(
        g.writer->tables(), g.sessions->make_engine(1).value(), g.gateway.fib());
    auto& first = g.gateway.context();
    first.handoff = handoff.get();
    other.id = 1;
    other.pool = first.pool;
    other.fib = first.fib;
    other.ipsec = state.get();
    other.channel = channel.get();
    other.handoff = handoff.get();
    other.counters = &channel->counters;
    other.set_time(first.tsc);
    for (unsigned i = 0; i < 2; ++i) other.tx[i].port_id = first.tx[i].port_id;
    for (const std::uint32_t spi : {kOursSpi, kTheirsSpi})
      g.must_install(make_spec({.direction = policy::Direction::kInbound, .spi = spi}));
  }
  ~TwoWorkers() override { run_other(); }

  static ByteVector esp(std::uint32_t spi, std::uint64_t sequence) {
    return peer_seal(inbound_packet(), {.spi = spi, .sequence = sequence});
  }
  /// One round of worker 1, which only takes over. @return packets taken
  unsigned run_other() {
    dataplane::Burst burst;
    burst.set_size(handoff->take(0, 1, {burst.raw(), dataplane::kBurst}));
    const unsigned taken = burst.size();
    other.counters->taken_over.add(taken);
    run_taken_over(other, burst);
    transmit(other);
    return taken;
  }
  [[nodiscard]] channel::CounterTotals both() const {
    auto sum = g.gateway.totals();
    sum += snapshot(*other.counters);
    return sum;
  }
};

TEST_F(TwoWorkers, OurOwnSaIsOpenedHere) {
  g.gateway.send(1, esp(kOursSpi, 1));
  EXPECT_EQ(g.only(0), inbound_packet(64, {.ttl = 63}));
  EXPECT_EQ(g.gateway.totals().handed_over, 0U);
}
TEST_F(TwoWorkers, AnothersIsHandedOverAndOpenedThere) {
  g.gateway.send(1, esp(kTheirsSpi, 1));
  EXPECT_TRUE(g.gateway.sent(0).empty());
  EXPECT_EQ(both().held_total(), 1U);
  EXPECT_EQ(both().imbalance(), 0);
  EXPECT_EQ(run_other(), 1U);
  EXPECT_EQ(g.only(0), inbound_packet(64, {.ttl = 63}));
  EXPECT_EQ(both().held_total(), 0U);
  EXPECT_EQ(both().imbalance(), 0);
}
TEST_F(TwoWorkers, TheOwnerHasTheWindow) {
  g.gateway.put(1, esp(kTheirsSpi, 7));
  g.gateway.put(1, esp(kTheirsSpi, 7));
  g.gateway.step();
  EXPECT_EQ(run_other(), 2U);
  EXPECT_EQ(g.gateway.sent(0).size(), 1U);
  EXPECT_EQ(g.gateway.dropped(DropReason::kReplay), 0U);
  EXPECT_EQ(both().dropped[static_cast<std::size_t>(DropReason::kReplay)], 1U);
}
TEST_F(TwoWorkers, AnUnknownSpiIsItsOwnersToDrop) {
  g.gateway.send(1, esp(0x4001, 1));
  EXPECT_EQ(g.gateway.dropped(DropReason::kNoSa), 0U);
  EXPECT_EQ(run_other(), 1U);
  EXPECT_EQ(both().dropped[static_cast<std::size_t>(DropReason::kNoSa)], 1U);
}
TEST_F(TwoWorkers, OneWithoutAnSpiIsDroppedHere) {
  g.gateway.send(1, ipv4({.source = ip("192.0.2.9"),
                          .destination = ip("192.0.2.1"),
                          .protocol = net::kProtocolEsp},
                         pattern(3)));
  EXPECT_EQ(g.gateway.dropped(DropReason::kEspTruncated), 1U);
}
TEST_F(TwoWorkers, AFullRingIsADropByName) {
  for (unsigned i = 1; i <= channel::kHandoffCapacity; ++i) {
    g.gateway.put(1, esp(kTheirsSpi, i));
    if (i % 32 == 0) g.gateway.step();
  }
  EXPECT_EQ(g.gateway.dropped(DropReason::kHandoffFull), 1U);
  std::size_t opened = 0;
  while (run_other() != 0) opened += g.gateway.sent(0).size();
  EXPECT_EQ(opened, channel::kHandoffCapacity - 1);
  EXPECT_EQ(both().imbalance(), 0);
}
TEST_F(TwoWorkers, ShowNamesTheOwner) {
  EXPECT_EQ(g.writer->owner_of(net::Spi{kOursSpi}), 0U);
  EXPECT_EQ(g.writer->owner_of(net::Spi{kTheirsSpi}), 1U);
}

}  // namespace
}  // namespace penstock::pipeline
