// SPDX-License-Identifier: BSD-3-Clause
// Each payload: as on the wire (octets written by hand from its RFC's figure), there and back, and
// every cut and length field that could be wrong.
#include <gtest/gtest.h>

#include "control/isakmp/describe.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/certificate.h"
#include "control/isakmp/payload/configuration.h"
#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/eap.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"
#include "control/isakmp/payload/traffic_selectors.h"
#include "control/isakmp/payload/vendor_id.h"
#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using test::body_of;
using test::hex;

/// Every prefix of a good body is refused (its end is known from its own fields or its content).
template <class Parse>
void expect_cuts_refused(const ByteVector& good, Parse parse) {
  ASSERT_TRUE(parse(Bytes(good)).has_value());
  for (std::size_t octets = 0; octets < good.size(); ++octets)
    EXPECT_FALSE(parse(Bytes(good).first(octets)).has_value()) << octets;
}

TEST(KeyExchange, IsGroupAndData) {
  const ByteVector body = hex("001f 0000 aabbcc");
  const auto ke = parse_key_exchange(body);
  ASSERT_TRUE(ke.has_value());
  EXPECT_EQ(ke->group, crypto::DhGroupId::kX25519);
  EXPECT_EQ(base::to_hex(ke->data), "aabbcc");
  EXPECT_EQ(describe(*ke), "KE[x25519, 3 octets]");
  EXPECT_EQ(
      body_of([](auto& b) { append_key_exchange(b, crypto::DhGroupId::kX25519, hex("aabbcc")); }),
      body);
}

TEST(KeyExchange, IgnoresItsReservedFieldAndNeedsData) {
  EXPECT_TRUE(parse_key_exchange(hex("001fffff aa")).has_value());
  EXPECT_EQ(parse_key_exchange(hex("001f0000")).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(parse_key_exchange(hex("001f00")).error().code, ErrorCode::kTruncated);
}

TEST(Nonce, Has16To256Octets) {
  EXPECT_FALSE(parse_nonce(ByteVector(15)).has_value());
  EXPECT_TRUE(parse_nonce(ByteVector(16)).has_value());
  EXPECT_TRUE(parse_nonce(ByteVector(256)).has_value());
  EXPECT_FALSE(parse_nonce(ByteVector(257)).has_value());
  EXPECT_EQ(body_of([](auto& b) { append_nonce(b, ByteVector(16)); }), ByteVector(16));
}

TEST(Identification, IsTypeAndData) {
  const ByteVector body = hex("02 000000 6d6f6f6e");
  const auto id = parse_identification(body);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->type, 2);
  EXPECT_EQ(describe(*id), "ID_FQDN moon");
  EXPECT_EQ(identification_body(2, base::as_bytes("moon")), body);
  EXPECT_EQ(body_of([](auto& b) {
              append_identification(b, PayloadType::kIdResponder, 2, base::as_bytes("moon"));
            }),
            body);
}

TEST(Identification, AnAddressHasItsLength) {
  EXPECT_EQ(describe(*parse_identification(hex("01 000000 c0000201"))), "ID_IPV4_ADDR 192.0.2.1");
  EXPECT_FALSE(parse_identification(hex("01 000000 c00002")).has_value());
  EXPECT_FALSE(parse_identification(hex("01 000000 c000020101")).has_value());
  EXPECT_FALSE(parse_identification(hex("05 000000 c0000201")).has_value());
  EXPECT_TRUE(parse_identification(hex("05 000000 20010db8000000000000000000000001")).has_value());
}

TEST(Identification, ItsDataIsNeitherEmptyNorEndless) {
  EXPECT_EQ(parse_identification(hex("02000000")).error().code, ErrorCode::kMalformed);
  EXPECT_TRUE(parse_identification(ByteVector(4 + kMaxIdOctets, std::byte{2})).has_value());
  EXPECT_EQ(parse_identification(ByteVector(5 + kMaxIdOctets, std::byte{2})).error().code,
            ErrorCode::kLimit);
}

TEST(Identification, ShowsNoControlCharacters) {
  EXPECT_EQ(describe(*parse_identification(hex("02 000000 1b5b"))), "ID_FQDN 0x1b5b");
}

TEST(Authentication, IsMethodAndData) {
  const ByteVector body = hex("02 000000 a1a2");
  const auto auth = parse_authentication(body);
  ASSERT_TRUE(auth.has_value());
  EXPECT_EQ(auth->method, AuthenticationMethod::kSharedKey);
  EXPECT_EQ(describe(*auth), "AUTH[shared key, 2 octets]");
  EXPECT_EQ(body_of([](auto& b) {
              append_authentication(b, AuthenticationMethod::kSharedKey, hex("a1a2"));
            }),
            body);
  EXPECT_FALSE(parse_authentication(hex("02000000")).has_value());
  EXPECT_FALSE(parse_authentication(hex("020000")).has_value());
}

TEST(Notify, HasProtocolSpiTypeAndData) {
  const ByteVector body = hex("03 04 4009 0badcafe ff");
  const auto notify = parse_notify(body);
  ASSERT_TRUE(notify.has_value());
  EXPECT_EQ(notify->type, NotifyType::kRekeySa);
  EXPECT_FALSE(notify->is_error());
  EXPECT_EQ(base::to_hex(notify->data), "ff");
  const auto child = child_of(*notify);
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(child->protocol, ProtocolId::kEsp);
  EXPECT_EQ(child->spi, net::Spi{0x0badcafe});
  EXPECT_EQ(describe(*notify), "N(REKEY_SA ESP 0x0badcafe)");
  EXPECT_EQ(body_of([](auto& b) {
              append_child_notify(b, NotifyType::kRekeySa, ProtocolId::kEsp, net::Spi{0x0badcafe},
                                  hex("ff"));
            }),
            body);
}

TEST(Notify, TheSpiMustBeThere) {
  EXPECT_EQ(parse_notify(hex("03 04 4009 0badca")).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(parse_notify(hex("03 04 40")).error().code, ErrorCode::kTruncated);
}

TEST(Notify, ANotifyWithoutAFourOctetSpiNamesNoChild) {
  EXPECT_FALSE(child_of(*parse_notify(hex("03 00 4009"))).has_value());
  EXPECT_FALSE(child_of(*parse_notify(hex("03 08 4009 0102030405060708"))).has_value());
  EXPECT_FALSE(child_of(*parse_notify(hex("01 04 4009 01020304"))).has_value());
}

TEST(Notify, OneAboutTheIkeSaHasNoProtocol) {
  EXPECT_EQ(body_of([](auto& b) { append_notify(b, NotifyType::kInitialContact); }),
            hex("00 00 4000"));
}

TEST(Notify, ErrorsAreBelow16384) {
  EXPECT_TRUE(is_error(NotifyType::kTemporaryFailure));
  EXPECT_TRUE(is_error(NotifyType{16383}));
  EXPECT_FALSE(is_error(NotifyType{16384}));
}

TEST(Notify, InvalidKeHoldsTheGroup) {
  const ByteVector body =
      body_of([](auto& b) { append_invalid_ke(b, crypto::DhGroupId::kEcp256); });
  EXPECT_EQ(body, hex("00 00 0011 0013"));
  const auto notify = parse_notify(body);
  EXPECT_EQ(invalid_ke_group_of(*notify).value(), crypto::DhGroupId::kEcp256);
  EXPECT_EQ(describe(*notify), "N(INVALID_KE_PAYLOAD ecp256)");
  EXPECT_FALSE(invalid_ke_group_of(*parse_notify(hex("00 00 0011 00"))).has_value());
  EXPECT_FALSE(invalid_ke_group_of(*parse_notify(hex("00 00 0011 001300"))).has_value());
  EXPECT_FALSE(invalid_ke_group_of(*parse_notify(hex("00 00 000e 0013"))).has_value());
}

TEST(Notify, ACookieHas1To64Octets) {
  const auto cookie = [](std::size_t octets) {
    ByteVector body = hex("00 00 4006");
    body.resize(body.size() + octets);
    return cookie_of(*parse_notify(body)).has_value();
  };
  EXPECT_FALSE(cookie(0));
  EXPECT_TRUE(cookie(1));
  EXPECT_TRUE(cookie(64));
  EXPECT_FALSE(cookie(65));
}

TEST(Notify, UnsupportedCriticalPayloadHoldsTheType) {
  EXPECT_EQ(body_of([](auto& b) { append_unsupported_critical(b, 200); }), hex("00 00 0001 c8"));
}

TEST(Notify, AWindowSizeHasFourOctets) {
  EXPECT_EQ(window_size_of(*parse_notify(hex("00 00 4001 0000000a"))).value(), 10U);
  EXPECT_FALSE(window_size_of(*parse_notify(hex("00 00 4001 00000a"))).has_value());
}

TEST(Notify, IsFoundByTypeAndByBeingAnError) {
  MessageBuilder builder{Header{}};
  append_notify(builder, NotifyType::kInitialContact);
  builder.append(PayloadType::kNotify, hex("00 ff 4009"));  // malformed: passed over
  append_notify(builder, NotifyType::kTsUnacceptable);
  const ByteVector message = builder.finish();
  const auto view = MessageView::parse(message);
  ASSERT_TRUE(view.has_value());
  EXPECT_TRUE(find_notify(view->payloads(), NotifyType::kInitialContact).has_value());
  EXPECT_FALSE(find_notify(view->payloads(), NotifyType::kRekeySa).has_value());
  EXPECT_EQ(find_error_notify(view->payloads())->type, NotifyType::kTsUnacceptable);
}

// Computed apart: SHA-1(0102030405060708 | 0000000000000000 | c0000201 | 01f4).
TEST(Notify, TheNatDetectionHashIsSha1OfSpisAddressAndPort) {
  const crypto::CryptoContext context;
  const net::Endpoint endpoint{net::IpAddress::v4(0xc0000201), net::Port{500}};
  EXPECT_EQ(
      base::to_hex(nat_detection_hash(context, IkeSpi{0x0102030405060708}, IkeSpi{0}, endpoint)),
      "644b4575455bd6fcc1efe2be8162a9218e448e5f");
}

TEST(Delete, OfTheIkeSaHoldsNothing) {
  const ByteVector body = body_of([](auto& b) { append_delete_ike(b); });
  EXPECT_EQ(body, hex("01 00 0000"));
  EXPECT_EQ(describe(*parse_delete(body)), "D[IKE]");
  EXPECT_FALSE(parse_delete(hex("01 08 0001 0102030405060708")).has_value());
  EXPECT_FALSE(parse_delete(hex("01 00 0000 00")).has_value());
}

TEST(Delete, OfChildrenHoldsTheirSpis) {
  const std::vector<net::Spi> spis{net::Spi{0x01020304}, net::Spi{0xfffefdfc}};
  const ByteVector body =
      body_of([&](auto& b) { append_delete_children(b, ProtocolId::kEsp, spis); });
  EXPECT_EQ(body, hex("03 04 0002 01020304 fffefdfc"));
  const auto parsed = parse_delete(body);
  ASSERT_TRUE(parsed.has_value());
  ASSERT_EQ(parsed->count(), 2U);
  EXPECT_EQ(parsed->spi(0), spis[0]);
  EXPECT_EQ(parsed->spi(1), spis[1]);
  EXPECT_EQ(describe(*parsed), "D[ESP 0x01020304 0xfffefdfc]");
  expect_cuts_refused(body, parse_delete);
}

TEST(Delete, RefusesSizesAndProtocolsThatDoNotFit) {
  EXPECT_FALSE(parse_delete(hex("03 04 0001 01020304 05")).has_value());
  EXPECT_FALSE(parse_delete(hex("03 08 0001 0102030405060708")).has_value());
  EXPECT_FALSE(parse_delete(hex("03 00 0001")).has_value());
  EXPECT_FALSE(parse_delete(hex("00 04 0001 01020304")).has_value());
  EXPECT_FALSE(parse_delete(hex("04 04 0001 01020304")).has_value());
  ByteVector many = hex("03 04 0401");
  many.resize(4 + 4 * 0x401);
  EXPECT_EQ(parse_delete(many).error().code, ErrorCode::kLimit);
}

TsSelector v4(std::uint32_t first, std::uint32_t last) {
  return {net::IpAddress::v4(first), net::IpAddress::v4(last)};
}

TEST(TrafficSelectors, AreRangesOfBothFamilies) {
  TsSelector tcp = v4(0x0a010000, 0x0a01ffff);
  tcp.protocol = 6;
  tcp.first_port = tcp.last_port = 80;
  TsSelector v6;
  v6.first = v6.last = net::IpAddress::parse("2001:db8::1").value();
  const std::vector<TsSelector> selectors{tcp, v6};
  const ByteVector body =
      body_of([&](auto& b) { append_traffic_selectors(b, PayloadType::kTsInitiator, selectors); });
  EXPECT_EQ(body, hex("02 000000"
                      "07 06 0010 0050 0050 0a010000 0a01ffff"
                      "08 00 0028 0000 ffff 20010db8000000000000000000000001"
                      "20010db8000000000000000000000001"));
  const auto parsed = parse_traffic_selectors(body);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
  EXPECT_EQ(parsed->selectors, selectors);
  EXPECT_EQ(describe(*parsed), "[10.1.0.0-10.1.255.255[6/80-80], 2001:db8::1-2001:db8::1]");
  expect_cuts_refused(body, parse_traffic_selectors);
}

TEST(TrafficSelectors, OpaquePortsAreTheOneBackwardRange) {
  EXPECT_TRUE(
      parse_traffic_selectors(hex("01000000 07060010 ffff0000 0a000000 0a0000ff")).has_value());
  EXPECT_FALSE(
      parse_traffic_selectors(hex("01000000 07060010 00510050 0a000000 0a0000ff")).has_value());
}

TEST(TrafficSelectors, RefusesWrongLengthsRangesAndCounts) {
  for (const char* body : {
           "00000000",                                         // no selector
           "02000000 07000010 0000ffff 0a000000 0a0000ff",     // fewer than it says
           "01000000 07000010 0000ffff 0a000000 0a0000ff 00",  // more than it says
           "01000000 07000003 0000ffff 0a000000 0a0000ff",     // below its own header
           "01000000 0700000f 0000ffff 0a000000 0a0000",       // an octet short
           "01000000 08000010 0000ffff 0a000000 0a0000ff",     // IPv6 of IPv4's length
           "01000000 07000010 0000ffff 0a0000ff 0a000000",     // backward
       })
    EXPECT_FALSE(parse_traffic_selectors(hex(body)).has_value()) << body;
}

TEST(TrafficSelectors, UnknownTypesArePassedOver) {
  const auto parsed =
      parse_traffic_selectors(hex("02000000 09000006 aabb 07000010 0000ffff 0a000000 0a0000ff"));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().text;
  EXPECT_EQ(parsed->skipped, 1U);
  EXPECT_EQ(parsed->selectors.size(), 1U);
}

TEST(TrafficSelectors, TheirNumberIsBounded) {
  const std::vector<TsSelector> selectors(kMaxSelectors + 1, v4(1, 2));
  const ByteVector body =
      body_of([&](auto& b) { append_traffic_selectors(b, PayloadType::kTsResponder, selectors); });
  EXPECT_EQ(parse_traffic_selectors(body).error().code, ErrorCode::kLimit);
}

TEST(VendorId, IsNamedIfKnown) {
  EXPECT_EQ(describe(*parse_vendor_id(hex("882fe56d6fd20dbc2251613b2ebe5beb"))), "V(strongSwan)");
  EXPECT_EQ(describe(*parse_vendor_id(hex("aabb"))), "V(aabb)");
  EXPECT_EQ(describe(*parse_vendor_id(ByteVector(17))), "V(00000000000000000000000000000000…)");
  EXPECT_FALSE(parse_vendor_id({}).has_value());
}

TEST(Certificate, IsEncodingAndData) {
  const ByteVector body = hex("04 3082");
  const auto certificate = parse_certificate(body);
  ASSERT_TRUE(certificate.has_value());
  EXPECT_EQ(describe(*certificate), "CERT[X.509 signature, 2 octets]");
  EXPECT_EQ(body_of([](auto& b) {
              append_certificate(b, CertificateEncoding::kX509Signature, hex("3082"));
            }),
            body);
  expect_cuts_refused(hex("04 30"), parse_certificate);
}

TEST(CertificateRequest, HoldsHashesOf20Octets) {
  ByteVector body = hex("04");
  body.resize(1 + 40);
  EXPECT_EQ(parse_certificate_request(body)->count(), 2U);
  EXPECT_EQ(body_of([](auto& b) {
              append_certificate_request(b, CertificateEncoding::kX509Signature, ByteVector(40));
            }),
            body);
  body.resize(1 + 39);
  EXPECT_FALSE(parse_certificate_request(body).has_value());
  EXPECT_TRUE(parse_certificate_request(hex("04")).has_value());
  EXPECT_FALSE(parse_certificate_request({}).has_value());
}

TEST(Configuration, IsTypeAndAttributes) {
  const ByteVector body = hex("01 000000 0001 0004 0a000001 0003 0000");
  const auto parsed = parse_configuration(body);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->type, ConfigurationType::kRequest);
  ASSERT_EQ(parsed->values.size(), 2U);
  EXPECT_EQ(base::to_hex(parsed->values[0].value), "0a000001");
  EXPECT_EQ(describe(*parsed), "CP[request INTERNAL_IP4_ADDRESS INTERNAL_IP4_DNS]");
  EXPECT_EQ(body_of([&](auto& b) {
              append_configuration(b, ConfigurationType::kRequest, parsed->values);
            }),
            body);
  // The reserved first bit of an attribute's type is ignored.
  EXPECT_EQ(parse_configuration(hex("01000000 8001 0000"))->values[0].attribute,
            ConfigurationAttribute::kInternalIp4Address);
  for (const char* bad : {"010000", "01000000 0001", "01000000 0001 0004 0a0000", "01000000 00"})
    EXPECT_FALSE(parse_configuration(hex(bad)).has_value()) << bad;
}

TEST(Configuration, TheNumberOfAttributesIsBounded) {
  ByteVector body = hex("01000000");
  body.resize(4 + 4 * (kMaxConfigurationAttributes + 1));
  EXPECT_EQ(parse_configuration(body).error().code, ErrorCode::kLimit);
}

TEST(Eap, CarriesOnePacketOfItsLength) {
  const ByteVector body = hex("01 07 0005 01");
  EXPECT_EQ(describe(*parse_eap(body)), "EAP[request 7]");
  EXPECT_EQ(body_of([&](auto& b) { append_eap(b, body); }), body);
  expect_cuts_refused(body, parse_eap);
  EXPECT_FALSE(parse_eap(hex("01 07 0005 0102")).has_value());
}

TEST(Describe, NamesThePayloadThatIsMalformed) {
  MessageBuilder builder{Header{}};
  builder.append(PayloadType::kKeyExchange, hex("001f"));
  builder.append(PayloadType::kNonce, hex("00"));
  const ByteVector message = builder.finish();
  EXPECT_EQ(describe(MessageView::parse(message).value()),
            "IKE_SA_INIT request 0 [KE(malformed: truncated) No(malformed: No: 1 octets are not 16 "
            "to 256)]");
}

TEST(Registry, NamesWhatItKnowsAndNumbersTheRest) {
  EXPECT_EQ(name_of(NotifyType::kNoProposalChosen), "NO_PROPOSAL_CHOSEN");
  EXPECT_EQ(name_of(NotifyType{40000}), "notify(40000)");
  EXPECT_EQ(name_of(ExchangeType::kCreateChildSa), "CREATE_CHILD_SA");
  EXPECT_TRUE(is_known(Version::kIkev2, PayloadType::kEncryptedFragment));
  EXPECT_FALSE(is_known(Version::kIkev2, PayloadType::kV1Sa));
  EXPECT_FALSE(is_known(Version::kIkev1, PayloadType::kSa));
  EXPECT_FALSE(is_known(Version::kIkev2, PayloadType{49}));
}

}  // namespace
}  // namespace penstock::isakmp
