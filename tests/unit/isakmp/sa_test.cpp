// SPDX-License-Identifier: BSD-3-Clause
// The SA payload of IKEv2, RFC 7296 §3.3.
#include "control/isakmp/payload/sa.h"

#include <gtest/gtest.h>

#include "tests/unit/isakmp/helpers.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using crypto::ProtocolId;
using test::body_of;
using test::hex;

// One ESP proposal: AES-GCM-16 with 128 bits, ESN or not. Written by hand from figures 7 and 8.
constexpr std::string_view kEspProposal =
    "00 00 0028 01 03 04 03 c1c2c3c4"
    "  03 00 000c 01 00 0014 800e 0080"
    "  03 00 0008 05 00 0001"
    "  00 00 0008 05 00 0000";

crypto::Proposal esp(std::string_view text) {
  return crypto::parse_proposal(ProtocolId::kEsp, text).value();
}
crypto::Proposal ike(std::string_view text) {
  return crypto::parse_proposal(ProtocolId::kIke, text).value();
}

TEST(Sa, ReadsProposalTransformsAndKeyLength) {
  const ByteVector body = hex(kEspProposal);
  const auto sa = parse_sa(body);
  ASSERT_TRUE(sa.has_value()) << sa.error().text;
  ASSERT_EQ(sa->proposals.size(), 1U);
  const ProposalView& proposal = sa->proposals[0];
  EXPECT_EQ(proposal.number, 1);
  EXPECT_EQ(proposal.protocol, ProtocolId::kEsp);
  EXPECT_EQ(base::to_hex(proposal.spi), "c1c2c3c4");
  EXPECT_EQ(to_proposal(proposal).value(), esp("aes128gcm16-esn-noesn"));
  EXPECT_EQ(describe(*sa), "SA[1: ESP aes128gcm16-esn-noesn]");
}

TEST(Sa, WritesTheSameOctets) {
  const std::vector proposals{esp("aes128gcm16-esn-noesn")};
  EXPECT_EQ(body_of([&](auto& b) { append_sa(b, proposals, hex("c1c2c3c4")); }), hex(kEspProposal));
}

TEST(Sa, ComesBackFromEachDefaultAndTheirSequence) {
  for (const ProtocolId protocol : {ProtocolId::kIke, ProtocolId::kEsp, ProtocolId::kAh}) {
    const crypto::Proposals& defaults = crypto::default_proposals(protocol);
    const ByteVector spi = protocol == ProtocolId::kIke ? ByteVector{} : ByteVector(4);
    const ByteVector body = body_of([&](auto& b) { append_sa(b, defaults, spi); });
    const auto sa = parse_sa(body);
    ASSERT_TRUE(sa.has_value()) << sa.error().text;
    ASSERT_EQ(sa->proposals.size(), defaults.size());
    for (std::size_t i = 0; i < defaults.size(); ++i) {
      EXPECT_EQ(sa->proposals[i].number, i + 1);
      EXPECT_EQ(to_proposal(sa->proposals[i]).value(), defaults[i]);
    }
  }
}

TEST(Sa, AChoiceKeepsTheNumberOfTheOffer) {
  const auto chosen = ike("aes256gcm16-prfsha384-ecp384");
  const ByteVector body = body_of([&](auto& b) { append_sa_choice(b, chosen, 3, ByteVector(8)); });
  const auto sa = parse_sa(body);
  ASSERT_TRUE(sa.has_value());
  EXPECT_EQ(sa->proposals.at(0).number, 3);
  EXPECT_EQ(sa->proposals.at(0).spi.size(), 8U);
}

TEST(Sa, EachCutIsRefused) {
  const ByteVector body = hex(kEspProposal);
  for (std::size_t octets = 0; octets < body.size(); ++octets)
    EXPECT_FALSE(parse_sa(Bytes(body).first(octets)).has_value()) << octets;
}

TEST(Sa, EachLengthAndCountThatDoesNotFitIsRefused) {
  const ByteVector good = hex(kEspProposal);
  // Offsets: Last Substruc, Proposal Length, SPI Size, Num Transforms; of each transform Last
  // Substruc and Transform Length.
  for (const std::size_t offset :
       {0U, 2U, 3U, 6U, 7U, 12U, 14U, 15U, 24U, 26U, 27U, 32U, 34U, 35U}) {
    for (const int change : {1, -1, 4, 0x80}) {
      ByteVector body = good;
      body[offset] = static_cast<std::byte>(std::to_integer<int>(body[offset]) + change);
      EXPECT_FALSE(parse_sa(body).has_value()) << offset << " by " << change;
    }
  }
}

TEST(Sa, ReservedFieldsAreIgnored) {
  for (const std::size_t offset : {1U, 13U, 17U, 25U, 29U}) {
    ByteVector body = hex(kEspProposal);
    body[offset] = std::byte{0xff};
    EXPECT_TRUE(parse_sa(body).has_value()) << offset;
  }
}

TEST(Sa, TheSizeOfAnSpiFollowsFromTheProtocol) {
  const auto with_spi = [](std::string_view protocol, std::size_t octets) {
    std::string body = fmt::format("00 00 {:04x} 01 {} {:02x} 01", 16 + octets, protocol, octets);
    for (std::size_t i = 0; i < octets; ++i) body += "aa";
    return parse_sa(hex(body + "00 00 0008 03 00 0002")).has_value();
  };
  EXPECT_TRUE(with_spi("01", 0));
  EXPECT_TRUE(with_spi("01", 8));
  EXPECT_FALSE(with_spi("01", 4));
  EXPECT_TRUE(with_spi("02", 4));
  EXPECT_TRUE(with_spi("03", 4));
  EXPECT_FALSE(with_spi("03", 0));
  EXPECT_FALSE(with_spi("03", 8));
  EXPECT_TRUE(with_spi("7f", 2));
  EXPECT_FALSE(with_spi("7f", kMaxSpiOctets + 1));
}

TEST(Sa, ProposalsAreNumberedInOrder) {
  const auto two = [](std::string_view first, std::string_view second) {
    return parse_sa(hex(fmt::format("02 00 0010 {} 01 00 01 00 00 0008 02 00 0005"
                                    "00 00 0010 {} 01 00 01 00 00 0008 02 00 0005",
                                    first, second)))
        .has_value();
  };
  EXPECT_TRUE(two("01", "02"));
  EXPECT_FALSE(two("01", "01"));
  EXPECT_FALSE(two("01", "03"));
  EXPECT_FALSE(two("02", "01"));
}

TEST(Sa, AnEmptyPayloadAndAnEmptyProposalAreRefused) {
  EXPECT_FALSE(parse_sa({}).has_value());
  EXPECT_FALSE(parse_sa(hex("00 00 0008 01 01 00 00")).has_value());
}

ProposalView proposal_with(std::vector<TransformView> transforms) {
  return {1, ProtocolId::kEsp, {}, std::move(transforms)};
}

// RFC 7296 §3.3.6.
TEST(Sa, AnUnknownTransformTypeSpoilsTheProposal) {
  EXPECT_EQ(to_proposal(proposal_with({{1, 20, 128, false}, {6, 1, {}, false}})).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(to_proposal(proposal_with({{0, 1, {}, false}})).error().code, ErrorCode::kUnsupported);
}

TEST(Sa, AnUnknownTransformStaysAndMatchesNothing) {
  const auto proposal = to_proposal(proposal_with({{1, 99, 128, false}, {4, 99, {}, false}}));
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->to_string(), "encr(99/128)-dh(99)");
}

TEST(Sa, AnUnknownAttributeMakesTheTransformUnusableButItsTypeIsThere) {
  const auto proposal =
      to_proposal(proposal_with({{1, 20, 128, true}, {4, 31, {}, true}, {5, 1, {}, false}}));
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->encr.at(0).id, crypto::EncrId{kUnusableTransformId});
  EXPECT_EQ(proposal->dh.at(0), crypto::DhGroupId{kUnusableTransformId});
  EXPECT_EQ(proposal->esn.at(0), crypto::EsnId::kEsn);
}

TEST(Sa, AKeyLengthOutsideACipherIsUnusable) {
  const auto proposal = to_proposal(proposal_with({{2, 5, 256, false}}));
  EXPECT_EQ(proposal->prf.at(0), crypto::PrfId{kUnusableTransformId});
}

TEST(Sa, AttributesInTheLongFormatAreNotKeyLengths) {
  // Key Length as type, length, value: §3.3.5 forbids it.
  const auto sa =
      parse_sa(hex("00 00 001a 01 03 04 01 c1c2c3c4"
                   "00 00 000e 01 00 0014 000e 0002 0080"));
  ASSERT_TRUE(sa.has_value()) << sa.error().text;
  EXPECT_TRUE(sa->proposals[0].transforms[0].unknown_attribute);
  // Its length is checked all the same.
  EXPECT_FALSE(parse_sa(hex("00 00 001a 01 03 04 01 c1c2c3c4"
                            "00 00 000e 01 00 0014 000e 0003 0080"))
                   .has_value());
}

TEST(Sa, IntegrityNoneAloneIsNoIntegrity) {
  const auto proposal = to_proposal(proposal_with({{1, 20, 128, false}, {3, 0, {}, false}}));
  EXPECT_TRUE(proposal->integ.empty());
}

TEST(Sa, TheNumbersOfProposalsTransformsAndAttributesAreBounded) {
  std::string proposals;
  for (std::size_t i = 0; i <= kMaxProposals; ++i)
    proposals += fmt::format("{} 00 0010 {:02x} 01 00 01 00 00 0008 02 00 0005",
                             i == kMaxProposals ? "00" : "02", i + 1);
  EXPECT_EQ(parse_sa(hex(proposals)).error().code, ErrorCode::kLimit);

  std::string transforms;
  for (std::size_t i = 0; i <= kMaxTransforms; ++i)
    transforms += fmt::format("{} 00 0008 02 00 0005", i == kMaxTransforms ? "00" : "03");
  EXPECT_EQ(parse_sa(hex(fmt::format("00 00 {:04x} 01 01 00 {:02x}", 8 + 8 * (kMaxTransforms + 1),
                                     kMaxTransforms + 1) +
                         transforms))
                .error()
                .code,
            ErrorCode::kLimit);

  std::string attributes;
  for (std::size_t i = 0; i <= kMaxAttributes; ++i) attributes += "800e0080";
  EXPECT_EQ(parse_sa(hex(fmt::format("00 00 {:04x} 01 01 00 01 00 00 {:04x} 01 00 000c",
                                     16 + 4 * (kMaxAttributes + 1), 8 + 4 * (kMaxAttributes + 1)) +
                         attributes))
                .error()
                .code,
            ErrorCode::kLimit);
}

}  // namespace
}  // namespace penstock::isakmp
