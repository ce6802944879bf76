// SPDX-License-Identifier: BSD-3-Clause
// Floods of first requests (RFC 7296 §2.6, §2.21.4): what strangers ask for is bounded, and none of
// it is taken from those who show that they are where they say.
#include <gtest/gtest.h>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"
#include "control/isakmp/payload/sa.h"
#include "control/session/services.h"
#include "tests/sim/world.h"

namespace penstock::sim {
namespace {

using isakmp::NotifyType;
using session::Allowance;

constexpr std::string_view kWanted = "aes128gcm16-prfsha256-x25519";

std::uint64_t burst_of(Allowance what) {
  return session::kAllowanceTable.at(static_cast<std::size_t>(what)).burst;
}

/// A first request; its key exchange value is nobody's.
base::ByteVector first_request(std::uint64_t spi, std::string_view proposal,
                               base::Bytes cookie = {}) {
  isakmp::Header h;
  h.initiator_spi = isakmp::IkeSpi{spi};
  h.exchange = isakmp::ExchangeType::kIkeSaInit;
  h.flags = isakmp::kFlagInitiator;
  isakmp::MessageBuilder builder(h);
  if (!cookie.empty()) isakmp::append_notify(builder, NotifyType::kCookie, cookie);
  const crypto::Proposal offered = *crypto::parse_proposal(crypto::ProtocolId::kIke, proposal);
  isakmp::append_sa(builder, {&offered, 1}, {});
  const std::size_t octets = crypto::find_dh(offered.dh.front())->public_octets;
  isakmp::append_key_exchange(builder, offered.dh.front(), base::ByteVector(octets, std::byte{9}));
  isakmp::append_nonce(builder, base::ByteVector(32, std::byte{7}));
  return builder.finish();
}

class Flood : public ::testing::Test {
 protected:
  Flood() : world(11) {
    for (Node* node : {&world.a(), &world.b()}) {
      const bool is_a = node == &world.a();
      node->configuration = [is_a] {
        ike::ConfigChange change;
        change.connections.push_back(connection("ab", is_a));
        change.connections.back().children.push_back(child("net", is_a));
        change.secrets.push_back(secret());
        return change;
      };
    }
    // A responder for anyone: floods come from everywhere.
    const auto for_a = world.b().configuration;
    world.b().configuration = [for_a] {
      ike::ConfigChange change = for_a();
      change.connections.front().remote_addrs.clear();
      return change;
    };
  }

  /// To B, from this address; what B sends to anyone but A is kept in `answers`.
  void receive(net::IpAddress from, base::ByteVector octets) {
    const ike::Datagram d{{b().address(), net::Port{500}}, {from, net::Port{500}}, octets};
    b().input([&](ike::Engine& e, base::Now t) { e.receive(t, d); });
  }
  void keep_answers() {
    world.filter = [this](const ike::Datagram& d) {
      if (d.remote.address == world.a().address() || d.local.address == world.a().address())
        return true;
      answers.push_back(d.data);
      return false;
    };
  }
  std::optional<isakmp::NotifyPayload> last_notify(NotifyType type) {
    if (answers.empty()) return std::nullopt;
    return isakmp::find_notify(isakmp::MessageView::parse(answers.back())->payloads(), type);
  }
  static net::IpAddress stranger(std::uint32_t n) { return net::IpAddress::v4(0x0a000000 + n); }
  Node& b() { return world.b(); }

  World world;
  std::vector<base::ByteVector> answers;
};

TEST_F(Flood, StrayMessagesTakeNoCookieFromThoseWhoAskForOne) {
  b().config.limits.cookie_threshold = 0;
  keep_answers();
  b().boot();
  base::ByteVector stray = first_request(1, kWanted);
  stray[15] = std::byte{1};  // a responder SPI
  stray[18] = std::byte{static_cast<unsigned char>(isakmp::ExchangeType::kInformational)};
  for (std::uint32_t i = 0; i < 2000; ++i) receive(stranger(i), stray);
  EXPECT_EQ(answers.size(), burst_of(Allowance::kStray));
  receive(stranger(1), first_request(2, kWanted));
  EXPECT_TRUE(last_notify(NotifyType::kCookie));
}

TEST_F(Flood, AnsweredRequestsForACookieLeaveRoomForTheNext) {
  b().config.limits.cookie_threshold = 0;
  keep_answers();
  b().boot();
  for (std::uint32_t i = 0; i < 2000; ++i) receive(stranger(i), first_request(i + 1, kWanted));
  EXPECT_EQ(answers.size(), 2000U);
  const base::ByteVector cookie = base::to_vector(last_notify(NotifyType::kCookie)->data);
  receive(stranger(1999), first_request(2000, kWanted, cookie));
  world.run_for(base::seconds{1});
  EXPECT_FALSE(last_notify(NotifyType::kCookie));
  EXPECT_EQ(b().engine().list_ike_sas(world.now(), 0, 10).size(), 1U);
}

TEST_F(Flood, RequestsForgedInAPeersNameDoNotKeepItOut) {
  keep_answers();
  b().boot();
  for (std::uint32_t i = 0; i < 1000; ++i) receive(stranger(7), first_request(i + 1, kWanted));
  ASSERT_TRUE(last_notify(NotifyType::kCookie));
  receive(stranger(7), first_request(2000, kWanted));
  const base::ByteVector cookie = base::to_vector(last_notify(NotifyType::kCookie)->data);
  receive(stranger(7), first_request(2000, kWanted, cookie));
  world.run_for(base::seconds{1});
  EXPECT_FALSE(last_notify(NotifyType::kCookie));
  EXPECT_EQ(b().engine().list_ike_sas(world.now(), 0, 10).size(),
            b().config.limits.cookie_per_source + 1);
}

TEST_F(Flood, ASourceThatIsThereHasALimitAllTheSame) {
  b().config.limits.cookie_per_source = 0;
  b().config.limits.half_open_per_source = 3;
  keep_answers();
  b().boot();
  for (std::uint32_t i = 1; i <= 5; ++i) {
    receive(stranger(7), first_request(i, kWanted));
    ASSERT_TRUE(last_notify(NotifyType::kCookie));
    const base::ByteVector cookie = base::to_vector(last_notify(NotifyType::kCookie)->data);
    receive(stranger(7), first_request(i, kWanted, cookie));
    world.run_for(base::milliseconds{10});
  }
  EXPECT_EQ(b().counter("half_open_source_limit"), 2U);
  EXPECT_EQ(b().engine().list_ike_sas(world.now(), 0, 10).size(), 3U);
}

TEST_F(Flood, RefusedFirstRequestsAreAnsweredAndLoggedAtALimitedRate) {
  keep_answers();
  b().boot();
  for (std::uint32_t i = 0; i < 1000; ++i)
    receive(stranger(i), first_request(i + 1, "aes256-sha256-x25519"));
  EXPECT_TRUE(last_notify(NotifyType::kNoProposalChosen));
  EXPECT_EQ(answers.size(), burst_of(Allowance::kRefusal));
  EXPECT_EQ(b().reports.size(), burst_of(Allowance::kReport));
  EXPECT_EQ(b().counter("no_proposal"), 1000U);
  EXPECT_EQ(b().counter("stranger_rate"), 1000 - burst_of(Allowance::kRefusal));
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(Flood, ARefusalToAnAddressThatACookieProvedHasABudgetOfItsOwn) {
  keep_answers();
  b().boot();
  for (std::uint32_t i = 0; i < 1000; ++i)
    receive(stranger(i), first_request(i + 1, "aes256-sha256-x25519"));
  for (std::uint32_t i = 0; i < 100; ++i)  // half open from now on: cookies are asked for
    receive(stranger(i), first_request(i + 2000, kWanted));
  const std::string_view other_group = "aes128gcm16-prfsha256-ecp256-x25519";
  receive(stranger(5), first_request(5000, other_group));
  ASSERT_TRUE(last_notify(NotifyType::kCookie));
  const base::ByteVector cookie = base::to_vector(last_notify(NotifyType::kCookie)->data);
  receive(stranger(5), first_request(5000, other_group, cookie));
  EXPECT_TRUE(last_notify(NotifyType::kInvalidKePayload));
}

// Spoofed first requests come for seconds on end; meanwhile a real initiator gets in.
TEST_F(Flood, APeerConnectsWhileItGoesOn) {
  keep_answers();
  b().boot();
  std::uint32_t sent = 0;
  const std::function<void()> pour = [&] {
    receive(stranger(sent), first_request(sent + 1, kWanted));
    if (++sent < 15'000) world.at(base::Duration{200'000}, pour);
  };
  pour();
  world.run_for(base::seconds{1});
  EXPECT_GT(b().counter("cookie_required"), 4000U);
  world.a().boot();
  world.a().command(ike::Command::Kind::kUp, "ab");
  world.run_for(base::seconds{1});
  EXPECT_LT(sent, 15'000U);
  EXPECT_EQ(world.a().established(), 1U);
  EXPECT_EQ(world.a().live_children(), 1U);
}

}  // namespace
}  // namespace penstock::sim
