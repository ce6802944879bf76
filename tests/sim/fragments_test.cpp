// SPDX-License-Identifier: BSD-3-Clause
// IKE fragments (RFC 7383), by a scripted peer: which are taken, which are dropped and under what
// name, and what a fragment that comes again brings.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/scripted_peer.h"

namespace penstock::sim {
namespace {

using base::ByteVector;
using base::seconds;
using isakmp::ExchangeType;
using isakmp::MessageBuilder;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::Fragmentation;

constexpr std::size_t kSmall = 120;

class Fragments : public ::testing::Test {
 protected:
  Fragments() : world(3), peer(world) {
    peer.takes_fragments = true;
    b().configuration = [this] {
      ike::ConfigChange change;
      change.connections.push_back(connection("ab", false));
      change.connections.back().children.push_back(child("net", false));
      change.connections.back().fragmentation = setting;
      change.connections.back().fragment_size = size;
      change.secrets.push_back(secret());
      return change;
    };
  }
  Node& b() { return world.b(); }
  void exchange_init() {
    b().boot();
    ASSERT_TRUE(peer.exchange_init());
  }
  std::vector<ByteVector> auth(std::size_t most = kSmall) {
    return peer.fragments(ExchangeType::kIkeAuth, 1, peer.authentication(), most);
  }
  void connect() {
    exchange_init();
    const auto answer = peer.authenticate();
    ASSERT_TRUE(answer && answer->has(PayloadType::kAuthentication));
  }
  /// @return what B says to the last of them
  std::optional<Answer> send(const std::vector<ByteVector>& all) {
    std::optional<Answer> last;
    for (const ByteVector& one : all) last = peer.send_raw(one);
    return last;
  }
  /// A liveness check of these octets, in fragments.
  std::vector<ByteVector> check(std::uint32_t id, std::size_t octets = 200,
                                std::size_t most = kSmall) {
    return peer.fragments(
        ExchangeType::kInformational, id,
        [&](MessageBuilder& m) { m.append(PayloadType::kVendorId, ByteVector(octets)); }, most);
  }
  std::uint64_t counter(std::string_view name) { return b().counter(name); }

  Fragmentation setting = Fragmentation::kYes;
  std::uint16_t size = 1280;
  World world;
  ScriptedPeer peer;
};

TEST_F(Fragments, AreAgreedOnInIkeSaInit) {
  b().boot();
  const auto answer = peer.first_request([this](auto& m) { peer.append_init(m); });
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kFragmentationSupported));
}

TEST_F(Fragments, AreNotOfferedToWhomDoesNotAsk) {
  peer.takes_fragments = false;
  b().boot();
  const auto answer = peer.first_request([this](auto& m) { peer.append_init(m); });
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->says(NotifyType::kFragmentationSupported));
}

TEST_F(Fragments, AreNotOfferedWhereTheyAreSwitchedOff) {
  setting = Fragmentation::kNo;
  b().boot();
  const auto answer = peer.first_request([this](auto& m) { peer.append_init(m); });
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->says(NotifyType::kFragmentationSupported));
}

TEST_F(Fragments, WithoutAgreementAreDroppedBeforeTheyCostAKey) {
  peer.takes_fragments = false;
  exchange_init();
  EXPECT_FALSE(send(auth()));
  EXPECT_GE(counter("fragment_not_agreed"), 3U);
  EXPECT_TRUE(peer.authenticate()->has(PayloadType::kAuthentication));
  EXPECT_FALSE(send(check(2)));
  EXPECT_EQ(b().established(), 1U);
}

TEST_F(Fragments, OfIkeAuthInAnyOrderAuthenticate) {
  exchange_init();
  auto all = auth();
  ASSERT_GE(all.size(), 3U);
  std::ranges::reverse(all);
  const auto answer = send(all);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has(PayloadType::kAuthentication));
  EXPECT_EQ(b().live_children(), 1U);
}

// All of them stand there before the first of them has brought the shared secret.
TEST_F(Fragments, ThatComeWhileTheKeysAreMadeAreHeld) {
  exchange_init();
  world.job_time = base::milliseconds{100};
  for (const ByteVector& one : auth())
    b().input([&](ike::Engine& e, base::Now t) { e.receive(t, {peer.at, peer.from, one}); });
  const auto answer = peer.wait(seconds{1});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has(PayloadType::kAuthentication));
}

TEST_F(Fragments, ThatWaitForTheKeysAreBounded) {
  exchange_init();
  world.job_time = seconds{5};
  auto garbage = peer.fragments(
      ExchangeType::kIkeAuth, 1,
      [](MessageBuilder& m) { m.append(PayloadType::kVendorId, ByteVector(60'000)); }, 1200);
  for (const ByteVector& one : garbage)
    b().input([&](ike::Engine& e, base::Now t) { e.receive(t, {peer.at, peer.from, one}); });
  EXPECT_EQ(counter("fragment_limit"), garbage.size() - 20'480 / 1200);
}

TEST_F(Fragments, OfALaterRequestAreAnswered) {
  connect();
  const auto answer = send(check(2));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.message_id, isakmp::MessageId{2});
  EXPECT_FALSE(answer->has(PayloadType::kEncryptedFragment)) << "an empty answer goes whole";
}

TEST_F(Fragments, ThatAreThereAlreadyAreDropped) {
  connect();
  const auto all = check(2);
  send({all[0], all[0], all[0]});
  EXPECT_EQ(counter("fragment_repeated"), 2U);
  EXPECT_TRUE(send({all.begin() + 1, all.end()}));
}

TEST_F(Fragments, ThatAreForgedAreDropped) {
  connect();
  const auto all = check(2);
  // Every octet behind the numbers, and the numbers themselves: they are authenticated (§2.5).
  for (std::size_t i = 32; i < all[0].size(); ++i) {
    ByteVector forged = all[0];
    forged[i] ^= std::byte{2};
    EXPECT_FALSE(peer.send_raw(forged)) << i;
  }
  EXPECT_GE(counter("integrity"), all[0].size() - 36);
  EXPECT_TRUE(send(all)) << "what was forged took no place";
}

TEST_F(Fragments, WithImpossibleNumbersAreMalformed) {
  connect();
  const auto bent = [&](std::uint16_t number, std::uint16_t total) {
    ByteVector one = check(2).front();
    one[28] = std::byte{0};  // no first payload
    one[32] = static_cast<std::byte>(number >> 8U);
    one[33] = static_cast<std::byte>(number);
    one[34] = static_cast<std::byte>(total >> 8U);
    one[35] = static_cast<std::byte>(total);
    return one;
  };
  EXPECT_FALSE(send({bent(0, 3), bent(4, 3), bent(0, 0), bent(1, 0)}));
  EXPECT_EQ(counter("malformed"), 4U);
  EXPECT_FALSE(send({bent(1, 0xffff)}));
  EXPECT_EQ(counter("fragment_limit"), 1U);
}

TEST_F(Fragments, OfAGreaterTotalBeginAnew) {
  connect();
  const auto few = check(2);
  const auto more = check(2, 200, 100);
  ASSERT_GT(more.size(), few.size());
  send({few[0], few[1]});
  send({more[1]});
  EXPECT_FALSE(send({few.begin() + 2, few.end()})) << "the old ones are forgotten";
  EXPECT_EQ(counter("fragment_outdated"), few.size() - 2);
  EXPECT_TRUE(send(more));
  EXPECT_EQ(counter("fragment_repeated"), 1U) << "the one that came before";
}

TEST_F(Fragments, GiveWayToTheWholeMessage) {
  connect();
  send({check(2).front()});
  EXPECT_TRUE(peer.send_raw(peer.sealed(ExchangeType::kInformational, 2, [](auto&) {})));
  EXPECT_TRUE(send(check(3)));
}

TEST_F(Fragments, ThatDoNotAllComeAreForgottenInTime) {
  connect();
  const auto all = check(2);
  send({all[0], all[1]});
  peer.wait(session::RetransmissionPolicy{}.total() + seconds{1});
  EXPECT_EQ(counter("fragment_timeout"), 1U);
  EXPECT_FALSE(send({all.begin() + 2, all.end()})) << "§2.6: as if none had come";
  EXPECT_TRUE(send({all[0], all[1]}));
  EXPECT_EQ(b().established(), 1U);
}

// RFC 7383 §2.6.1.
TEST_F(Fragments, OfAnAnsweredRequestBringTheAnswerAgainByTheFirstAlone) {
  connect();
  const auto all = check(2);
  const auto answer = send(all);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(send({all.begin() + 1, all.end()}));
  EXPECT_EQ(counter("fragment_repeated"), all.size() - 1);
  const auto again = send({all[0]});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->raw, answer->raw);
  ByteVector forged = all[0];
  forged.back() ^= std::byte{1};
  EXPECT_FALSE(send({forged}));
  EXPECT_EQ(counter("not_identical"), 1U);
}

// RFC 7383 §2.5.2: the answer to the larger ones was lost.
TEST_F(Fragments, OfAnAnsweredRequestMayBeCutAnew) {
  connect();
  const auto answer = send(check(2));
  ASSERT_TRUE(answer);
  const auto more = check(2, 200, 100);
  const auto again = send({more[0]});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->raw, answer->raw);
}

TEST_F(Fragments, OfAnAnsweredWholeRequestBringItsAnswer) {
  connect();
  const auto answer = peer.send_raw(peer.sealed(ExchangeType::kInformational, 2, [](auto&) {}));
  ASSERT_TRUE(answer);
  const auto again = send({check(2)[0]});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->raw, answer->raw);
}

TEST_F(Fragments, OfAStrangerAreBounded) {
  exchange_init();
  const auto all = peer.fragments(
      ExchangeType::kIkeAuth, 1,
      [](MessageBuilder& m) { m.append(PayloadType::kVendorId, ByteVector(30'000)); }, 1200);
  const auto answer = send(all);
  EXPECT_EQ(counter("fragment_limit"), 1U);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->says(NotifyType::kInvalidIkeSpi)) << "§5: it is dropped with its fragments";
}

TEST_F(Fragments, OfAPeerThatIsAuthenticatedAreBounded) {
  connect();
  const auto long_one = [&](std::size_t octets) {
    return peer.fragments(
        ExchangeType::kInformational, 2,
        [&](MessageBuilder& m) {
          m.append(PayloadType::kVendorId, ByteVector(octets / 2));
          m.append(PayloadType::kVendorId, ByteVector(octets / 2));
        },
        1200);
  };
  send(long_one(70'000));
  EXPECT_EQ(counter("fragment_limit"), 1U);
  const auto last = peer.wait(seconds{1});
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->header.is_response());
  EXPECT_TRUE(last->has(PayloadType::kDelete)) << "§5: the connection is dropped";
}

TEST_F(Fragments, AreMadeOfAnAnswerThatIsTooLongAndAllAreRepeated) {
  size = 150;
  exchange_init();
  const ByteVector request = peer.sealed(ExchangeType::kIkeAuth, 1, peer.authentication());
  peer.send_raw(request);
  const auto answer = peer.received();
  ASSERT_GE(answer.size(), 2U);
  for (const ByteVector& one : answer) {
    EXPECT_LE(one.size(), 150U - 20 - 8 - 4) << "IPv4, UDP and the non-ESP marker";
    EXPECT_TRUE(isakmp::MessageView::parse(one)->encrypted()->is_fragment);
  }
  peer.send_raw(request);
  EXPECT_EQ(peer.received(), answer);
}

TEST_F(Fragments, AreNotMadeWhereTheyAreOnlyAccepted) {
  size = 150;
  setting = Fragmentation::kAccept;
  exchange_init();
  const auto answer = send(auth());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has(PayloadType::kAuthentication));
  EXPECT_EQ(peer.received().size(), 1U);
}

}  // namespace
}  // namespace penstock::sim
