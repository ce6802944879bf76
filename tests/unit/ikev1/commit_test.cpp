// SPDX-License-Identifier: BSD-3-Clause
// The commit bit in Quick Mode (RFC 2408 §3.1): a peer's CONNECTED is waited for, and ours is sent
// when all is installed.
#include <gtest/gtest.h>

#include <optional>

#include "control/isakmp/payload/v1_notify.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using isakmp::ExchangeType;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

constexpr std::size_t kExchangeOffset = 18;
constexpr std::size_t kFlagsOffset = 19;

class CommitBit : public testing::TestWithParam<bool> {
 protected:
  /// The end that waits: as initiator for what message 2 says, as responder for HASH(3).
  Ikev1End& waiter() { return GetParam() ? pair_.a : pair_.b; }
  Ikev1End& setter() { return GetParam() ? pair_.b : pair_.a; }

  /// Hands all over; the setter's messages of Quick Mode have the bit.
  void run() {
    for (std::size_t n = 0; n < 64 && !(pair_.a.sent.empty() && pair_.b.sent.empty()); ++n) {
      const bool from_a = !pair_.a.sent.empty();
      Ikev1End& from = from_a ? pair_.a : pair_.b;
      Datagram d = std::move(from.sent.front());
      from.sent.pop_front();
      const auto exchange = ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
      if (exchange == ExchangeType::kV1QuickMode && &from == &setter())
        d.data.at(kFlagsOffset) |= std::byte{isakmp::kFlagV1Commit};
      (from_a ? pair_.b : pair_.a).receive(d);
    }
  }
  void begin() {
    pair_.a.begin();
    run();
    ASSERT_EQ(waiter().sa()->children.size(), 1U);
    ASSERT_EQ(setter().sa()->children.size(), 1U);
  }

  static bool seals(Ikev1End& end) {
    const session::ChildSa& child = *end.sa()->children.front();
    const session::Slot* slot = end.services.slots.find(child.slot);
    return slot != nullptr && slot->sealing == child.spi_in;
  }

  /// The setter's CONNECTED.
  void say_connected(std::uint32_t message_id) {
    Ikev1End& end = setter();
    end.input([&] {
      IsakmpSa& sa = *end.sa();
      isakmp::MessageBuilder builder =
          end.machine.hashed_message(sa, ExchangeType::kV1Informational, message_id);
      const base::ByteVector spi(4);
      isakmp::append_v1_notify(builder, {3, isakmp::V1NotifyType::kConnected, spi, {}});
      base::ByteVector iv = phase2_iv(end.services.crypto, sa.algorithms, sa.iv, message_id);
      end.machine.transmit(sa, end.machine.seal_phase2(sa, builder, message_id, {}, iv));
    });
    run();
  }
  std::uint32_t message_id() { return waiter().sa()->exchanges.begin()->first; }

  Ikev1Pair pair_{21};
};

TEST_P(CommitBit, NothingSealsBeforeConnected) {
  begin();
  EXPECT_TRUE(seals(setter()));
  EXPECT_FALSE(seals(waiter()));
  waiter().advance(kCommitTime - base::milliseconds{1});
  EXPECT_FALSE(seals(waiter()));
  say_connected(message_id());
  EXPECT_TRUE(seals(waiter()));
  EXPECT_TRUE(pair_.is_up());
  // Once is enough.
  say_connected(message_id());
  waiter().advance(2 * kCommitTime);
  EXPECT_TRUE(pair_.is_up());
}

TEST_P(CommitBit, ConnectedOfAnotherExchangeChangesNothing) {
  begin();
  say_connected(message_id() ^ 1U);
  EXPECT_FALSE(seals(waiter()));
}

TEST_P(CommitBit, ALostConnectedIsNotWaitedForForEver) {
  begin();
  waiter().advance(kCommitTime);
  EXPECT_TRUE(seals(waiter()));
  EXPECT_TRUE(pair_.is_up());
}

INSTANTIATE_TEST_SUITE_P(AsInitiatorAndResponder, CommitBit, testing::Bool());

// ---- the bit that we set ----

/// B sets it as responder.
class OwnCommitBit : public testing::Test {
 protected:
  static bool seals(Ikev1End& end) {
    if (end.sa()->children.empty()) return false;
    const session::ChildSa& child = *end.sa()->children.front();
    const session::Slot* slot = end.services.slots.find(child.slot);
    return slot != nullptr && slot->sealing == child.spi_in;
  }
  static ExchangeType exchange_of(const Datagram& d) {
    return ExchangeType{std::to_integer<std::uint8_t>(d.data.at(kExchangeOffset))};
  }
  static bool has_bit(const Datagram& d) {
    return (std::to_integer<unsigned>(d.data.at(kFlagsOffset)) & isakmp::kFlagV1Commit) != 0;
  }

  Ikev1Pair pair_{22, [](session::ConnectionConfig& c) { c.commit_bit = true; }};
};

TEST_F(OwnCommitBit, WeInstallFirstAndSayConnected) {
  pair_.a.begin();
  std::size_t connected = 0;
  std::size_t bits = 0;
  pair_.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
    const ExchangeType exchange = exchange_of(d);
    if (exchange == ExchangeType::kV1QuickMode && has_bit(d)) {
      ++bits;
      EXPECT_EQ(&to, &pair_.a) << "the initiator sets it";
    }
    if (exchange != ExchangeType::kV1Informational) return;
    ++connected;
    EXPECT_EQ(&to, &pair_.a);
    EXPECT_TRUE(seals(pair_.b)) << "CONNECTED comes before the installation";
    EXPECT_FALSE(seals(pair_.a)) << "the initiator does not wait";
    // RFC 2408 §3.1: the message id of the Quick Mode.
    const auto id = isakmp::Header::parse(d.data)->message_id.value();
    EXPECT_TRUE(pair_.b.sa()->exchanges.contains(id));
  });
  EXPECT_EQ(bits, 1U);
  EXPECT_EQ(connected, 1U);
  EXPECT_TRUE(seals(pair_.a));
  EXPECT_TRUE(pair_.is_up());
}

TEST_F(OwnCommitBit, ConnectedIsRepeatedWhenTheLastMessageComesAgain) {
  pair_.a.begin();
  std::size_t quick = 0;
  std::size_t connected = 0;
  std::optional<Datagram> last;
  pair_.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
    if (exchange_of(d) == ExchangeType::kV1QuickMode && &to == &pair_.b && ++quick == 2) last = d;
    if (exchange_of(d) == ExchangeType::kV1Informational) ++connected;
  });
  ASSERT_TRUE(last.has_value());
  pair_.b.receive(*last);
  ASSERT_EQ(pair_.b.sent.size(), 1U);
  EXPECT_EQ(exchange_of(pair_.b.sent.front()), ExchangeType::kV1Informational);
  EXPECT_EQ(connected, 1U);
}

TEST_F(OwnCommitBit, ALostConnectedIsNotWaitedForForEver) {
  pair_.a.begin();
  for (std::size_t n = 0; n < 64 && !(pair_.a.sent.empty() && pair_.b.sent.empty()); ++n) {
    Ikev1End& from = pair_.a.sent.empty() ? pair_.b : pair_.a;
    const Datagram d = std::move(from.sent.front());
    from.sent.pop_front();
    if (exchange_of(d) != ExchangeType::kV1Informational)
      (&from == &pair_.a ? pair_.b : pair_.a).receive(d);
  }
  EXPECT_FALSE(seals(pair_.a));
  pair_.a.advance(kCommitTime);
  EXPECT_TRUE(seals(pair_.a));
  EXPECT_TRUE(pair_.is_up());
}

TEST_F(OwnCommitBit, WhoEchoesTheBitIsNotWaitedFor) {
  pair_.a.begin();
  for (std::size_t n = 0; n < 64 && !(pair_.a.sent.empty() && pair_.b.sent.empty()); ++n) {
    Ikev1End& from = pair_.a.sent.empty() ? pair_.b : pair_.a;
    Datagram d = std::move(from.sent.front());
    from.sent.pop_front();
    if (exchange_of(d) == ExchangeType::kV1QuickMode)
      d.data.at(kFlagsOffset) |= std::byte{isakmp::kFlagV1Commit};
    (&from == &pair_.a ? pair_.b : pair_.a).receive(d);
  }
  EXPECT_TRUE(seals(pair_.b));
  EXPECT_TRUE(seals(pair_.a));
}

}  // namespace
}  // namespace penstock::ikev1
