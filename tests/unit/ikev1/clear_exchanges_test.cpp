// SPDX-License-Identifier: BSD-3-Clause
// The Base (RFC 2408 §4.4) and the Authentication Only Exchange (§4.6) between two machines, with
// pre-shared keys: what they make, and what a stranger gets. Signatures are with tests/sim, the
// formulas with tests/interop, against the Python model.
#include <gtest/gtest.h>

#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using isakmp::ExchangeType;
using session::ConnectionConfig;
using session::Datagram;
using session::IkeDrop;
using session::Phase1Exchange;
using test::Ikev1End;
using test::Ikev1Pair;

constexpr std::size_t kExchangeOffset = 18;

void set_base(ConnectionConfig& c) { c.exchange = Phase1Exchange::kBase; }
void set_only(ConnectionConfig& c) { c.exchange = Phase1Exchange::kAuthenticationOnly; }
bool is_a(const ConnectionConfig& c) {
  return c.local_addrs.front() == net::IpAddress::parse("192.0.2.1").value();
}

/// The first datagrams, handed over one by one.
void run_some(Ikev1Pair& pair, std::size_t count) {
  for (std::size_t n = 0; n < count; ++n) {
    Ikev1End& from = pair.a.sent.empty() ? pair.b : pair.a;
    ASSERT_FALSE(from.sent.empty());
    const Datagram d = std::move(from.sent.front());
    from.sent.pop_front();
    (&from == &pair.a ? pair.b : pair.a).receive(d);
  }
}

// ---- Base ----

TEST(BaseExchange, MakesAnIsakmpSaInFourMessagesAndThenAChild) {
  Ikev1Pair pair(41, set_base);
  pair.a.begin();
  std::size_t base = 0;
  std::size_t quick = 0;
  pair.run([&](Ikev1End&, const Datagram& d, std::size_t) {
    const auto exchange = ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
    base += exchange == ExchangeType::kV1Base ? 1 : 0;
    quick += exchange == ExchangeType::kV1QuickMode ? 1 : 0;
  });
  EXPECT_EQ(base, 4U);
  EXPECT_EQ(quick, 3U);
  EXPECT_TRUE(pair.is_up());
  EXPECT_TRUE(pair.a.said("established by BASE as initiator"));
  EXPECT_TRUE(pair.b.said("established by BASE as responder"));
  EXPECT_TRUE(pair.a.sa()->has_keys());
  EXPECT_EQ(pair.a.sa()->nat, nullptr);
}

TEST(BaseExchange, IsTakenOnlyWhereItIsConfigured) {
  Ikev1Pair pair(42, [](ConnectionConfig& c) {
    if (is_a(c)) set_base(c);
  });
  pair.a.begin();
  pair.run();
  EXPECT_FALSE(pair.is_up());
  EXPECT_TRUE(pair.b.machine.all().empty());
}

TEST(BaseExchange, TheResponderComputesNothingBeforeTheProof) {
  Ikev1Pair pair(43, set_base);
  pair.a.begin();
  run_some(pair, 1);
  ASSERT_NE(pair.b.sa(), nullptr);
  EXPECT_EQ(pair.b.sa()->state, State::kAnswered);
  EXPECT_TRUE(pair.b.sa()->phase1->own_public.empty());
}

/// What the responder says and counts when message 3 proves nothing.
struct Refusal {
  std::size_t answers = 0;
  std::uint64_t drops = 0;
  bool kept = false;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};
Refusal refusal_of(const std::function<void(ConnectionConfig&)>& edit, bool wrong_hash) {
  Ikev1Pair pair(44, [&](ConnectionConfig& c) {
    set_base(c);
    edit(c);
  });
  pair.a.begin();
  run_some(pair, 2);
  Datagram proof = pair.a.sent.front();
  if (wrong_hash) proof.data.back() ^= std::byte{1};
  pair.b.receive(proof);
  return {pair.b.sent.size(), pair.b.services.drops.get(IkeDrop::kAuthentication),
          pair.b.sa() != nullptr && pair.b.sa()->phase1 != nullptr && !pair.b.sa()->phase1->busy};
}

TEST(BaseExchange, WhoIsNotKnownGetsWhatAWrongProofGets) {
  const Refusal wrong = refusal_of([](ConnectionConfig&) {}, true);
  EXPECT_EQ(wrong, (Refusal{0, 1, true}));
  const auto stranger = [](ConnectionConfig& c) {
    if (is_a(c)) c.local.id.text = "stranger.example";
    if (!is_a(c)) c.remote.id.text = "192.0.2.1";
  };
  EXPECT_EQ(refusal_of(stranger, false), wrong);
  EXPECT_EQ(refusal_of(stranger, true), wrong);
}

TEST(BaseExchange, GoesOnAfterAForgedProof) {
  Ikev1Pair pair(45, set_base);
  pair.a.begin();
  pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
    if (n != 2 && n != 3) return;
    for (const std::size_t at : {d.data.size() - 1, std::size_t{40}}) {
      Datagram forged = d;
      forged.data.at(at) ^= std::byte{0x55};
      const std::size_t sent = to.sent.size();
      to.receive(forged);
      EXPECT_EQ(to.sent.size(), sent);
    }
  });
  EXPECT_TRUE(pair.is_up());
}

TEST(BaseExchange, AnEncipheredMessageIsDropped) {
  Ikev1Pair pair(46, set_base);
  pair.a.begin();
  pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
    if (n != 2 && n != 3) return;
    Datagram forged = d;
    forged.data.at(19) |= std::byte{isakmp::kFlagV1Encryption};
    forged.data.resize(28 + 64);
    forged.data.at(26) = std::byte{0};
    forged.data.at(27) = std::byte{28 + 64};
    const std::size_t sent = to.sent.size();
    to.receive(forged);
    EXPECT_EQ(to.sent.size(), sent);
  });
  EXPECT_TRUE(pair.is_up());
}

// ---- Authentication Only ----

TEST(AuthenticationOnly, SaysWhoBothEndsAreAndMakesNoKeys) {
  Ikev1Pair pair(51, set_only);
  pair.a.begin();
  std::size_t messages = 0;
  pair.run([&](Ikev1End&, const Datagram&, std::size_t) { ++messages; });
  EXPECT_EQ(messages, 3U);
  for (Ikev1End* end : {&pair.a, &pair.b}) {
    ASSERT_NE(end->sa(), nullptr);
    EXPECT_EQ(end->sa()->state, State::kEstablished);
    EXPECT_FALSE(end->sa()->has_keys());
    EXPECT_TRUE(end->sa()->keys.skeyid.empty());
    EXPECT_FALSE(end->sa()->remote_id.data.empty());
    EXPECT_TRUE(end->said("by AUTHENTICATION_ONLY"));
    EXPECT_TRUE(end->said("without keys: it protects nothing"));
    EXPECT_EQ(end->children(), 0U);
    EXPECT_TRUE(end->sa()->exchanges.empty());
    EXPECT_TRUE(end->sa()->tasks.empty());
  }
}

TEST(AuthenticationOnly, AWrongProofOfEitherEndIsDroppedAndTheRightOneTaken) {
  Ikev1Pair pair(52, set_only);
  pair.a.begin();
  pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
    if (n == 0) return;
    Datagram forged = d;
    // HASH is the last of message 3, and before a vendor id in message 2.
    forged.data.at(n == 2 ? d.data.size() - 1 : d.data.size() - 24) ^= std::byte{0x55};
    const std::size_t sent = to.sent.size();
    to.receive(forged);
    EXPECT_EQ(to.sent.size(), sent);
    EXPECT_NE(to.sa()->state, State::kEstablished);
  });
  EXPECT_EQ(pair.a.sa()->state, State::kEstablished);
  EXPECT_EQ(pair.b.sa()->state, State::kEstablished);
}

TEST(AuthenticationOnly, TheLastMessageIsSentThreeTimesAndNoMore) {
  Ikev1Pair pair(53, set_only);
  pair.a.begin();
  run_some(pair, 2);
  ASSERT_EQ(pair.a.sent.size(), 1U);
  pair.a.sent.clear();  // lost
  std::size_t again = 0;
  for (int second = 0; second < 120; ++second) {
    pair.a.advance(base::seconds{1});
    again += pair.a.sent.size();
    pair.run();
  }
  EXPECT_EQ(again, kBlindTransmissions - 1);
  EXPECT_EQ(pair.b.sa()->state, State::kEstablished);
  EXPECT_EQ(pair.b.services.drops.get(IkeDrop::kRequestInProgress), 1U);
}

TEST(AuthenticationOnly, NothingOfPhase2IsTakenOrSaid) {
  Ikev1Pair pair(54, set_only);
  pair.a.begin();
  pair.run();
  Datagram d{pair.b.sa()->local, pair.b.sa()->remote, base::ByteVector(28 + 64)};
  isakmp::Header h;
  h.initiator_spi = pair.b.sa()->cookies.i;
  h.responder_spi = pair.b.sa()->cookies.r;
  h.major = 1;
  for (const auto exchange : {ExchangeType::kV1QuickMode, ExchangeType::kV1NewGroupMode,
                              ExchangeType::kV1Informational}) {
    h.exchange = exchange;
    h.message_id = isakmp::MessageId{77};
    h.flags = isakmp::kFlagV1Encryption;
    isakmp::MessageBuilder builder(h);
    builder.append(isakmp::PayloadType::kV1Hash, base::ByteVector(60));
    d.data = builder.finish();
    const std::uint64_t before = pair.b.services.drops.get(IkeDrop::kUnexpectedExchange);
    pair.b.receive(d);
    EXPECT_EQ(pair.b.services.drops.get(IkeDrop::kUnexpectedExchange), before + 1);
  }
  pair.b.input([&] { pair.b.machine.delete_ike(*pair.b.sa(), session::EndReason::kRequested); });
  EXPECT_TRUE(pair.b.sent.empty()) << "a Delete that nothing protects";
  EXPECT_TRUE(pair.b.machine.all().empty());
}

TEST(AuthenticationOnly, TakesNoChildrenOfAnIsakmpSaThatHasKeys) {
  Ikev1Pair pair(55, [](ConnectionConfig& c) {
    if (!is_a(c)) set_only(c);
  });
  pair.a.begin();
  pair.run();
  ASSERT_TRUE(pair.is_up());
  pair.a.advance(base::seconds{5});
  pair.b.advance(base::seconds{5});
  set_only(pair.a.connection.config);
  pair.a.input([&] { static_cast<void>(pair.a.machine.initiate(pair.a.connection, {})); });
  pair.run();
  ASSERT_FALSE(pair.a.sa()->has_keys());
  for (Ikev1End* end : {&pair.a, &pair.b}) {
    ASSERT_EQ(end->machine.all().size(), 2U);
    const IsakmpSa& keyed = *end->machine.all().begin()->second;
    EXPECT_FALSE(keyed.superseded);
    EXPECT_EQ(keyed.children.size(), 1U);
    EXPECT_TRUE(end->sa()->children.empty());
  }
}

TEST(AuthenticationOnly, AnAddressWithoutASecretIsAnsweredLikeAnother) {
  std::vector<std::size_t> lengths;
  for (const bool known : {true, false}) {
    Ikev1Pair pair(56, set_only);
    if (!known) {
      std::vector<session::SharedSecret> secrets(1);
      secrets.front().ids.push_back({"somebody.example"});
      secrets.front().secret = base::SecretBytes(16);
      pair.b.services.secrets = session::SecretStore(std::move(secrets));
    }
    pair.a.begin();
    run_some(pair, 1);
    ASSERT_EQ(pair.b.sent.size(), 1U);
    lengths.push_back(pair.b.sent.front().data.size());
    pair.run();
    EXPECT_EQ(pair.b.sa()->state == State::kEstablished, known);
  }
  EXPECT_EQ(lengths[0], lengths[1]);
}

}  // namespace
}  // namespace penstock::ikev1
