// SPDX-License-Identifier: BSD-3-Clause
// The machine at its limits, without messages: message ids, queues, hints.
#include "control/ikev2/machine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/random.h"

namespace penstock::ikev2 {
namespace {

using session::EndReason;
using session::Task;

class MachineLimits : public ::testing::Test {
 protected:
  MachineLimits() {
    services.now.mono = base::MonoTime{base::seconds{1000}};
    session::ConnectionConfig config;
    config.name = "ab";
    config.proposals = {
        *crypto::parse_proposal(crypto::ProtocolId::kIke, "aes128gcm16-prfsha256-x25519")};
    config.rekey_time = config.over_time = config.rand_time = {};
    connection = &services.connections.add(std::move(config));
  }

  /// An IKE SA that is established with the peer at this port.
  IkeSa& established(std::uint16_t port) {
    IkeSa& sa = *machine.create(true, {}, IkeSpi{port});
    machine.set_connection(sa, connection);
    sa.remote = {net::IpAddress::v4(0xc0000202), net::Port{port}};
    sa.remote_id = *policy::Identity::parse("peer" + std::to_string(port) + ".example");
    sa.agreed.encr = {crypto::EncrId::kAesGcm16, 128};
    sa.agreed.prf = crypto::PrfId::kHmacSha256;
    const base::ByteVector nonce(32);
    EXPECT_TRUE(machine.install_keys(
        sa, derive_ike_keys(crypto, *algorithms_of(sa.agreed), base::ByteVector(32), {nonce, nonce},
                            sa.spi_i, sa.spi_r)));
    machine.established(sa);
    machine.settle();
    return sa;
  }
  void pass(base::Duration time) {
    services.now.mono += time;
    machine.tick();
    machine.settle();
  }
  static bool waits(const IkeSa& sa, Task::Kind kind) {
    return std::ranges::any_of(sa.tasks, [&](const Task& t) { return t.kind == kind; });
  }

  base::SeededRandom random{1};
  crypto::CryptoContext crypto;
  session::Services services{{}, random, crypto};
  Machine machine{services};
  session::Connection* connection;
};

// RFC 7296 §2.2.
TEST_F(MachineLimits, TheIkeSaIsRekeyedBeforeItsMessageIdsEnd) {
  IkeSa& sa = established(500);
  sa.next_request = kRekeyAtMessageId - 2;
  ASSERT_TRUE(machine.add_task(sa, Task{}));
  machine.settle();
  EXPECT_FALSE(sa.rekey_at);
  machine.finish_own(sa, "answered");
  ASSERT_TRUE(machine.add_task(sa, Task{}));
  machine.settle();
  pass({});
  EXPECT_TRUE(waits(sa, Task::Kind::kRekeyIke));
}

TEST_F(MachineLimits, TheIkeSaEndsWithTheLastMessageIds) {
  IkeSa& sa = established(500);
  sa.next_request = kLastMessageId - 1;
  ASSERT_TRUE(machine.add_task(sa, Task{}));
  machine.settle();
  pass({});
  machine.finish_own(sa, "answered");
  machine.settle();
  ASSERT_EQ(sa.state, State::kDeleting);
  ASSERT_NE(sa.own, nullptr);
  EXPECT_EQ(sa.own->message_id, kLastMessageId);
}

TEST_F(MachineLimits, ADeleteThatWaitsIsNotDoubled) {
  IkeSa& sa = established(500);
  ASSERT_TRUE(machine.add_task(sa, Task{}));  // occupies the window
  machine.settle();
  for (int i = 0; i < 10; ++i) {
    machine.request_child_delete(sa, net::Spi{0x1001}, EndReason::kExpired);
    machine.request_child_delete(sa, net::Spi{0x1002}, EndReason::kExpired);
    machine.delete_ike(sa, EndReason::kRequested);
  }
  EXPECT_EQ(sa.tasks.size(), 3U);
}

TEST_F(MachineLimits, CommandsFillTheQueueToItsLimitAndNoFurther) {
  IkeSa& sa = established(500);
  ASSERT_TRUE(machine.add_task(sa, Task{}));
  machine.settle();
  for (std::uint64_t i = 1; i <= kMaxTasks + 5; ++i)
    machine.delete_ike(sa, EndReason::kRequested, session::CommandId{i});
  EXPECT_EQ(sa.tasks.size(), kMaxTasks);
  const auto refused = std::ranges::count_if(services.outcomes, [](const auto& outcome) {
    const auto* done = std::get_if<session::TaskDone>(&outcome);
    return done != nullptr && !done->result && done->result.error().code == base::ErrorCode::kLimit;
  });
  EXPECT_EQ(refused, 5);
}

TEST_F(MachineLimits, AHintAsksOnlyWhoIsAtThatEndpoint) {
  IkeSa& one = established(4500);
  IkeSa& other = established(61000);
  machine.hint(other.remote);
  machine.settle();
  EXPECT_EQ(one.own, nullptr);
  EXPECT_NE(other.own, nullptr);
}

TEST_F(MachineLimits, OneHintAsksABoundedNumberAndTheNextGoesOn) {
  for (std::uint16_t i = 1; i <= 40; ++i) established(i);
  const auto asked = [&] {
    return std::ranges::count_if(machine.all(),
                                 [](const auto& entry) { return entry.second->own != nullptr; });
  };
  const net::Endpoint unknown_port{net::IpAddress::v4(0xc0000202), net::Port{0}};
  machine.hint(unknown_port);
  machine.settle();
  EXPECT_EQ(asked(), static_cast<long>(kHintedAtOnce));
  machine.hint(unknown_port);
  machine.settle();
  EXPECT_EQ(asked(), static_cast<long>(2 * kHintedAtOnce));
}

}  // namespace
}  // namespace penstock::ikev2
