// SPDX-License-Identifier: BSD-3-Clause
// Phase 1 of IKEv1 between two engines: Aggressive Mode, signatures, what an end that is not known
// gets to see, lost messages and forged ones.
#include <gtest/gtest.h>

#include "control/isakmp/payload/v1_certificate.h"
#include "tests/sim/papers.h"

namespace penstock::sim {
namespace {

using session::AuthMethod;
using Exchange = session::Phase1Exchange;

struct Way {
  const char* key;
  AuthMethod auth;
  Exchange exchange;
};

constexpr auto kMain = Exchange::kMain;
constexpr auto kAggressive = Exchange::kAggressive;
constexpr auto kBase = Exchange::kBase;

std::string_view word_of(Exchange exchange) {
  if (exchange == kBase) return "by BASE";
  return exchange == kAggressive ? "by AGGRESSIVE" : "by MAIN_MODE";
}

class Ikev1Phase1 : public testing::TestWithParam<Way>, protected PaperEnds {
 protected:
  /// @param exchange  A dials by it, and B takes it
  void boot(World& w, const Papers& papers, AuthMethod auth, Exchange exchange) {
    const auto further = change;
    change = [=](session::ConnectionConfig& c, bool is_a) {
      c.version = session::IkeVersion::kIkev1;
      c.exchange = exchange;
      c.aggressive_psk = exchange != Exchange::kMain;
      c.proposals = crypto::parse_proposals(crypto::ProtocolId::kIke, "aes128-sha1-ecp256").value();
      if (further) further(c, is_a);
    };
    set_up(w, papers, auth);
    change = further;
  }
};

TEST_P(Ikev1Phase1, EstablishesByEitherExchange) {
  World w(1);
  const Papers papers(GetParam().key, GetParam().key);
  boot(w, papers, GetParam().auth, GetParam().exchange);
  expect_up(w);
  EXPECT_TRUE(said(w.a(), word_of(GetParam().exchange)));
  // And back: a new ISAKMP SA by the other end, the child lives on.
  w.b().command(ike::Command::Kind::kRekey, "ab", {}, true);
  w.run_for(base::seconds{30});
  EXPECT_EQ(w.a().established(), 1U);
  EXPECT_EQ(w.a().live_children(), 1U);
  EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{});
}

TEST_P(Ikev1Phase1, EstablishesWhateverOneMessageIsLost) {
  const Papers papers(GetParam().key, GetParam().key);
  for (std::size_t lost = 0; lost < 8; ++lost) {
    SCOPED_TRACE(lost);
    World w(2);
    boot(w, papers, GetParam().auth, GetParam().exchange);
    std::size_t n = 0;
    w.filter = [&](const ike::Datagram&) { return n++ != lost; };
    EXPECT_TRUE(up(w).has_value());
    w.run_for(base::seconds{10});
    EXPECT_EQ(w.a().live_children(), 1U);
    EXPECT_EQ(w.b().live_children(), 1U);
    EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{});
  }
}

TEST_P(Ikev1Phase1, GoesOnWhateverAForgerSends) {
  World w(3);
  const Papers papers(GetParam().key, GetParam().key);
  // Whole messages, of which the forged one is a copy.
  change = [](session::ConnectionConfig& c, bool) {
    c.fragmentation = session::Fragmentation::kNo;
  };
  boot(w, papers, GetParam().auth, GetParam().exchange);
  std::size_t forged = 0;
  // Each message of phase 1 behind the first is preceded by one whose last octets are others: of
  // its proof, its NAT-D payloads, its padding.
  w.filter = [&](const ike::Datagram& d) {
    const auto exchange = isakmp::ExchangeType{std::to_integer<std::uint8_t>(d.data.at(18))};
    const bool first = std::ranges::all_of(std::span(d.data).subspan(8, 8),
                                           [](std::byte b) { return b == std::byte{}; });
    if (exchange == isakmp::ExchangeType::kV1QuickMode || first || forged > 6) return true;
    const bool sealed = (std::to_integer<unsigned>(d.data.at(19)) & 1U) != 0;
    const bool from_a = d.local.address == w.a().address();
    // In clear, Main Mode has nothing that could be looked at before the keys are there.
    if (!sealed && exchange == isakmp::ExchangeType::kV1MainMode) return true;
    ike::Datagram bad{d.remote, d.local, d.data};
    // Behind HASH nothing of an enciphered message is proved but by the IV of the next.
    for (std::size_t at = sealed ? 30 : 60; at < bad.data.size(); at += 7)
      bad.data[at] ^= std::byte{0x41};
    ++forged;
    Node& to = from_a ? w.b() : w.a();
    w.at(base::milliseconds{1}, [&to, bad] {
      to.input([&](ike::Engine& engine, base::Now now) { engine.receive(now, bad); });
    });
    return true;
  };
  expect_up(w);
  EXPECT_GT(forged, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Ikev1Phase1,
    testing::Values(
        Way{"P-256", AuthMethod::kPsk, kMain}, Way{"P-256", AuthMethod::kPsk, kAggressive},
        Way{"RSA-2048", AuthMethod::kPubkey, kMain}, Way{"RSA-2048", AuthMethod::kRsa, kAggressive},
        Way{"P-256", AuthMethod::kPubkey, kMain}, Way{"P-256", AuthMethod::kEcdsa, kAggressive},
        Way{"P-384", AuthMethod::kEcdsa, kMain}, Way{"P-521", AuthMethod::kPubkey, kAggressive},
        Way{"DSA", AuthMethod::kDsa, kMain}, Way{"DSA", AuthMethod::kPubkey, kAggressive},
        Way{"RSA-2048", AuthMethod::kPubkeyEnc, kMain},
        Way{"RSA-2048", AuthMethod::kPubkeyEnc, kAggressive},
        Way{"RSA-3072", AuthMethod::kPubkeyEncRevised, kMain},
        Way{"RSA-2048", AuthMethod::kPubkeyEncRevised, kAggressive},
        Way{"P-256", AuthMethod::kPsk, kBase}, Way{"RSA-2048", AuthMethod::kRsa, kBase},
        Way{"P-384", AuthMethod::kEcdsa, kBase}));

TEST_F(Ikev1Phase1, AggressiveModeIsTakenOnlyWhereItIsConfigured) {
  World w(4);
  change = [](session::ConnectionConfig& c, bool is_a) { c.exchange = is_a ? kAggressive : kMain; };
  boot(w, Papers(), AuthMethod::kPsk, kAggressive);
  EXPECT_FALSE(up(w).has_value());
  EXPECT_EQ(w.b().established(), 0U);
}

TEST_F(Ikev1Phase1, WhoIsNotKnownGetsWhatWhoIsGets) {
  std::vector<std::size_t> lengths;
  std::vector<std::uint64_t> jobs;
  for (const std::string id : {"a.example", "x.example"}) {
    World w(5);
    change = [&](session::ConnectionConfig& c, bool is_a) {
      if (is_a) c.local.id.text = id;
      if (is_a) c.remote.id.text = "%any";
    };
    boot(w, Papers(), AuthMethod::kPsk, kAggressive);
    std::size_t answered = 0;
    w.filter = [&](const ike::Datagram& d) {
      if (d.local.address == w.b().address()) answered += d.data.size();
      return d.local.address == w.a().address();
    };
    w.a().command(ike::Command::Kind::kUp, "ab");
    w.run_for(base::milliseconds{500});
    lengths.push_back(answered);
    jobs.push_back(w.b().jobs_run);
  }
  EXPECT_GT(lengths[0], 200U);
  EXPECT_EQ(lengths[0], lengths[1]);
  EXPECT_EQ(jobs[0], jobs[1]);
}

TEST_F(Ikev1Phase1, WhoIsNotKnownIsRefusedAtTheEnd) {
  World w(6);
  change = [](session::ConnectionConfig& c, bool is_a) {
    if (is_a) c.local.id.text = "x.example";
  };
  boot(w, Papers(), AuthMethod::kPsk, kAggressive);
  EXPECT_FALSE(up(w).has_value());
  EXPECT_EQ(w.a().established() + w.b().established(), 0U);
}

TEST_F(Ikev1Phase1, ADistinguishedNameHasTheCertificatesOctets) {
  for (const bool aggressive : {false, true}) {
    SCOPED_TRACE(aggressive);
    World w(9);
    const Papers papers;
    base::ByteVector subject;
    // Said in another spelling: names are compared without regard to case and spaces.
    change = [&](session::ConnectionConfig& c, bool is_a) {
      if (!is_a) c.remote.id.text = "CN=a";
      if (!is_a) return;
      subject = c.local.credentials.front().subject;
      c.local.id.text = "CN=A";
      c.remote.id.text = "%any";
    };
    boot(w, papers, AuthMethod::kPubkey, aggressive ? kAggressive : kMain);
    ASSERT_NE(policy::Identity::parse("CN=A")->data, subject);
    expect_up(w);
    const auto list = w.b().engine().list_ike_sas(w.now(), 0, 10);
    ASSERT_EQ(list.size(), 1U);
    const policy::Identity of_subject{policy::IdType::kDerAsn1Dn, subject};
    EXPECT_EQ(list[0].remote_id, of_subject.to_string());
    EXPECT_EQ(list[0].remote_id, "CN=a");
  }
}

TEST_F(Ikev1Phase1, ACertificateThatNamesSomebodyElseIsRefused) {
  for (const bool aggressive : {false, true}) {
    SCOPED_TRACE(aggressive);
    World w(7);
    change = [](session::ConnectionConfig& c, bool is_a) {
      if (is_a) c.local.id.text = "other.example";
      if (!is_a) c.remote.id.text = "%any";
    };
    boot(w, Papers(), AuthMethod::kPubkey, aggressive ? kAggressive : kMain);
    EXPECT_FALSE(up(w).has_value());
    EXPECT_EQ(w.b().established(), 0U);
  }
}

// RFC 4945 §3.2.7.1.
TEST_F(Ikev1Phase1, AuthoritiesAreAskedForByNameAndTheCertificateIsUnderOneOfThem) {
  const Papers papers;
  const base::ByteVector root{std::byte{0x30}, std::byte{0x0f}, std::byte{0x31}};  // a DN of 17
  for (const bool aggressive : {false, true})
    for (const bool of_a : {true, false}) {
      // Aggressive Mode's initiator has said who it is before it is asked.
      if (of_a && aggressive) continue;
      SCOPED_TRACE(testing::Message() << aggressive << of_a);
      World w(20);
      change = [&](session::ConnectionConfig& c, bool is_a) {
        if (is_a != of_a) return;
        // The first has no key here, and an authority that nobody asks for.
        session::Credential other = c.local.credentials.front();
        other.key = {};
        other.authority_names = {base::ByteVector{std::byte{0x30}, std::byte{0}}};
        c.local.credentials.insert(c.local.credentials.begin(), other);
      };
      boot(w, papers, AuthMethod::kPubkey, aggressive ? kAggressive : kMain);
      std::size_t asked = 0;
      w.filter = [&](const ike::Datagram& d) {
        const auto message = isakmp::read_v1_message(d.data);
        if (!message || message->encrypted()) return true;
        for (const isakmp::PayloadView& p : message->payloads())
          if (p.type == isakmp::PayloadType::kV1CertificateRequest &&
              std::ranges::search(p.body, root).begin() == p.body.begin() + 1)
            ++asked;
        return true;
      };
      expect_up(w);
      EXPECT_EQ(asked, 2U) << "one of each end";
    }
}

// A chain of RSA does not fit a packet, and every fragment may be lost, doubled or late.
TEST_F(Ikev1Phase1, AChainInFragmentsEstablishesInAnyWeather) {
  const Papers papers("RSA-2048", "RSA-2048");
  for (const bool aggressive : {false, true})
    for (std::uint64_t seed = 10; seed < 16; ++seed) {
      SCOPED_TRACE(testing::Message() << aggressive << " " << seed);
      World w(seed);
      change = [&](session::ConnectionConfig& c, bool) {
        c.keyingtries = 10;
        c.fragment_size = 800;
      };
      boot(w, papers, AuthMethod::kPubkey, aggressive ? kAggressive : kMain);
      std::size_t fragments = 0;
      std::size_t longest = 0;
      w.filter = [&](const ike::Datagram& d) {
        longest = std::max(longest, d.data.size());
        fragments += d.data.at(16) == std::byte{132} ? 1U : 0U;
        return true;
      };
      w.weather.lost = seed % 2 == 0 ? 0 : 50;
      w.weather.doubled = 100;
      w.weather.jitter = base::milliseconds{20};
      EXPECT_TRUE(up(w, base::seconds{300}).has_value());
      w.weather = {};
      w.run_for(base::seconds{60});
      EXPECT_EQ(w.a().live_children(), 1U);
      EXPECT_EQ(w.b().live_children(), 1U);
      EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{});
      EXPECT_GE(fragments, 4U);
      EXPECT_LE(longest, 800U - 32);
    }
}

TEST_F(Ikev1Phase1, KeysOfTwoKindsHaveNoMethodInCommon) {
  World w(8);
  boot(w, Papers("RSA-2048", "P-256"), AuthMethod::kPubkey, kMain);
  EXPECT_FALSE(up(w).has_value());
  EXPECT_EQ(w.a().established() + w.b().established(), 0U);
}

// ---- Authentication Only ----

class Ikev1OnlyAuthenticates : public Ikev1Phase1 {
 protected:
  static std::size_t authenticated(World& w) {
    std::size_t n = 0;
    for (Node* node : {&w.a(), &w.b()})
      for (const ike::IkeSaStatus& sa : node->engine().list_ike_sas(w.now(), 0, 10))
        n += sa.proposal == "no keys" ? 1 : 0;
    return n;
  }
};

TEST_P(Ikev1OnlyAuthenticates, WhateverOneMessageIsLost) {
  const Papers papers(GetParam().key, GetParam().key);
  for (std::size_t lost = 0; lost < 4; ++lost) {
    SCOPED_TRACE(lost);
    World w(10);
    boot(w, papers, GetParam().auth, GetParam().exchange);
    std::size_t n = 0;
    w.filter = [&](const ike::Datagram&) { return n++ != lost; };
    EXPECT_TRUE(up(w).has_value());
    w.run_for(base::seconds{30});
    EXPECT_EQ(authenticated(w), 2U);
    EXPECT_EQ(w.a().live_children() + w.b().live_children(), 0U);
    EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{});
  }
}

TEST_P(Ikev1OnlyAuthenticates, WhateverAForgerSends) {
  World w(11);
  const Papers papers(GetParam().key, GetParam().key);
  boot(w, papers, GetParam().auth, GetParam().exchange);
  std::size_t forged = 0;
  w.filter = [&](const ike::Datagram& d) {
    const bool first = std::ranges::all_of(std::span(d.data).subspan(8, 8),
                                           [](std::byte b) { return b == std::byte{}; });
    if (first || forged > 4) return true;
    const bool from_a = d.local.address == w.a().address();
    ike::Datagram bad{d.remote, d.local, d.data};
    for (std::size_t at = 60; at < bad.data.size(); at += 7) bad.data[at] ^= std::byte{0x41};
    ++forged;
    Node& to = from_a ? w.b() : w.a();
    w.at(base::milliseconds{1}, [&to, bad] {
      to.input([&](ike::Engine& engine, base::Now now) { engine.receive(now, bad); });
    });
    return true;
  };
  EXPECT_TRUE(up(w).has_value());
  w.run_for(base::seconds{10});
  EXPECT_GT(forged, 1U);
  EXPECT_EQ(authenticated(w), 2U);
}

TEST_P(Ikev1OnlyAuthenticates, ItEndsWithItsLifetimeAndIsMadeAnew) {
  World w(12);
  const Papers papers(GetParam().key, GetParam().key);
  change = [](session::ConnectionConfig& c, bool is_a) {
    c.rekey_time = is_a ? base::seconds{600} : base::Duration{};
    c.over_time = base::seconds{60};
    c.rand_time = {};
  };
  boot(w, papers, GetParam().auth, GetParam().exchange);
  EXPECT_TRUE(up(w).has_value());
  w.run_for(base::seconds{700});
  EXPECT_EQ(authenticated(w), 2U);
  w.a().command(ike::Command::Kind::kDown, "ab");
  w.run_for(base::seconds{30});
  // No Delete can be protected: the other end keeps it until its lifetime is over.
  EXPECT_EQ(w.a().established(), 0U);
  EXPECT_EQ(w.b().established(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Ikev1OnlyAuthenticates,
    testing::Values(Way{"P-256", AuthMethod::kPsk, Exchange::kAuthenticationOnly},
                    Way{"RSA-2048", AuthMethod::kRsa, Exchange::kAuthenticationOnly}));

}  // namespace
}  // namespace penstock::sim
