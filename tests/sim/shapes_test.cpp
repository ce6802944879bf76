// SPDX-License-Identifier: BSD-3-Clause
// AH and transport mode as two ends agree on them (RFC 7296 §3.3.3, §1.3.1), with NATs in between
// (§2.23.1).
#include "tests/sim/shapes.h"

#include <gtest/gtest.h>

namespace penstock::sim {
namespace {

using base::seconds;
using ike::Command;
using policy::IpsecMode;
using policy::IpsecProtocol;
using session::ChildConfig;

class Shapes : public ::testing::Test {
 protected:
  Shapes() : world(17) {
    for (int i = 0; i < 2; ++i) {
      config[i] = connection("ab", i == 0);
      config[i].keyingtries = 1;
      world.node(i).configuration = [this, i] {
        ike::ConfigChange change;
        change.connections.push_back(config[i]);
        change.secrets.push_back(secret());
        return change;
      };
    }
  }
  void boot() {
    a().boot();
    b().boot();
  }
  base::Result<std::string> command(Node& n, Command::Kind kind, const std::string& child = {}) {
    const auto id = n.command(kind, "ab", child);
    world.run_until([&] { return n.replies.contains(id); }, seconds{200});
    world.run_for(seconds{1});
    return n.replies.at(id);
  }
  base::Result<std::string> up(const std::string& child = {}) {
    return command(a(), Command::Kind::kUp, child);
  }
  ike::ChildStatus status(Node& n) {
    const auto sas = n.engine().list_ike_sas(world.now(), 0, 1);
    return sas.empty() || sas.front().children.empty() ? ike::ChildStatus{}
                                                       : sas.front().children.front();
  }
  void expect_at_rest(std::size_t children) {
    for (Node* n : {&a(), &b()}) EXPECT_EQ(n->live_children(), children);
    EXPECT_EQ(world.faults_at_rest(), std::vector<std::string>{});
  }
  /// Rekeys from both ends; afterwards there is one child of the same shape under other keys.
  void rekey_from_both_ends() {
    for (Node* n : {&a(), &b()}) {
      const ike::ChildStatus before = status(*n);
      const auto rekeyed = command(*n, Command::Kind::kRekey, before.child);
      EXPECT_TRUE(rekeyed) << rekeyed.error().text;
      world.exchange_traffic();
      world.run_for(seconds{10});
      const ike::ChildStatus after = status(*n);
      EXPECT_NE(after.spi_in, before.spi_in);
      EXPECT_EQ(after.protocol, before.protocol);
      EXPECT_EQ(after.mode, before.mode);
      EXPECT_EQ(after.local_ts, before.local_ts);
      EXPECT_EQ(n->plane().inbound.size(), 1U);
    }
  }
  Node& a() { return world.a(); }
  Node& b() { return world.b(); }
  static const ModelSa& only(const std::map<net::Spi, ModelSa>& sas) { return sas.begin()->second; }

  World world;
  session::ConnectionConfig config[2];
};

TEST_F(Shapes, AhHasAnIntegrityKeyAndNoOther) {
  for (int i = 0; i < 2; ++i) config[i].children = {ah_child("net", i == 0, "sha256-esn")};
  boot();
  ASSERT_TRUE(up());
  expect_at_rest(1);
  for (Node* n : {&a(), &b()}) {
    EXPECT_EQ(only(n->plane().inbound).protocol, IpsecProtocol::kAh);
    EXPECT_EQ(only(n->plane().inbound).mode, IpsecMode::kTunnel);
    EXPECT_EQ(only(n->plane().inbound).keys.size(), 32U);
    EXPECT_EQ(status(*n).protocol, IpsecProtocol::kAh);
    EXPECT_EQ(status(*n).proposal, "sha256-esn");
  }
}

TEST_F(Shapes, AhIsRekeyedAndDeletedByItsOwnProtocol) {
  for (int i = 0; i < 2; ++i)
    config[i].children = {ah_child("net", i == 0, "sha512-x25519"), child("other", i == 0, 1)};
  boot();
  ASSERT_TRUE(up("net"));
  rekey_from_both_ends();
  expect_at_rest(1);
  ASSERT_TRUE(up("other"));
  for (Node* n : {&a(), &b()}) {
    ASSERT_TRUE(command(*n, Command::Kind::kDown, "net"));
    expect_at_rest(1);
    EXPECT_EQ(status(a()).child, "other");
    ASSERT_TRUE(up("net"));
    EXPECT_EQ(n->counter("child_not_found"), 0U);
  }
  expect_at_rest(2);
}

TEST_F(Shapes, EspGoesBeforeAhWhereBothMayBe) {
  for (int i = 0; i < 2; ++i) {
    config[i].children = {child("net", i == 0)};
    config[i].children[0].ah_proposals = ah("sha256");
  }
  boot();
  ASSERT_TRUE(up());
  EXPECT_EQ(status(a()).protocol, IpsecProtocol::kEsp);
  expect_at_rest(1);
}

// The answer's number is that of the second proposal (RFC 7296 §3.3.1).
TEST_F(Shapes, AhIsTakenWhereThePeerHasNothingElse) {
  config[0].children = {child("net", true), child("more", true, 1)};
  for (ChildConfig& c : config[0].children) c.ah_proposals = ah("sha1,sha256");
  config[1].children = {ah_child("net", false, "sha256"), ah_child("more", false, "sha256", 1)};
  boot();
  ASSERT_TRUE(up("net"));
  EXPECT_EQ(status(a()).protocol, IpsecProtocol::kAh);
  rekey_from_both_ends();
  // An AH child stays AH, whatever else its configuration lists.
  EXPECT_EQ(status(a()).protocol, IpsecProtocol::kAh);
  ASSERT_TRUE(up("more"));
  expect_at_rest(2);
}

TEST_F(Shapes, NoProposalOfTheOtherProtocolIsChosen) {
  config[0].children = {child("net", true)};
  config[1].children = {ah_child("net", false, "sha256")};
  boot();
  const auto refused = up();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("NO_PROPOSAL_CHOSEN"), std::string::npos);
  EXPECT_TRUE(reported(b(), "child_refused", "protocol (ours AH; theirs ESP)"));
  expect_at_rest(0);
}

// RFC 3948 §1: what comes up is ESP; AH is refused, and stands in nobody's way.
TEST_F(Shapes, AhPassesNoNat) {
  for (int i = 0; i < 2; ++i)
    config[i].children = {ah_child("net", i == 0, "sha256"), child("more", i == 0, 1),
                          ah_child("third", i == 0, "sha256", 2)};
  config[1].encap = true;  // B says that it is behind a NAT
  boot();
  const auto refused = up();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("AH cannot be in UDP, nor pass a NAT"), std::string::npos);
  EXPECT_TRUE(reported(a(), "child_failed", "third: AH cannot"));
  EXPECT_EQ(status(a()).child, "more");
  expect_at_rest(1);
  EXPECT_FALSE(command(b(), Command::Kind::kUp, "net"));
  expect_at_rest(1);
}

TEST_F(Shapes, WithNothingButAhBehindANatThereIsNoIkeSa) {
  for (int i = 0; i < 2; ++i) config[i].children = {ah_child("net", i == 0, "sha256")};
  config[1].encap = true;
  boot();
  const auto refused = up();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("AH cannot be in UDP"), std::string::npos);
  world.run_for(seconds{60});
  EXPECT_TRUE(a().engine().idle() && b().engine().idle());
  EXPECT_TRUE(a().plane().faults.empty());
}

TEST_F(Shapes, TransportModeIsBetweenTheHostsAndSurvivesRekeys) {
  for (const bool with_ah : {false, true}) {
    for (int i = 0; i < 2; ++i) {
      config[i].children = {transport_child("host", i == 0)};
      if (!with_ah) continue;
      config[i].children[0].esp_proposals.clear();
      config[i].children[0].ah_proposals = ah("sha256");
    }
    boot();
    ASSERT_TRUE(up());
    for (Node* n : {&a(), &b()}) {
      EXPECT_EQ(only(n->plane().inbound).mode, IpsecMode::kTransport);
      EXPECT_EQ(only(n->plane().outbound).mode, IpsecMode::kTransport);
      EXPECT_EQ(status(*n).mode, IpsecMode::kTransport);
      EXPECT_EQ(session::to_string(status(*n).local_ts), n->address().to_string() + "/32");
      EXPECT_EQ(n->plane().policies.size(), 1U);
    }
    rekey_from_both_ends();
    expect_at_rest(1);
  }
}

TEST_F(Shapes, TransportModeTakesOfAPolicyWhatIsTheHosts) {
  for (int i = 0; i < 2; ++i) config[i].children = {transport_child("host", i == 0)};
  config[0].children[0].remote_ts = ts("192.0.2.0/24[udp/4000]");
  config[1].children[0].local_ts = ts("0.0.0.0/0[udp]");
  boot();
  ASSERT_TRUE(up());
  EXPECT_EQ(session::to_string(status(a()).remote_ts), "192.0.2.2/32[udp/4000]");
  expect_at_rest(1);
}

TEST_F(Shapes, ATrapOfTransportModeIsForOurOwnPackets) {
  for (int i = 0; i < 2; ++i) config[i].children = {transport_child("host", i == 0)};
  config[0].children[0].local_ts = ts("0.0.0.0/0");
  config[0].children[0].start_action = session::StartAction::kTrap;
  boot();
  ASSERT_EQ(a().plane().policies.size(), 1U);
  const policy::PolicyRule trap = a().plane().policies.begin()->second;
  EXPECT_EQ(session::to_string(trap.local_ts), "192.0.2.1/32");
  policy::SaEvent event;
  event.kind = policy::SaEventKind::kAcquire;
  event.slot = trap.slot;
  event.packet = {a().address(), b().address(), 6, 1000, 80, true};
  a().input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
  world.run_for(seconds{2});
  expect_at_rest(1);
  EXPECT_EQ(session::to_string(status(a()).remote_ts), "192.0.2.2/32");
}

// RFC 7296 §1.3.1: B makes a tunnel, which A's policy does not allow: A deletes it.
TEST_F(Shapes, APeerThatDeclinesTransportModeIsLeft) {
  config[0].children = {transport_child("host", true), child("net", true)};
  config[1].children = {child("host", false), child("net", false)};
  config[1].children[0].local_ts = ts("192.0.2.2");
  config[1].children[0].remote_ts = ts("192.0.2.1");
  boot();
  const auto refused = up("host");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("the peer declines transport mode"), std::string::npos);
  expect_at_rest(0);
  EXPECT_EQ(b().plane().inbound.size() + b().plane().policies.size(), 0U);
  // By CREATE_CHILD_SA too.
  ASSERT_TRUE(up("net"));
  EXPECT_FALSE(up("host"));
  expect_at_rest(1);
}

TEST_F(Shapes, APeerThatWantsATunnelWhereTransportModeIsOurPolicyIsRefused) {
  config[0].children = {child("host", true)};
  config[0].children[0].local_ts = ts("192.0.2.1");
  config[0].children[0].remote_ts = ts("192.0.2.2");
  config[1].children = {transport_child("host", false)};
  boot();
  const auto refused = up();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("NO_PROPOSAL_CHOSEN"), std::string::npos);
  EXPECT_TRUE(reported(b(), "child_refused", "it is in transport mode, and the peer asks for"));
  expect_at_rest(0);
}

// RFC 7296 §2.23.1, with the addresses of its picture: IP1 = A, IPN1, IPN2, IP2 = B.
TEST_F(Shapes, TransportModePassesNats) {
  const net::IpAddress ipn1 = *net::IpAddress::parse("198.51.100.1");
  const net::IpAddress ipn2 = *net::IpAddress::parse("198.51.100.2");
  for (const bool nat_a : {false, true}) {
    for (const bool nat_b : {false, true}) {
      const net::IpAddress a_seen = nat_a ? ipn1 : a().address();
      const net::IpAddress b_seen = nat_b ? ipn2 : b().address();
      world.translate = [&, a_seen, b_seen](ike::Datagram& d) {
        // As it arrives: `remote` is its source.
        if (d.remote.address == a().address())
          d.remote.address = a_seen;
        else if (d.remote.address == b().address())
          d.remote.address = b_seen;
        if (d.local.address == a_seen)
          d.local.address = a().address();
        else if (d.local.address == b_seen)
          d.local.address = b().address();
      };
      config[0].remote_addrs = {net::Prefix{b_seen, 32}};
      config[1].remote_addrs = {net::Prefix{a_seen, 32}};
      for (int i = 0; i < 2; ++i) config[i].children = {transport_child("host", i == 0)};
      boot();
      ASSERT_TRUE(up()) << nat_a << nat_b;
      const auto expect_selectors = [&] {
        EXPECT_EQ(session::to_string(status(a()).local_ts), a().address().to_string() + "/32");
        EXPECT_EQ(session::to_string(status(a()).remote_ts), b_seen.to_string() + "/32");
        EXPECT_EQ(session::to_string(status(b()).local_ts), b().address().to_string() + "/32");
        EXPECT_EQ(session::to_string(status(b()).remote_ts), a_seen.to_string() + "/32");
        for (Node* n : {&a(), &b()}) {
          EXPECT_EQ(status(*n).mode, IpsecMode::kTransport);
          EXPECT_EQ(status(*n).encap, nat_a || nat_b);
          EXPECT_EQ(n->plane().faults, std::vector<std::string>{});
          EXPECT_EQ(n->live_children(), 1U);
        }
        EXPECT_EQ(only(a().plane().inbound).keys, only(b().plane().outbound).keys);
      };
      expect_selectors();
      rekey_from_both_ends();
      expect_selectors();
    }
  }
}

}  // namespace
}  // namespace penstock::sim
