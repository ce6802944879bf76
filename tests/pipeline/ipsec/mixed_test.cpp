// SPDX-License-Identifier: BSD-3-Clause
// Good and bad packets of every kind and both IP versions through one gateway: at the end every
// packet is accounted for (design §4.9) and back in the pool. PENSTOCK_MIXED_PACKETS asks for
// another number of them than the default run's; with it, the drops are printed.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "dataplane/reassemble.h"
#include "dataplane/wait_table.h"
#include "tests/pipeline/ipsec/mixed_traffic.h"

namespace penstock::pipeline {
namespace {

using net::DropReason;
using policy::Direction;
using policy::PolicyAction;

constexpr std::uint64_t kDefaultPackets = 300'000;
constexpr std::size_t kRound = 24;  ///< fed before a round; fragments go beyond it

/// Whatever may be wrong with a packet of this traffic shows under its name.
constexpr DropReason kSeen[] = {DropReason::kTruncated,
                                DropReason::kBadEtherType,
                                DropReason::kNotForUsMac,
                                DropReason::kBadIpVersion,
                                DropReason::kBadIpTotalLength,
                                DropReason::kBadIpChecksum,
                                DropReason::kTtlExpired,
                                DropReason::kMartianSource,
                                DropReason::kMartianDestination,
                                DropReason::kExtensionHeaders,
                                DropReason::kSourceRoute,
                                DropReason::kLinkLocal,
                                DropReason::kBadNd,
                                DropReason::kIcmpErrorIgnored,
                                DropReason::kMulticast,
                                DropReason::kFragmentOverlap,
                                DropReason::kFragmentTimeout,
                                DropReason::kIpsecFromInside,
                                DropReason::kNoSa,
                                DropReason::kEspTruncated,
                                DropReason::kReplay,
                                DropReason::kIcvMismatch,
                                DropReason::kBadPadding,
                                DropReason::kBadNextHeader,
                                DropReason::kInnerMalformed,
                                DropReason::kEcnIllegal,
                                DropReason::kNoPolicy,
                                DropReason::kPolicyDiscard,
                                DropReason::kProtectedInClear,
                                DropReason::kNoOutboundSa,
                                DropReason::kTooBig,
                                DropReason::kNoRoute,
                                DropReason::kNeighbourTimeout,
                                DropReason::kNeighbourQueueFull,
                                DropReason::kNotLocalService,
                                DropReason::kInboundPolicyMismatch};

/// What left the gateway, counted by who took it.
struct Taken {
  std::uint64_t sent = 0;
  std::uint64_t punted = 0;
};

struct Mixed : testing::Test {
  IpsecGateway g;
  Taken taken;

  Mixed() {
    install(Direction::kOutbound, kSpiOut, kSlot, "192.0.2.1", "192.0.2.9");
    install(Direction::kOutbound, 0x1002, kSlot + 1, "2001:db8:f::1", "2001:db8:f::9");
    install(Direction::kOutbound, 0x1003, kSlot + 2, "192.0.2.1", "192.0.2.10");
    install(Direction::kInbound, kSpiOver4, kSlot, "192.0.2.1", "192.0.2.9");
    install(Direction::kInbound, kSpiOver6, kSlot + 1, "2001:db8:f::1", "2001:db8:f::9");
    g.policy(PolicyAction::kDiscard, "10.1.0.66/32", "0.0.0.0/0", 0, policy::kPriorityPassDrop);
    g.policy(PolicyAction::kBypass, "10.1.0.0/16", "198.51.100.0/24", 0, policy::kPriorityPassDrop);
    g.policy(PolicyAction::kBypass, "10.1.0.0/16[udp]", "203.0.113.0/24[udp/53]", 0,
             policy::kPriorityPassDrop);
    g.policy(PolicyAction::kBypass, "2001:db8:1::/48", "2001:db8:b::/64", 0,
             policy::kPriorityPassDrop);
    g.policy(PolicyAction::kBypass, "2001:db8:1::/48[udp]", "2001:db8:c::/64[udp/53]", 0,
             policy::kPriorityPassDrop);
    g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16", kSlot);
    g.policy(PolicyAction::kProtect, "2001:db8:1::/48", "2001:db8:2::/48", kSlot + 1);
    g.policy(PolicyAction::kProtect, "10.0.0.0/8", "10.3.0.0/16", kSlot + 2);
    g.policy(PolicyAction::kProtect, "10.1.0.0/16", "10.4.0.0/16", kSlot + 3);
    g.gateway.route("10.4.0.0/16", "192.0.2.9", 1);
    g.gateway.route("198.51.100.0/24", "192.0.2.9", 1);
    g.gateway.route("2001:db8:b::/64", "2001:db8:f::9", 1);
    g.gateway.route("203.0.113.0/24", "192.0.2.77", 1);  // nobody is there
    g.gateway.route("2001:db8:c::/64", "2001:db8:f::77", 1);
  }

  /// AES-128-GCM for both IP versions inside.
  void install(Direction direction, std::uint32_t spi, std::uint32_t slot, std::string local,
               std::string remote) {
    const bool udp = spi == kSpiOver6;
    auto spec = make_spec({.direction = direction,
                           .spi = spi,
                           .encap = udp,
                           .slot = slot,
                           .local = std::move(local),
                           .remote = std::move(remote),
                           .local_ts = "10.0.0.0/8"});
    if (direction == Direction::kOutbound)
      spec.remote_ts = {policy::TrafficSelector::parse("10.0.0.0/8").value()};
    spec.local_ts.push_back(policy::TrafficSelector::parse("2001:db8:1::/48").value());
    spec.remote_ts.push_back(policy::TrafficSelector::parse("2001:db8:2::/48").value());
    g.must_install(spec);
  }

  void round() {
    g.gateway.step();
    for (unsigned port = 0; port < 2; ++port) taken.sent += g.gateway.sent(port).size();
    taken.punted += g.gateway.punted().size();
    (void)g.events();
    (void)g.gateway.neighbour_events();
  }

  /// Time goes on by some microseconds; now and then by more than a timer.
  void pass_time(MixedTraffic& traffic) {
    g.gateway.advance(base::Duration{static_cast<std::int64_t>(traffic.below(50'000))});
    if (traffic.below(500) == 0) g.gateway.advance(base::seconds{1});
    if (traffic.below(5'000) == 0) g.gateway.advance(base::seconds{40});
  }

  /// @return how many the gateway has taken
  std::uint64_t inject(MixedTraffic& traffic) {
    const bool v6 = traffic.below(2) != 0;
    const auto address = [](std::string_view text) { return net::IpAddress::parse(text).value(); };
    const net::Endpoint us{address(v6 ? "2001:db8:f::1" : "192.0.2.1"), net::Port{500}};
    const net::Endpoint peer{address(v6 ? "2001:db8:f::9" : "192.0.2.9"), net::Port{500}};
    const ByteVector payload = pattern(traffic.below(1800));
    return g.gateway.channel().inject.put_udp(us, peer, {}, payload, g.gateway.pool()) ? 1 : 0;
  }

  void settle() {
    for (int i = 0; i < 4; ++i) {
      round();
      g.gateway.advance(base::seconds{40});
    }
    round();
  }
};

std::uint64_t packets_wanted() {
  const char* text = std::getenv("PENSTOCK_MIXED_PACKETS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kDefaultPackets;
}

void print(const channel::CounterTotals& totals, double seconds) {
  fmt::print("{} received, {} injected, {} generated in {:.1f} s\n", totals.received,
             totals.injected, totals.generated, seconds);
  fmt::print("{} transmitted, {} punted, {} consumed, {} dropped\n", totals.transmitted,
             totals.punted, totals.consumed_total(), totals.dropped_total());
  for (const auto& row : net::kDropReasonTable)
    if (const auto n = totals.dropped[static_cast<std::size_t>(row.reason)]; n != 0)
      fmt::print("{:>10}  {} ({})\n", n, row.name, row.clause);
}

TEST_F(Mixed, EveryPacketIsAccountedForAndBackInThePool) {
  const std::uint64_t wanted = packets_wanted();
  const auto begin = std::chrono::steady_clock::now();
  MixedTraffic traffic(20'261'121);
  std::vector<Frame> frames;
  std::uint64_t fed = 0;
  std::uint64_t injected = 0;
  while (fed < wanted) {
    frames.clear();
    while (frames.size() < kRound) traffic.next(frames);
    for (const Frame& frame : frames) g.gateway.put_frame(frame.port, frame.octets);
    fed += frames.size();
    if (traffic.below(20) == 0) injected += inject(traffic);
    pass_time(traffic);
    for (std::size_t left = frames.size(); left != 0; left -= std::min<std::size_t>(left, 32))
      round();
    if (fed % 4096 < kRound) {
      ASSERT_EQ(g.gateway.totals().imbalance(), 0);
    }
  }
  settle();

  const auto totals = g.gateway.totals();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (std::getenv("PENSTOCK_MIXED_PACKETS") != nullptr) print(totals, took.count());
  EXPECT_EQ(totals.received, fed);
  EXPECT_EQ(totals.injected, injected);
  EXPECT_EQ(totals.transmitted, taken.sent);
  EXPECT_EQ(totals.punted, taken.punted);
  EXPECT_EQ(totals.held_total(), 0U);
  EXPECT_EQ(totals.received + totals.injected + totals.generated,
            totals.transmitted + totals.dropped_total() + totals.punted + totals.consumed_total());
  EXPECT_EQ(g.gateway.pool().in_use(), 0U);
  for (const DropReason reason : kSeen)
    EXPECT_NE(g.gateway.dropped(reason), 0U) << net::row_of(reason).name;
}

}  // namespace
}  // namespace penstock::pipeline
