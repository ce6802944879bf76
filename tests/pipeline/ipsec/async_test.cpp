// SPDX-License-Identifier: BSD-3-Clause
// The whole gateway on an asynchronous engine: packets that come back polls later, in order; SAs
// that are retired meanwhile; devices that refuse and fail.
#include "tests/pipeline/ipsec/async_gateway.h"

namespace penstock::pipeline {
namespace {

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
  AsyncTwo() : Async({.devices = kTwo}) {}
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

// Each time that a burst's jobs are given to the device, a burst of bundles' insides may come back.
TEST_F(Async, BundlesComeBackWhilePiecesAreSealed) {
  constexpr std::uint32_t kInner = 7;
  constexpr std::uint32_t kOuter = 8;
  auto whole = make_spec({});
  whole.tunnel_header.cut_before = true;
  g.must_install(whole);
  g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
  g.must_install(make_spec({.spi = 0x1003,
                            .slot = kInner,
                            .remote = "192.0.2.10",
                            .remote_ts = "10.3.0.0/16",
                            .bundle = policy::BundlePart::kInner,
                            .outer_slot = kOuter}));
  Suite authentic;
  authentic.integ = crypto::IntegId::kHmacSha256_128;
  g.must_install(make_spec({.spi = 0x1004,
                            .suite = authentic,
                            .slot = kOuter,
                            .remote = "192.0.2.10",
                            .local_ts = "192.0.2.1/32",
                            .remote_ts = "192.0.2.10/32",
                            .protocol = policy::IpsecProtocol::kAh,
                            .mode = policy::IpsecMode::kTransport,
                            .bundle = policy::BundlePart::kOuter}));
  g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.3.0.0/16", kInner);
  crypto_device(0).stuck = true;
  for (unsigned burst = 0; burst < 4; ++burst) {
    for (unsigned i = 0; i < 60; ++i)
      g.gateway.put(0, udp("10.1.0.9", "10.3.0.7", 1, 2, pattern(i), {}));
    g.gateway.step();
  }
  EXPECT_EQ(held(), 240U);
  crypto_device(0).stuck = false;
  for (unsigned i = 0; i < 30; ++i) g.gateway.put(0, outbound_packet(1460));
  std::size_t sent = 0;
  for (unsigned i = 0; i < 20; ++i) {
    g.gateway.step();
    sent += g.gateway.sent(1).size();
  }
  EXPECT_EQ(sent, 240U + 2 * 30U);
  EXPECT_EQ(g.gateway.dropped(), 0U);
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

}  // namespace
}  // namespace penstock::pipeline
