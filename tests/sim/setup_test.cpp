// SPDX-License-Identifier: BSD-3-Clause
// Two engines set up an IKE SA with its first child over a perfect network.
#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace penstock::sim {
namespace {

using ike::Command;

void configure(Node& node, bool is_a) {
  node.configuration = [is_a] {
    ike::ConfigChange change;
    change.connections.push_back(connection("ab", is_a));
    change.connections.back().children.push_back(child("net", is_a));
    change.secrets.push_back(secret());
    return change;
  };
}

TEST(Setup, TwoEnginesEstablishAnIkeSaAndItsFirstChild) {
  World world(1);
  configure(world.a(), true);
  configure(world.b(), false);
  world.a().boot();
  world.b().boot();
  const auto id = world.a().command(Command::Kind::kUp, "ab");
  ASSERT_TRUE(world.run_until([&] { return world.a().replies.contains(id); }, base::seconds{30}));
  EXPECT_TRUE(world.a().replies.at(id).has_value()) << world.a().replies.at(id).error().text;
  world.run_for(base::seconds{1});
  EXPECT_EQ(world.a().established(), 1U);
  EXPECT_EQ(world.b().established(), 1U);
  EXPECT_EQ(world.b().live_children(), 1U);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
}

TEST(Setup, AfterACommandsTimeAnotherCanWaitForTheSame) {
  World world(3);
  configure(world.a(), true);
  configure(world.b(), false);
  world.a().configuration = [] {
    ike::ConfigChange change;
    change.connections.push_back(connection("ab", true));
    change.connections.back().keyingtries = 0;
    change.connections.back().children.push_back(child("net", true));
    change.secrets.push_back(secret());
    return change;
  };
  world.a().boot();
  const auto first = world.a().command(Command::Kind::kUp, "ab");
  ASSERT_TRUE(
      world.run_until([&] { return world.a().replies.contains(first); }, base::seconds{400}));
  EXPECT_EQ(world.a().replies.at(first).error().code, base::ErrorCode::kTimeout);
  const auto second = world.a().command(Command::Kind::kUp, "ab");
  world.b().boot();
  ASSERT_TRUE(
      world.run_until([&] { return world.a().replies.contains(second); }, base::seconds{400}));
  EXPECT_TRUE(world.a().replies.at(second).has_value())
      << world.a().replies.at(second).error().text;
}

TEST(Setup, WhatIsBeingTakenDownIsNotUp) {
  World world(4);
  configure(world.a(), true);
  configure(world.b(), false);
  world.a().boot();
  world.b().boot();
  const auto first = world.a().command(Command::Kind::kUp, "ab");
  ASSERT_TRUE(
      world.run_until([&] { return world.a().replies.contains(first); }, base::seconds{30}));
  world.run_for(base::seconds{1});
  world.a().command(Command::Kind::kDown, "ab");
  const auto second = world.a().command(Command::Kind::kUp, "ab");
  EXPECT_FALSE(world.a().replies.contains(second)) << "it was up, and about to go";
  ASSERT_TRUE(
      world.run_until([&] { return world.a().replies.contains(second); }, base::seconds{30}));
  EXPECT_TRUE(world.a().replies.at(second).has_value());
  world.run_for(base::seconds{5});
  EXPECT_EQ(world.a().live_children(), 1U);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
}

TEST(Setup, APeerWithAnotherSecretIsRefusedAndNotListed) {
  World world(2);
  world.a().configuration = [] {
    ike::ConfigChange change;
    change.connections.push_back(connection("ab", true));
    change.connections.back().keyingtries = 1;
    change.connections.back().children.push_back(child("net", true));
    change.secrets.push_back(secret());
    return change;
  };
  world.b().configuration = [] {
    ike::ConfigChange change;
    change.connections.push_back(connection("ab", false));
    change.connections.back().children.push_back(child("net", false));
    change.secrets.push_back(secret("another secret"));
    return change;
  };
  world.a().boot();
  world.b().boot();
  const auto id = world.a().command(Command::Kind::kUp, "ab");
  ASSERT_TRUE(world.run_until([&] { return world.a().replies.contains(id); }, base::seconds{30}));
  EXPECT_FALSE(world.a().replies.at(id).has_value());
  EXPECT_EQ(world.b().counter("authentication"), 1U);
  EXPECT_TRUE(world.b().engine().list_ike_sas(world.now(), 0, 10).empty());
  EXPECT_TRUE(world.a().engine().list_ike_sas(world.now(), 0, 10).empty());
}

}  // namespace
}  // namespace penstock::sim
