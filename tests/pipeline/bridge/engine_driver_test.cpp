// SPDX-License-Identifier: BSD-3-Clause
// EngineDriver: what the engine asks for happens, and what it waits for comes back to it.
#include "control/io/clock.h"
#include "lib/net/udp.h"
#include "tests/pipeline/bridge/control_core.h"

namespace penstock::pipeline {
namespace {

constexpr std::size_t kIke = 28;  // behind IPv4 and UDP
constexpr std::byte kIkeSaInit{34};

struct EngineDriverTest : testing::Test {
  ControlCore core;

  [[nodiscard]] static ByteVector ike_of(const ByteVector& packet) {
    return {packet.begin() + kIke, packet.end()};
  }
};

TEST_F(EngineDriverTest, SendsWhatTheJobPoolMadePossible) {
  core.configure(session::StartAction::kNone);
  core.up();
  EXPECT_TRUE(core.g.gateway.channel().inject.empty());  // the key exchange is under way
  ASSERT_TRUE(core.run_until([&] { return !core.wire.empty(); }));
  const ByteVector& packet = core.wire.front();
  ASSERT_GT(packet.size(), kIke + 28);
  EXPECT_EQ(base::to_hex(Bytes(packet).subspan(12, 12)), "c0000201c000020901f401f4");
  EXPECT_EQ(packet[kIke + 18], kIkeSaInit);
  EXPECT_EQ(base::to_hex(Bytes(packet).subspan(kIke + 8, 8)), "0000000000000000");  // no SPI r yet
}

TEST_F(EngineDriverTest, RepeatsAtTheEnginesDeadlinesAndReportsTheEnd) {
  core.configure(session::StartAction::kNone);
  const base::MonoTime begin = io::monotonic_now();
  core.up();
  ASSERT_TRUE(core.run_until([&] { return !core.replies.empty(); }));
  EXPECT_GE(io::monotonic_now() - begin, (1 + kRetransmissions) * kRetransmitAfter);
  EXPECT_FALSE(core.replies.front());
  ASSERT_EQ(core.wire.size(), 1 + kRetransmissions);
  for (const ByteVector& packet : core.wire) EXPECT_EQ(ike_of(packet), ike_of(core.wire.front()));
}

TEST_F(EngineDriverTest, SaysThatAMessageCouldNotBeSent) {
  const net::Endpoint here{net::IpAddress::v4(ip("192.0.2.1")), net::Port{500}};
  const net::Endpoint there{net::IpAddress::v4(ip("192.0.2.9")), net::Port{500}};
  const ByteVector filler(64);
  core.worker_runs = false;
  while (core.transmitter.send({here, there, filler})) continue;
  core.configure(session::StartAction::kNone);
  core.up();
  EXPECT_TRUE(
      core.run_until([&] { return core.log.count("an IKE message could not be sent") > 0; }));
}

// Nobody waits for the worker; a timer looks again while something waits (design §4.4).
TEST_F(EngineDriverTest, ReleasesByItsTimerWhatNobodyHoldsAnyMore) {
  core.worker_runs = false;
  core.configure(session::StartAction::kTrap);
  ASSERT_EQ(core.g.writer->usage().policies, 1U);
  core.configure_nothing();
  EXPECT_EQ(core.g.writer->usage().policies, 0U);
  bool gone = false;
  core.g.gateway.rcu().retire([&] { gone = true; });
  core.run_for(base::milliseconds{40});
  EXPECT_FALSE(gone) << "the worker may still look";
  core.g.gateway.rcu().quiescent(0);
  EXPECT_TRUE(core.run_until([&] { return gone; }, base::seconds{5}));
}

TEST_F(EngineDriverTest, LooksNoMoreWhenNothingWaits) {
  core.configure(session::StartAction::kTrap);
  core.configure_nothing();
  core.run_for(base::milliseconds{60});
  core.worker_runs = false;  // its rounds release, too
  bool gone = false;
  core.g.gateway.rcu().retire([&] { gone = true; });
  core.g.gateway.rcu().quiescent(0);
  core.run_for(base::milliseconds{40});
  EXPECT_FALSE(gone);
  core.installer.tend();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace penstock::pipeline
