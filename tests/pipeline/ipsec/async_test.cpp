// SPDX-License-Identifier: BSD-3-Clause
// The whole gateway on an asynchronous engine: packets that come back polls later, in order, or
// never; SAs that are retired meanwhile; devices that refuse, fail and stick. The test device looks
// at every address, and at sessions that are freed too early.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "dataplane/worker.h"
#include "lib/base/log.h"
#include "tests/crypto_device/crypto_device.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using test::crypto_device;
using test::crypto_device_report;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr auto kCrypto = static_cast<std::size_t>(channel::Held::kCrypto);
const std::vector<std::string> kOne{"crypto_test0"};
const std::vector<std::string> kTwo{"crypto_test0", "crypto_test1"};

struct Lines final : base::Log {
  std::vector<std::string> lines;
  using base::Log::write;
  void write(base::LogLevel, std::string_view, std::string_view text,
             std::span<const base::LogField>) override {
    lines.emplace_back(text);
  }
};

/// Nothing to complain about from before the gateway to behind it.
struct Watched {
  Watched() { test::reset_crypto_devices(); }
  ~Watched() {
    for (unsigned device = 0; device < kTwo.size(); ++device)
      EXPECT_THAT(crypto_device_report(device).complaints, IsEmpty());
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
};

struct Async : testing::Test {
  explicit Async(const std::vector<std::string>& devices = kOne)
      : g(IpsecGateway::small_limits(), 1500, IpsecGateway::inside_port(),
          {.name = "cryptodev", .devices = devices}) {}
  ~Async() override {
    for (unsigned device = 0; device < kTwo.size(); ++device) crypto_device(device).stuck = false;
    drain();
  }

  [[nodiscard]] std::uint64_t held() const { return g.gateway.totals().held[kCrypto]; }
  void drain() {
    for (unsigned i = 0; i < 1000 && held() != 0; ++i) g.gateway.step();
    EXPECT_EQ(held(), 0U);
    EXPECT_EQ(g.gateway.totals().imbalance(), 0);
  }
  void put_outbound(unsigned count, unsigned first = 0) {
    for (unsigned i = 0; i < count; ++i) g.gateway.put(0, outbound_packet(first + i));
  }
  void put_inbound(unsigned count, std::uint64_t first = 1) {
    for (unsigned i = 0; i < count; ++i)
      g.gateway.put(1, peer_seal(inbound_packet(i), {.sequence = first + i}));
  }
  void expect_sealed(unsigned count, unsigned first = 0) {
    const auto out = g.gateway.sent(1);
    ASSERT_THAT(out, SizeIs(count));
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(inner_of(base::to_vector(packet_of(out[i]))),
                forwarded(outbound_packet(first + i)));
  }
  void expect_opened(unsigned count) {
    const auto out = g.gateway.sent(0);
    ASSERT_THAT(out, SizeIs(count));
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(base::to_vector(packet_of(out[i])), forwarded(inbound_packet(i)));
  }
  /// The queue pair's time is over at the next poll.
  static void outwait() { std::this_thread::sleep_for(std::chrono::milliseconds(1050)); }
  void supervise() {
    for (int i = 0; i < 3; ++i) {
      g.sessions->supervise(g.gateway.rcu(), log);
      g.gateway.step();
    }
  }
  void retire_both() {
    ASSERT_TRUE(g.writer->retire({policy::Direction::kInbound, net::Spi{kSpiIn}, {}}));
    ASSERT_TRUE(g.writer->retire({policy::Direction::kOutbound, net::Spi{kSpiOut},
                                  net::IpAddress::parse("192.0.2.9").value()}));
  }

  Watched watched;
  IpsecGateway g;
  Lines log;
};

TEST_F(Async, HoldsPacketsAndGivesThemBackInOrder) {
  g.protect();
  crypto_device(0).delay_polls = 5;
  put_outbound(20);
  put_inbound(20);
  g.gateway.step();
  EXPECT_EQ(held(), 40U);
  EXPECT_EQ(g.gateway.totals().imbalance(), 0);
  EXPECT_THAT(g.gateway.sent(0), IsEmpty());
  EXPECT_THAT(g.gateway.sent(1), IsEmpty());
  drain();
  expect_sealed(20);
  expect_opened(20);
  EXPECT_EQ(g.gateway.dropped(), 0U);
  EXPECT_EQ(g.counters_in().packets, 20U);
}

TEST_F(Async, SeesACopyThatOvertookNothing) {
  g.protect();
  crypto_device(0).delay_polls = 3;
  const ByteVector packet = peer_seal(inbound_packet(9), {.sequence = 4});
  g.gateway.put(1, packet);
  g.gateway.put(1, packet);  // the window moves when the first one comes back
  g.gateway.step();
  drain();
  EXPECT_EQ(g.gateway.dropped(DropReason::kReplay), 1U);
  EXPECT_THAT(g.gateway.sent(0), SizeIs(1));
}

TEST_F(Async, RefusesWhatTheDeviceDoesNotTake) {
  g.protect();
  crypto_device(0) = {.delay_polls = 50, .room = 8};
  put_outbound(20);
  g.gateway.step();
  drain();
  expect_sealed(8);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 12U);
  EXPECT_EQ(g.counters_out().errors, 12U);
  put_inbound(20);
  g.gateway.step();
  drain();
  expect_opened(8);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 24U);
}

TEST_F(Async, GetsMoreIntoASmallQueueByTakingBack) {
  g.protect();
  crypto_device(0) = {.delay_polls = 0, .room = 8};
  put_outbound(20);
  g.gateway.step();
  expect_sealed(20);
}

TEST_F(Async, RefusesMoreThanItHasSlotsFor) {
  g.protect();
  crypto_device(0).delay_polls = 1'000;
  for (unsigned sent = 0; sent < 1100; sent += 50) {
    put_outbound(50);
    g.gateway.step();
  }
  EXPECT_EQ(held(), 1024U);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 1100U - 1024U);
  crypto_device(0).delay_polls = 0;
  std::size_t sent = 0;
  for (unsigned i = 0; i < 1'100 && held() != 0; ++i) {
    g.gateway.step();
    sent += g.gateway.sent(1).size();
  }
  EXPECT_EQ(sent, 1024U);
}

TEST_F(Async, DropsWhatFails) {
  g.protect();
  crypto_device(0).fail_every = 2;
  put_outbound(10);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kEncryptFailed), 5U);
  put_inbound(10);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kDecryptFailed), 5U);
  EXPECT_EQ(g.counters_in().packets, 5U);
  EXPECT_EQ(g.counters_in().errors, 5U);
}

TEST_F(Async, TellsAWrongIcv) {
  g.protect();
  crypto_device(0).delay_polls = 2;
  ByteVector forged = peer_seal(inbound_packet(40));
  forged.back() ^= std::byte{1};
  g.gateway.send(1, forged);
  drain();
  g.expect_drop(DropReason::kIcvMismatch);
}

TEST_F(Async, KeepsAnSaUntilItsPacketsAreBack) {
  g.protect();
  crypto_device(0).delay_polls = 20;
  put_outbound(5);
  put_inbound(5);
  g.gateway.step();
  retire_both();
  for (int i = 0; i < 4; ++i) {
    g.gateway.step();
    EXPECT_EQ(g.writer->poll(), 2U);
  }
  EXPECT_EQ(crypto_device_report(0).sessions, 2U);
  drain();
  expect_sealed(5);
  expect_opened(5);
  for (int i = 0; i < 4; ++i) {
    g.writer->poll();
    g.gateway.step();
  }
  EXPECT_EQ(g.writer->usage().retiring, 0U);
  EXPECT_EQ(crypto_device_report(0).sessions, 0U);
}

TEST_F(Async, CarriesWhatTheDeviceLacksAtOnce) {
  const Suite xcbc{"aes128-aesxcbc", crypto::EncrId::kAesCbc, 128, crypto::IntegId::kAesXcbc96};
  g.protect(xcbc);
  put_outbound(3);
  g.gateway.step();
  EXPECT_EQ(held(), 0U);
  EXPECT_THAT(g.gateway.sent(1), SizeIs(3));
  EXPECT_EQ(crypto_device_report(0).operations, 0U);
}

struct AsyncTwo : Async {
  AsyncTwo() : Async(kTwo) {}
};

TEST_F(AsyncTwo, LetsOneQueuePairOvertakeTheOther) {
  // The outbound SA goes to the first device, the inbound one to the second.
  g.protect();
  EXPECT_EQ(crypto_device_report(0).sessions, 1U);
  EXPECT_EQ(crypto_device_report(1).sessions, 1U);
  crypto_device(0).delay_polls = 30;
  put_outbound(10);
  put_inbound(10);
  for (int i = 0; i < 3; ++i) g.gateway.step();
  expect_opened(10);
  EXPECT_EQ(held(), 10U);
  drain();
  expect_sealed(10);
}

TEST_F(AsyncTwo, MixesSasOfBothInOneBurst) {
  g.protect();
  g.must_install(make_spec({.spi = 0x1003, .slot = 7, .remote = "192.0.2.10"}));
  g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.3.0.0/16", 7);
  g.must_install(make_spec({.spi = 0x1004, .slot = 8, .remote = "192.0.2.10"}));
  crypto_device(0).delay_polls = 4;
  for (unsigned i = 0; i < 30; ++i)
    g.gateway.put(
        0, i % 3 == 0 ? udp("10.1.0.9", "10.3.0.7", 1, 2, pattern(i), {}) : outbound_packet(i));
  g.gateway.step();
  drain();
  EXPECT_THAT(g.gateway.sent(1), SizeIs(30));
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Async, GivesUpAQueuePairThatIsStuckAndTakesLatecomersBack) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(6);
  put_inbound(4);
  g.gateway.step();
  EXPECT_EQ(held(), 10U);
  outwait();
  drain();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 10U);
  EXPECT_EQ(g.gateway.pool().in_use(), 10U);  // the device may still write to them
  put_outbound(2);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 2U);
  crypto_device(0).stuck = false;
  put_outbound(2);  // the queue pair is looked at again, and works
  g.gateway.step();
  drain();
  expect_sealed(2);
  EXPECT_EQ(g.gateway.pool().in_use(), 0U);
}

TEST_F(Async, KeepsWhatAStuckQueuePairMayUse) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  retire_both();
  for (int i = 0; i < 4; ++i) {
    g.writer->poll();
    g.gateway.step();
  }
  EXPECT_EQ(g.writer->usage().retiring, 0U);        // nothing of ours refers to them
  EXPECT_EQ(crypto_device_report(0).sessions, 1U);  // the outbound one is the device's for good
  crypto_device(0).stuck = false;
  g.protect();
  put_outbound(1);
  g.gateway.step();
  drain();
  expect_sealed(1);
}

TEST_F(Async, ResetsAQueuePairThatIsStuck) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  crypto_device(0).stuck = false;
  supervise();
  EXPECT_THAT(log.lines, testing::ElementsAre(HasSubstr("queue pair 0 gave nothing back")));
  EXPECT_EQ(crypto_device_report(0).forgotten, 3U);
  put_outbound(2);
  put_inbound(2);
  g.gateway.step();
  drain();
  expect_sealed(2);
  expect_opened(2);
  EXPECT_EQ(g.gateway.pool().in_use(), 3U);
  test::free_forgotten_packets(0);  // as the end of the process does
}

TEST_F(Async, HasSlotsAfterAResetUnderFullLoad) {
  g.protect();
  crypto_device(0).stuck = true;
  for (unsigned sent = 0; sent < 1100; sent += 50) {
    put_outbound(50);
    g.gateway.step();
  }
  EXPECT_EQ(held(), 1024U);
  outwait();
  drain();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 1024U);
  crypto_device(0).stuck = false;
  supervise();
  put_outbound(20);
  g.gateway.step();
  drain();
  expect_sealed(20);
  test::free_forgotten_packets(0);
}

TEST_F(Async, SaysThatADriverDoesNotResetABusyQueuePair) {
  g.protect();
  crypto_device(0) = {.stuck = true, .setup_fails_busy = true};
  put_outbound(3);
  g.gateway.step();
  outwait();
  drain();
  supervise();
  EXPECT_THAT(log.lines,
              testing::ElementsAre(HasSubstr("gave nothing back"), HasSubstr("cannot be reset")));
  supervise();
  EXPECT_THAT(log.lines, SizeIs(2));  // once
  put_outbound(1);
  g.gateway.step();
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoFull), 1U);
  crypto_device(0).stuck = false;
  put_outbound(1);
  g.gateway.step();
  drain();
  expect_sealed(1);
}

/// A worker of its own takes the gateway's place, and is stopped before its first round.
void run_and_stop(IpsecGateway& g) {
  const auto rcu = dpdk::RcuDomain::create(1).value();
  dataplane::WorkerOptions options;
  dataplane::Worker worker(std::move(options), g.gateway.pool(), g.gateway.fib(), g.state.get(),
                           g.gateway.channel(), *rcu);
  worker.stop();
  worker.run();
}

TEST_F(Async, AWorkerThatStopsTakesBackWhatTheDeviceHas) {
  g.protect();
  crypto_device(0).delay_polls = 100;
  put_outbound(12);
  put_inbound(7);
  g.gateway.step();
  EXPECT_EQ(held(), 19U);
  run_and_stop(g);
  EXPECT_EQ(held(), 0U);
  expect_sealed(12);
  expect_opened(7);
}

TEST_F(Async, AWorkerThatStopsDoesNotWaitForAStuckDevice) {
  g.protect();
  crypto_device(0).stuck = true;
  put_outbound(5);
  g.gateway.step();
  const auto before = std::chrono::steady_clock::now();
  run_and_stop(g);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(4));
  EXPECT_EQ(held(), 0U);
  EXPECT_EQ(g.gateway.dropped(DropReason::kCryptoLost), 5U);
  crypto_device(0).stuck = false;
  put_outbound(1);  // looks at the queue pair again: what it had comes back
  g.gateway.step();
}

}  // namespace
}  // namespace penstock::pipeline
