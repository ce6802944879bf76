// SPDX-License-Identifier: BSD-3-Clause
#include "lib/policy/traffic_selector.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace penstock::policy {
namespace {

using net::IpAddress;

TrafficSelector ts(std::string_view text) {
  auto parsed = TrafficSelector::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << parsed.error().text;
  return parsed ? *parsed : TrafficSelector{};
}

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(TrafficSelector, ReadsPrefixesRangesProtocolsAndPorts) {
  EXPECT_EQ(ts("10.1.0.0/16").first, ip("10.1.0.0"));
  EXPECT_EQ(ts("10.1.0.0/16").last, ip("10.1.255.255"));
  EXPECT_TRUE(ts("10.1.0.0/16").any_port());
  EXPECT_EQ(ts("10.1.0.1").last, ip("10.1.0.1"));
  EXPECT_EQ(ts("10.0.0.1-10.0.0.9").last, ip("10.0.0.9"));
  EXPECT_EQ(ts("10.1.0.0/16[tcp/80]").protocol, 6);
  EXPECT_EQ(ts("10.1.0.0/16[tcp/80]").last_port, 80);
  EXPECT_EQ(ts("10.1.0.1[udp/1024-2047]").first_port, 1024);
  EXPECT_EQ(ts("10.1.0.1[udp/1024-2047]").last_port, 2047);
  EXPECT_EQ(ts("10.1.0.0/16[icmp]").protocol, 1);
  EXPECT_EQ(ts("10.1.0.0/16[99]").protocol, 99);
  EXPECT_TRUE(ts("10.1.0.0/16[tcp/opaque]").opaque_ports());
  EXPECT_EQ(ts("10.1.0.0/16[tcp/any]"), ts("10.1.0.0/16[tcp]"));
  EXPECT_EQ(ts("2001:db8::/32[udp/53]").last, ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(ts("0.0.0.0/0").last, ip("255.255.255.255"));
}

TEST(TrafficSelector, RefusesWhatIsNoSelector) {
  for (const std::string_view text :
       {"", "10.1.0.0/33", "10.1.0.0/16[", "10.1.0.0/16[tcp", "10.1.0.0/16[]", "10.1.0.0/16[tcp/]",
        "10.1.0.0/16[tcp/80-]", "10.1.0.0/16[tcp/80-79]", "10.1.0.0/16[tcp/65536]",
        "10.1.0.0/16[256]", "10.1.0.0/16[any/80]", "10.0.0.9-10.0.0.1", "10.0.0.1-2001:db8::1",
        "10.0.0.1-", "10.1.0.0/16[tcp/80]x", "10.1.0.0/16 "})
    EXPECT_FALSE(TrafficSelector::parse(text).has_value()) << text;
}

TEST(TrafficSelector, IntersectsAddressesProtocolsAndPorts) {
  EXPECT_EQ(ts("10.0.0.0/8").intersect(ts("10.1.0.0/16[tcp/80]")), ts("10.1.0.0/16[tcp/80]"));
  EXPECT_EQ(ts("10.0.0.1-10.0.0.9").intersect(ts("10.0.0.5-10.0.0.20")), ts("10.0.0.5-10.0.0.9"));
  EXPECT_EQ(ts("10.0.0.0/8[tcp/1-100]").intersect(ts("10.0.0.0/8[tcp/50-200]")),
            ts("10.0.0.0/8[tcp/50-100]"));
  EXPECT_EQ(ts("10.0.0.0/8[tcp]").intersect(ts("10.0.0.0/8[udp]")), std::nullopt);
  EXPECT_EQ(ts("10.0.0.0/8[tcp/1-9]").intersect(ts("10.0.0.0/8[tcp/10]")), std::nullopt);
  EXPECT_EQ(ts("10.0.0.0/9").intersect(ts("10.128.0.0/9")), std::nullopt);
  EXPECT_EQ(ts("0.0.0.0/0").intersect(ts("::/0")), std::nullopt);
}

// RFC 4301 §4.4.1.1: ANY includes OPAQUE, a range does not.
TEST(TrafficSelector, AnyIncludesOpaqueAndARangeDoesNot) {
  const TrafficSelector any = ts("10.0.0.0/8[tcp]");
  const TrafficSelector opaque = ts("10.0.0.0/8[tcp/opaque]");
  const TrafficSelector range = ts("10.0.0.0/8[tcp/1-65535]");
  EXPECT_EQ(any.intersect(opaque), opaque);
  EXPECT_EQ(opaque.intersect(opaque), opaque);
  EXPECT_EQ(range.intersect(opaque), std::nullopt);
  EXPECT_TRUE(any.contains(opaque));
  EXPECT_FALSE(opaque.contains(any));
  EXPECT_FALSE(range.contains(opaque));
}

TEST(TrafficSelector, MatchesPacketsByWhatTheyShow) {
  const IpAddress inside = ip("10.0.0.5");
  EXPECT_TRUE(ts("10.0.0.0/8").matches(inside, 17, 9, true));
  EXPECT_FALSE(ts("10.0.0.0/8").matches(ip("11.0.0.5"), 17, 9, true));
  EXPECT_FALSE(ts("10.0.0.0/8").matches(ip("::"), 17, 9, true));
  EXPECT_TRUE(ts("10.0.0.0/8[udp/9]").matches(inside, 17, 9, true));
  EXPECT_FALSE(ts("10.0.0.0/8[udp/9]").matches(inside, 6, 9, true));
  EXPECT_FALSE(ts("10.0.0.0/8[udp/9]").matches(inside, 17, 8, true));
  // A fragment without ports: only ANY and OPAQUE fit.
  EXPECT_FALSE(ts("10.0.0.0/8[udp/9]").matches(inside, 17, 0, false));
  EXPECT_TRUE(ts("10.0.0.0/8[udp]").matches(inside, 17, 0, false));
  EXPECT_TRUE(ts("10.0.0.0/8[udp/opaque]").matches(inside, 17, 0, false));
  EXPECT_FALSE(ts("10.0.0.0/8[udp/opaque]").matches(inside, 17, 9, true));
}

TEST(TrafficSelector, PrintsWhatItReads) {
  for (const std::string_view text :
       {"10.1.0.0/16", "10.0.0.1-10.0.0.9", "10.1.0.0/16[tcp/80]", "10.1.0.1/32[udp/1024-2047]",
        "10.1.0.0/16[icmp]", "10.1.0.0/16[tcp/opaque]", "0.0.0.0/0", "2001:db8::/32[99/7]"})
    EXPECT_EQ(ts(text).to_string(), text);
}

// ---- properties ----

IpAddress from_number(bool v6, std::uint64_t low) {
  if (!v6) return IpAddress::v4(static_cast<std::uint32_t>(low));
  std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
  for (unsigned i = 0; i < 8; ++i) octets[15 - i] = static_cast<std::uint8_t>(low >> (8 * i));
  return IpAddress::v6(octets);
}

std::uint64_t number_of(const IpAddress& a) {
  if (a.is_v4()) return a.v4_value();
  std::uint64_t out = 0;
  for (unsigned i = 8; i < 16; ++i) out = out << 8 | a.octets()[i];
  return out;
}

struct Range {
  bool v6;
  std::uint64_t first;
  std::uint64_t last;
};

Range any_range() {
  const bool v6 = *rc::gen::arbitrary<bool>();
  const std::uint64_t mask = v6 ? ~std::uint64_t{0} : 0xffffffffULL;
  // Ranges of all sizes, those that touch the ends included.
  const auto width = *rc::gen::inRange(0U, v6 ? 64U : 32U);
  std::uint64_t a = *rc::gen::arbitrary<std::uint64_t>() & mask;
  std::uint64_t b = a + (*rc::gen::arbitrary<std::uint64_t>() & ((1ULL << width) - 1));
  b &= mask;
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      a = 0;
      break;
    case 1:
      b = mask;
      break;
    default:
      break;
  }
  return {v6, std::min(a, b), std::max(a, b)};
}

TEST(PrefixesOfRange, CoverTheRangeExactlyAndCouldNotBeFewer) {
  EXPECT_TRUE(rc::check([] {
    const Range range = any_range();
    const auto prefixes =
        prefixes_of_range(from_number(range.v6, range.first), from_number(range.v6, range.last));
    RC_ASSERT(!prefixes.empty());
    RC_ASSERT(prefixes.size() <= 2 * 128 - 2);
    std::uint64_t next = range.first;
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
      RC_ASSERT(number_of(prefixes[i].first()) == next);
      RC_ASSERT(net::Prefix::parse(prefixes[i].to_string()).has_value());  // no host bits
      next = number_of(prefixes[i].last()) + 1;
      // Two neighbours that were one block of twice the size would have been that block.
      if (i > 0 && prefixes[i - 1].length == prefixes[i].length) {
        const std::uint64_t size = number_of(prefixes[i].last()) - number_of(prefixes[i].first());
        const std::uint64_t pair_start = number_of(prefixes[i - 1].first());
        RC_ASSERT((pair_start & (2 * size + 1)) != 0);
      }
    }
    RC_ASSERT(next - 1 == range.last);
  }));
}

TEST(PrefixesOfRange, TheWholeSpaceIsOnePrefix) {
  EXPECT_EQ(prefixes_of_range(ip("0.0.0.0"), ip("255.255.255.255")).size(), 1U);
  const auto v6 = prefixes_of_range(ip("::"), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  ASSERT_EQ(v6.size(), 1U);
  EXPECT_EQ(v6.front().length, 0);
}

TEST(PrefixesOfRange, TheWorstRangeTakesTwoLessThanTwiceTheBits) {
  EXPECT_EQ(prefixes_of_range(ip("0.0.0.1"), ip("255.255.255.254")).size(), 62U);
  EXPECT_EQ(prefixes_of_range(ip("::1"), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")).size(),
            254U);
}

TEST(PrefixesOfRange, NothingForABackwardOrMixedRange) {
  EXPECT_TRUE(prefixes_of_range(ip("10.0.0.2"), ip("10.0.0.1")).empty());
  EXPECT_TRUE(prefixes_of_range(ip("10.0.0.2"), ip("::1")).empty());
}

TrafficSelector any_selector() {
  TrafficSelector out;
  const auto a = *rc::gen::inRange(0U, 16U);
  const auto b = *rc::gen::inRange(0U, 16U);
  out.first = IpAddress::v4(std::min(a, b));
  out.last = IpAddress::v4(std::max(a, b));
  out.protocol = *rc::gen::element<std::uint8_t>(0, 6, 17);
  if (out.protocol == 0) return out;
  const auto p = *rc::gen::inRange<std::uint16_t>(0, 8);
  const auto q = *rc::gen::inRange<std::uint16_t>(0, 8);
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      break;
    case 1:
      out.first_port = 0xffff;
      out.last_port = 0;
      break;
    default:
      out.first_port = std::min(p, q);
      out.last_port = std::max(p, q);
  }
  return out;
}

TEST(TrafficSelector, AnIntersectionMatchesWhatBothMatch) {
  EXPECT_TRUE(rc::check([] {
    const TrafficSelector a = any_selector();
    const TrafficSelector b = any_selector();
    const auto both = a.intersect(b);
    RC_ASSERT(both == b.intersect(a));
    if (both) RC_ASSERT(a.contains(*both) && b.contains(*both));
    const auto address = IpAddress::v4(*rc::gen::inRange(0U, 16U));
    const auto protocol = *rc::gen::element<std::uint8_t>(6, 17, 50);
    const auto port = *rc::gen::inRange<std::uint16_t>(0, 8);
    const bool has_ports = *rc::gen::arbitrary<bool>();
    const auto matches = [&](const TrafficSelector& s) {
      return s.matches(address, protocol, port, has_ports);
    };
    RC_ASSERT((both && matches(*both)) == (matches(a) && matches(b)));
  }));
}

TEST(TrafficSelector, IsReadBackFromWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const TrafficSelector s = any_selector();
    RC_ASSERT(TrafficSelector::parse(s.to_string()).value() == s);
  }));
}

}  // namespace
}  // namespace penstock::policy
