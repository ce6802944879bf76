// SPDX-License-Identifier: BSD-3-Clause
// A peer that says what is legal and unusual: octets that must be signed as they came, another
// protocol's SPI, a rekey that fails half way, a NAT that gives it another address.
#include <gtest/gtest.h>

#include <algorithm>

#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/sa.h"
#include "control/isakmp/payload/traffic_selectors.h"
#include "tests/sim/scripted_peer.h"

namespace penstock::sim {
namespace {

using base::seconds;
using isakmp::ExchangeType;
using isakmp::MessageBuilder;
using isakmp::NotifyType;
using isakmp::PayloadType;

class Peer : public ::testing::Test {
 protected:
  Peer() : world(3), peer(world) {
    b().configuration = [this] {
      ike::ConfigChange change;
      change.connections.push_back(connection("ab", false));
      change.connections.back().dpd_delay = dpd_delay;
      change.connections.back().remote_addrs.clear();
      change.connections.back().children.push_back(child("net", false));
      change.connections.back().children.back().tunnel_header.tfc_padding = tfc_padding;
      change.secrets.push_back(secret());
      return change;
    };
  }
  void connect() {
    b().boot();
    ASSERT_TRUE(peer.exchange_init());
    ASSERT_TRUE(peer.authenticate()->has(PayloadType::kAuthentication));
    ASSERT_EQ(b().established(), 1U);
  }
  Node& b() { return world.b(); }
  ModelSa& inbound() { return b().plane().inbound.begin()->second; }
  ModelSa& outbound() { return b().plane().outbound.begin()->second; }

  base::Duration dpd_delay{};
  std::uint16_t tfc_padding = 0;
  World world;
  ScriptedPeer peer;
};

// RFC 7296 §2.15: the ID payload is signed with the octets that were sent.
TEST_F(Peer, SignsTheReservedOctetsOfItsIdentity) {
  peer.id_reserved = std::byte{0xa5};
  connect();
  EXPECT_EQ(b().live_children(), 1U);
}

// RFC 7296 §2.25: an AH SA with the SPI of an ESP SA is another SA.
TEST_F(Peer, RekeysAnAhSaThatIsNotThere) {
  connect();
  const auto answer = peer.request(ExchangeType::kCreateChildSa, [](MessageBuilder& m) {
    isakmp::append_child_notify(m, NotifyType::kRekeySa, isakmp::ProtocolId::kAh,
                                net::Spi{0xabcd0001});
    const session::ChildConfig c = child("net", true);
    const base::ByteVector spi{std::byte{0xab}, std::byte{0xcd}, std::byte{0}, std::byte{2}};
    isakmp::append_sa(m, c.esp_proposals, spi);
    isakmp::append_nonce(m, base::ByteVector(32));
    isakmp::append_traffic_selectors(m, PayloadType::kTsInitiator, session::to_wire(c.local_ts));
    isakmp::append_traffic_selectors(m, PayloadType::kTsResponder, session::to_wire(c.remote_ts));
  });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kChildSaNotFound));
  EXPECT_EQ(b().live_children(), 1U);
}

// RFC 7296 §2.8.1: what the peer's failed exchange would have made cannot win a collision.
TEST_F(Peer, ARekeyOfThePeerThatFailsIsNoCollision) {
  connect();
  b().command(ike::Command::Kind::kRekey, "ab", "", true);
  const auto asked = peer.wait(base::milliseconds{200});
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->header.exchange, ExchangeType::kCreateChildSa);
  // Its own rekey, with a value of small order (RFC 7748 §6.1).
  const auto refused = peer.request(ExchangeType::kCreateChildSa, [](MessageBuilder& m) {
    isakmp::append_sa(m, connection("ab", true).proposals, base::ByteVector(8, std::byte{1}));
    isakmp::append_nonce(m, base::ByteVector(32, std::byte{0xff}));
    isakmp::append_key_exchange(m, crypto::DhGroupId::kX25519, base::ByteVector(32));
  });
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->says(NotifyType::kInvalidSyntax));
  peer.send_raw(
      peer.sealed_answer(ExchangeType::kCreateChildSa, asked->header.message_id.value(),
                         [](auto& m) { isakmp::append_notify(m, NotifyType::kTemporaryFailure); }));
  // Ours still stands: it comes again.
  EXPECT_TRUE(b().replies.empty());
  const auto again = peer.wait(seconds{5});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->header.exchange, ExchangeType::kCreateChildSa);
  EXPECT_GT(again->header.message_id.value(), asked->header.message_id.value());
}

TEST_F(Peer, UnprotectedAnswersAreHintsAtALimitedRate) {
  connect();
  b().command(ike::Command::Kind::kRekey, "ab", "", true);
  const auto asked = peer.wait(base::milliseconds{200});
  ASSERT_TRUE(asked);
  isakmp::Header h = asked->header;
  h.flags = isakmp::kFlagInitiator | isakmp::kFlagResponse;
  MessageBuilder builder(h);
  isakmp::append_notify(builder, NotifyType::kInvalidIkeSpi);
  const ike::Datagram forged{peer.at, peer.from, builder.finish()};
  for (int i = 0; i < 1000; ++i)
    b().input([&](ike::Engine& e, base::Now t) { e.receive(t, forged); });
  EXPECT_EQ(b().counter("unprotected"), 1000U);
  EXPECT_LE(b().counter("hint"), 400U);
}

// RFC 7296 §2.23.
TEST_F(Peer, WhoseNatMovesItIsFollowedByBothHalvesOfItsChildSas) {
  peer.behind_nat = true;
  peer.from.port = peer.at.port = net::Port{4500};
  connect();
  ASSERT_TRUE(outbound().encap);
  const net::Endpoint before = peer.from;
  const net::Endpoint after{net::IpAddress::v4(0xcb007107), net::Port{61000}};
  peer.from = after;
  base::ByteVector forged = peer.sealed(ExchangeType::kInformational, peer.next_id, [](auto&) {});
  forged.back() ^= std::byte{1};
  peer.send_raw(forged);
  EXPECT_EQ(outbound().remote, before);
  ASSERT_TRUE(peer.request(ExchangeType::kInformational, [](auto&) {}));
  EXPECT_EQ(outbound().remote, after);
  EXPECT_EQ(inbound().remote, after);
  EXPECT_EQ(b().engine().list_ike_sas(world.now(), 0, 1).front().remote, after);
  // Its ESP may be what shows it first.
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kPeerMoved;
  event.slot = inbound().slot;
  event.spi = inbound().spi;
  event.remote = before;
  b().input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
  EXPECT_EQ(outbound().remote, before);
  // The end names the SA by where the peer is now.
  b().command(ike::Command::Kind::kDown, "ab");
  world.run_for(seconds{120});
  EXPECT_EQ(b().plane().faults, std::vector<std::string>{});
  EXPECT_TRUE(b().plane().outbound.empty());
}

// RFC 3948 §4, §2.3.
TEST_F(Peer, KeepsAMappingForUsOnlyWhileWeSend) {
  peer.gateway_behind_nat = true;
  peer.from.port = peer.at.port = net::Port{4500};
  connect();
  (void)peer.wait_new(seconds{19});
  EXPECT_TRUE(peer.received().empty());
  (void)peer.wait_new(seconds{44});
  const base::ByteVector keepalive{std::byte{0xff}};
  EXPECT_EQ(peer.received(), (std::vector<base::ByteVector>{keepalive, keepalive, keepalive}));
  // A message does as well.
  (void)peer.wait_new(seconds{10});
  EXPECT_TRUE(peer.received().empty());
  ASSERT_TRUE(peer.request(ExchangeType::kInformational, [](auto&) {}));
  (void)peer.wait_new(seconds{19});
  EXPECT_TRUE(peer.received().empty());
}

TEST_F(Peer, IsSentPaddingOfItsTraffic) {
  tfc_padding = 1000;
  connect();
  EXPECT_EQ(outbound().tunnel_header.tfc_padding, 1000);
}

// RFC 7296 §1.3.1.
TEST_F(Peer, ThatRefusesPaddingIsSentNone) {
  tfc_padding = 1000;
  peer.refuses_padding = true;
  connect();
  EXPECT_EQ(outbound().tunnel_header.tfc_padding, 0);
}

TEST_F(Peer, BehindANatOfItsOwnKeepsItsMappingItself) {
  peer.behind_nat = true;
  peer.from.port = peer.at.port = net::Port{4500};
  connect();
  (void)peer.wait_new(seconds{100});
  EXPECT_TRUE(peer.received().empty());
}

TEST_F(Peer, WithoutANatStaysWhereItIs) {
  connect();
  const net::Endpoint before = outbound().remote;
  peer.from.port = net::Port{61000};
  ASSERT_TRUE(peer.request(ExchangeType::kInformational, [](auto&) {}));
  EXPECT_EQ(outbound().remote, before);
}

// RFC 7296 §2.4: a protected message on a child SA shows that the peer lives as well.
TEST_F(Peer, LivesAsLongAsItsEspComes) {
  dpd_delay = seconds{10};
  connect();
  for (int i = 0; i < 20; ++i) {
    ++inbound().packets;
    ASSERT_FALSE(peer.wait_new(seconds{5})) << i;
  }
  // Then it falls silent, and is asked within two delays.
  const auto asked = peer.wait_new(seconds{20});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->header.exchange, ExchangeType::kInformational);
}

}  // namespace
}  // namespace penstock::sim
