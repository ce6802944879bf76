// SPDX-License-Identifier: BSD-3-Clause
#include "lib/policy/identity.h"

#include <gtest/gtest.h>

namespace penstock::policy {
namespace {

Identity id(std::string_view text) {
  auto parsed = Identity::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << parsed.error().text;
  return parsed ? *std::move(parsed) : Identity{};
}

TEST(Identity, TheTypeFollowsFromTheText) {
  EXPECT_EQ(id("192.0.2.1").type, IdType::kIpv4Addr);
  EXPECT_EQ(base::to_hex(id("192.0.2.1").data), "c0000201");
  EXPECT_EQ(id("2001:db8::1").type, IdType::kIpv6Addr);
  EXPECT_EQ(id("moon.example").type, IdType::kFqdn);
  EXPECT_EQ(id("@moon.example"), id("moon.example"));
  EXPECT_EQ(id("alice@example.org").type, IdType::kRfc822Addr);
  EXPECT_EQ(id("keyid:branch").type, IdType::kKeyId);
  EXPECT_EQ(base::to_hex(id("keyid:0x00ff").data), "00ff");
}

TEST(Identity, AnExplicitPrefixDecides) {
  EXPECT_EQ(id("fqdn:192.0.2.1").type, IdType::kFqdn);
  EXPECT_EQ(id("email:alice").type, IdType::kRfc822Addr);
  EXPECT_EQ(id("ipv4:192.0.2.1"), id("192.0.2.1"));
  EXPECT_EQ(id("ipv6:2001:db8::1"), id("2001:db8::1"));
  EXPECT_EQ(id("@@alice@example.org"), id("alice@example.org"));
}

TEST(Identity, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "%any", "@", "keyid:", "keyid:0x", "keyid:0x0", "ipv4:::1", "ipv6:192.0.2.1",
        "ipv4:moon", "C=CH, strongSwan", "Q=moon", "CN=", "CN=*", "C=CH, *", "asn1dn:CN"})
    EXPECT_FALSE(Identity::parse(text).has_value()) << text;
}

TEST(Identity, IsReadBackFromWhatItPrints) {
  for (const std::string_view text :
       {"192.0.2.1", "2001:db8::1", "moon.example", "alice@example.org", "keyid:branch",
        "keyid:0x00ff", "fqdn:192.0.2.1", "fqdn:a@b", "email:alice", "email:192.0.2.1", "fqdn:a=b",
        "C=CH, O=strongSwan, CN=moon"})
    EXPECT_EQ(id(id(text).to_string()), id(text)) << id(text).to_string();
}

TEST(Identity, PrintsWhatAPeerMaySendWithoutHarm) {
  EXPECT_EQ((Identity{IdType::kFqdn, {std::byte{0x1b}, std::byte{'['}}}).to_string(),
            "fqdn:0x1b5b");
  EXPECT_EQ((Identity{IdType::kDerAsn1Dn, {std::byte{0x30}}}).to_string(), "asn1dn:0x30");
  EXPECT_EQ((Identity{IdType::kIpv4Addr, {std::byte{1}}}).to_string(), "id(1) 0x01");
}

bool accepts(std::string_view pattern, std::string_view identity) {
  const auto parsed = IdentityPattern::parse(pattern);
  EXPECT_TRUE(parsed.has_value()) << pattern;
  return parsed && parsed->matches(id(identity));
}

TEST(IdentityPattern, AnyAcceptsEverybody) {
  EXPECT_TRUE(IdentityPattern{}.is_any());
  EXPECT_TRUE(accepts("%any", "moon.example"));
  EXPECT_TRUE(accepts("%any", "192.0.2.1"));
}

TEST(IdentityPattern, NamesAreComparedWithoutCase) {
  EXPECT_TRUE(accepts("moon.example", "MOON.Example"));
  EXPECT_FALSE(accepts("moon.example", "sun.example"));
  EXPECT_FALSE(accepts("moon.example", "email:moon.example"));
  EXPECT_TRUE(accepts("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(accepts("192.0.2.1", "192.0.2.2"));
  EXPECT_FALSE(accepts("keyid:Branch", "keyid:branch"));
}

TEST(IdentityPattern, AStarStandsForAtLeastOneOctet) {
  EXPECT_TRUE(accepts("*.example", "moon.example"));
  EXPECT_TRUE(accepts("*.example", "a.b.EXAMPLE"));
  EXPECT_FALSE(accepts("*.example", "example"));
  EXPECT_FALSE(accepts("*.example", "moon.example.org"));
  EXPECT_FALSE(accepts("*.example", "fqdn:.example"));
  EXPECT_FALSE(accepts("*.example", "moonexample"));
  EXPECT_TRUE(accepts("*@example.org", "alice@example.org"));
  EXPECT_FALSE(accepts("*@example.org", "alice@sub.example.org"));
}

TEST(IdentityPattern, RefusesAStarElsewhere) {
  for (const std::string_view text : {"*", "moon.*", "*moon.example", "*.*.example", "@"})
    EXPECT_FALSE(IdentityPattern::parse(text).has_value()) << text;
}

}  // namespace
}  // namespace penstock::policy
