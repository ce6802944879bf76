// SPDX-License-Identifier: BSD-3-Clause
// Messages of phase 2 that were right once and come again, of who only listens: they say nothing a
// second time.
#include <gtest/gtest.h>

#include "control/isakmp/payload/v1_notify.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using isakmp::ExchangeType;
using isakmp::V1NotifyType;
using session::Datagram;
using session::IkeDrop;
using test::Ikev1End;
using test::Ikev1Pair;

ExchangeType exchange_of(const Datagram& d) {
  return ExchangeType{std::to_integer<std::uint8_t>(d.data.at(18))};
}

/// What this end says next of its own accord, before it is handed over.
Datagram notification(Ikev1End& from, V1NotifyType type, base::Bytes data = {}) {
  from.input([&] {
    IsakmpSa& sa = *from.sa();
    const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
    from.machine.send_informational(sa, {1, type, spi, data});
  });
  Datagram d = std::move(from.sent.back());
  from.sent.pop_back();
  return d;
}

struct Up : testing::Test {
  Up() {
    pair.a.begin();
    pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
      if (&to == &pair.b && exchange_of(d) == ExchangeType::kV1QuickMode) quick.push_back(d);
    });
  }
  Ikev1Pair pair{41};
  std::vector<Datagram> quick;  ///< of a
};

TEST_F(Up, ANotificationThatComesAgainEndsNoQuickModeOfLater) {
  ASSERT_TRUE(pair.is_up());
  const Datagram refusal = notification(pair.b, V1NotifyType::kNoProposalChosen);
  pair.a.receive(refusal);
  session::Task task;
  task.kind = session::Task::Kind::kNewChild;
  task.child = &pair.a.connection.config.children.front();
  pair.a.input([&] { EXPECT_TRUE(pair.a.machine.add_task(*pair.a.sa(), std::move(task))); });
  ASSERT_NE(pair.a.sa()->own(), nullptr);
  pair.a.receive(refusal);
  EXPECT_NE(pair.a.sa()->own(), nullptr) << "our Quick Mode is given up";
  EXPECT_EQ(pair.a.services.drops.get(IkeDrop::kReplayed), 1U);
  pair.run();
  EXPECT_EQ(pair.a.children(), 2U);
}

TEST_F(Up, ANotificationThatComesAgainMovesNobodyAndShowsNoLife) {
  IsakmpSa& sa = *pair.b.sa();
  sa.nat_there = true;
  sa.local.port = net::Port{4500};
  Datagram d = notification(pair.a, V1NotifyType::kReplayStatus);
  d.local.port = net::Port{4500};
  d.remote.port = net::Port{4500};
  pair.b.receive(d);
  const net::Endpoint before = sa.remote;
  ASSERT_EQ(before, d.remote);
  const base::MonoTime heard = sa.last_heard;
  pair.b.advance(base::seconds{5});
  d.remote = {net::IpAddress::parse("203.0.113.66").value(), net::Port{6666}};
  pair.b.receive(d);
  EXPECT_EQ(sa.remote, before);
  EXPECT_EQ(sa.last_heard, heard);
}

TEST_F(Up, AQuickModeIsNotBegunAgainByItsFirstMessage) {
  ASSERT_TRUE(pair.is_up());
  pair.b.advance(kExchangeMemory + base::seconds{1});
  ASSERT_TRUE(pair.b.sa()->exchanges.empty());
  pair.b.sent.clear();
  pair.b.receive(quick.front());
  EXPECT_TRUE(pair.b.sa()->exchanges.empty());
  EXPECT_TRUE(pair.b.sent.empty());
  EXPECT_EQ(pair.b.sa()->children.size(), 1U);
}

TEST_F(Up, AProbeThatIsRepeatedIsAnsweredAgain) {
  // RFC 3706 §5.4: the answer may be lost, and who asks repeats the same octets.
  session::Task task;
  pair.a.input([&] { EXPECT_TRUE(pair.a.machine.add_task(*pair.a.sa(), std::move(task))); });
  ASSERT_EQ(pair.a.sent.size(), 1U);
  const Datagram probe = pair.a.sent.front();
  pair.a.sent.clear();
  pair.b.receive(probe);
  ASSERT_EQ(pair.b.sent.size(), 1U);
  pair.b.sent.clear();  // lost
  pair.b.receive(probe);
  ASSERT_EQ(pair.b.sent.size(), 1U);
  pair.run();
  EXPECT_EQ(pair.a.sa()->own(), nullptr) << "the answer does not count";
}

TEST_F(Up, WhatWeSaidOurselvesIsNotThePeers) {
  // Both ends have the same keys, and HASH(1) does not say who made it.
  session::Task task;
  pair.a.input([&] { EXPECT_TRUE(pair.a.machine.add_task(*pair.a.sa(), std::move(task))); });
  const base::MonoTime heard = pair.a.sa()->last_heard;
  pair.a.advance(base::milliseconds{10});
  for (int i = 0; i < 3 && !pair.a.sent.empty(); ++i) {
    Datagram back = std::move(pair.a.sent.front());
    pair.a.sent.pop_front();
    std::swap(back.local, back.remote);
    pair.a.receive(back);
  }
  EXPECT_NE(pair.a.sa()->own(), nullptr) << "a dead peer is held for alive";
  EXPECT_EQ(pair.a.sa()->last_heard, heard);
}

TEST_F(Up, WhoHasUsedUpTheMessageIdsBeginsAnew) {
  IsakmpSa& sa = *pair.b.sa();
  for (std::uint64_t id = 0; sa.taken_ids.size() < kMaxMessageIds; ++id) sa.taken_ids.insert(id);
  pair.b.receive(notification(pair.a, V1NotifyType::kReplayStatus));
  EXPECT_EQ(pair.b.sa(), nullptr);
}

TEST_F(Up, ExchangesThatAreOverMakeRoomForNewOnes) {
  for (std::size_t i = 0; i < 2 * kMaxExchanges; ++i) {
    session::Task task;
    task.kind = session::Task::Kind::kNewChild;
    task.child = &pair.a.connection.config.children.front();
    pair.a.input([&] { EXPECT_TRUE(pair.a.machine.add_task(*pair.a.sa(), std::move(task))); });
    pair.run();
    pair.a.advance(base::milliseconds{100});
    pair.b.advance(base::milliseconds{100});
    pair.run();
    ASSERT_EQ(pair.a.sa()->own(), nullptr) << i << " Quick Modes, and the next is not answered";
    ASSERT_LE(pair.b.sa()->exchanges.size(), kMaxExchanges);
    ASSERT_LE(pair.a.sa()->exchanges.size(), kMaxExchanges);
  }
}

}  // namespace
}  // namespace penstock::ikev1
