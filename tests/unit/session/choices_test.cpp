// SPDX-License-Identifier: BSD-3-Clause
// Choice of proposals (RFC 7296 §2.7, §3.3.6), narrowing (§2.9), choice of secrets.
#include <gtest/gtest.h>

#include "control/session/authentication.h"
#include "control/session/narrowing.h"
#include "control/session/proposal_choice.h"

namespace penstock::session {
namespace {

using crypto::DhGroupId;
using crypto::ProtocolId;

crypto::Proposals ike(std::string_view text) {
  return *crypto::parse_proposals(ProtocolId::kIke, text);
}
crypto::Proposals esp(std::string_view text) {
  return *crypto::parse_proposals(ProtocolId::kEsp, text);
}
std::vector<OfferedProposal> offer(const crypto::Proposals& proposals) {
  std::vector<OfferedProposal> result;
  std::uint8_t number = 0;
  for (const auto& p : proposals) result.push_back({++number, {}, p});
  return result;
}

TEST(ProposalChoice, OursDecideThePreference) {
  const auto choice = choose_proposal(ike("aes256-sha256-x25519,aes128-sha256-x25519"),
                                      offer(ike("aes128-sha256-x25519,aes256-sha256-x25519")));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->index, 1U);
  EXPECT_EQ(choice->agreed.encr.key_bits, 256);
}

TEST(ProposalChoice, TheGroupThatCameWithTheOfferSavesARoundTrip) {
  const auto ours = ike("aes128gcm16-prfsha256-ecp256-x25519");
  const auto theirs = offer(ike("aes128gcm16-prfsha256-x25519-ecp256"));
  EXPECT_EQ(choose_proposal(ours, theirs)->agreed.group, DhGroupId::kEcp256);
  EXPECT_EQ(choose_proposal(ours, theirs, {.preferred_group = DhGroupId::kX25519})->agreed.group,
            DhGroupId::kX25519);
  // Not one that we do not accept.
  EXPECT_EQ(choose_proposal(ours, theirs, {.preferred_group = DhGroupId::kX448})->agreed.group,
            DhGroupId::kEcp256);
}

TEST(ProposalChoice, KeyLengthsAreComparedAndAnAeadHasNoIntegrity) {
  EXPECT_FALSE(choose_proposal(esp("aes256gcm16"), offer(esp("aes128gcm16"))));
  auto theirs = esp("aes128gcm16");
  EXPECT_TRUE(choose_proposal(esp("aes128gcm16"), offer(theirs)));
  // RFC 5282 §8, RFC 7296 §3.3: NONE says the same as nothing; an algorithm beside an AEAD does
  // not.
  theirs.front().integ = {crypto::IntegId::kNone};
  EXPECT_TRUE(choose_proposal(esp("aes128gcm16"), offer(theirs)));
  theirs.front().integ = {crypto::IntegId::kHmacSha256_128};
  EXPECT_FALSE(choose_proposal(esp("aes128gcm16"), offer(theirs)));
}

TEST(ProposalChoice, PfsIsAgreedByBothOrNotAtAll) {
  EXPECT_FALSE(choose_proposal(esp("aes128gcm16-x25519"), offer(esp("aes128gcm16"))));
  EXPECT_FALSE(choose_proposal(esp("aes128gcm16"), offer(esp("aes128gcm16-x25519"))));
  // IKE_AUTH has no key exchange of its own (§1.2).
  EXPECT_TRUE(choose_proposal(esp("aes128gcm16-x25519"), offer(esp("aes128gcm16")),
                              {.ignore_groups = true}));
}

TEST(ProposalChoice, EsnIsNegotiatedAndItsAbsenceMeansNone) {
  const auto both = esp("aes128gcm16-esn-noesn");
  EXPECT_EQ(choose_proposal(both, offer(esp("aes128gcm16-esn")))->agreed.esn, crypto::EsnId::kEsn);
  auto silent = esp("aes128gcm16-noesn");
  silent.front().esn.clear();
  EXPECT_EQ(choose_proposal(both, offer(silent))->agreed.esn, crypto::EsnId::kNoEsn);
  EXPECT_FALSE(choose_proposal(esp("aes128gcm16-esn"), offer(silent)));
}

// RFC 7296 §3.3.3, §3.3.6: the choice has one transform of each type of the proposal.
TEST(ProposalChoice, AhHasNoCipherAndNeitherAhNorEspAPrf) {
  const auto ah = [](std::string_view text) {
    return *crypto::parse_proposals(ProtocolId::kAh, text);
  };
  const auto ours = ah("sha256-sha512-esn");
  const auto choice = choose_proposal(ours, offer(ah("sha512-esn-noesn")));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->agreed.protocol, ProtocolId::kAh);
  EXPECT_EQ(choice->agreed.integ, crypto::IntegId::kHmacSha512_256);
  EXPECT_EQ(choice->agreed.encr.id, crypto::EncrId::kNone);
  EXPECT_FALSE(choose_proposal(ours, offer(esp("aes128-sha256-esn"))));
  auto bent = ah("sha256-esn");
  bent.front().encr = {{crypto::EncrId::kAesCbc, 128}};
  EXPECT_FALSE(choose_proposal(ours, offer(bent)));
  EXPECT_FALSE(accept_answer(ours, offer(bent)));
  bent = ah("sha256-esn");
  bent.front().prf = {crypto::PrfId::kHmacSha256};
  EXPECT_FALSE(choose_proposal(ours, offer(bent)));
  auto gcm = esp("aes128gcm16");
  gcm.front().prf = {crypto::PrfId::kHmacSha256};
  EXPECT_FALSE(choose_proposal(esp("aes128gcm16"), offer(gcm)));
}

TEST(ProposalChoice, TheRefusalNamesTheFirstTransformOfTheClosestPair) {
  const auto refused = choose_proposal(ike("aes256-sha512-x25519,aes128-sha256-ecp256"),
                                       offer(ike("aes128-sha256-modp2048")));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find(
                "first that differs: key exchange group (ours ecp256; theirs modp2048)"),
            std::string::npos)
      << refused.error().text;
}

std::vector<OfferedProposal> numbered(std::uint8_t number, std::string_view text) {
  return {{number, {}, ike(text).front()}};
}

TEST(ProposalChoice, AnAnswerIsOneProposalWithOneTransformOfEachTypeFromTheOffer) {
  const auto offered = ike("aes128-sha256-x25519,aes256-sha512-ecp256");
  EXPECT_TRUE(accept_answer(offered, numbered(2, "aes256-sha512-ecp256")));
  EXPECT_FALSE(accept_answer(offered, numbered(2, "aes256-sha256-ecp256")));
  EXPECT_FALSE(accept_answer(offered, numbered(1, "aes128-aes256-sha256-x25519")));
  EXPECT_FALSE(accept_answer(offered, offer(offered)));
}

// RFC 7296 §3.3.1.
TEST(ProposalChoice, AnAnswerHasTheNumberOfTheProposalThatItAccepts) {
  const auto offered = ike("aes128-sha256-x25519,aes256-sha512-ecp256");
  for (const int wrong : {0, 1, 3, 255})
    EXPECT_FALSE(
        accept_answer(offered, numbered(static_cast<std::uint8_t>(wrong), "aes256-sha512-ecp256")));
  EXPECT_TRUE(accept_answer(offered, numbered(1, "aes128-sha256-x25519")));
}

policy::TrafficSelectors ts(std::initializer_list<const char*> texts) {
  policy::TrafficSelectors result;
  for (const char* t : texts) result.push_back(*policy::TrafficSelector::parse(t));
  return result;
}

TEST(Narrowing, TheWholeIsAcceptedWhenPolicyAllowsIt) {
  const auto n = narrow({ts({"10.1.0.0/16"}), ts({"10.2.0.0/16"})},
                        {ts({"10.1.2.0/24"}), ts({"10.2.0.0/16[tcp/80]"})});
  ASSERT_TRUE(n);
  EXPECT_EQ(n->fit, Fit::kWhole);
  EXPECT_EQ(to_string(n->selectors.local), "10.1.2.0/24");
  EXPECT_EQ(to_string(n->selectors.remote), "10.2.0.0/16[tcp/80]");
}

// RFC 7296 §2.9: the narrowed set includes the initiator's first choices if policy allows them.
TEST(Narrowing, TheFirstSelectorsStayInTheSubset) {
  const auto n =
      narrow({ts({"10.1.0.0/16"}), ts({"10.2.0.0/16"})},
             {ts({"10.1.0.9/32[tcp/80]", "10.0.0.0/8"}), ts({"10.2.0.7/32", "0.0.0.0/0"})});
  ASSERT_TRUE(n);
  EXPECT_EQ(n->fit, Fit::kFirst);
  EXPECT_TRUE(covers(n->selectors.local, ts({"10.1.0.9/32[tcp/80]"})));
  EXPECT_EQ(to_string(n->selectors.local), "10.1.0.0/16");
}

TEST(Narrowing, AForeignFirstSelectorLeavesAnAcceptableSubset) {
  const auto n = narrow({ts({"10.1.0.0/16"}), ts({"10.2.0.0/16"})},
                        {ts({"192.0.2.1/32", "10.0.0.0/8"}), ts({"10.2.0.0/24"})});
  ASSERT_TRUE(n);
  EXPECT_EQ(n->fit, Fit::kSubset);
}

// RFC 4301 §4.1.
TEST(Narrowing, TransportModeIsForTheHostItself) {
  const net::IpAddress host = *net::IpAddress::parse("192.0.2.1");
  EXPECT_EQ(to_string(of_host(ts({"0.0.0.0/0[udp]", "10.0.0.0/8", "192.0.2.1/32[tcp/80]"}), host)),
            "192.0.2.1/32[udp] 192.0.2.1/32[tcp/80]");
  EXPECT_TRUE(of_host(ts({"10.0.0.0/8", "2001:db8::/32"}), host).empty());
}

// RFC 7296 §2.23.1.
TEST(Narrowing, ANatsAddressTakesTheHostsPlace) {
  const net::IpAddress seen = *net::IpAddress::parse("203.0.113.7");
  const auto all = as_seen(ts({"10.1.2.3/32[udp/4000]", "10.1.2.3/32"}), seen);
  ASSERT_TRUE(all);
  EXPECT_EQ(to_string(*all), "203.0.113.7/32[udp/4000] 203.0.113.7/32");
  EXPECT_FALSE(as_seen(ts({"10.1.2.3/32", "10.1.2.4/32"}), seen));
  EXPECT_FALSE(as_seen(ts({"10.1.2.0/24"}), seen));
  EXPECT_FALSE(as_seen(ts({"2001:db8::1/128"}), seen));
}

TEST(Narrowing, NothingInCommonIsUnacceptable) {
  EXPECT_FALSE(narrow({ts({"10.1.0.0/16"}), ts({"10.2.0.0/16"})},
                      {ts({"10.1.0.0/16"}), ts({"10.3.0.0/16"})}));
  EXPECT_FALSE(narrow({ts({"10.1.0.0/16[tcp]"}), ts({"10.2.0.0/16"})},
                      {ts({"10.1.0.0/16[udp]"}), ts({"10.2.0.0/16"})}));
}

TEST(Narrowing, DynamicIsTheOwnAddress) {
  EXPECT_EQ(to_string(or_dynamic({}, *net::IpAddress::parse("192.0.2.1"))), "192.0.2.1/32");
}

SharedSecret secret(std::string name, std::vector<std::string> ids) {
  SharedSecret s;
  s.name = std::move(name);
  for (const auto& id : ids) s.ids.push_back(*policy::IdentityPattern::parse(id));
  return s;
}

/// The name of the secret that is found; "-" if there is none.
std::string found(const std::vector<std::pair<std::string, std::vector<std::string>>>& secrets,
                  std::string_view local, std::string_view remote) {
  std::vector<SharedSecret> all;
  for (const auto& [name, ids] : secrets) all.push_back(secret(name, ids));
  const SecretStore store(std::move(all));
  const auto id = [](std::string_view text) { return *policy::Identity::parse(text); };
  const SharedSecret* best = store.find(id(local), id(remote));
  return best == nullptr ? "-" : best->name;
}

TEST(Secrets, TheMostSpecificForThePeerWins) {
  const auto of = [](std::string_view local, std::string_view remote, bool anyone = true) {
    std::vector<std::pair<std::string, std::vector<std::string>>> all{
        {"us", {"gw.example"}},
        {"pattern", {"*.example"}},
        {"peer", {"a.example"}},
        {"pair", {"gw.example", "a.example"}}};
    if (anyone) all.insert(all.begin(), {"anyone", {}});
    return found(all, local, remote);
  };
  EXPECT_EQ(of("gw.example", "a.example"), "pair");
  EXPECT_EQ(of("x.other", "a.example"), "peer");
  EXPECT_EQ(of("x.other", "b.example"), "pattern");
  EXPECT_EQ(of("gw.example", "b.example"), "pattern");
  EXPECT_EQ(of("gw.example", "y.other"), "us");
  EXPECT_EQ(of("x.other", "y.other"), "anyone");
  EXPECT_EQ(of("x.other", "y.other", false), "-");
}

TEST(Secrets, OfEqualsTheFirstIsTaken) {
  EXPECT_EQ(found({{"1", {"a.example"}}, {"2", {"a.example"}}}, "x.other", "a.example"), "1");
  EXPECT_EQ(
      found({{"1", {"gw.example", "b.example"}}, {"2", {"gw.example"}}}, "gw.example", "a.example"),
      "1");
  EXPECT_EQ(found({{"1", {}}, {"2", {}}}, "x.other", "a.example"), "1");
}

TEST(Secrets, AnyonesWithANameGoesBeforeTheNameAlone) {
  // 4 * 1 for any peer, and 3 for us, against 3 for us.
  EXPECT_EQ(found({{"name", {"gw.example"}}, {"both", {"gw.example", "%any"}}}, "gw.example",
                  "a.example"),
            "both");
}

TEST(Secrets, HostNamesHaveNoCaseAndKeyIdsHave) {
  EXPECT_EQ(found({{"1", {"A.Example"}}}, "x.other", "a.eXample"), "1");
  EXPECT_EQ(found({{"1", {"keyid:Key"}}}, "x.other", "keyid:Key"), "1");
  EXPECT_EQ(found({{"1", {"keyid:Key"}}}, "x.other", "keyid:key"), "-");
  EXPECT_EQ(found({{"1", {"192.0.2.1"}}}, "x.other", "192.0.2.1"), "1");
  // RFC 5280 §7.1
  EXPECT_EQ(found({{"1", {"O=Example, CN=A"}}}, "x.other", "O=example, CN=a"), "1");
}

}  // namespace
}  // namespace penstock::session
