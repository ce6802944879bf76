// SPDX-License-Identifier: BSD-3-Clause
// A peer that sets the commit bit in Quick Mode (RFC 2408 §3.1): its CONNECTED is waited for.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace penstock::ikev1
