// SPDX-License-Identifier: BSD-3-Clause
// Fragments where policies name ports (RFC 4301 §7), and packets larger than a link on either side.
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::PolicyAction;

struct Fragments : testing::Test {
  IpsecGateway g;

  /// UDP from port 1000 is protected, everything else between the two networks passes in clear.
  void protect_a_port() {
    g.must_install(make_spec({}));
    g.policy(PolicyAction::kProtect, "10.1.0.0/16[udp/1000]", "10.2.0.0/16");
    g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.2.0.0/16", 0, policy::kPriorityChild + 1);
  }
  void send(unsigned port, const std::vector<ByteVector>& pieces) {
    for (const ByteVector& piece : pieces) g.gateway.put(port, piece);
    g.gateway.step();
  }
};

TEST_F(Fragments, LaterOnesDoNotPassBelowAProtectWithPorts) {
  protect_a_port();
  const ByteVector in = outbound_packet(1200);
  auto pieces = cut(in, 600);
  ASSERT_EQ(pieces.size(), 3U);
  std::swap(pieces[0], pieces[2]);
  send(0, pieces);
  EXPECT_EQ(inner_of(g.only(1)), forwarded(in));
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

TEST_F(Fragments, TheFirstOneMissingNothingPasses) {
  protect_a_port();
  auto pieces = cut(outbound_packet(1200), 600);
  pieces.erase(pieces.begin());
  send(0, pieces);
  EXPECT_TRUE(g.gateway.sent(1).empty());
  EXPECT_EQ(g.gateway.totals().held_total(), 2U);
}

TEST_F(Fragments, OfAnotherPortPassInClearAsOnePacket) {
  protect_a_port();
  const ByteVector in = udp("10.1.0.9", "10.2.0.7", 1001, 2000, pattern(1200));
  send(0, cut(in, 600));
  EXPECT_EQ(g.only(1), forwarded(in));
}

TEST_F(Fragments, FromOutsideAreJudgedByTheirPortsToo) {
  protect_a_port();
  send(1, cut(inbound_packet(1200), 600));
  g.expect_drop(DropReason::kProtectedInClear);
  EXPECT_TRUE(g.gateway.sent(0).empty());
  const ByteVector in = udp("10.2.0.7", "10.1.0.9", 2000, 1001, pattern(1200));
  send(1, cut(in, 600));
  EXPECT_EQ(g.only(0), forwarded(in));
}

TEST_F(Fragments, AreLeftAloneWhereNoPolicyNamesPorts) {
  g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.2.0.0/16");
  send(0, cut(outbound_packet(1200), 600));
  EXPECT_EQ(g.gateway.sent(1).size(), 3U);
  protect_a_port();
  ASSERT_TRUE(g.writer->remove_policy(policy::PolicyId{2}));
  send(0, cut(outbound_packet(1200), 600));
  EXPECT_EQ(g.gateway.sent(1).size(), 3U) << "the policy with ports is gone again";
}

TEST_F(Fragments, BetweenInsideHostsAreLeftAlone) {
  protect_a_port();
  send(0, cut(udp("10.1.0.8", "10.1.0.9", 1000, 2000, pattern(1200)), 600));
  EXPECT_EQ(g.gateway.sent(0).size(), 3U);
}

TEST_F(Fragments, OfMoreThanABufferHoldsAreNamed) {
  protect_a_port();
  send(0, cut(outbound_packet(3000), 1500));
  EXPECT_TRUE(g.gateway.sent(1).empty());
  EXPECT_GE(g.gateway.dropped(DropReason::kFragmentTooLong), 1U);
}

// One that was not put together, because its way did not lead outside then.
TEST_F(Fragments, OneThatWaitedWhileItsWayMovedOutsideIsDropped) {
  protect_a_port();
  g.policy(PolicyAction::kBypass, "10.1.0.0/16", "10.1.0.77/32");
  g.gateway.send(0, cut(udp("10.1.0.9", "10.1.0.77", 1, 2, pattern(1200)), 600)[1]);
  ASSERT_EQ(g.gateway.totals().held_total(), 1U);
  g.gateway.route("10.1.0.77/32", "192.0.2.9", 1);
  g.gateway.advance(base::milliseconds{100});
  g.gateway.step();
  EXPECT_TRUE(g.gateway.sent(1).empty());
  g.expect_drop(DropReason::kFragmentNotReassembled);
}

// ---- the largest packets ----

TEST_F(Fragments, AFullInnerPacketComesInFragmentsOfItsEsp) {
  g.protect();
  const ByteVector in = inbound_packet(1472);
  const auto pieces = cut(peer_seal(in), 1500);
  ASSERT_EQ(pieces.size(), 2U);
  send(1, pieces);
  EXPECT_EQ(g.only(0), forwarded(in));
}

struct Jumbo : Fragments {
  Jumbo() : large(IpsecGateway::small_limits(), 1500, jumbo_port()) { large.protect(); }
  static PortSpec jumbo_port() { return {.name = "in", .addresses = {"10.1.0.1/24"}, .mtu = 9000}; }
  IpsecGateway large;
};

TEST_F(Jumbo, ComesInFragmentsOfItsEsp) {
  const ByteVector in = inbound_packet(9000 - 28);
  const auto pieces = cut(peer_seal(in), 1500);
  ASSERT_EQ(pieces.size(), 7U);
  for (const ByteVector& piece : pieces) large.gateway.put(1, piece);
  large.gateway.step();
  EXPECT_EQ(large.only(0), forwarded(in));
  EXPECT_EQ(large.gateway.dropped(), 0U);
}

TEST_F(Jumbo, GoesOutInFragmentsOfItsEsp) {
  const ByteVector in = outbound_packet(9000 - 28);
  large.gateway.send(0, in);
  const auto sent = large.gateway.sent(1);
  ASSERT_EQ(sent.size(), 7U);
  EXPECT_EQ(inner_of(joined(sent)), forwarded(in));
}

}  // namespace
}  // namespace penstock::pipeline
