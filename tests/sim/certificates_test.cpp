// SPDX-License-Identifier: BSD-3-Clause
// IKE_AUTH by certificates and signatures, between two engines: each kind of key, both ends alike
// and each in its own way, refusals, and bad weather.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "control/isakmp/message_view.h"
#include "tests/sim/papers.h"

namespace penstock::sim {
namespace {

using ike::Command;
using session::AuthMethod;
using test::Entity;

class Certificates : public testing::TestWithParam<std::pair<const char*, AuthMethod>>,
                     protected PaperEnds {};

TEST_P(Certificates, AuthenticateBothEnds) {
  const auto [key, method] = GetParam();
  World w(1);
  const Papers papers(key, key);
  set_up(w, papers, method);
  expect_up(w);
  EXPECT_TRUE(said(w.a(), "b.example is CN=b"));
  EXPECT_TRUE(said(w.b(), "a.example is CN=a"));
}
INSTANTIATE_TEST_SUITE_P(Keys, Certificates,
                         testing::Values(std::pair{"P-256", AuthMethod::kPubkey},
                                         std::pair{"P-384", AuthMethod::kEcdsa},
                                         std::pair{"P-521", AuthMethod::kPubkey},
                                         std::pair{"ED25519", AuthMethod::kPubkey},
                                         std::pair{"ED448", AuthMethod::kEd448},
                                         std::pair{"RSA-2048", AuthMethod::kPubkey},
                                         std::pair{"RSA-2048", AuthMethod::kRsa},
                                         std::pair{"RSA-2048", AuthMethod::kRsaSha1},
                                         std::pair{"RSA-2048", AuthMethod::kRsaPss}));

TEST_F(Certificates, OneEndMaySignWhileTheOtherHasASecret) {
  const Papers papers;
  World w(2);
  set_up(w, papers, true, AuthMethod::kPsk, AuthMethod::kPubkey);
  set_up(w, papers, false, AuthMethod::kPubkey, AuthMethod::kPsk);
  expect_up(w);
  World back(3);
  set_up(back, papers, true, AuthMethod::kPubkey, AuthMethod::kPsk);
  set_up(back, papers, false, AuthMethod::kPsk, AuthMethod::kPubkey);
  expect_up(back);
}

TEST_F(Certificates, KeysOfDifferentKindsGoTogether) {
  World w(4);
  set_up(w, Papers("ED25519", "P-384"));
  expect_up(w);
}

TEST_F(Certificates, WithoutAnIdTheSubjectIsWhoWeAre) {
  change = [](session::ConnectionConfig& c, bool) {
    c.local.id = {};
    c.remote.id = {};
  };
  World w(5);
  set_up(w, Papers());
  expect_up(w);
}

TEST_F(Certificates, AreNamedByTheirSubjectsAsText) {
  change = [](session::ConnectionConfig& c, bool is_a) {
    c.local.id = {is_a ? "CN=A" : "CN=B"};
    c.remote.id = {is_a ? "CN=b" : "CN=*"};
  };
  World w(19);
  set_up(w, Papers());
  expect_up(w);
  EXPECT_TRUE(said(w.b(), "CN=a is CN=a")) << "what is said is the subject, octet for octet";
  change = [](session::ConnectionConfig& c, bool is_a) {
    c.local.id = {is_a ? "CN=A" : "CN=B"};
    c.remote.id = {is_a ? "CN=b" : "CN=c, *"};
  };
  World other(20);
  set_up(other, Papers());
  expect_refused(other, other.b(), "no connection is for CN=a");
}

TEST_F(Certificates, OfAPeerThatWasRevokedAreRefused) {
  Papers papers;
  crls = {papers.authority.revoke(papers.middle, {papers.a}, kFrom, kUntil)};
  World w(6);
  set_up(w, papers);
  expect_refused(w, w.b(), "CN=a: certificate revoked");
}

TEST_F(Certificates, OfARevokedResponderAreRefusedAndItIsTold) {
  Papers papers;
  crls = {papers.authority.revoke(papers.middle, {papers.b}, kFrom, kUntil)};
  World w(7);
  set_up(w, papers);
  expect_refused(w, w.a(), "CN=b: certificate revoked");
  EXPECT_EQ(w.b().plane().inbound.size(), 0U) << "§2.21.2: it is told, and forgets its SAs";
}

TEST_F(Certificates, OfAnotherNameAreRefused) {
  Papers papers;
  papers.a = papers.issue("mallory", "P-256");
  World w(8);
  set_up(w, papers);
  expect_refused(w, w.b(), "CN=mallory: the certificate is not for this identity");
}

TEST_F(Certificates, OfAnAddressCountFromThatAddressAlone) {
  Papers papers;
  const auto with_address = [&](const char* address) {
    papers.a = papers.authority.issue({.name = "a",
                                       .issuer = &papers.middle,
                                       .alternatives = std::string("IP:") + address,
                                       .from = kFrom,
                                       .until = kUntil});
    change = [address](session::ConnectionConfig& c, bool is_a) {
      (is_a ? c.local : c.remote).id = {address};
    };
  };
  with_address("192.0.2.1");
  World w(9);
  set_up(w, papers);
  expect_up(w);
  with_address("192.0.2.77");
  World elsewhere(10);
  set_up(elsewhere, papers);
  expect_refused(elsewhere, elsewhere.b(), "comes from 192.0.2.1");
}

TEST_F(Certificates, AMethodThatIsNotAskedForIsRefused) {
  const Papers papers("RSA-2048", "RSA-2048");
  World w(11);
  set_up(w, papers, true, AuthMethod::kRsa, AuthMethod::kRsaPss);
  set_up(w, papers, false, AuthMethod::kRsaPss, AuthMethod::kRsaPss);
  expect_refused(w, w.b(), "RSA-PKCS1");
}

TEST_F(Certificates, ASecretIsNoProofWhereASignatureIsAskedFor) {
  const Papers papers;
  World w(12);
  set_up(w, papers, true, AuthMethod::kPsk, AuthMethod::kPubkey);
  set_up(w, papers, false, AuthMethod::kPubkey, AuthMethod::kPubkey);
  expect_refused(w, w.b(), "no connection is for a.example");
}

TEST_F(Certificates, AreSentOnlyIfAskedFor) {
  const Papers papers;
  change = [](session::ConnectionConfig& c, bool) { c.send_certreq = false; };
  World w(13);
  set_up(w, papers);
  expect_refused(w, w.b(), "the peer sends no certificate");
  change = [](session::ConnectionConfig& c, bool) {
    c.send_certreq = false;
    c.send_cert = session::SendCertificate::kAlways;
  };
  World always(14);
  set_up(always, papers);
  expect_up(always);
}

/// Octets of the answer to IKE_AUTH, and how many jobs B ran for it.
std::size_t refusal_octets(World& w) {
  std::size_t octets = 0;
  w.filter = [&](const ike::Datagram& d) {
    if (d.local.address == w.b().address()) octets = d.data.size();
    return true;
  };
  const auto id = w.a().command(Command::Kind::kUp, "ab");
  w.run_until([&] { return w.a().replies.contains(id); }, base::seconds{60});
  w.filter = nullptr;
  return octets;
}

TEST_F(Certificates, UnknownPeersAndBadProofsGetTheSameAnswerAtTheSameTime) {
  Papers papers;
  struct Answer {
    std::size_t octets;
    base::MonoTime at;
  };
  const auto run = [&](const std::function<void(session::ConnectionConfig&, bool)>& how) {
    change = how;
    World w(15);
    set_up(w, papers);
    const std::size_t octets = refusal_octets(w);
    EXPECT_EQ(w.b().counter("authentication"), 1U);
    return Answer{octets, w.time};
  };
  const Entity good = papers.a;
  const Answer unknown = run([](session::ConnectionConfig& c, bool is_a) {
    if (is_a) c.local.id = {"x.example"};
  });
  papers.a = papers.authority.issue({.name = "a",
                                     .alternatives = "DNS:a.example",
                                     .from = kFrom,
                                     .until = kUntil});  // signed by itself
  const Answer untrusted = run(nullptr);
  papers.a = good;
  const Entity other = papers.issue("a", "P-256");
  const Answer forged = run([&](session::ConnectionConfig& c, bool is_a) {
    if (is_a) c.local.credentials.front().certificate = other.certificate;  // not its key
  });
  EXPECT_EQ(unknown.octets, untrusted.octets);
  EXPECT_EQ(unknown.octets, forged.octets);
  EXPECT_EQ(unknown.at, untrusted.at) << "each costs its one job";
}

TEST_F(Certificates, ComeThroughBadWeather) {
  const Papers papers("P-256", "ED25519");
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    World w(seed);
    change = [](session::ConnectionConfig& c, bool is_a) {
      c.keyingtries = 0;
      if (is_a) c.children.front().start_action = session::StartAction::kStart;
    };
    w.weather.lost = 200;
    w.weather.doubled = 200;
    w.weather.corrupted = 50;
    w.weather.jitter = base::milliseconds{400};
    w.job_time = base::milliseconds{seed % 3 == 0 ? 700 : 5};
    set_up(w, papers);
    w.run_for(base::seconds{120});
    w.weather = {};
    w.run_for(base::seconds{200});
    EXPECT_EQ(w.a().established(), 1U) << "seed " << seed;
    EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{}) << "seed " << seed;
  }
}

/// Datagrams that go by, and the longest of them.
struct Seen {
  std::size_t fragments = 0;
  std::size_t longest = 0;
};

TEST_F(Certificates, OfRsaChainsGoInFragmentsBothWays) {
  change = [](session::ConnectionConfig& c, bool) { c.fragment_size = 576; };
  World w(17);
  set_up(w, Papers("RSA-2048", "RSA-2048"));
  std::array<Seen, 2> seen;
  w.filter = [&](const ike::Datagram& d) {
    Seen& one = seen.at(d.local.address == w.a().address() ? 0 : 1);
    const auto message = isakmp::MessageView::parse(d.data);
    if (message && message->encrypted() && message->encrypted()->is_fragment) ++one.fragments;
    if (d.data.size() > 1 && message) one.longest = std::max(one.longest, d.data.size());
    return true;
  };
  expect_up(w);
  for (const Seen& one : seen) {
    EXPECT_GE(one.fragments, 3U);
    EXPECT_LE(one.longest, 576U - 20 - 8 - 4);
  }
}

TEST_F(Certificates, GoWholeWhereOneEndTakesNoFragments) {
  for (const bool a_takes : {true, false}) {
    change = [=](session::ConnectionConfig& c, bool is_a) {
      c.fragment_size = 576;
      if (is_a != a_takes) c.fragmentation = session::Fragmentation::kNo;
    };
    World w(18);
    set_up(w, Papers());
    expect_up(w);
    EXPECT_EQ(w.a().counter("fragment_not_agreed") + w.b().counter("fragment_not_agreed"), 0U);
  }
}

TEST_F(Certificates, ComeThroughBadWeatherInFragments) {
  const Papers papers("RSA-2048", "P-256");
  std::uint64_t repeated = 0;
  for (std::uint64_t seed = 200; seed < 240; ++seed) {
    World w(seed);
    change = [seed](session::ConnectionConfig& c, bool is_a) {
      c.keyingtries = 0;
      c.fragment_size = static_cast<std::uint16_t>(400 + 100 * (seed % 5));
      if (is_a) c.children.front().start_action = session::StartAction::kStart;
    };
    w.weather.lost = 100;
    w.weather.doubled = 300;
    w.weather.corrupted = 30;
    w.weather.jitter = base::milliseconds{400};
    w.job_time = base::milliseconds{seed % 3 == 0 ? 700 : 5};
    set_up(w, papers);
    w.run_for(base::seconds{120});
    w.weather = {};
    w.run_for(base::seconds{200});
    EXPECT_EQ(w.a().established(), 1U) << "seed " << seed;
    EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{}) << "seed " << seed;
    repeated += w.b().counter("fragment_repeated");
  }
  EXPECT_GT(repeated, 40U);
}

TEST_F(Certificates, AJobThatEndsAfterItsIkeSaChangesNothing) {
  World w(16);
  set_up(w, Papers());
  w.job_time = base::seconds{60};  // longer than a half-open IKE SA lives
  w.a().command(Command::Kind::kUp, "ab");
  w.run_for(base::seconds{400});
  EXPECT_EQ(w.b().plane().inbound.size(), 0U);
}

}  // namespace
}  // namespace penstock::sim
