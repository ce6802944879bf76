// SPDX-License-Identifier: BSD-3-Clause
// Malformed, unexpected and hostile messages: each is counted under its reason and answered as
// RFC 7296 §2.21 says, and none leaves state behind.
#include <gtest/gtest.h>

#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/sa.h"
#include "tests/sim/scripted_peer.h"

namespace penstock::sim {
namespace {

using base::seconds;
using isakmp::ExchangeType;
using isakmp::MessageBuilder;
using isakmp::NotifyType;
using isakmp::PayloadType;

class Hostile : public ::testing::Test {
 protected:
  Hostile() : world(3), peer(world) {
    b().configuration = [] {
      ike::ConfigChange change;
      change.connections.push_back(connection("ab", false));
      change.connections.back().children.push_back(child("net", false));
      change.secrets.push_back(secret());
      return change;
    };
  }
  void boot() { b().boot(); }
  void connect() {
    boot();
    ASSERT_TRUE(peer.exchange_init());
    ASSERT_TRUE(peer.authenticate()->has(PayloadType::kAuthentication));
    ASSERT_EQ(b().established(), 1U);
  }
  Node& b() { return world.b(); }
  std::size_t ike_sas() { return b().engine().list_ike_sas(world.now(), 0, 100).size(); }

  World world;
  ScriptedPeer peer;
};

TEST_F(Hostile, FewerOctetsThanAHeader) {
  boot();
  EXPECT_FALSE(peer.send_raw(base::ByteVector(27)));
  EXPECT_EQ(b().counter("truncated"), 1U);
}

TEST_F(Hostile, ALengthThatIsNotTheDatagrams) {
  boot();
  isakmp::Header h;
  h.initiator_spi = peer.spi_i;
  h.flags = isakmp::kFlagInitiator;
  MessageBuilder builder(h);
  peer.append_init(builder);
  base::ByteVector message = builder.finish();
  message.push_back(std::byte{0});
  EXPECT_FALSE(peer.send_raw(message));
  EXPECT_EQ(b().counter("malformed"), 1U);
}

TEST_F(Hostile, AMajorVersionAboveTwoIsAnsweredWithOurs) {
  boot();
  const auto answer =
      peer.first_request([&](auto& m) { peer.append_init(m); }, [](auto& h) { h.major = 3; });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kInvalidMajorVersion));
  EXPECT_EQ(answer->header.major, 2);
  EXPECT_EQ(b().counter("major_version"), 1U);
}

TEST_F(Hostile, AFirstRequestWithAResponderSpiIsDropped) {
  boot();
  EXPECT_FALSE(peer.first_request([&](auto& m) { peer.append_init(m); },
                                  [](auto& h) { h.responder_spi = isakmp::IkeSpi{1}; }));
  EXPECT_FALSE(peer.first_request([&](auto& m) { peer.append_init(m); },
                                  [](auto& h) { h.initiator_spi = isakmp::IkeSpi{0}; }));
  EXPECT_EQ(b().counter("bad_flags"), 2U);
  EXPECT_EQ(ike_sas(), 0U);
}

TEST_F(Hostile, AFirstRequestWithoutItsPayloadsLeavesNothing) {
  boot();
  EXPECT_FALSE(peer.first_request([&](auto& m) { isakmp::append_nonce(m, base::ByteVector(32)); }));
  EXPECT_EQ(b().counter("invalid_syntax"), 1U);
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(Hostile, AnUnknownCriticalPayloadInTheFirstRequestIsNamed) {
  boot();
  const auto answer = peer.first_request([&](auto& m) {
    peer.append_init(m);
    m.append(PayloadType{200}, base::ByteVector(4), true);
  });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kUnsupportedCriticalPayload));
  EXPECT_EQ(b().counter("unknown_critical"), 1U);
}

TEST_F(Hostile, AnUnknownPayloadWithoutTheCriticalBitIsSkipped) {
  boot();
  const auto answer = peer.first_request([&](auto& m) {
    peer.append_init(m);
    m.append(PayloadType{200}, base::ByteVector(4));
  });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has(PayloadType::kKeyExchange));
}

TEST_F(Hostile, ARepeatedFirstRequestGetsTheSameAnswerAndNoSecondIkeSa) {
  boot();
  const auto fill = [&](auto& m) { peer.append_init(m); };
  const auto first = peer.first_request(fill);
  const auto second = peer.first_request(fill);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->raw, second->raw);
  EXPECT_EQ(ike_sas(), 1U);
  EXPECT_EQ(b().counter("duplicate_request"), 1U);
}

TEST_F(Hostile, HalfOpenIkeSasOfOneSourceWithoutACookieAreLimitedAndEnd) {
  boot();
  for (std::uint64_t i = 1; i <= 8; ++i) {
    peer.spi_i = isakmp::IkeSpi{i};
    EXPECT_EQ(peer.exchange_init(), i <= 5);
  }
  EXPECT_EQ(b().counter("cookie_required"), 3U);
  EXPECT_EQ(ike_sas(), 5U);
  world.run_for(seconds{31});
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(Hostile, AboveTheThresholdNothingIsKeptWithoutACookie) {
  b().config.limits.cookie_threshold = 0;
  boot();
  const auto answer = peer.first_request([&](auto& m) { peer.append_init(m); });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kCookie));
  EXPECT_TRUE(b().engine().idle());
  // A cookie of nobody's gets another one.
  const auto forged = peer.first_request([&](auto& m) {
    isakmp::append_notify(m, NotifyType::kCookie, base::ByteVector(33, std::byte{1}));
    peer.append_init(m);
  });
  ASSERT_TRUE(forged);
  EXPECT_TRUE(forged->says(NotifyType::kCookie));
  EXPECT_EQ(b().counter("cookie_invalid"), 1U);
}

TEST_F(Hostile, AnUnprotectedIkeAuthIsDropped) {
  boot();
  ASSERT_TRUE(peer.exchange_init());
  MessageBuilder builder(isakmp::Header{.initiator_spi = peer.spi_i,
                                        .responder_spi = peer.spi_r,
                                        .exchange = ExchangeType::kIkeAuth,
                                        .flags = isakmp::kFlagInitiator,
                                        .message_id = isakmp::MessageId{1}});
  isakmp::append_nonce(builder, base::ByteVector(32));
  EXPECT_FALSE(peer.send_raw(builder.finish()));
  EXPECT_EQ(b().counter("unprotected"), 1U);
}

TEST_F(Hostile, AMessageThatDoesNotVerifyChangesNothing) {
  connect();
  base::ByteVector bad = peer.sealed(ExchangeType::kInformational, peer.next_id,
                                     [](auto& m) { isakmp::append_delete_ike(m); });
  bad.back() ^= std::byte{1};
  EXPECT_FALSE(peer.send_raw(bad));
  EXPECT_EQ(b().counter("integrity"), 1U);
  EXPECT_EQ(b().established(), 1U);
  // The message id was not used up.
  EXPECT_TRUE(peer.request(ExchangeType::kInformational, [](auto&) {}));
}

TEST_F(Hostile, AMessageIdOutsideTheWindowIsDropped) {
  connect();
  EXPECT_FALSE(
      peer.send_raw(peer.sealed(ExchangeType::kInformational, peer.next_id + 1, [](auto&) {})));
  EXPECT_EQ(b().counter("outside_window"), 1U);
}

TEST_F(Hostile, ARepeatedRequestIsAnsweredByTheSameOctetsAndAnotherWithItsIdIsNot) {
  connect();
  const base::ByteVector probe =
      peer.sealed(ExchangeType::kInformational, peer.next_id, [](auto&) {});
  const auto first = peer.send_raw(probe);
  const auto second = peer.send_raw(probe);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->raw, second->raw);
  EXPECT_FALSE(peer.send_raw(peer.sealed(ExchangeType::kInformational, peer.next_id,
                                         [](auto& m) { isakmp::append_delete_ike(m); })));
  EXPECT_EQ(b().counter("not_identical"), 1U);
  EXPECT_EQ(b().established(), 1U);
}

TEST_F(Hostile, MalformedContentBehindTheDecryptionEndsTheIkeSa) {
  connect();
  const auto answer = peer.request(ExchangeType::kInformational, [](MessageBuilder& m) {
    m.append(PayloadType::kDelete, base::ByteVector(2));
  });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kInvalidSyntax));
  EXPECT_EQ(b().counter("invalid_syntax"), 1U);
  EXPECT_TRUE(b().engine().idle());
  EXPECT_TRUE(b().plane().inbound.empty());
}

TEST_F(Hostile, AnUnknownCriticalPayloadBehindTheDecryptionIsRefusedAlone) {
  connect();
  const auto answer = peer.request(ExchangeType::kInformational, [](MessageBuilder& m) {
    m.append(PayloadType{201}, base::ByteVector(3), true);
  });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kUnsupportedCriticalPayload));
  EXPECT_EQ(b().established(), 1U);
}

TEST_F(Hostile, ACreateChildSaBeforeAuthenticationIsRefused) {
  boot();
  ASSERT_TRUE(peer.exchange_init());
  const auto answer = peer.request(ExchangeType::kCreateChildSa, [](auto&) {});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kInvalidSyntax));
  EXPECT_EQ(b().counter("unexpected_exchange"), 1U);
  EXPECT_EQ(b().established(), 0U);
  // Nothing follows on it, not even the right authentication.
  EXPECT_FALSE(peer.authenticate());
}

TEST_F(Hostile, ARefusedAuthenticationIsRefusedForGood) {
  boot();
  ASSERT_TRUE(peer.exchange_init());
  EXPECT_TRUE(peer.authenticate("guess")->says(NotifyType::kAuthenticationFailed));
  EXPECT_FALSE(peer.authenticate());
  EXPECT_EQ(b().established(), 0U);
  world.run_for(seconds{31});
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(Hostile, ADeleteOfAChildThatIsNotThereIsAnsweredWithoutDelete) {
  connect();
  const auto answer = peer.request(ExchangeType::kInformational, [](MessageBuilder& m) {
    const net::Spi nobodys{0x01020304};
    isakmp::append_delete_children(m, isakmp::ProtocolId::kEsp, {&nobodys, 1});
  });
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->has(PayloadType::kDelete));
  EXPECT_EQ(b().live_children(), 1U);
}

// §2.21.4: answered in clear with the SPIs and the message id copied, and never a response.
TEST_F(Hostile, ARequestForAnUnknownSpiIsAnsweredInvalidIkeSpi) {
  connect();
  const base::ByteVector lost = peer.sealed(ExchangeType::kInformational, 9, [](auto&) {});
  base::ByteVector other = lost;
  other[15] ^= std::byte{0xff};  // the responder's SPI
  const auto answer = peer.send_raw(other);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kInvalidIkeSpi));
  EXPECT_EQ(answer->header.message_id.value(), 9U);
  EXPECT_TRUE(answer->header.is_response());
  other[19] = std::byte{isakmp::kFlagInitiator | isakmp::kFlagResponse};
  EXPECT_FALSE(peer.send_raw(other));
  EXPECT_EQ(b().counter("unknown_spi"), 2U);
}

TEST_F(Hostile, AnErrorInClearOnlyAsksWhetherThePeerLives) {
  connect();
  isakmp::Header h;
  h.initiator_spi = isakmp::IkeSpi{1};
  h.responder_spi = isakmp::IkeSpi{2};
  h.exchange = ExchangeType::kInformational;
  h.flags = isakmp::kFlagInitiator;
  MessageBuilder builder(h);
  isakmp::append_notify(builder, NotifyType::kInvalidSpi, base::ByteVector(4));
  const base::ByteVector forged = builder.finish();
  for (int i = 0; i < 3; ++i) {
    const auto probe = peer.send_raw(forged);
    // The first one makes B ask; the others come while it asks.
    if (i == 0) {
      ASSERT_TRUE(probe);
      EXPECT_EQ(probe->header.exchange, ExchangeType::kInformational);
      EXPECT_FALSE(probe->header.is_response());
    }
  }
  EXPECT_EQ(b().counter("hint"), 3U);
  EXPECT_EQ(b().established(), 1U);
}

TEST_F(Hostile, AnswersToStrangersAreRateLimited) {
  connect();
  base::ByteVector stray = peer.sealed(ExchangeType::kInformational, 9, [](auto&) {});
  stray[15] ^= std::byte{0xff};
  std::size_t answers = 0;
  world.filter = [&](const ike::Datagram&) {
    ++answers;
    return false;
  };
  const ike::Datagram d{
      {b().address(), net::Port{500}}, {world.a().address(), net::Port{500}}, stray};
  for (int i = 0; i < 1000; ++i) b().input([&](ike::Engine& e, base::Now t) { e.receive(t, d); });
  EXPECT_EQ(answers, 400U);
  EXPECT_EQ(b().counter("stranger_rate"), 600U);
}

// §2.21: it is not answered by an error; what it leaves in doubt is deleted.
TEST_F(Hostile, AVerifiedAnswerThatIsMalformedEndsTheIkeSa) {
  connect();
  b().command(ike::Command::Kind::kRekey, "ab", "net");
  const auto asked = peer.wait(base::milliseconds{200});
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->header.exchange, ExchangeType::kCreateChildSa);
  const auto next = peer.send_raw(
      peer.sealed_answer(ExchangeType::kCreateChildSa, asked->header.message_id.value(),
                         [](auto& m) { isakmp::append_nonce(m, base::ByteVector(32)); }));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->header.exchange, ExchangeType::kInformational);
  EXPECT_TRUE(next->has(PayloadType::kDelete));
  peer.send_raw(peer.sealed_answer(ExchangeType::kInformational, next->header.message_id.value(),
                                   [](auto&) {}));
  EXPECT_TRUE(b().plane().inbound.empty());
}

TEST_F(Hostile, AnAnswerWithoutASelectorThatWeKnowMakesNoChild) {
  b().configuration = [] {
    ike::ConfigChange change;
    change.connections.push_back(connection("ab", false));
    change.connections.back().children.push_back(child("net", false));
    change.connections.back().children.push_back(child("more", false, 1));
    change.secrets.push_back(secret());
    return change;
  };
  connect();
  const auto id = b().command(ike::Command::Kind::kUp, "ab", "more");
  const auto asked = peer.wait(base::milliseconds{200});
  ASSERT_TRUE(asked);
  peer.send_raw(peer.sealed_answer(
      ExchangeType::kCreateChildSa, asked->header.message_id.value(), [](MessageBuilder& m) {
        const base::ByteVector spi{std::byte{0xab}, std::byte{0xcd}, std::byte{0}, std::byte{2}};
        isakmp::append_sa(m, child("more", true).esp_proposals, spi);
        isakmp::append_nonce(m, base::ByteVector(32));
        // One selector of type 200, four octets long.
        base::ByteVector unknown(8);
        unknown[0] = std::byte{1};
        unknown[4] = std::byte{200};
        unknown[7] = std::byte{4};
        m.append(PayloadType::kTsInitiator, unknown);
        m.append(PayloadType::kTsResponder, unknown);
      }));
  ASSERT_TRUE(b().replies.contains(id));
  EXPECT_FALSE(b().replies.at(id));
  EXPECT_EQ(b().live_children(), 1U);
}

}  // namespace
}  // namespace penstock::sim
