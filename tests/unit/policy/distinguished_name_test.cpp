// SPDX-License-Identifier: BSD-3-Clause
// Distinguished names in text and DER; the DER is that of an independent writer (Python's
// `cryptography`).
#include "lib/policy/distinguished_name.h"

#include <gtest/gtest.h>

#include "lib/policy/identity.h"

namespace penstock::policy {
namespace {

using base::ByteVector;

ByteVector hex(std::string_view text) {
  auto out = base::from_hex(text);
  EXPECT_TRUE(out.has_value());
  return out ? *std::move(out) : ByteVector{};
}

constexpr std::string_view kText = "C=DE, O=Example, CN=gw";
constexpr std::string_view kPrintable =
    "302c310b30090603550406130244453110300e060355040a13074578616d706c65310b3009060355040313026777";
/// The same with UTF8Strings, as OpenSSL makes certificates.
constexpr std::string_view kUtf8 =
    "302c310b30090603550406130244453110300e060355040a0c074578616d706c65310b300906035504030c026777";

constexpr std::string_view kUmlauts =
    "304f31173015060a0992268993f22c64011916076578616d706c6531183016060355040a0c0f4dc3bc6c6c65722c20"
    "53c3b6686e65311a301806092a864886f70d010901160b6140622e6578616d706c65";
constexpr std::string_view kUmlautsText =
    "DC=example, O=M\xc3\xbcller\\, S\xc3\xb6hne, E=a@b.example";

TEST(DistinguishedName, OfTextIsItsDer) {
  EXPECT_EQ(base::to_hex(name_of_text(kText).value()), kPrintable);
  EXPECT_EQ(base::to_hex(name_of_text("c=DE,o = Example ,Cn=gw").value()), kPrintable);
  EXPECT_EQ(base::to_hex(name_of_text(kUmlautsText).value()), kUmlauts);
}

TEST(DistinguishedName, OfDerIsItsText) {
  EXPECT_EQ(text_of_name(hex(kPrintable)), kText);
  EXPECT_EQ(text_of_name(hex(kUtf8)), kText);
  EXPECT_FALSE(text_of_name(hex(kUmlauts)).has_value()) << "it may be meant for a terminal";
  EXPECT_TRUE(matches_name(kUmlautsText, hex(kUmlauts)));
}

TEST(DistinguishedName, WithSpecialCharactersComesBack) {
  for (const char* text : {"CN=a\\,b", "CN=\\ a\\ ", "CN=a\\\\", "CN=\\*", "CN=a=b", "O=a+b"}) {
    const auto der = name_of_text(text);
    ASSERT_TRUE(der.has_value()) << text;
    EXPECT_EQ(text_of_name(*der), text);
  }
  EXPECT_EQ(text_of_name(*name_of_text("CN=a\\")), "CN=a\\\\") << "a last one stands for itself";
  EXPECT_TRUE(name_of_text("CN=" + std::string(300, 'x')).has_value());
  EXPECT_EQ(text_of_name(*name_of_text("CN=" + std::string(300, 'x'))),
            "CN=" + std::string(300, 'x'));
}

TEST(DistinguishedName, ThatIsNoneIsRefused) {
  for (const char* text :
       {"", "CN", "CN=", "=x", "Q=x", "CN=a,", "CN=a,,O=b", "CN=*", "CN=a, *", "C=DE,\\"})
    EXPECT_FALSE(name_of_text(text).has_value()) << text;
}

// RFC 5280 §7.1.
TEST(DistinguishedName, IsTheSameWhateverItsStringsAre) {
  EXPECT_TRUE(is_same_name(hex(kPrintable), hex(kUtf8)));
  EXPECT_TRUE(is_same_name(*name_of_text("C=de, O=EXAMPLE, CN=GW"), hex(kUtf8)));
  EXPECT_TRUE(is_same_name(*name_of_text("CN=a  b"), *name_of_text("CN=A b")));
  EXPECT_FALSE(is_same_name(*name_of_text("CN=a b"), *name_of_text("CN=ab")));
  EXPECT_FALSE(is_same_name(*name_of_text("C=DE, O=Example"), hex(kUtf8)));
  EXPECT_FALSE(is_same_name(*name_of_text("O=Example, C=DE, CN=gw"), hex(kUtf8))) << "the order";
  EXPECT_FALSE(is_same_name(*name_of_text("C=DE, OU=Example, CN=gw"), hex(kUtf8)));
}

TEST(DistinguishedName, OfSeveralAttributesInAnRdnHasNoOrderThere) {
  const ByteVector one = hex("3018311630090603550403130267773009060355040b13026777");
  const ByteVector other = hex("301831163009060355040b1302677730090603550403130267 77");
  EXPECT_TRUE(is_same_name(one, other));
  EXPECT_FALSE(is_same_name(one, *name_of_text("CN=gw, OU=gw")));
  EXPECT_FALSE(text_of_name(one).has_value());
}

TEST(DistinguishedName, BrokenAnywhereIsNoneAndNeverACrash) {
  const ByteVector good = hex(kUtf8);
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(text_of_name(base::Bytes(good).first(i)).has_value()) << i;
    for (const unsigned value : {0x00U, 0x7fU, 0x80U, 0x81U, 0x82U, 0x84U, 0xffU}) {
      ByteVector bent = good;
      bent[i] = static_cast<std::byte>(value);
      static_cast<void>(text_of_name(bent));
      EXPECT_EQ(is_same_name(bent, good), bent == good) << i << " " << value;
    }
  }
  EXPECT_FALSE(text_of_name(hex("30812c" + std::string(kUtf8).substr(4))).has_value())
      << "DER has the shortest length";
}

// RFC 4945 §3.1.5: any combination of C, CN, O, OU.
TEST(DistinguishedName, IsMatchedByPatterns) {
  const ByteVector name = hex(kUtf8);
  for (const char* yes : {"C=DE, O=Example, CN=gw", "C=DE, O=Example, CN=*", "C=*, O=*, CN=*",
                          "O=example, *", "CN=gw, *", "CN=gw, C=DE, *", "CN=*, *"})
    EXPECT_TRUE(matches_name(yes, name)) << yes;
  for (const char* no : {"C=DE, O=Example", "C=DE, O=Example, CN=*, OU=*", "O=Other, *",
                         "OU=Example, *", "CN=*, O=*, C=*", "C=DE, O=Example, CN=\\*", "CN=g*, *"})
    EXPECT_FALSE(matches_name(no, name)) << no;
  EXPECT_FALSE(matches_name("CN=*, *", hex("30")));
  EXPECT_FALSE(check_name_pattern("*").has_value());
  EXPECT_FALSE(check_name_pattern("*, CN=gw").has_value());
}

TEST(DistinguishedName, IsAnIdentity) {
  const auto id = Identity::parse(kText);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->type, IdType::kDerAsn1Dn);
  EXPECT_EQ(id->to_string(), kText);
  EXPECT_EQ(*Identity::parse("asn1dn:" + std::string(kText)), *id);
  const Identity peer{IdType::kDerAsn1Dn, hex(kUtf8)};
  for (const char* pattern : {"C=DE, O=Example, CN=gw", "O=Example, *", "asn1dn:O=Example, *"})
    EXPECT_TRUE(IdentityPattern::parse(pattern)->matches(peer)) << pattern;
  EXPECT_TRUE(IdentityPattern::parse("asn1dn:0x" + std::string(kPrintable))->matches(peer));
  EXPECT_FALSE(IdentityPattern::parse("O=Example, *")->matches(*Identity::parse("gw.example")));
  EXPECT_FALSE(IdentityPattern::parse("Q=Example").has_value());
}

}  // namespace
}  // namespace penstock::policy
