// SPDX-License-Identifier: BSD-3-Clause
// IKEv1 messages in fragments: who makes them, what is taken, and what whoever may be can make us
// hold.
#include "control/ikev1/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using base::ByteVector;
using isakmp::PayloadType;
using session::Datagram;
using session::Fragmentation;
using session::IkeDrop;
using test::Ikev1End;
using test::Ikev1Pair;

constexpr std::uint16_t kSmall = 150;

void set_small(session::ConnectionConfig& c) { c.fragment_size = kSmall; }
void set_aggressive(session::ConnectionConfig& c) {
  set_small(c);
  c.aggressive = c.aggressive_psk = true;
}

bool is_fragment(const Datagram& d) {
  return d.data.at(16) == static_cast<std::byte>(PayloadType::kV1Fragment);
}
bool is_first(const Datagram& d) {
  return std::ranges::all_of(std::span(d.data).subspan(8, 8),
                             [](std::byte b) { return b == std::byte{}; });
}
std::uint64_t dropped(const Ikev1End& end, IkeDrop why) { return end.services.drops.get(why); }

/// A message of this end's ISAKMP SA with one Fragment payload.
Datagram forged(Ikev1End& to, std::uint16_t id, unsigned number, bool last,
                const ByteVector& data) {
  isakmp::Header h;
  h.initiator_spi = to.sa()->cookies.i;
  h.responder_spi = to.sa()->cookies.r;
  h.major = 1;
  h.exchange = isakmp::ExchangeType::kV1MainMode;
  isakmp::MessageBuilder builder(h);
  ByteVector body{static_cast<std::byte>(id >> 8U), static_cast<std::byte>(id),
                  static_cast<std::byte>(number), static_cast<std::byte>(last ? 1 : 0)};
  body.insert(body.end(), data.begin(), data.end());
  builder.append(PayloadType::kV1Fragment, body);
  return {to.sa()->local, to.sa()->remote, builder.finish()};
}

/// Runs until B waits for the third message of Main Mode, and hands out what A has to say.
std::deque<Datagram> third_message(Ikev1Pair& pair) {
  pair.a.begin();
  pair.b.receive(pair.a.sent.front());
  pair.a.sent.clear();
  for (const Datagram& d : std::exchange(pair.b.sent, {})) pair.a.receive(d);
  return std::exchange(pair.a.sent, {});
}

TEST(Ikev1Fragments, CarryWhatIsTooLongForAPacketInBothExchanges) {
  for (const auto edit : {set_small, set_aggressive}) {
    Ikev1Pair pair(1, edit);
    pair.a.begin();
    std::size_t from_a = 0;
    std::size_t from_b = 0;
    pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
      if (!is_fragment(d)) return;
      EXPECT_LE(d.data.size(), kSmall - 32U) << "IPv4, UDP, non-ESP marker";
      EXPECT_FALSE(is_first(d)) << "nobody has announced anything";
      ++(&to == &pair.b ? from_a : from_b);
    });
    EXPECT_TRUE(pair.is_up());
    EXPECT_GE(from_a, 2U);
    EXPECT_GE(from_b, 2U);
    EXPECT_EQ(dropped(pair.a, IkeDrop::kFragmentRepeated), 0U);
  }
}

TEST(Ikev1Fragments, AreMadeForPeersAloneThatTakeThem) {
  Ikev1Pair pair(2, set_small);
  pair.b.connection.config.fragmentation = Fragmentation::kNo;
  pair.a.begin();
  pair.run([](Ikev1End&, const Datagram& d, std::size_t) { EXPECT_FALSE(is_fragment(d)); });
  EXPECT_TRUE(pair.is_up());
}

TEST(Ikev1Fragments, AreTakenAndNotMadeWhereTheyAreOnlyAccepted) {
  Ikev1Pair pair(3, set_small);
  pair.b.connection.config.fragmentation = Fragmentation::kAccept;
  pair.a.begin();
  std::size_t from_a = 0;
  pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
    EXPECT_FALSE(&to == &pair.a && is_fragment(d));
    from_a += is_fragment(d) ? 1U : 0U;
  });
  EXPECT_TRUE(pair.is_up());
  EXPECT_GE(from_a, 2U);
}

TEST(Ikev1Fragments, AreForcedOnWhomDidNotAsk) {
  Ikev1Pair pair(4, set_small);
  pair.a.connection.config.fragmentation = Fragmentation::kForce;
  pair.b.connection.config.fragmentation = Fragmentation::kNo;
  // So that the first message, which is never taken in fragments, fits.
  pair.a.connection.config.fragment_size = 240;
  pair.a.begin();
  std::size_t seen = 0;
  pair.run([&](Ikev1End&, const Datagram& d, std::size_t) { seen += is_fragment(d) ? 1U : 0U; });
  EXPECT_GE(seen, 2U);
  EXPECT_FALSE(pair.is_up());
  EXPECT_EQ(dropped(pair.b, IkeDrop::kFragmentNotAgreed), seen);
}

TEST(Ikev1Fragments, MayComeInAnyOrderAndMoreThanOnce) {
  Ikev1Pair pair(5, set_small);
  auto third = third_message(pair);
  ASSERT_GE(third.size(), 3U);
  std::ranges::reverse(third);
  for (const Datagram& d : third) {
    pair.b.receive(d);
    pair.b.receive(d);
  }
  // The last one was the first of a new message, which is none.
  EXPECT_EQ(dropped(pair.b, IkeDrop::kFragmentRepeated), third.size() - 1);
  EXPECT_EQ(pair.b.sa()->state, State::kKeyed);
  pair.run();
  EXPECT_TRUE(pair.is_up());
}

TEST(Ikev1Fragments, BringTheAnswerAgainWhenTheyAllComeAgain) {
  Ikev1Pair pair(6, set_small);
  const auto third = third_message(pair);
  for (const Datagram& d : third) pair.b.receive(d);
  const auto answer = std::exchange(pair.b.sent, {});
  ASSERT_GE(answer.size(), 2U);
  for (const Datagram& d : third) {
    EXPECT_TRUE(pair.b.sent.empty());
    pair.b.receive(d);
  }
  ASSERT_EQ(pair.b.sent.size(), answer.size());
  for (std::size_t i = 0; i < answer.size(); ++i)
    EXPECT_EQ(pair.b.sent[i].data, answer[i].data) << "not the same octets";
}

TEST(Ikev1Fragments, OfAnybodyElsePutNothingIn) {
  Ikev1Pair pair(7, set_small);
  const auto third = third_message(pair);
  Datagram elsewhere = third.front();
  elsewhere.remote.address = net::IpAddress::parse("192.0.2.99").value();
  pair.b.receive(elsewhere);
  EXPECT_EQ(dropped(pair.b, IkeDrop::kSpiMismatch), 1U);
  elsewhere = third.front();
  elsewhere.remote.port = net::Port{501};
  pair.b.receive(elsewhere);
  EXPECT_EQ(dropped(pair.b, IkeDrop::kSpiMismatch), 2U);
  EXPECT_EQ(pair.b.sa()->fragments, nullptr);
}

TEST(Ikev1Fragments, ThatAreForgedGiveWayToThePeersOwn) {
  Ikev1Pair pair(8, set_small);
  const auto third = third_message(pair);
  ASSERT_GE(third.size(), 3U);
  // A forger that sees the path: the same id and number before each fragment, another last one,
  // another id.
  const auto id = isakmp::read_v1_fragment(isakmp::MessageView::parse(third.front().data).value());
  ASSERT_TRUE(id.has_value());
  for (const Datagram& d : third) {
    const auto one = isakmp::read_v1_fragment(isakmp::MessageView::parse(d.data).value());
    pair.b.receive(forged(pair.b, id->id, one->number, one->last, ByteVector(40)));
    pair.b.receive(d);
  }
  EXPECT_EQ(pair.b.sa()->state, State::kKeyed) << "the peer's own are the younger ones";
  // One that comes last spoils the message; the peer's next transmission is whole.
  Ikev1Pair other(9, set_small);
  const auto again = third_message(other);
  for (std::size_t i = 0; i + 1 < again.size(); ++i) other.b.receive(again[i]);
  const std::uint16_t same =
      isakmp::read_v1_fragment(isakmp::MessageView::parse(again.front().data).value())->id;
  other.b.receive(forged(other.b, same, 1, false, ByteVector(40)));
  other.b.receive(forged(other.b, same, 2, true, ByteVector(40)));
  other.b.receive(again.back());
  EXPECT_EQ(other.b.sa()->state, State::kAnswered);
  other.a.advance(base::seconds{1});
  other.run();
  EXPECT_TRUE(other.is_up());
}

TEST(Ikev1Fragments, OfAFirstMessageAreNotHeld) {
  Ikev1Pair pair(10, set_small);
  pair.a.begin();
  const ByteVector first = pair.a.sent.front().data;
  const ByteVector cut =
      isakmp::cut_v1_message(first, isakmp::ExchangeType::kV1MainMode, kSmall - 32U);
  pair.b.services.v1_broken = {};
  base::Bytes rest = cut;
  std::size_t n = 0;
  while (!rest.empty()) {
    const base::Bytes one = isakmp::next_message(rest);
    pair.b.receive({pair.a.sent.front().local, pair.a.sent.front().remote, base::to_vector(one)});
    rest = rest.subspan(one.size());
    ++n;
  }
  EXPECT_GE(n, 2U);
  EXPECT_EQ(pair.b.services.v1_broken.get(isakmp::V1Rule::kCookie), n);
  EXPECT_TRUE(pair.b.machine.all().empty());
}

TEST(Ikev1Fragments, OfAStrangerAreBounded) {
  Ikev1Pair pair(11, set_small);
  const auto third = third_message(pair);
  for (unsigned n = 1; n <= 21; ++n) pair.b.receive(forged(pair.b, 9, n, false, ByteVector(1000)));
  EXPECT_EQ(dropped(pair.b, IkeDrop::kFragmentLimit), 1U);
  EXPECT_EQ(pair.b.sa()->fragments, nullptr);
  for (const Datagram& d : third) pair.b.receive(d);
  pair.run();
  EXPECT_TRUE(pair.is_up());
}

TEST(Ikev1Fragments, ThatDoNotAllComeAreForgottenInTime) {
  Ikev1Pair pair(12, set_small);
  const auto third = third_message(pair);
  pair.b.receive(third.front());
  EXPECT_NE(pair.b.sa()->fragments, nullptr);
  pair.b.advance(pair.b.services.settings.retransmission.total());
  EXPECT_EQ(dropped(pair.b, IkeDrop::kFragmentTimeout), 1U);
  EXPECT_TRUE(pair.b.sa() == nullptr || pair.b.sa()->fragments == nullptr);
}

TEST(Ikev1Fragments, ThatHoldAnotherFragmentOrOtherCookiesAreDropped) {
  Ikev1Pair pair(13, set_small);
  const auto third = third_message(pair);
  pair.b.receive(forged(pair.b, 9, 1, true, third.front().data));
  EXPECT_EQ(pair.b.services.v1_broken.get(isakmp::V1Rule::kFragment), 1U);
  Datagram other = third.front();
  other.data.at(0) ^= std::byte{1};
  pair.b.receive(forged(pair.b, 9, 1, true, other.data));
  EXPECT_EQ(pair.b.services.v1_broken.get(isakmp::V1Rule::kFragment), 2U);
  EXPECT_EQ(pair.b.sa()->state, State::kAnswered);
}

}  // namespace
}  // namespace penstock::ikev1
