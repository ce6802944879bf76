// SPDX-License-Identifier: BSD-3-Clause
// Identities against certificates: RFC 4945 §3.1.
#include "tests/unit/pki/proof.h"

namespace penstock::pki {
namespace {

struct Case {
  const char* what;
  const char* alternatives;
  PeerName name;
  bool matches;
};

PeerName octets(std::uint8_t type, std::initializer_list<unsigned> list) {
  PeerName name{type, {}};
  for (const unsigned o : list) name.data.push_back(static_cast<std::byte>(o));
  return name;
}
PeerName text(std::uint8_t type, std::string_view t) {
  return {type, base::to_vector(base::as_bytes(t))};
}

TEST(Names, MatchAsTheProfileSays) {
  const Case cases[] = {
      {"a host name", "DNS:peer.example", text(2, "peer.example"), true},
      {"without case", "DNS:Peer.Example", text(2, "pEER.example"), true},
      {"one of several", "DNS:a.example,DNS:peer.example", text(2, "peer.example"), true},
      {"another name", "DNS:peer.example", text(2, "peer.exampl"), false},
      {"a wildcard of the certificate", "DNS:*.example", text(2, "peer.example"), false},
      {"a mail address as a host name", "email:peer.example@x", text(2, "peer.example@x"), false},
      {"a mail address", "email:joe@peer.example", text(3, "JOE@peer.example"), true},
      {"a host name as a mail address", "DNS:peer.example", text(3, "peer.example"), false},
      {"an address", "IP:192.0.2.1", octets(1, {192, 0, 2, 1}), true},
      {"another address", "IP:192.0.2.1", octets(1, {192, 0, 2, 2}), false},
      {"an address written as a name", "DNS:192.0.2.1", octets(1, {192, 0, 2, 1}), false},
      {"an IPv6 address", "IP:2001:db8::1",
       octets(5, {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), true},
      {"an address of the other type's length", "IP:192.0.2.1", octets(5, {192, 0, 2, 1}), false},
      {"an empty name", "DNS:peer.example", text(2, ""), false},
      {"a key id", "DNS:peer.example", text(11, "peer.example"), false},
      {"a name with a NUL", "DNS:peer.example", text(2, std::string_view("peer.example\0", 13)),
       false},
  };
  House h;
  for (const Case& c : cases) {
    PeerProof p = h.proof(h.peer({.alternatives = c.alternatives}));
    p.name = c.name;
    const auto verdict = h.judge(p);
    EXPECT_EQ(verdict.has_value(), c.matches) << c.what;
    if (!verdict && !c.matches) {
      EXPECT_EQ(verdict.error().code, base::ErrorCode::kRefused) << c.what;
    }
  }
}

TEST(Names, OfTheSubjectAloneAreNoHostNames) {
  House h;
  PeerProof p = h.proof(h.peer({.name = "peer.example", .alternatives = "DNS:other.example"}));
  EXPECT_TRUE(refused(h.judge(p), "CN=peer.example", "not for this identity"));
}

TEST(Names, ADistinguishedNameIsTheSubject) {
  House h;
  const Entity peer = h.peer();
  const auto facts = facts_of(h.context, peer.certificate);
  ASSERT_TRUE(facts.has_value());
  PeerProof p = h.proof(peer);
  p.name = {9, facts->subject_der};
  EXPECT_TRUE(h.judge(p).has_value());
  // RFC 5280 §7.1: neither case nor the kind of string makes it another name.
  p.name.data.back() ^= std::byte{0x20};
  EXPECT_TRUE(h.judge(p).has_value());
  p.name.data.at(11) = std::byte{0x13};  // a PrintableString
  EXPECT_TRUE(h.judge(p).has_value());
  p.name.data.back() ^= std::byte{0x01};
  EXPECT_FALSE(h.judge(p).has_value());
}

TEST(Names, AnEmptySubjectIsNobody) {
  House h;
  PeerProof p = h.proof(h.peer({.name = ""}));
  EXPECT_TRUE(h.judge(p).has_value());
  p.name = {9, {std::byte{0x30}, std::byte{0}}};
  EXPECT_TRUE(refused(h.judge(p), "(no subject)", "not for this identity"));
}

TEST(Names, OfHostilesStayPrintable) {
  House h;
  const auto facts = facts_of(h.context, h.peer({.name = "a\nb\x1b[31m"}).certificate);
  ASSERT_TRUE(facts.has_value());
  for (const char c : facts->subject) EXPECT_GE(c, ' ') << facts->subject;
}

}  // namespace
}  // namespace penstock::pki
