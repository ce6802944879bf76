// SPDX-License-Identifier: BSD-3-Clause
// Each processing rule of RFC 2408 §5 broken in turn against both roles, at each message of phase 1
// and phase 2: the rule is counted under its name, nothing is answered but what the rule allows,
// and the honest peer's exchange goes on.
#include <gtest/gtest.h>

#include "control/ikev1/protection.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using base::ByteVector;
using isakmp::PayloadType;
using isakmp::V1Rule;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

void set_aggressive(session::ConnectionConfig& c) { c.aggressive = c.aggressive_psk = true; }
void set_base(session::ConnectionConfig& c) { c.exchange = session::Phase1Exchange::kBase; }

struct Exchange1 {
  const char* name;
  void (*edit)(session::ConnectionConfig&);
  std::size_t messages;  ///< with those of Quick Mode
};
constexpr Exchange1 kExchanges[] = {{"Main Mode", [](session::ConnectionConfig&) {}, 9},
                                    {"Aggressive Mode", set_aggressive, 6},
                                    {"Base Exchange", set_base, 7}};

bool is_sealed(const Datagram& d) {
  return (std::to_integer<unsigned>(d.data.at(19)) & isakmp::kFlagV1Encryption) != 0;
}
bool is_phase2(const Datagram& d) {
  return std::to_integer<std::uint8_t>(d.data.at(18)) ==
         static_cast<std::uint8_t>(isakmp::ExchangeType::kV1QuickMode);
}

/// The header's rules (§5.2) and the chain's (§5.3): octets of a message that is right.
struct Octet {
  V1Rule rule;
  std::size_t at;
  std::uint8_t value;
  bool in_clear = false;  ///< of the chain, which only a message in clear shows
};
constexpr Octet kOctets[] = {
    {V1Rule::kNextPayload, 16, 0},    {V1Rule::kNextPayload, 16, 15},
    {V1Rule::kNextPayload, 16, 33},   {V1Rule::kMinorVersion, 17, 0x11},
    {V1Rule::kExchangeType, 18, 0},   {V1Rule::kExchangeType, 18, 7},
    {V1Rule::kFlags, 19, 0x88},       {V1Rule::kFlags, 19, 0x05},
    {V1Rule::kLength, 26, 0x7f},      {V1Rule::kNextPayload, 28, 15, true},
    {V1Rule::kReserved, 29, 1, true}, {V1Rule::kLength, 30, 0x7f, true},
};

TEST(V1Processing, EachRuleOfTheHeaderBrokenIsCountedAndTheExchangeGoesOn) {
  for (const Exchange1& exchange : kExchanges)
    for (std::size_t at = 0; at < exchange.messages; ++at)
      for (const Octet& octet : kOctets) {
        SCOPED_TRACE(testing::Message() << exchange.name << ", message " << at << ", octet "
                                        << octet.at << " = " << int{octet.value});
        Ikev1Pair pair(1, exchange.edit);
        pair.a.begin();
        bool tried = false;
        pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
          if (n != at || (octet.in_clear && is_sealed(d))) return;
          Datagram bad = d;
          bad.data.at(octet.at) = std::byte{octet.value};
          const std::uint64_t before = to.services.v1_broken.get(octet.rule);
          const std::size_t sent = to.sent.size();
          to.receive(bad);
          EXPECT_EQ(to.services.v1_broken.get(octet.rule), before + 1);
          EXPECT_EQ(to.sent.size(), sent) << "it is answered";
          tried = true;
        });
        EXPECT_TRUE(pair.is_up()) << "the honest exchange does not go on";
        EXPECT_TRUE(tried || octet.in_clear);
      }
}

TEST(V1Processing, CookiesAndMessageIdsOfNobodyAreDropped) {
  for (const Exchange1& exchange : kExchanges)
    for (std::size_t at = 0; at < exchange.messages; ++at)
      for (const std::size_t octet : {0U, 7U, 8U, 15U, 20U, 23U}) {
        SCOPED_TRACE(testing::Message() << exchange.name << ", message " << at << " " << octet);
        Ikev1Pair pair(2, exchange.edit);
        pair.a.begin();
        pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
          // Another initiator's cookie in a first message is another first message, and in its
          // answer the responder names its own.
          if (n != at || (n == 0 && octet < 16) || (n == 1 && octet >= 8 && octet < 16)) return;
          Datagram bad = d;
          bad.data.at(octet) ^= std::byte{0x5a};
          const std::size_t sent = to.sent.size();
          to.receive(bad);
          EXPECT_EQ(to.sent.size(), sent) << "it is answered";
        });
        EXPECT_TRUE(pair.is_up());
      }
}

/// A message with the body of its first payload of a type exchanged.
Datagram with_body(const Datagram& d, PayloadType type,
                   const std::function<void(ByteVector&)>& edit) {
  const auto view = isakmp::MessageView::parse(d.data);
  isakmp::MessageBuilder builder(view->header());
  bool done = false;
  for (const isakmp::PayloadView& p : view->payloads()) {
    ByteVector body = base::to_vector(p.body);
    if (p.type == type && !std::exchange(done, true)) edit(body);
    builder.append(p.type, body);
  }
  return {d.local, d.remote, builder.finish()};
}

/// The rules of §5.4 to §5.15 for payloads in clear.
struct Body {
  V1Rule rule;
  PayloadType type;
  const char* what;
  void (*edit)(ByteVector&);
};
const Body kBodies[] = {
    {V1Rule::kDoi, PayloadType::kV1Sa, "another DOI", [](ByteVector& b) { b[3] = std::byte{2}; }},
    {V1Rule::kSituation, PayloadType::kV1Sa, "no situation",
     [](ByteVector& b) { b[7] = std::byte{0}; }},
    {V1Rule::kReserved, PayloadType::kV1Sa, "RESERVED of a proposal",
     [](ByteVector& b) { b[9] = std::byte{1}; }},
    {V1Rule::kTransformSyntax, PayloadType::kV1Sa, "more transforms than there are",
     [](ByteVector& b) { b[15] = std::byte{9}; }},
    {V1Rule::kReserved, PayloadType::kV1Sa, "RESERVED of a transform",
     [](ByteVector& b) { b[17] = std::byte{1}; }},
    {V1Rule::kAttributes, PayloadType::kV1Sa, "an attribute that is cut off",
     [](ByteVector& b) { b[24] = std::byte{0}; }},
    {V1Rule::kProposalSyntax, PayloadType::kV1Sa, "no transforms",
     [](ByteVector& b) { b[15] = std::byte{0}; }},
    {V1Rule::kProtocol, PayloadType::kV1Sa, "a protocol that there is not",
     [](ByteVector& b) { b[13] = std::byte{9}; }},
    {V1Rule::kTransformSyntax, PayloadType::kV1Sa, "a transform shorter than its header",
     [](ByteVector& b) { b[19] = std::byte{7}; }},
    {V1Rule::kProposalSyntax, PayloadType::kV1Sa, "a proposal longer than its payload",
     [](ByteVector& b) { b[10] = std::byte{9}; }},
    {V1Rule::kKeyInformation, PayloadType::kV1KeyExchange, "a short public value",
     [](ByteVector& b) { b.resize(16); }},
    {V1Rule::kNonce, PayloadType::kV1Nonce, "a nonce of 7 octets",
     [](ByteVector& b) { b.resize(7); }},
    {V1Rule::kNonce, PayloadType::kV1Nonce, "a nonce of 257 octets",
     [](ByteVector& b) { b.resize(257); }},
};

TEST(V1Processing, EachRuleOfAPayloadBrokenIsCountedAndNothingIsAnswered) {
  for (const Exchange1& exchange : kExchanges)
    for (std::size_t at = 0; at < 4; ++at)
      for (const Body& body : kBodies) {
        SCOPED_TRACE(testing::Message()
                     << exchange.name << ", message " << at << ": " << body.what);
        Ikev1Pair pair(3, exchange.edit);
        pair.a.begin();
        pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
          if (n != at || is_sealed(d) || is_phase2(d)) return;
          const auto view = isakmp::MessageView::parse(d.data);
          if (view->payloads().find(body.type) == nullptr) return;
          Datagram bad = with_body(d, body.type, body.edit);
          // A stranger's first message, beside the honest one.
          if (n == 0) bad.data.at(0) ^= std::byte{1};
          std::uint64_t counted = 0;
          for (const isakmp::V1RuleRow& row : isakmp::kV1RuleTable)
            counted += to.services.v1_broken.get(row.id);
          const std::uint64_t before = to.services.v1_broken.get(body.rule);
          const std::size_t sent = to.sent.size();
          to.receive(bad);
          EXPECT_EQ(to.services.v1_broken.get(body.rule), before + 1);
          for (const isakmp::V1RuleRow& row : isakmp::kV1RuleTable)
            counted -= to.services.v1_broken.get(row.id);
          EXPECT_EQ(counted, static_cast<std::uint64_t>(-1)) << "another rule was counted";
          EXPECT_EQ(to.sent.size(), sent) << "it is answered";
          if (n == 0) {
            EXPECT_TRUE(to.machine.all().empty()) << "something is kept";
          }
        });
        EXPECT_TRUE(pair.is_up()) << "the honest exchange does not go on";
      }
}

// ---- behind the decryption ----

/// What a peer that has the keys says wrong in the first message of Quick Mode: the SA payload is
/// the second, behind HASH; its offsets are from there.
struct Inside {
  const char* notify;
  const char* what;
  std::size_t at;  ///< of the SA payload's generic header
  std::uint8_t value;
};
constexpr Inside kInside[] = {
    {"DOI_NOT_SUPPORTED", "another DOI", 7, 2},
    {"SITUATION_NOT_SUPPORTED", "no situation", 11, 0},
    {"BAD_PROPOSAL_SYNTAX", "more transforms than there are", 19, 9},
    {"NO_PROPOSAL_CHOSEN", "an ESP transform that there is not", 29, 99},
};

ByteVector without_padding(base::Bytes inside) {
  const base::Bytes rest = hashed_part(PayloadType::kV1Hash, inside);
  const auto end = static_cast<std::size_t>(rest.data() - inside.data()) + rest.size();
  return base::to_vector(inside.first(end));
}

TEST(V1Processing, WhatAPeerWithTheKeysSaysWrongIsRefusedByItsName) {
  for (const Inside& inside : kInside) {
    SCOPED_TRACE(inside.what);
    Ikev1Pair pair(4);
    pair.a.begin();
    bool tried = false;
    pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
      if (!is_phase2(d) || tried) return;
      tried = true;
      ByteVector plain = without_padding(test::open_phase2(to, d.data));
      const std::size_t sa = sizeof(isakmp::GenericHeader) + to.sa()->algorithms.prf->output_octets;
      plain.at(sa + inside.at) = std::byte{inside.value};
      to.receive(test::seal_phase2(to, d, std::move(plain), 0x1234'5678));
    });
    EXPECT_TRUE(tried);
    EXPECT_TRUE(pair.a.said(inside.notify));
    // The refusal names no exchange: the honest Quick Mode that was under way is given up by who
    // began it, and can be begun anew.
    EXPECT_EQ(pair.a.sa()->state, State::kEstablished);
    EXPECT_EQ(pair.b.sa()->state, State::kEstablished);
  }
}

TEST(V1Processing, AWrongHashIsDroppedInSilenceAndTheExchangeGoesOn) {
  for (const bool other_id : {false, true}) {
    Ikev1Pair pair(5);
    pair.a.begin();
    std::size_t tried = 0;
    pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
      if (!is_phase2(d)) return;
      Datagram bad = d;
      bad.data.back() ^= std::byte{1};
      if (other_id) bad.data.at(21) ^= std::byte{1};
      const std::size_t sent = to.sent.size();
      to.receive(bad);
      EXPECT_EQ(to.sent.size(), sent) << "it is answered";
      ++tried;
    });
    EXPECT_EQ(tried, 3U);
    EXPECT_TRUE(pair.is_up());
  }
}

TEST(V1Processing, NoOctetBehindTheDecryptionMakesMoreThanOneChild) {
  std::size_t tried = 0;
  for (const std::size_t message : {0U, 1U, 2U})
    for (std::size_t at = 0; at < 400; ++at)
      for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
        Ikev1Pair pair(6);
        pair.a.begin();
        std::size_t seen = 0;
        bool over = false;
        pair.run([&](Ikev1End& to, const Datagram& d, std::size_t) {
          if (!is_phase2(d) || seen++ != message) return;
          ByteVector plain = without_padding(test::open_phase2(to, d.data));
          over = at >= plain.size();
          if (over) return;
          plain[at] ^= static_cast<std::byte>(flip);
          const auto header = isakmp::Header::parse(d.data);
          to.receive(test::seal_phase2(to, d, std::move(plain), header->message_id.value()));
          ++tried;
        });
        if (over) break;
        ASSERT_LE(pair.a.children(), 1U);
        ASSERT_LE(pair.b.children(), 1U);
        ASSERT_NE(pair.a.sa(), nullptr);
      }
  EXPECT_GT(tried, 500U);
}

}  // namespace
}  // namespace penstock::ikev1
