// SPDX-License-Identifier: BSD-3-Clause
// What phase 2 of IKEv1 negotiates beside a single SA: bundles; and phase 1 made anew while
// children live on. In fair weather and in foul.
#include <gtest/gtest.h>

#include "tests/sim/shapes.h"

namespace penstock::sim {
namespace {

using ike::Command;
using session::ConnectionConfig;

using Edit = std::function<void(ConnectionConfig&)>;

void boot(World& world, const Edit& edit) {
  for (const bool is_a : {true, false}) {
    Node& node = is_a ? world.a() : world.b();
    node.configuration = [is_a, edit] {
      ike::ConfigChange change;
      ConnectionConfig& c = change.connections.emplace_back(connection("ab", is_a));
      c.version = session::IkeVersion::kIkev1;
      c.proposals = *crypto::parse_proposals(crypto::ProtocolId::kIke, "aes128-sha256-x25519");
      c.children.push_back(child("net", is_a));
      edit(c);
      change.secrets.push_back(secret("a secret"));
      return change;
    };
    node.boot();
  }
}

void expect_done(World& world, Command::Kind kind, bool ike = false) {
  const auto id = world.a().command(kind, "ab", {}, ike);
  ASSERT_TRUE(world.run_until([&] { return world.a().replies.contains(id); }, base::seconds{60}));
  EXPECT_TRUE(world.a().replies.at(id).has_value()) << world.a().replies.at(id).error().text;
}

void make_bundle(ConnectionConfig& c) {
  c.children[0].bundle = true;
  c.children[0].esp_proposals = esp("aes128gcm16-x25519");
  c.children[0].ah_proposals = ah("sha256");
}

/// AH and ESP at both ends, inbound of one slot, outbound each of its own.
void expect_bundle(Node& node) {
  EXPECT_EQ(node.plane().inbound.size(), 2U);
  EXPECT_EQ(node.plane().outbound.size(), 2U);
  EXPECT_EQ(node.plane().slots.size(), 2U);
  EXPECT_EQ(node.plane().policies.size(), 1U);
  std::set<policy::ChildSlot> slots;
  for (const auto& [spi, sa] : node.plane().inbound) slots.insert(sa.slot);
  EXPECT_EQ(slots.size(), 1U);
}

TEST(Ikev1Bundle, ComesUpIsRekeyedByEitherEndAndGoesDownWhole) {
  World world(51);
  boot(world, make_bundle);
  expect_done(world, Command::Kind::kUp);
  world.run_for(base::seconds{1});
  for (Node* node : {&world.a(), &world.b()}) expect_bundle(*node);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
  const auto before = world.a().plane().inbound;
  expect_done(world, Command::Kind::kRekey);
  world.run_for(base::seconds{20});
  for (Node* node : {&world.a(), &world.b()}) expect_bundle(*node);
  for (const auto& [spi, sa] : world.a().plane().inbound) EXPECT_FALSE(before.contains(spi));
  world.b().command(Command::Kind::kRekey, "ab");
  world.run_for(base::seconds{20});
  for (Node* node : {&world.a(), &world.b()}) expect_bundle(*node);
  expect_done(world, Command::Kind::kRekey, true);
  world.run_for(base::seconds{20});
  for (Node* node : {&world.a(), &world.b()}) expect_bundle(*node);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
  const auto shown = world.a().engine().list_ike_sas(world.now(), 0, 10)[0].children.at(0);
  EXPECT_TRUE(shown.outer_in && shown.outer_out);
  EXPECT_NE(shown.proposal.find(" in AH sha256"), std::string::npos) << shown.proposal;
  expect_done(world, Command::Kind::kDown);
  world.run_for(base::seconds{10});
  for (Node* node : {&world.a(), &world.b()}) {
    EXPECT_TRUE(node->plane().inbound.empty());
    EXPECT_TRUE(node->plane().outbound.empty());
    EXPECT_TRUE(node->plane().slots.empty());
    EXPECT_EQ(node->plane().faults, std::vector<std::string>{});
  }
}

TEST(Ikev1Bundle, ADataPlaneThatRefusesLeavesNothing) {
  World world(52);
  boot(world, [](ConnectionConfig& c) {
    make_bundle(c);
    c.keyingtries = 1;
  });
  world.b().plane().fail_installs = true;
  world.a().command(Command::Kind::kUp, "ab");
  world.run_for(base::seconds{120});
  for (Node* node : {&world.a(), &world.b()}) {
    EXPECT_TRUE(node->plane().inbound.empty());
    EXPECT_TRUE(node->plane().outbound.empty());
    EXPECT_EQ(node->plane().faults, std::vector<std::string>{});
  }
}

/// Weather, commands at both ends, then peace: both ends must agree.
void run_storm(std::uint64_t seed, bool trace, const Edit& edit) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  World world(seed);
  world.trace = trace;
  boot(world, [&](ConnectionConfig& c) {
    c.dpd_delay = base::seconds{15};
    c.rekey_time = base::seconds{300};
    c.over_time = base::seconds{100};
    edit(c);
    for (session::ChildConfig& child : c.children) {
      child.rekey_time = base::seconds{100};
      child.life_time = base::seconds{160};
      child.start_action = session::StartAction::kStart;
      child.close_action = child.dpd_action = session::EndAction::kRestart;
    }
  });
  world.weather.lost = world.draw(200);
  world.weather.doubled = world.draw(100);
  world.weather.corrupted = world.draw(50);
  world.weather.jitter = base::milliseconds{static_cast<int>(world.draw(200))};
  for (int i = 0; i < 8; ++i) {
    world.run_for(base::seconds{static_cast<int>(world.draw(90))});
    Node& node = world.node(static_cast<int>(world.draw(2)));
    switch (world.draw(4)) {
      case 0:
        node.command(Command::Kind::kRekey, "ab", {}, world.draw(2) == 0);
        break;
      case 1:
        node.power_off();
        world.run_for(base::seconds{static_cast<int>(world.draw(30))});
        node.boot();
        break;
      default:
        node.command(Command::Kind::kUp, "ab");
        break;
    }
  }
  world.weather = {};
  world.run_for(base::seconds{900});
  for (Node* node : {&world.a(), &world.b()}) {
    EXPECT_GE(node->live_children(), 1U);
    EXPECT_EQ(node->plane().faults, std::vector<std::string>{});
    // What seals must be opened at the other end.
    Node& other = node == &world.a() ? world.b() : world.a();
    for (const auto& [slot, spi] : node->plane().slots)
      EXPECT_TRUE(other.plane().inbound.contains(spi)) << net::to_string(spi);
  }
  for (Node* node : {&world.a(), &world.b()})
    node->input([](ike::Engine& engine, base::Now now) { engine.shut_down(now); });
  world.run_for(base::seconds{60});
  for (Node* node : {&world.a(), &world.b()}) {
    EXPECT_TRUE(node->engine().idle());
    EXPECT_TRUE(node->plane().inbound.empty());
    EXPECT_TRUE(node->plane().outbound.empty());
    EXPECT_TRUE(node->plane().policies.empty());
    EXPECT_TRUE(node->plane().larval.empty());
  }
}

void run_storms(std::uint64_t first, std::uint64_t count, const Edit& edit) {
  if (const char* one = std::getenv("PENSTOCK_SIM_SEED"))
    return run_storm(std::strtoull(one, nullptr, 10), true, edit);
  for (std::uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed)
    run_storm(seed, false, edit);
}

TEST(Ikev1Bundle, ConvergesAfterEveryStorm) { run_storms(3000, 100, make_bundle); }

/// Two children between the same networks; A asks for them.
void make_two(ConnectionConfig& c) {
  const bool is_a = c.local.id.text == "a.example";
  c.several_sas = true;
  c.children.push_back(child("more", is_a));
  c.children.back().esp_proposals = esp("aes256-sha256");
  if (!is_a) return;
  for (session::ChildConfig& child : c.children) child.start_action = session::StartAction::kStart;
}

TEST(Ikev1SeveralSas, ComeUpInOneQuickModeAndLiveApart) {
  World world(55);
  std::set<base::ByteVector> exchanges;
  world.filter = [&](const ike::Datagram& d) {
    if (d.data.at(18) == std::byte{32}) exchanges.emplace(d.data.begin() + 20, d.data.begin() + 24);
    return true;
  };
  boot(world, make_two);
  world.run_for(base::seconds{30});
  EXPECT_EQ(world.a().live_children(), 2U);
  EXPECT_EQ(world.b().live_children(), 2U);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
  EXPECT_EQ(exchanges.size(), 1U);
  world.filter = {};
  world.a().command(Command::Kind::kRekey, "ab");
  world.run_for(base::seconds{30});
  EXPECT_EQ(world.a().live_children(), 2U);
  EXPECT_EQ(world.b().live_children(), 2U);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
}

TEST(Ikev1SeveralSas, ConvergeAfterEveryStorm) { run_storms(3400, 60, make_two); }

TEST(Ikev1Reauthentication, MakesPhase1AnewBeforeItEndsWhileChildrenLiveOn) {
  for (const bool by_b : {false, true}) {
    World world(53);
    boot(world, [&](ConnectionConfig& c) {
      const bool is_b = c.local.id.text == "b.example";
      c.rekey_time = {};
      c.over_time = base::seconds{60};
      c.rand_time = {};
      c.reauth_time = is_b == by_b ? base::seconds{200} : base::seconds{100'000};
    });
    expect_done(world, Command::Kind::kUp);
    world.run_for(base::seconds{1});
    const auto spi = world.a().plane().inbound.begin()->first;
    std::set<isakmp::IkeSpi> made;
    for (int i = 0; i < 20; ++i) {
      world.run_for(base::seconds{50});
      for (const auto& sa : world.a().engine().list_ike_sas(world.now(), 0, 10)) {
        made.insert(sa.spi_i);
        EXPECT_EQ(sa.state, "established");
      }
      for (Node* node : {&world.a(), &world.b()}) {
        EXPECT_GE(node->established(), 1U);
        EXPECT_EQ(node->live_children(), 1U);
        ASSERT_EQ(node->plane().inbound.size(), 1U);
      }
      EXPECT_EQ(world.a().plane().inbound.begin()->first, spi) << "the child is the same";
      EXPECT_FALSE(world.a().plane().slots.empty()) << "and seals";
    }
    EXPECT_GE(made.size(), 5U);
    EXPECT_LE(made.size(), 6U);
    world.run_for(base::seconds{70});
    EXPECT_LE(world.a().established(), 2U);
  }
}

TEST(Ikev1Reauthentication, ThatFailsIsTriedAgainAndThenEndsAll) {
  World world(54);
  boot(world, [](ConnectionConfig& c) {
    c.rekey_time = {};
    c.over_time = base::seconds{200};
    c.rand_time = {};
    c.reauth_time = base::seconds{200};
  });
  expect_done(world, Command::Kind::kUp);
  // From now on nobody proves anything: messages of phase 1 are lost.
  std::size_t tries = 0;
  world.filter = [&](const ike::Datagram& d) {
    const bool phase1 = d.data.at(18) == std::byte{2};
    if (phase1) ++tries;
    return !phase1;
  };
  world.run_for(base::seconds{390});
  EXPECT_EQ(world.a().live_children(), 1U);
  EXPECT_GE(tries, 2U);
  world.run_for(base::seconds{60});
  EXPECT_EQ(world.a().live_children(), 0U);
  EXPECT_EQ(world.b().live_children(), 0U);
  EXPECT_TRUE(world.a().plane().inbound.empty());
}

TEST(Ikev1Reauthentication, ConvergesAfterEveryStorm) {
  run_storms(3200, 60, [](ConnectionConfig& c) {
    c.rekey_time = {};
    c.reauth_time = base::seconds{200};
  });
}

}  // namespace
}  // namespace penstock::sim
