// SPDX-License-Identifier: BSD-3-Clause
// Payloads of IKEv1: octets by the RFCs' figures read and written, each field broken in turn, and
// what real peers sent.
#include <gtest/gtest.h>

#include "control/isakmp/describe.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/v1_certificate.h"
#include "control/isakmp/payload/v1_configuration.h"
#include "control/isakmp/payload/v1_fragment.h"
#include "control/isakmp/payload/v1_nat_oa.h"
#include "control/isakmp/payload/v1_notify.h"
#include "control/isakmp/payload/v1_octets.h"
#include "control/isakmp/payload/v1_sa.h"
#include "tests/lib/vectors.h"
#include "tests/unit/isakmp/capture.h"
#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::ByteVector;
using test::hex;

template <class Append>
ByteVector body_of(Append append) {
  return test::body_of(append, 1);
}

/// DOI, situation; proposal 1 of ESP with SPI 0x0badcafe and two transforms: AES of 128 bits with
/// life 3600 s as four octets, and 3DES.
constexpr std::string_view kSa =
    "00000001 00000001"
    "00000034 01030402 0badcafe"
    "0300001c 010c0000 80010001 00020004 00000e10 80040001 80060080"
    "0000000c 02030000 80040001";
constexpr std::size_t kProposalAt = 8;
constexpr std::size_t kTransformAt = 20;

TEST(V1Sa, IsReadByTheFigures) {
  const ByteVector body = hex(kSa);
  const auto sa = parse_v1_sa(body);
  ASSERT_TRUE(sa.has_value()) << sa.error().text;
  ASSERT_EQ(sa->proposals.size(), 1U);
  const V1Proposal& p = sa->proposals[0];
  EXPECT_EQ(p.protocol, ProtocolId::kEsp);
  EXPECT_EQ(base::to_hex(p.spi), "0badcafe");
  ASSERT_EQ(p.transforms.size(), 2U);
  EXPECT_EQ(p.transforms[0].id, 12);
  EXPECT_EQ(p.transforms[0].find(2)->value, 3600U);
  EXPECT_FALSE(p.transforms[0].find(2)->basic);
  EXPECT_EQ(p.transforms[0].find(6)->value, 128U);
  EXPECT_EQ(p.transforms[1].id, 3);
  EXPECT_EQ(p.transforms[1].find(6), nullptr);
}

TEST(V1Sa, IsWrittenAsItWasRead) {
  const ByteVector body = hex(kSa);
  const auto sa = parse_v1_sa(body);
  ASSERT_TRUE(sa.has_value());
  EXPECT_EQ(body_of([&](MessageBuilder& b) { append_v1_sa(b, *sa); }), body);
}

struct Broken {
  V1Rule rule;
  std::size_t at;
  std::uint8_t octet;
};
constexpr Broken kBroken[] = {
    {V1Rule::kDoi, 3, 2},
    {V1Rule::kDoi, 3, 0},
    {V1Rule::kSituation, 7, 2},
    {V1Rule::kSituation, 7, 9},
    {V1Rule::kProposalSyntax, kProposalAt, 2},  // another proposal is promised
    {V1Rule::kReserved, kProposalAt + 1, 1},
    {V1Rule::kProposalSyntax, kProposalAt + 3, 7},  // shorter than its header
    {V1Rule::kProposalSyntax, kProposalAt + 3, 0x35},
    {V1Rule::kProtocol, kProposalAt + 5, 0},
    {V1Rule::kProtocol, kProposalAt + 5, 5},
    {V1Rule::kSpi, kProposalAt + 6, 0},
    {V1Rule::kProposalSyntax, kProposalAt + 6, 0xff},
    {V1Rule::kProposalSyntax, kProposalAt + 7, 0},
    {V1Rule::kTransformSyntax, kProposalAt + 7, 1},
    {V1Rule::kTransformSyntax, kProposalAt + 7, 3},
    {V1Rule::kTransformSyntax, kTransformAt, 2},
    {V1Rule::kReserved, kTransformAt + 1, 1},
    {V1Rule::kTransformSyntax, kTransformAt + 3, 7},
    {V1Rule::kTransformSyntax, kTransformAt + 2, 1},
    {V1Rule::kTransformSyntax, kTransformAt + 4, 2},  // both have number 2
    {V1Rule::kReserved, kTransformAt + 7, 1},
    {V1Rule::kAttributes, kTransformAt + 15, 0x40},
    {V1Rule::kAttributes, kTransformAt + 15, 0},
};

TEST(V1Sa, EachBrokenRuleIsNamed) {
  for (const Broken& b : kBroken) {
    ByteVector body = hex(kSa);
    body.at(b.at) = std::byte{b.octet};
    const auto sa = parse_v1_sa(body);
    ASSERT_FALSE(sa.has_value()) << "octet " << b.at;
    EXPECT_EQ(row_of(sa.error().rule).name, row_of(b.rule).name)
        << "octet " << b.at << ": " << sa.error().text;
  }
}

TEST(V1Sa, EachLengthCutShortIsRefused) {
  const ByteVector body = hex(kSa);
  for (std::size_t octets = 0; octets < body.size(); ++octets)
    EXPECT_FALSE(parse_v1_sa(base::Bytes(body).first(octets)).has_value()) << octets;
}

TEST(V1Sa, AReservedSpiIsRefused) {
  ByteVector body = hex(kSa);
  for (std::size_t i = 0; i < 3; ++i) body.at(kProposalAt + 8 + i) = std::byte{0};
  EXPECT_EQ(parse_v1_sa(body).error().rule, V1Rule::kSpi);
}

TEST(V1Sa, ProposalNumbersDoNotDescendAndMayRepeat) {
  V1SaPayload sa;
  for (const ProtocolId protocol : {ProtocolId::kAh, ProtocolId::kEsp})
    sa.proposals.push_back({1, protocol, hex("0badcafe"), {{1, 2, {}}}});
  const auto write = [&] { return body_of([&](MessageBuilder& b) { append_v1_sa(b, sa); }); };
  EXPECT_TRUE(parse_v1_sa(write()).has_value());
  sa.proposals[0].number = 2;
  EXPECT_EQ(parse_v1_sa(write()).error().rule, V1Rule::kProposalSyntax);
}

TEST(V1Sa, IpcompIsReadAndNamed) {
  // Transform DEFLATE (RFC 2407 §4.4.5), CPI 2 in two octets or four (RFC 3173 §4.1).
  for (const std::string_view cpi : {"0002", "00000002"}) {
    V1SaPayload sa;
    sa.proposals.push_back({1, kV1Ipcomp, hex(cpi), {{1, 2, {}}}});
    const ByteVector body = body_of([&](MessageBuilder& b) { append_v1_sa(b, sa); });
    const auto read = parse_v1_sa(body);
    ASSERT_TRUE(read.has_value()) << read.error().text;
    EXPECT_EQ(describe(*read), "SA[1: IPComp 1 transforms]");
  }
  V1SaPayload sa;
  sa.proposals.push_back({1, kV1Ipcomp, hex("000002"), {{1, 2, {}}}});
  const ByteVector body = body_of([&](MessageBuilder& b) { append_v1_sa(b, sa); });
  EXPECT_EQ(parse_v1_sa(body).error().rule, V1Rule::kSpi);
}

/// Domain 7; secrecy 0x0103 in two octets with categories 1 and 10, integrity 5 without any.
constexpr std::string_view kLabels =
    "00000007 00000007"
    "00020000 01030000 000b0000 40200000"
    "00010000 05000000 00000000";
constexpr std::string_view kProposalOfLabels = "0000001401030401 0badcafe 00000008 01030000";

ByteVector labelled() {
  return hex("00000001" + std::string(kLabels) + std::string(kProposalOfLabels));
}

TEST(V1Situation, IsReadByTheFigureAndWritten) {
  const ByteVector body = labelled();
  const auto sa = parse_v1_sa(body);
  ASSERT_TRUE(sa.has_value()) << sa.error().text;
  EXPECT_EQ(sa->situation.domain, 7U);
  EXPECT_EQ(sa->situation.secrecy, (Label{0x103, {1, 10}}));
  EXPECT_EQ(sa->situation.integrity, (Label{5, {}}));
  EXPECT_EQ(sa->proposals.size(), 1U);
  EXPECT_EQ(body_of([&](MessageBuilder& b) { append_v1_sa(b, *sa); }), body);
  EXPECT_EQ(describe(sa->situation), "domain 7, secrecy 259 {1, 10}, integrity 5 {}");
}

TEST(V1Situation, OfOneLabelHasThatOneAlone) {
  V1SaPayload sa;
  sa.proposals.push_back({1, ProtocolId::kEsp, hex("0badcafe"), {{1, 3, {}}}});
  sa.situation.domain = 9;
  sa.situation.integrity = Label{2, {31, 32}};
  const ByteVector body = body_of([&](MessageBuilder& b) { append_v1_sa(b, sa); });
  EXPECT_TRUE(base::to_hex(body).starts_with(
      "000000010000000500000009000100000200000000210000000000018000000000"));
  EXPECT_EQ(parse_v1_sa(body)->situation, sa.situation);
}

TEST(V1Situation, LeadingZerosOfALevelCountForNothing) {
  const auto sa = parse_v1_sa(hex("00000001 00000003 00000007 00030000 00000100 00000000" +
                                  std::string(kProposalOfLabels)));
  ASSERT_TRUE(sa.has_value()) << sa.error().text;
  EXPECT_EQ(sa->situation.secrecy, (Label{1, {}}));
}

TEST(V1Situation, EachBrokenRuleIsNamed) {
  struct Row {
    V1Rule rule;
    std::size_t at;
    std::uint8_t octet;
  };
  constexpr Row kRows[] = {
      {V1Rule::kSituation, 7, 6},                                    // without identities
      {V1Rule::kSituation, 7, 15},                                   // a bit that there is not
      {V1Rule::kSituation, 11, 0},                                   // domain 0
      {V1Rule::kReserved, 15, 1},       {V1Rule::kReserved, 18, 1},  // padding of the level
      {V1Rule::kReserved, 23, 1},       {V1Rule::kReserved, 26, 1},  // padding of the bitmap
      {V1Rule::kReserved, 25, 0x30},                                 // a bit behind its length
      {V1Rule::kProposalSyntax, 12, 1},                              // 258 octets
  };
  for (const Row& row : kRows) {
    ByteVector body = labelled();
    body.at(row.at) = std::byte{row.octet};
    const auto sa = parse_v1_sa(body);
    ASSERT_FALSE(sa.has_value()) << "octet " << row.at;
    EXPECT_EQ(row_of(sa.error().rule).name, row_of(row.rule).name)
        << "octet " << row.at << ": " << sa.error().text;
  }
  const ByteVector body = labelled();
  for (std::size_t octets = 0; octets < body.size(); ++octets)
    EXPECT_FALSE(parse_v1_sa(base::Bytes(body).first(octets)).has_value()) << octets;
  // Nine octets of level are no number of ours.
  EXPECT_EQ(parse_v1_sa(hex("00000001 00000003 00000007 00090000 01000000 00000000 00000000" +
                            std::string("00000000") + std::string(kProposalOfLabels)))
                .error()
                .rule,
            V1Rule::kSituation);
}

TEST(V1Notify, IsReadAndWritten) {
  const ByteVector body = hex("00000001 01108d28 0102030405060708 1112131415161718 00000007");
  const auto notify = parse_v1_notify(body);
  ASSERT_TRUE(notify.has_value());
  EXPECT_EQ(notify->type, V1NotifyType::kRUThere);
  EXPECT_EQ(base::to_hex(notify->data), "00000007");
  EXPECT_EQ(base::to_vector(notify->spi),
            cookie_pair(IkeSpi{0x0102030405060708}, IkeSpi{0x1112131415161718}));
  EXPECT_EQ(body_of([&](MessageBuilder& b) { append_v1_notify(b, *notify); }), body);
  EXPECT_EQ(describe(*notify), "N(R_U_THERE)");
}

TEST(V1Notify, EachBrokenRuleIsNamed) {
  EXPECT_EQ(parse_v1_notify(hex("00000001 0100000e"))->type, V1NotifyType::kNoProposalChosen);
  EXPECT_EQ(parse_v1_notify(hex("00000000 0000000e"))->protocol, 0);
  EXPECT_EQ(parse_v1_notify(hex("00000002 0100000e")).error().rule, V1Rule::kDoi);
  EXPECT_EQ(parse_v1_notify(hex("00000001 010000")).error().rule, V1Rule::kNotification);
  EXPECT_EQ(parse_v1_notify(hex("00000001 0304000e 0badca")).error().rule, V1Rule::kNotification);
}

TEST(V1Delete, IsReadAndWritten) {
  const net::Spi spis[] = {net::Spi{0x0badcafe}, net::Spi{0x0badcaff}};
  const ByteVector body =
      body_of([&](MessageBuilder& b) { append_v1_delete_children(b, ProtocolId::kEsp, spis); });
  EXPECT_EQ(body, hex("00000001 03040002 0badcafe 0badcaff"));
  const auto d = parse_v1_delete(body);
  ASSERT_TRUE(d.has_value());
  EXPECT_EQ(d->count(), 2U);
  EXPECT_EQ(base::to_hex(d->spi(1)), "0badcaff");
  const ByteVector ike =
      body_of([](MessageBuilder& b) { append_v1_delete_isakmp(b, IkeSpi{1}, IkeSpi{2}); });
  EXPECT_EQ(ike, hex("00000001 01100001 0000000000000001 0000000000000002"));
  EXPECT_TRUE(parse_v1_delete(ike).has_value());
}

TEST(V1Delete, EachBrokenRuleIsNamed) {
  EXPECT_EQ(parse_v1_delete(hex("00000002 03040001 0badcafe")).error().rule, V1Rule::kDoi);
  for (const std::string_view bad :
       {"00000001 030400", "00000001 03040002 0badcafe", "00000001 03040000",
        "00000001 03030001 0badca", "00000001 05040001 0badcafe", "00000001 01040001 0badcafe",
        "00000001 03000001"})
    EXPECT_EQ(parse_v1_delete(hex(bad)).error().rule, V1Rule::kDelete) << bad;
}

TEST(V1Certificate, EncodingsAreThoseOfTheClause) {
  EXPECT_EQ(parse_v1_certificate(hex("04 3003020101"))->encoding, 4);
  EXPECT_EQ(parse_v1_certificate(hex("00 3003")).error().rule, V1Rule::kCertificateEncoding);
  EXPECT_EQ(parse_v1_certificate(hex("0b 3003")).error().rule, V1Rule::kCertificateEncoding);
  EXPECT_EQ(parse_v1_certificate({}).error().rule, V1Rule::kCertificateEncoding);
  EXPECT_EQ(parse_v1_certificate(hex("04")).error().rule, V1Rule::kCertificate);
  EXPECT_TRUE(parse_v1_certificate_request(hex("04"))->authority.empty());
  EXPECT_EQ(parse_v1_certificate_request(hex("04 02")).error().rule, V1Rule::kCertificateAuthority);
  EXPECT_EQ(body_of([](MessageBuilder& b) {
              append_v1_certificate(b, PayloadType::kV1CertificateRequest, 4, hex("3000"));
            }),
            hex("04 3000"));
}

// Octets by hand from the layout of draft-dukes-ike-mode-cfg-02 §3.2.
TEST(V1Configuration, HoldsALoginWithTypeNameAndPassword) {
  const ByteVector body = hex("02 00 1234  c088 0000  4089 0003 6a6f65  408a 0006 736563726574");
  const auto login = parse_v1_configuration(body).value();
  EXPECT_EQ(login.type, ConfigurationType::kReply);
  EXPECT_EQ(login.identifier, 0x1234);
  using enum V1ConfigurationAttribute;
  ASSERT_EQ(login.values.size(), 3U);
  EXPECT_TRUE(login.find(kXauthType)->basic);
  EXPECT_EQ(login.find(kXauthType)->u16(), 0);
  EXPECT_EQ(base::as_text(login.find(kXauthUserName)->octets.bytes()), "joe");
  EXPECT_EQ(base::as_text(login.find(kXauthUserPassword)->octets.bytes()), "secret");
  EXPECT_EQ(login.find(kXauthStatus), nullptr);
  EXPECT_EQ(body_of([&](MessageBuilder& b) { append_v1_configuration(b, login); }), body);
  EXPECT_EQ(describe(login), "ATTR[reply XAUTH-TYPE XAUTH-USER-NAME XAUTH-USER-PASSWORD]");
}

TEST(V1Configuration, HasValuesOfNoOctetsInRequests) {
  const ByteVector body = hex("01 00 0003  0001 0000  0002 0000  7fff 0000");
  const auto request = parse_v1_configuration(body).value();
  EXPECT_EQ(request.type, ConfigurationType::kRequest);
  ASSERT_EQ(request.values.size(), 3U);
  for (const auto& value : request.values) EXPECT_TRUE(value.octets.empty());
  EXPECT_EQ(request.values.front().u16(), std::nullopt);
  EXPECT_EQ(body_of([&](MessageBuilder& b) { append_v1_configuration(b, request); }), body);
}

TEST(V1Configuration, IsRefusedWhenCutOffReservedOrTooLong) {
  EXPECT_EQ(parse_v1_configuration(hex("010000")).error().rule, V1Rule::kAttributes);
  EXPECT_EQ(parse_v1_configuration(hex("01010001")).error().rule, V1Rule::kReserved);
  EXPECT_EQ(parse_v1_configuration(hex("01000001 0001")).error().rule, V1Rule::kAttributes);
  EXPECT_EQ(parse_v1_configuration(hex("01000001 00010004 0a0000")).error().rule,
            V1Rule::kAttributes);
  ByteVector many = hex("01000001");
  for (std::size_t i = 0; i <= kMaxV1ConfigurationValues; ++i) {
    const ByteVector one = hex("00010000");
    many.insert(many.end(), one.begin(), one.end());
  }
  EXPECT_EQ(parse_v1_configuration(many).error().rule, V1Rule::kLimit);
}

// ---- fragments ----

/// As strongSwan 5.9.8 sends them: cookies, FRAG, version 1, Identity Protection, no flags, message
/// id 0; id 1, number 2, the last.
constexpr std::string_view kFragmentHeader =
    "0102030405060708 1112131415161718 84 10 02 00 00000000 00000028";

V1Result<V1FragmentPayload> fragment_of(const ByteVector& message) {
  const auto view = read_v1_message(message);
  if (!view) return tl::unexpected(view.error());
  return read_v1_fragment(*view);
}

TEST(V1Fragment, IsReadByItsFigure) {
  const ByteVector message = hex(std::string(kFragmentHeader) + "0000000c 0001 02 01 cafebabe");
  const auto fragment = fragment_of(message);
  ASSERT_TRUE(fragment.has_value()) << fragment.error().text;
  EXPECT_EQ(fragment->id, 1);
  EXPECT_EQ(fragment->number, 2);
  EXPECT_TRUE(fragment->last);
  EXPECT_EQ(base::to_hex(fragment->data), "cafebabe");
  // Some peers leave the encryption flag of the message that they cut.
  ByteVector flagged = message;
  flagged.at(19) = std::byte{kFlagV1Encryption};
  ASSERT_TRUE(fragment_of(flagged).has_value());
  EXPECT_EQ(base::to_hex(fragment_of(flagged)->data), "cafebabe");
}

TEST(V1Fragment, BrokenOnesAreNamed) {
  // Number 0; no data; no numbers; two of them.
  for (const std::string_view body : {"0000000c 0001 00 01 cafebabe", "00000008 0001 02 01",
                                      "00000006 0001", "84000008 00010100 00000008 00010201"}) {
    ByteVector message = hex(std::string(kFragmentHeader) + std::string(body));
    message.at(27) = static_cast<std::byte>(message.size());
    const auto fragment = fragment_of(message);
    ASSERT_FALSE(fragment.has_value()) << body;
    EXPECT_EQ(fragment.error().rule, V1Rule::kFragment) << body;
  }
}

TEST(V1Fragment, AMessageIsCutAndJoined) {
  ByteVector message(700);
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i * 7);
  const ByteVector header = hex("0102030405060708 1112131415161718 08 10 20 01 00001234 000002bc");
  std::ranges::copy(header, message.begin());
  const ByteVector all = cut_v1_message(message, ExchangeType::kV1MainMode, 300);
  ByteVector joined;
  std::size_t n = 0;
  for (base::Bytes rest = all; !rest.empty(); rest = rest.subspan(next_message(rest).size())) {
    const base::Bytes one = next_message(rest);
    EXPECT_LE(one.size(), 300U);
    const auto view = read_v1_message(one);
    ASSERT_TRUE(view.has_value()) << view.error().text;
    EXPECT_EQ(view->header().message_id.value(), 0U);
    EXPECT_EQ(view->header().exchange, ExchangeType::kV1MainMode);
    const auto fragment = read_v1_fragment(*view);
    ASSERT_TRUE(fragment.has_value());
    EXPECT_EQ(fragment->number, ++n);
    EXPECT_EQ(fragment->last, n == 3);
    joined.insert(joined.end(), fragment->data.begin(), fragment->data.end());
  }
  EXPECT_EQ(n, 3U);
  EXPECT_EQ(joined, message);
}

TEST(V1NatOa, HoldsAnAddressOfItsType) {
  const auto address = net::IpAddress::parse("192.0.2.1").value();
  const ByteVector body =
      body_of([&](MessageBuilder& b) { append_v1_nat_oa(b, PayloadType::kV1NatOa, address); });
  EXPECT_EQ(body, hex("01000000 c0000201"));
  EXPECT_EQ(parse_v1_nat_oa(body).value(), address);
  EXPECT_EQ(parse_v1_nat_oa(hex("05000000 c0000201")).error().rule, V1Rule::kNat);
  EXPECT_EQ(parse_v1_nat_oa(hex("01000000 c00002")).error().rule, V1Rule::kNat);
  EXPECT_EQ(parse_v1_nat_oa(hex("010000")).error().rule, V1Rule::kNat);
  EXPECT_EQ(parse_v1_nat_oa(hex("01000100 c0000201")).error().rule, V1Rule::kReserved);
}

TEST(V1Octets, HaveTheirLimits) {
  struct Case {
    PayloadType type;
    std::size_t octets;
    std::optional<V1Rule> broken;
  };
  const Case cases[] = {
      {PayloadType::kV1Nonce, 7, V1Rule::kNonce},
      {PayloadType::kV1Nonce, 8, {}},
      {PayloadType::kV1Nonce, 256, {}},
      {PayloadType::kV1Nonce, 257, V1Rule::kNonce},
      {PayloadType::kV1KeyExchange, 0, V1Rule::kKeyInformation},
      {PayloadType::kV1KeyExchange, 128, {}},
      {PayloadType::kV1Hash, 0, V1Rule::kHashInformation},
      {PayloadType::kV1Hash, 65, V1Rule::kHashInformation},
      {PayloadType::kV1Signature, 0, V1Rule::kSignature},
      {PayloadType::kV1NatD, 0, V1Rule::kNat},
  };
  const ByteVector octets(300);
  for (const Case& c : cases) {
    const auto read = read_v1_octets({c.type, false, base::Bytes(octets).first(c.octets), {}});
    EXPECT_EQ(read.has_value(), !c.broken.has_value()) << name_of(c.type) << " " << c.octets;
    if (!read && c.broken) {
      EXPECT_EQ(read.error().rule, *c.broken);
    }
  }
}

TEST(Identification, CarriesProtocolAndPortInIkev1) {
  const ByteVector body = identification_body(1, hex("c0000201"), 17, 500);
  EXPECT_EQ(body, hex("01 11 01f4 c0000201"));
}

/// What Wireshark's samples hold: every message in clear is read whole.
TEST(V1Capture, MainAndAggressiveModeOfRealPeersAreRead) {
  for (const char* name :
       {"captures/ipsec-ikev1-isakmp-main-mode.pcap",
        "captures/ipsec-ikev1-isakmp-aggressive-mode.pcap", "captures/ikev1-certs.pcap"}) {
    PS_VECTORS_OR_SKIP(file, name);
    std::size_t clear = 0;
    for (const test::CapturedDatagram& d : test::ike_datagrams(file)) {
      const auto message = read_v1_message(d.data);
      ASSERT_TRUE(message.has_value())
          << name << ": " << row_of(message.error().rule).name << " " << message.error().text;
      const std::string text = describe(*message);
      EXPECT_EQ(text.find("malformed"), std::string::npos) << text;
      if (!message->encrypted()) ++clear;
    }
    EXPECT_GE(clear, 2U) << name;
  }
}

}  // namespace
}  // namespace penstock::isakmp
