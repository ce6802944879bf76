// SPDX-License-Identifier: BSD-3-Clause
// AH and transport mode with a peer that says what was not asked for: another protocol, a cipher in
// AH, a mode of its own choice, another SA's name (RFC 7296 §1.3.1, §2.23.1, §2.25, §3.3).
#include <gtest/gtest.h>

#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/nonce.h"
#include "tests/sim/scripted_peer.h"
#include "tests/sim/shapes.h"

namespace penstock::sim {
namespace {

using ike::Command;
using isakmp::ExchangeType;
using isakmp::MessageBuilder;
using isakmp::NotifyType;
using isakmp::PayloadType;
using isakmp::ProtocolId;
using session::ChildConfig;
using session::ChildMode;

class ShapesPeer : public ::testing::Test {
 protected:
  ShapesPeer() : world(5), peer(world) {
    b().configuration = [this] {
      ike::ConfigChange change;
      change.connections.push_back(connection("ab", false));
      change.connections.back().remote.id = {"*.example"};
      change.connections.back().children = children;
      change.secrets.push_back(secret());
      return change;
    };
  }
  void connect() {
    b().boot();
    ASSERT_TRUE(peer.exchange_init());
    const auto answer = peer.authenticate();
    ASSERT_TRUE(answer->has(PayloadType::kAuthentication));
    ASSERT_EQ(b().live_children(), 1U);
  }
  static base::ByteVector spi_of(std::uint32_t value, std::size_t octets = 4) {
    base::ByteWriter w;
    w.u32(value);
    base::ByteVector spi = w.release();
    spi.resize(octets);
    return spi;
  }
  /// CREATE_CHILD_SA of the peer for this child.
  std::optional<Answer> ask(const ChildConfig& c, base::ByteVector spi = spi_of(0xabcd0002),
                            const Fill& before = {}) {
    return peer.request(ExchangeType::kCreateChildSa, [&](MessageBuilder& m) {
      if (before) before(m);
      append_child(m, c, spi);
      isakmp::append_nonce(m, base::ByteVector(32));
    });
  }
  /// B asks for its child `more`, and is answered this. @return what B says next
  std::optional<Answer> answer_more(const Fill& fill) {
    const auto id = b().command(Command::Kind::kUp, "ab", "more");
    const auto asked = peer.wait(base::milliseconds{200});
    EXPECT_TRUE(asked && asked->header.exchange == ExchangeType::kCreateChildSa);
    auto next = peer.send_raw(peer.sealed_answer(
        ExchangeType::kCreateChildSa, asked->header.message_id.value(), [&](MessageBuilder& m) {
          fill(m);
          isakmp::append_nonce(m, base::ByteVector(32));
        }));
    EXPECT_TRUE(b().replies.contains(id));
    why = b().replies.contains(id) && !b().replies.at(id) ? b().replies.at(id).error().text : "";
    return next;
  }
  /// The same child as the peer sees it: our TSi is its remote side.
  static ChildConfig mirrored(ChildConfig c) {
    std::swap(c.local_ts, c.remote_ts);
    return c;
  }
  /// The first child SA that a message deletes.
  static std::optional<isakmp::ChildReference> deleted(const std::optional<Answer>& a) {
    if (!a || !a->has(PayloadType::kDelete)) return std::nullopt;
    const auto message = isakmp::MessageView::parse(a->raw);
    const auto chain =
        isakmp::PayloadChain::parse(message->encrypted()->inner_type, a->plaintext.bytes());
    const auto d = isakmp::parse_delete(chain->find(PayloadType::kDelete)->body);
    return isakmp::ChildReference{d->protocol, d->spi(0)};
  }
  Node& b() { return world.b(); }

  World world;
  ScriptedPeer peer;
  std::vector<ChildConfig> children{child("net", false)};
  std::string why;
};

// RFC 7296 §3.3.3.
TEST_F(ShapesPeer, AnAhProposalWithACipherIsNoProposal) {
  children.push_back(ah_child("more", false, "sha256", 1));
  connect();
  ChildConfig bent = ah_child("more", true, "sha256", 1);
  bent.ah_proposals[0].encr = {{crypto::EncrId::kAesCbc, 128}};
  EXPECT_TRUE(ask(bent)->says(NotifyType::kNoProposalChosen));
  bent.ah_proposals[0].encr.clear();
  EXPECT_TRUE(ask(bent)->has(PayloadType::kSa));
  EXPECT_EQ(b().live_children(), 2U);
}

// RFC 7296 §3.3.1, §2.21.3: a malformed request ends the IKE SA.
TEST_F(ShapesPeer, AnAhSpiHasFourOctets) {
  children.push_back(ah_child("more", false, "sha256", 1));
  connect();
  EXPECT_TRUE(
      ask(ah_child("more", true, "sha256", 1), spi_of(9, 8))->says(NotifyType::kInvalidSyntax));
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(ShapesPeer, AnAnswerOfAnotherProtocolIsRefusedAndItsSaDeleted) {
  children.push_back(child("more", false, 1));
  connect();
  const auto next = answer_more([](MessageBuilder& m) {
    append_child(m, mirrored(ah_child("more", true, "sha256", 1)), spi_of(0xabcd0002));
  });
  EXPECT_NE(why.find("protocol (ours ESP; theirs AH)"), std::string::npos) << why;
  ASSERT_TRUE(deleted(next));
  EXPECT_EQ(deleted(next)->protocol, ProtocolId::kAh);
  EXPECT_EQ(b().live_children(), 1U);
  EXPECT_EQ(b().plane().faults, std::vector<std::string>{});
}

TEST_F(ShapesPeer, AnAhAnswerWithACipherIsRefused) {
  children.push_back(ah_child("more", false, "sha256", 1));
  connect();
  const auto next = answer_more([](MessageBuilder& m) {
    ChildConfig c = mirrored(ah_child("more", true, "sha256", 1));
    c.ah_proposals[0].encr = {{crypto::EncrId::kAesCbc, 128}};
    append_child(m, c, spi_of(0xabcd0002));
  });
  EXPECT_NE(why.find("encryption (ours none; theirs aes128)"), std::string::npos) << why;
  ASSERT_TRUE(deleted(next));
  EXPECT_EQ(deleted(next)->protocol, ProtocolId::kAh);
}

TEST_F(ShapesPeer, AnAnswerWithAnSpiOfAnotherSizeIsRefused) {
  children.push_back(ah_child("more", false, "sha256", 1));
  connect();
  const auto next = answer_more([](MessageBuilder& m) {
    append_child(m, mirrored(ah_child("more", true, "sha256", 1)), spi_of(9, 8));
  });
  EXPECT_NE(why.find("SPI Size 8"), std::string::npos) << why;
  ASSERT_TRUE(deleted(next));
  EXPECT_EQ(deleted(next)->protocol, ProtocolId::kAh);
}

// RFC 7296 §1.3.1.
TEST_F(ShapesPeer, TransportModeThatWasNotAskedForIsRefused) {
  children.push_back(child("more", false, 1));
  connect();
  const auto next = answer_more([](MessageBuilder& m) {
    ChildConfig c = mirrored(child("more", true, 1));
    c.mode = ChildMode::kTransport;
    append_child(m, c, spi_of(0xabcd0002));
  });
  EXPECT_NE(why.find("we did not ask"), std::string::npos) << why;
  EXPECT_TRUE(deleted(next));
  EXPECT_EQ(b().live_children(), 1U);
}

// RFC 7296 §2.25: an SA of another protocol is another SA.
TEST_F(ShapesPeer, ADeleteIsForTheProtocolThatItNames) {
  peer.asks = ah_child("net", true, "sha256");
  children = {ah_child("net", false, "sha256")};
  connect();
  const net::Spi spi{0xabcd0001};
  const auto erase = [&](ProtocolId protocol) {
    return deleted(peer.request(ExchangeType::kInformational, [&](MessageBuilder& m) {
      isakmp::append_delete_children(m, protocol, {&spi, 1});
    }));
  };
  EXPECT_FALSE(erase(ProtocolId::kEsp));
  EXPECT_EQ(b().live_children(), 1U);
  const net::Spi ours = b().plane().inbound.begin()->first;
  const auto answered = erase(ProtocolId::kAh);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->protocol, ProtocolId::kAh);
  EXPECT_EQ(answered->spi, ours);
  EXPECT_TRUE(b().plane().inbound.empty());
}

// The peer chooses its SPIs, and may use one number for two protocols.
TEST_F(ShapesPeer, OneSpiMayNameAnSaOfEachProtocol) {
  children.push_back(ah_child("more", false, "sha256", 1));
  connect();
  const auto both = peer.request(ExchangeType::kInformational, [&](MessageBuilder& m) {
    const net::Spi spi{0xabcd0001};
    for (const ProtocolId protocol : {ProtocolId::kAh, ProtocolId::kEsp})
      isakmp::append_delete_children(m, protocol, {&spi, 1});
  });
  EXPECT_EQ(std::ranges::count(both->types, PayloadType::kDelete), 1);
  EXPECT_EQ(b().live_children(), 0U);
}

TEST_F(ShapesPeer, ARekeyKeepsProtocolAndMode) {
  peer.asks = transport_child("net", true);
  peer.asks.local_ts = ts("192.0.2.1");
  peer.asks.remote_ts = ts("192.0.2.2");
  peer.asks.ah_proposals = ah("sha256");
  peer.asks.esp_proposals.clear();
  children = {transport_child("net", false)};
  children[0].ah_proposals = ah("sha256");
  connect();
  const auto rekey = [](MessageBuilder& m) {
    isakmp::append_child_notify(m, NotifyType::kRekeySa, ProtocolId::kAh, net::Spi{0xabcd0001});
  };
  ChildConfig other = peer.asks;
  other.mode = ChildMode::kTunnel;
  EXPECT_TRUE(ask(other, spi_of(0xabcd0002), rekey)->says(NotifyType::kNoProposalChosen));
  other = peer.asks;
  other.ah_proposals.clear();
  other.esp_proposals = esp("aes128gcm16");
  EXPECT_TRUE(ask(other, spi_of(0xabcd0003), rekey)->says(NotifyType::kNoProposalChosen));
  const auto answer = ask(peer.asks, spi_of(0xabcd0004), rekey);
  EXPECT_TRUE(answer->has(PayloadType::kSa) && answer->says(NotifyType::kUseTransportMode));
}

TEST_F(ShapesPeer, BehindANatIsNotGivenAh) {
  peer.behind_nat = true;
  peer.from.port = peer.at.port = net::Port{4500};
  peer.asks = ah_child("net", true, "sha256");
  children = {ah_child("net", false, "sha256")};
  b().boot();
  ASSERT_TRUE(peer.exchange_init());
  const auto answer = peer.authenticate();
  EXPECT_TRUE(answer->has(PayloadType::kAuthentication));
  EXPECT_TRUE(answer->says(NotifyType::kNoProposalChosen));
  EXPECT_TRUE(reported(b(), "child_refused", "AH cannot be in UDP, nor pass a NAT"));
}

/// Behind a NAT, in transport mode, as RFC 7296 §2.23.1 has it: TSi is its own address.
void behind_nat(ScriptedPeer& peer) {
  peer.behind_nat = true;
  peer.from.port = peer.at.port = net::Port{4500};
  peer.asks = transport_child("net", true);
  peer.asks.local_ts = ts("10.1.2.3[udp/4000]");
  peer.asks.remote_ts = ts("192.0.2.2");
}

TEST_F(ShapesPeer, BehindANatMayNotAskForSeveralAddresses) {
  behind_nat(peer);
  peer.asks.local_ts.push_back(ts("10.1.2.4").front());
  children = {transport_child("net", false)};
  b().boot();
  ASSERT_TRUE(peer.exchange_init());
  EXPECT_TRUE(peer.authenticate()->says(NotifyType::kTsUnacceptable));
  EXPECT_EQ(b().live_children(), 0U);
}

// RFC 3948 §5.2: what we send to the NAT would go to the first of them.
TEST_F(ShapesPeer, TwoBehindOneNatDoNotShareSelectors) {
  behind_nat(peer);
  children = {transport_child("net", false)};
  connect();
  ScriptedPeer second(world);
  behind_nat(second);
  second.name = "second.example";
  second.spi_i = isakmp::IkeSpi{77};
  second.from.port = net::Port{61000};
  ASSERT_TRUE(second.exchange_init());
  EXPECT_TRUE(second.authenticate()->says(NotifyType::kTsUnacceptable));
  EXPECT_TRUE(reported(b(), "child_refused", "another peer behind the same NAT"));
  EXPECT_EQ(b().live_children(), 1U);
  ScriptedPeer third(world);
  behind_nat(third);
  third.name = "third.example";
  third.spi_i = isakmp::IkeSpi{78};
  third.from.port = net::Port{61001};
  third.spi_in = net::Spi{0xabcd0009};
  third.asks.local_ts = ts("10.1.2.5[udp/4001]");
  ASSERT_TRUE(third.exchange_init());
  EXPECT_TRUE(third.authenticate()->has(PayloadType::kSa));
  EXPECT_EQ(b().live_children(), 2U);
}

// Its selectors are the address that it left.
TEST_F(ShapesPeer, WhoseNatMovesItGetsATransportModeChildAnew) {
  behind_nat(peer);
  children = {transport_child("net", false)};
  connect();
  peer.from.port = net::Port{61000};
  ASSERT_TRUE(peer.request(ExchangeType::kInformational, [](auto&) {}));
  EXPECT_EQ(b().plane().outbound.begin()->second.remote, peer.from);
  peer.from.address = *net::IpAddress::parse("203.0.113.9");
  peer.request(ExchangeType::kInformational, [](auto&) {});
  const auto asked = peer.wait(base::milliseconds{200});
  EXPECT_TRUE(deleted(asked));
  EXPECT_EQ(b().live_children(), 0U);
  EXPECT_EQ(b().plane().faults, std::vector<std::string>{});
}

}  // namespace
}  // namespace penstock::sim
