// SPDX-License-Identifier: BSD-3-Clause
// What two ends agree on and how each refuses: notifies, cookies, NAT, identities, installations
// that fail, a peer that dies or comes back.
#include <gtest/gtest.h>

#include <algorithm>

#include "control/isakmp/message_builder.h"
#include "tests/sim/world.h"

namespace penstock::sim {
namespace {

using base::seconds;
using ike::Command;

class Negotiation : public ::testing::Test {
 protected:
  Negotiation() : world(11) {
    for (int i = 0; i < 2; ++i) {
      config[i] = connection("ab", i == 0);
      config[i].keyingtries = 1;
      config[i].children.push_back(child("net", i == 0));
      secrets[i] = "a shared secret";
      world.node(i).configuration = [this, i] {
        ike::ConfigChange change;
        change.connections.push_back(config[i]);
        change.secrets.push_back(secret(secrets[i]));
        return change;
      };
    }
  }

  void boot() {
    a().boot();
    b().boot();
  }
  base::Result<std::string> up(const std::string& child_name = {}) {
    const auto id = a().command(Command::Kind::kUp, "ab", child_name);
    world.run_until([&] { return a().replies.contains(id); }, seconds{200});
    world.run_for(seconds{1});
    return a().replies.at(id);
  }
  static bool reported(const Node& n, std::string_view code, std::string_view words = {}) {
    return std::ranges::any_of(n.reports, [&](const ike::Report& r) {
      return r.code == code && r.text.find(words) != std::string::npos;
    });
  }
  static crypto::Proposals ike(std::string_view text) {
    return *crypto::parse_proposals(crypto::ProtocolId::kIke, text);
  }
  static crypto::Proposals esp(std::string_view text) {
    return *crypto::parse_proposals(crypto::ProtocolId::kEsp, text);
  }
  void expect_one_tunnel() {
    EXPECT_EQ(a().established(), 1U);
    EXPECT_EQ(b().established(), 1U);
    EXPECT_EQ(a().live_children(), 1U);
    EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
  }
  void expect_ike_sa_without_child() {
    EXPECT_EQ(a().established(), 1U);
    EXPECT_EQ(b().established(), 1U);
    EXPECT_EQ(a().live_children() + b().live_children(), 0U);
    EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
    EXPECT_TRUE(a().plane().inbound.empty() && b().plane().inbound.empty());
  }
  Node& a() { return world.a(); }
  Node& b() { return world.b(); }

  World world;
  session::ConnectionConfig config[2];
  std::string secrets[2];
};

TEST_F(Negotiation, NoCommonProposalNamesTheFirstTransformThatDiffers) {
  config[1].proposals = ike("aes128gcm16-prfsha384-x25519");
  boot();
  EXPECT_FALSE(up());
  EXPECT_GE(b().counter("no_proposal"), 1U);
  EXPECT_TRUE(reported(b(), "no_proposal", "PRF (ours prfsha384; theirs prfsha256)"));
  EXPECT_EQ(a().established() + b().established(), 0U);
}

// RFC 7296 §2.21.1: the refusal is not authenticated, so A asks once more before it believes it.
TEST_F(Negotiation, ARefusalInClearIsBelievedOnlyWhenItStands) {
  config[1].proposals = ike("aes128gcm16-prfsha384-x25519");
  boot();
  const auto id = a().command(Command::Kind::kUp, "ab");
  world.run_for(base::milliseconds{500});
  EXPECT_FALSE(a().replies.contains(id));
  world.run_for(seconds{4});
  EXPECT_TRUE(a().replies.contains(id));
  EXPECT_EQ(b().counter("no_proposal"), 2U);
}

// A: KE x25519 -> <- B: INVALID_KE_PAYLOAD ecp256 ; A: KE ecp256 ->
TEST_F(Negotiation, TheInitiatorTakesTheGroupThatTheResponderWants) {
  config[0].proposals = ike("aes128gcm16-prfsha256-x25519-ecp256");
  config[1].proposals = ike("aes128gcm16-prfsha256-ecp256");
  boot();
  EXPECT_TRUE(up());
  EXPECT_EQ(b().counter("invalid_ke"), 1U);
  expect_one_tunnel();
}

// A: -> <- B: COOKIE ; A: COOKIE, KE x25519 -> <- B: INVALID_KE ; A: COOKIE, KE ecp256 -> (§2.6.1)
TEST_F(Negotiation, CookieAndInvalidKeTogether) {
  config[0].proposals = ike("aes128gcm16-prfsha256-x25519-ecp256");
  config[1].proposals = ike("aes128gcm16-prfsha256-ecp256");
  b().config.limits.cookie_threshold = 0;
  boot();
  EXPECT_TRUE(up());
  EXPECT_EQ(b().counter("cookie_required"), 1U);
  EXPECT_EQ(b().counter("invalid_ke"), 1U);
  expect_one_tunnel();
}

TEST_F(Negotiation, AWrongSecretFailsTheAuthentication) {
  secrets[1] = "another secret";
  boot();
  EXPECT_FALSE(up());
  EXPECT_EQ(b().counter("authentication"), 1U);
  EXPECT_TRUE(reported(b(), "authentication_failed", "AUTH value is wrong"));
  EXPECT_TRUE(reported(a(), "ike_auth_refused", "AUTHENTICATION_FAILED"));
  EXPECT_EQ(a().established() + b().established(), 0U);
  world.run_for(seconds{40});
  EXPECT_TRUE(b().engine().idle());
}

TEST_F(Negotiation, AnIdentityThatNobodyExpectsFailsTheAuthentication) {
  config[0].local.id = {"mallory.example"};
  boot();
  EXPECT_FALSE(up());
  EXPECT_TRUE(reported(b(), "authentication_failed", "no connection is for mallory.example"));
}

// The responder is authenticated too: B says who it is, A wants somebody else (§2.21.2).
TEST_F(Negotiation, TheInitiatorRejectsAnotherResponder) {
  config[0].remote.id = {"*.elsewhere"};
  boot();
  EXPECT_FALSE(up());
  EXPECT_TRUE(reported(a(), "authentication_failed", "b.example"));
  world.run_for(seconds{60});
  EXPECT_EQ(a().established() + b().established(), 0U);
  EXPECT_TRUE(b().plane().inbound.empty());
}

TEST_F(Negotiation, SelectorsThatDoNotMeetLeaveTheIkeSaStanding) {
  config[1].children.front() = child("net", false, 9);
  boot();
  const auto result = up();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text.find("TS_UNACCEPTABLE"), std::string::npos);
  EXPECT_EQ(b().counter("ts_unacceptable"), 1U);
  expect_ike_sa_without_child();
}

TEST_F(Negotiation, EspProposalsThatDoNotMeetLeaveTheIkeSaStanding) {
  config[1].children.front().esp_proposals = esp("chacha20poly1305");
  boot();
  const auto result = up();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text.find("NO_PROPOSAL_CHOSEN"), std::string::npos);
  EXPECT_TRUE(reported(b(), "child_refused", "encryption (ours chacha20poly1305"));
  expect_ike_sa_without_child();
}

TEST_F(Negotiation, SelectorsAreNarrowedToWhatBothAllow) {
  config[0].children.front().remote_ts = {*policy::TrafficSelector::parse("10.2.0.0/16")};
  boot();
  EXPECT_TRUE(up());
  expect_one_tunnel();
  const auto sas = a().engine().list_ike_sas(world.now(), 0, 1);
  ASSERT_EQ(sas.front().children.front().remote_ts.size(), 1U);
  EXPECT_EQ(sas.front().children.front().remote_ts.front().to_string(), "10.2.0.0/24");
}

TEST_F(Negotiation, AnInstallationThatFailsAtTheResponderIsRefused) {
  boot();
  b().plane().fail_installs = true;
  const auto result = up();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text.find("NO_ADDITIONAL_SAS"), std::string::npos);
  EXPECT_GE(b().counter("install_failed"), 1U);
  expect_ike_sa_without_child();
  EXPECT_TRUE(b().plane().policies.empty());
}

TEST_F(Negotiation, AnInstallationThatFailsAtTheInitiatorDeletesTheChildAtThePeer) {
  boot();
  a().plane().fail_installs = true;
  EXPECT_FALSE(up());
  world.run_for(seconds{10});
  expect_ike_sa_without_child();
  EXPECT_TRUE(a().plane().policies.empty() && b().plane().policies.empty());
}

TEST_F(Negotiation, ForcedEncapsulationMovesBothEndsToPort4500) {
  config[0].encap = true;
  boot();
  EXPECT_TRUE(up());
  expect_one_tunnel();
  for (Node* n : {&a(), &b()}) {
    const auto sas = n->engine().list_ike_sas(world.now(), 0, 1);
    EXPECT_EQ(sas.front().local.port.value(), 4500);
    EXPECT_EQ(sas.front().remote.port.value(), 4500);
    EXPECT_TRUE(sas.front().children.front().encap);
  }
}

TEST_F(Negotiation, ASwitchAndNotTheNegotiationCutsSha256To96Bits) {
  for (auto& c : config) c.children[0].esp_proposals = esp("aes128-sha256");
  config[0].children[0].sha256_96 = true;
  boot();
  EXPECT_TRUE(up());
  for (const auto* sas : {&a().plane().inbound, &a().plane().outbound})
    EXPECT_EQ(sas->begin()->second.integ, crypto::IntegId::kHmacSha256_96);
  EXPECT_EQ(b().plane().inbound.begin()->second.integ, crypto::IntegId::kHmacSha256_128);
}

TEST_F(Negotiation, WithoutNatEspIsNotEncapsulated) {
  boot();
  EXPECT_TRUE(up());
  const auto sas = a().engine().list_ike_sas(world.now(), 0, 1);
  EXPECT_EQ(sas.front().local.port.value(), 500);
  EXPECT_FALSE(sas.front().children.front().encap);
}

TEST_F(Negotiation, FurtherChildrenComeByCreateChildSaWithAndWithoutPfs) {
  for (int i = 0; i < 2; ++i) {
    config[i].children.push_back(child("two", i == 0, 2));
    config[i].children.push_back(child("three", i == 0, 3));
    config[i].children.back().esp_proposals = esp("aes256-sha512-x25519-esn");
  }
  boot();
  EXPECT_TRUE(up());
  EXPECT_EQ(a().live_children(), 3U);
  EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
}

// B wants another group for the child than A tries first (§1.3).
TEST_F(Negotiation, InvalidKeIsFollowedInCreateChildSaToo) {
  config[0].children.front().esp_proposals = esp("aes128gcm16-x25519-ecp256");
  config[1].children.front().esp_proposals = esp("aes128gcm16-ecp256");
  boot();
  EXPECT_TRUE(up());
  const auto id = a().command(Command::Kind::kRekey, "ab", "net");
  world.run_for(seconds{5});
  EXPECT_TRUE(a().replies.at(id).has_value());
  EXPECT_EQ(b().counter("invalid_ke"), 1U);
  // The next rekey begins with the group that was accepted.
  a().command(Command::Kind::kRekey, "ab", "net");
  world.run_for(seconds{10});
  EXPECT_EQ(b().counter("invalid_ke"), 1U);
  world.exchange_traffic();
  world.run_for(seconds{10});
  expect_one_tunnel();
}

TEST_F(Negotiation, ADeadPeerIsNoticedOnlyWhenNothingComesFromIt) {
  config[0].dpd_delay = seconds{10};
  boot();
  EXPECT_TRUE(up());
  b().power_off();
  world.run_for(seconds{100});
  EXPECT_EQ(a().established(), 0U);
  EXPECT_TRUE(reported(a(), "peer_dead"));
  EXPECT_TRUE(a().plane().inbound.empty());
  EXPECT_TRUE(a().plane().policies.empty());
}

TEST_F(Negotiation, TheTunnelComesBackWhenThePeerRestarts) {
  config[0].dpd_delay = seconds{10};
  config[0].dpd_action = session::EndAction::kRestart;
  config[0].keyingtries = 0;
  boot();
  EXPECT_TRUE(up());
  b().power_off();
  world.run_for(seconds{5});
  b().boot();
  world.run_for(seconds{150});
  expect_one_tunnel();
  // §2.21.4: B does not know the IKE SA and says so in clear; A does not act on that alone.
  EXPECT_GE(b().counter("unknown_spi"), 1U);
}

// A comes back with an empty memory: INITIAL_CONTACT clears away what B still has (§2.4).
TEST_F(Negotiation, InitialContactClearsAwayTheFormerLife) {
  boot();
  EXPECT_TRUE(up());
  a().power_off();
  world.run_for(seconds{2});
  a().boot();
  EXPECT_TRUE(up());
  expect_one_tunnel();
  EXPECT_TRUE(reported(b(), "ike_replaced"));
}

TEST_F(Negotiation, UniqueKeepRefusesASecondIkeSa) {
  config[1].unique = session::UniquePolicy::kKeep;
  config[0].unique = session::UniquePolicy::kNever;  // sends no INITIAL_CONTACT
  boot();
  EXPECT_TRUE(up());
  a().power_off();
  a().boot();
  EXPECT_FALSE(up());
  EXPECT_TRUE(reported(b(), "authentication_failed", "unique = keep"));
  EXPECT_EQ(b().established(), 1U);
}

TEST_F(Negotiation, APacketThatMeetsATrapBringsTheChildUp) {
  config[0].children.front().start_action = session::StartAction::kTrap;
  boot();
  world.run_for(seconds{1});
  ASSERT_EQ(a().plane().policies.size(), 1U);
  const policy::PolicyRule trap = a().plane().policies.begin()->second;
  EXPECT_EQ(trap.priority, policy::kPriorityTrap);
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kAcquire;
  event.slot = trap.slot;
  event.packet = {
      *net::IpAddress::parse("10.1.0.9"), *net::IpAddress::parse("10.2.0.7"), 6, 4711, 80, true};
  // Three packets ask, one child comes.
  for (int i = 0; i < 3; ++i) a().input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
  world.run_for(seconds{2});
  expect_one_tunnel();
  EXPECT_EQ(a().plane().policies.size(), 2U);
}

TEST_F(Negotiation, PassAndDropAreStandingPolicies) {
  session::ChildConfig pass = child("ntp", true, 5);
  pass.mode = session::ChildMode::kPass;
  session::ChildConfig drop = child("telnet", true, 6);
  drop.mode = session::ChildMode::kDrop;
  config[0].children.push_back(pass);
  config[0].children.push_back(drop);
  boot();
  world.run_for(seconds{1});
  ASSERT_EQ(a().plane().policies.size(), 2U);
  for (const auto& [id, rule] : a().plane().policies) {
    EXPECT_EQ(rule.priority, policy::kPriorityPassDrop);
    EXPECT_NE(rule.action, policy::PolicyAction::kProtect);
  }
}

TEST_F(Negotiation, AnUnchangedConnectionKeepsItsSasWhenTheConfigurationIsLoadedAgain) {
  boot();
  EXPECT_TRUE(up());
  const auto before = a().engine().list_ike_sas(world.now(), 0, 1).front().spi_i;
  a().input([&](ike::Engine& e, base::Now t) { e.configure(t, a().configuration()); });
  world.run_for(seconds{2});
  EXPECT_EQ(a().engine().list_ike_sas(world.now(), 0, 1).front().spi_i, before);
  expect_one_tunnel();
  // Removed: its SAs are deleted at both ends.
  a().input([&](ike::Engine& e, base::Now t) { e.configure(t, {}); });
  world.run_for(seconds{2});
  EXPECT_EQ(a().established() + b().established(), 0U);
  EXPECT_TRUE(b().plane().inbound.empty());
}

TEST_F(Negotiation, LifetimesRekeyBothSasAndTrafficLimitsDoToo) {
  for (session::ConnectionConfig& c : config) {
    c.rekey_time = seconds{100};
    c.over_time = seconds{20};
    c.children.front().rekey_time = seconds{30};
    c.children.front().life_time = seconds{40};
  }
  config[0].children.front().rand_time = seconds{5};
  boot();
  EXPECT_TRUE(up());
  const auto first = a().plane().inbound.begin()->first;
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kSoftExpiry;
  event.spi = first;
  event.slot = a().plane().inbound.begin()->second.slot;
  a().input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
  world.run_for(seconds{8});
  EXPECT_FALSE(a().plane().inbound.contains(first));
  const auto ike_before = a().engine().list_ike_sas(world.now(), 0, 1).front().spi_i;
  world.run_for(seconds{200});
  EXPECT_NE(a().engine().list_ike_sas(world.now(), 0, 1).front().spi_i, ike_before);
  EXPECT_EQ(a().established(), 1U);
  EXPECT_EQ(a().live_children(), 1U);
  EXPECT_FALSE(reported(a(), "child_expired"));
}

TEST_F(Negotiation, ShuttingDownDeletesEverythingAtThePeer) {
  boot();
  EXPECT_TRUE(up());
  a().input([](ike::Engine& e, base::Now t) { e.shut_down(t); });
  EXPECT_FALSE(a().engine().idle());
  world.run_for(seconds{1});
  EXPECT_TRUE(a().engine().idle());
  EXPECT_TRUE(a().plane().larval.empty());
  EXPECT_EQ(b().established(), 0U);
}

// §2.21.1: whoever saw the first request can forge a message, and must not end the exchange by it.
TEST_F(Negotiation, AForgedRequestDoesNotDisturbTheInitiator) {
  boot();
  bool forged = false;
  world.filter = [&](const ike::Datagram& d) {
    if (forged) return true;
    forged = true;
    isakmp::Header h;
    h.initiator_spi = isakmp::Header::parse(d.data)->initiator_spi;
    h.responder_spi = isakmp::IkeSpi{1};
    h.exchange = isakmp::ExchangeType::kInformational;
    isakmp::MessageBuilder builder(h);
    builder.append(isakmp::PayloadType::kEncrypted, base::ByteVector(40));
    const ike::Datagram forgery{d.local, d.remote, builder.finish()};
    world.at(base::milliseconds{1}, [this, forgery] {
      a().input([&](ike::Engine& e, base::Now t) { e.receive(t, forgery); });
    });
    return true;
  };
  EXPECT_TRUE(up());
  EXPECT_EQ(a().counter("unexpected_exchange"), 1U);
  expect_one_tunnel();
}

// The answer to IKE_AUTH is lost, and the responder's own request comes before its repetition.
TEST_F(Negotiation, ARequestThatOvertakesTheAnswerToIkeAuthWaits) {
  boot();
  bool lost = false;
  world.filter = [&](const ike::Datagram& d) {
    const auto h = *isakmp::Header::parse(d.data);
    if (lost || h.exchange != isakmp::ExchangeType::kIkeAuth || !h.is_response()) return true;
    lost = true;
    world.at(base::milliseconds{1}, [this] { b().command(Command::Kind::kRekey, "ab", "net"); });
    return false;
  };
  EXPECT_TRUE(up());
  world.run_for(seconds{60});
  EXPECT_GE(a().counter("unexpected_exchange"), 1U);
  expect_one_tunnel();
}

// A man in the middle who sends us back what we send gets no IKE SA, whatever identity would do.
TEST_F(Negotiation, OurOwnMessagesSentBackAuthenticateNobody) {
  config[0].remote.id = {};
  boot();
  world.filter = [&](const ike::Datagram& d) {
    world.at(base::milliseconds{1},
             [this, d] { a().input([&](ike::Engine& e, base::Now t) { e.receive(t, d); }); });
    return false;
  };
  EXPECT_FALSE(up());
  EXPECT_EQ(a().established(), 0U);
  EXPECT_GE(a().counter("spi_mismatch"), 1U);
}

TEST_F(Negotiation, ADataPlaneWithoutSpisIsAskedAgainAtTimes) {
  boot();
  a().plane().full = true;
  a().command(Command::Kind::kUp, "ab");
  world.run_for(seconds{10});
  EXPECT_LE(a().plane().asked_for, 11U);
  EXPECT_EQ(a().live_children(), 0U);
  a().plane().full = false;
  world.run_for(seconds{2});
  expect_one_tunnel();
}

}  // namespace
}  // namespace penstock::sim
