// SPDX-License-Identifier: BSD-3-Clause
// Exchanges that cross (RFC 7296 §2.8.1, §2.8.2, §2.25), each as the messages go. The network is
// perfect and takes 5 ms, so what starts at both ends at once always crosses.
#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace penstock::sim {
namespace {

using base::milliseconds;
using base::seconds;
using ike::Command;
using isakmp::ExchangeType;

class Collisions : public ::testing::Test {
 protected:
  Collisions() : world(7) {
    for (int i = 0; i < 2; ++i) {
      world.node(i).configuration = [i] {
        ike::ConfigChange change;
        change.connections.push_back(connection("ab", i == 0));
        change.connections.back().children.push_back(child("net", i == 0));
        change.connections.back().children.push_back(child("more", i == 0, 1));
        change.secrets.push_back(secret());
        return change;
      };
      world.node(i).boot();
    }
    const auto id = a().command(Command::Kind::kUp, "ab", "net");
    EXPECT_TRUE(world.run_until([&] { return a().replies.contains(id); }, seconds{5}));
    world.run_for(seconds{1});
  }

  Node& a() { return world.a(); }
  Node& b() { return world.b(); }

  /// Loses the first request of this exchange that `from` sends.
  void lose_first_request(Node& from, ExchangeType exchange) {
    auto lost = std::make_shared<bool>(false);
    world.filter = [&from, exchange, lost](const ike::Datagram& d) {
      const auto header = isakmp::Header::parse(d.data);
      const bool hit = !*lost && d.local.address == from.address() && header &&
                       header->exchange == exchange && !header->is_response();
      if (hit) *lost = true;
      return !hit;
    };
  }

  void expect_rest(std::size_t children) {
    world.run_for(seconds{30});
    world.exchange_traffic();
    world.run_for(seconds{10});
    EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
    EXPECT_EQ(a().established(), 1U);
    EXPECT_EQ(b().established(), 1U);
    EXPECT_EQ(a().live_children(), children);
    EXPECT_EQ(b().live_children(), children);
    EXPECT_EQ(a().plane().inbound.size(), children);
    EXPECT_EQ(b().plane().inbound.size(), children);
  }

  net::Spi only_inbound(Node& n) { return n.plane().inbound.begin()->first; }

  World world;
};

// A: REKEY_SA ->                      <- B: REKEY_SA
// A: answers ->                       <- B: answers
// The one whose exchange has the lowest nonce deletes its new SA, the other one the old SA.
TEST_F(Collisions, BothRekeyTheChildAndOneNewPairRemains) {
  const net::Spi before = only_inbound(a());
  a().command(Command::Kind::kRekey, "ab", "net");
  b().command(Command::Kind::kRekey, "ab", "net");
  world.run_for(milliseconds{8});
  EXPECT_GE(a().plane().inbound.size(), 2U);
  expect_rest(1);
  EXPECT_NE(only_inbound(a()), before);
  EXPECT_EQ(a().counter("temporary_failure") + b().counter("temporary_failure"), 0U);
  EXPECT_EQ(a().replies.size(), 2U);
  EXPECT_EQ(b().replies.size(), 1U);
}

// A: REKEY_SA -> (lost)
//                                     <- B: REKEY_SA
// A: answers ->                       <- B: D(old)
// A: D(old) ->
// A: REKEY_SA again ->                <- B: CHILD_SA_NOT_FOUND, which A ignores
TEST_F(Collisions, ARekeyThatComesTooLateIsAnsweredChildSaNotFound) {
  lose_first_request(a(), ExchangeType::kCreateChildSa);
  a().command(Command::Kind::kRekey, "ab", "net");
  b().command(Command::Kind::kRekey, "ab", "net");
  expect_rest(1);
  EXPECT_EQ(b().counter("child_not_found"), 1U);
  EXPECT_EQ(a().counter("child_not_found"), 0U);
}

// A: REKEY_SA ->                      <- B: D(child)
// A: D(child) ->                      <- B: TEMPORARY_FAILURE
TEST_F(Collisions, ARekeyOfAChildThatThePeerClosesIsPutOff) {
  a().command(Command::Kind::kRekey, "ab", "net");
  b().command(Command::Kind::kDown, "ab", "net");
  expect_rest(0);
  EXPECT_EQ(b().counter("temporary_failure"), 1U);
  EXPECT_TRUE(a().plane().policies.empty());
}

// A: D(child) ->                      <- B: D(child)
// A: answers without D ->             <- B: answers without D
TEST_F(Collisions, BothDeleteTheChild) {
  const auto id_a = a().command(Command::Kind::kDown, "ab", "net");
  const auto id_b = b().command(Command::Kind::kDown, "ab", "net");
  expect_rest(0);
  EXPECT_TRUE(a().replies.at(id_a).has_value());
  EXPECT_TRUE(b().replies.at(id_b).has_value());
}

// A: new IKE SA ->                    <- B: new IKE SA
// A: answers ->                       <- B: answers
// The one with the lowest nonce goes, the other one inherits the child.
TEST_F(Collisions, BothRekeyTheIkeSaAndOneNewOneInheritsTheChild) {
  const net::Spi spi = only_inbound(a());
  a().command(Command::Kind::kRekey, "ab", "", true);
  b().command(Command::Kind::kRekey, "ab", "", true);
  world.run_for(milliseconds{9});
  EXPECT_GE(a().engine().list_ike_sas(world.now(), 0, 10).size(), 2U);
  expect_rest(1);
  EXPECT_EQ(only_inbound(a()), spi);
}

// A: new IKE SA ->                       B: new IKE SA -> (lost)
//                                     <- B: answers
// A: D(IKE) ->                        <- B: answers, and forgets its own rekey
TEST_F(Collisions, TheEndThatNoticesForgetsItsOwnIkeRekey) {
  lose_first_request(b(), ExchangeType::kCreateChildSa);
  a().command(Command::Kind::kRekey, "ab", "", true);
  b().command(Command::Kind::kRekey, "ab", "", true);
  expect_rest(1);
}

// A: new IKE SA ->                    <- B: new child
// A: TEMPORARY_FAILURE ->             <- B: TEMPORARY_FAILURE
// and both try again, not at once.
TEST_F(Collisions, AnIkeRekeyAndANewChildPutEachOtherOff) {
  const auto rekey = a().command(Command::Kind::kRekey, "ab", "", true);
  const auto up = b().command(Command::Kind::kUp, "ab", "more");
  world.run_for(seconds{1});
  EXPECT_EQ(a().counter("temporary_failure"), 1U);
  EXPECT_EQ(b().counter("temporary_failure"), 1U);
  EXPECT_FALSE(a().replies.contains(rekey));
  expect_rest(2);
  EXPECT_TRUE(a().replies.at(rekey).has_value());
  EXPECT_TRUE(b().replies.at(up).has_value());
}

// A: new IKE SA ->                    <- B: D(IKE)
// A: answers ->                       <- B: TEMPORARY_FAILURE
TEST_F(Collisions, AnIkeRekeyOfAnIkeSaThatThePeerClosesLeavesNothing) {
  a().command(Command::Kind::kRekey, "ab", "", true);
  b().command(Command::Kind::kDown, "ab");
  world.run_for(seconds{60});
  EXPECT_EQ(a().established() + b().established(), 0U);
  EXPECT_TRUE(a().engine().idle() && b().engine().idle());
  EXPECT_TRUE(a().plane().inbound.empty() && b().plane().inbound.empty());
  EXPECT_TRUE(a().plane().policies.empty() && b().plane().policies.empty());
}

// A: D(IKE) ->                        <- B: D(IKE)
// A: answers ->                       <- B: answers
TEST_F(Collisions, BothDeleteTheIkeSa) {
  const auto id_a = a().command(Command::Kind::kDown, "ab");
  const auto id_b = b().command(Command::Kind::kDown, "ab");
  world.run_for(seconds{1});
  EXPECT_TRUE(a().engine().idle() && b().engine().idle());
  EXPECT_TRUE(a().replies.at(id_a).has_value());
  EXPECT_TRUE(b().replies.at(id_b).has_value());
  EXPECT_EQ(a().counter("given_up") + b().counter("given_up"), 0U);
}

// A: D(child) ->                      <- B: new IKE SA
// A: TEMPORARY_FAILURE ->             <- B: D(child)      §2.25.1, §2.25.2
TEST_F(Collisions, AChildIsDeletedWhileThePeerRekeysTheIkeSa) {
  a().command(Command::Kind::kDown, "ab", "net");
  b().command(Command::Kind::kRekey, "ab", "", true);
  expect_rest(0);
  EXPECT_EQ(a().counter("temporary_failure"), 1U);
}

// A: rekey child ->
//                                     <- B: answers (outbound still by the old SA)
//                                        B: the first packet on the new SA: outbound switches
TEST_F(Collisions, TheResponderOfARekeySwitchesOnTheFirstPacket) {
  const net::Spi old_out = b().plane().outbound.begin()->first;
  // A's delete of the old child is held back, so that only the packet can make B switch.
  world.filter = [&](const ike::Datagram& d) {
    const auto header = isakmp::Header::parse(d.data);
    return !(header && header->exchange == ExchangeType::kInformational);
  };
  a().command(Command::Kind::kRekey, "ab", "net");
  world.run_for(seconds{1});
  ASSERT_EQ(b().plane().slots.size(), 1U);
  EXPECT_EQ(b().plane().slots.begin()->second, old_out);
  world.exchange_traffic();
  world.run_for(seconds{1});
  EXPECT_NE(b().plane().slots.begin()->second, old_out);
  world.filter = nullptr;
  expect_rest(1);
}

}  // namespace
}  // namespace penstock::sim
