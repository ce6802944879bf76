// SPDX-License-Identifier: BSD-3-Clause
// Routes and neighbours. rte_lpm needs an EAL: one for all of these, without hugepages.
#include "lib/fib/fib.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <random>

#include "lib/dpdk/eal.h"

namespace penstock::fib {
namespace {

using base::ErrorCode;

struct NoLog final : base::Log {
  using base::Log::write;
  void write(base::LogLevel, std::string_view, std::string_view,
             std::span<const base::LogField>) override {}
};

net::IpAddress address(std::string_view text) { return net::IpAddress::parse(text).value(); }
std::uint32_t number(std::string_view text) { return address(text).v4_value(); }

/// Two inside ports: 10.1.0.1/24, 10.2.0.1/24 with 10.2.1.1/30.
struct FibTest : testing::Test {
  static void SetUpTestSuite() {
    static NoLog log;
    static auto eal = dpdk::Eal::start(
        {.args = {"--no-huge", "-m", "256", "--no-shconf", "--no-telemetry", "--iova-mode=va"},
         .file_prefix = fmt::format("penstock_fib_{}", getpid()),
         .control_cpu = 0,
         .workers = {},
         .pci_devices = {}},
        log);
    ASSERT_TRUE(eal) << eal.error().text;
  }
  FibTest() {
    rcu = dpdk::RcuDomain::create(1).value();
    fib = Fib::create({.routes = 16, .neighbours = 8}, *rcu).value();
    a = fib->add_interface({.name = "a", .addresses = {own("10.1.0.1/24")}}).value();
    b = fib->add_interface({.name = "b", .addresses = {own("10.2.0.1/24"), own("10.2.1.1/30")}})
            .value();
  }
  static net::InterfaceAddress own(std::string_view text) {
    return net::InterfaceAddress::parse(text).value();
  }
  base::Result<void> add(std::string_view to, std::string_view via, InterfaceIndex interface) {
    return fib->add_route({.vrf = {},
                           .to = net::Prefix::parse(to).value(),
                           .via = address(via),
                           .interface = interface});
  }
  const NextHop& hop(std::string_view to) { return fib->next_hop(fib->lookup(number(to))); }
  static constexpr Link kLink{{2, 0, 0, 0, 0, 9}, NeighbourState::kReachable};

  std::unique_ptr<dpdk::RcuDomain> rcu;
  std::unique_ptr<Fib> fib;
  InterfaceIndex a;
  InterfaceIndex b;
};

TEST_F(FibTest, KnowsItsOwnAddressesNetworksAndBroadcasts) {
  EXPECT_EQ(hop("10.1.0.1").kind, NextHopKind::kLocal);
  EXPECT_EQ(hop("10.2.1.1").kind, NextHopKind::kLocal);
  EXPECT_EQ(hop("10.1.0.9").kind, NextHopKind::kConnected);
  EXPECT_EQ(hop("10.1.0.9").interface, a);
  EXPECT_EQ(hop("10.2.0.9").interface, b);
  for (const auto* all : {"10.1.0.0", "10.1.0.255", "10.2.1.0", "10.2.1.3"})
    EXPECT_EQ(hop(all).kind, NextHopKind::kBroadcast) << all;
  EXPECT_EQ(hop("10.3.0.1").kind, NextHopKind::kUnreachable);
}
TEST_F(FibTest, TheLongestPrefixWins) {
  ASSERT_TRUE(add("10.0.0.0/8", "10.1.0.2", a));
  ASSERT_TRUE(add("10.9.0.0/16", "10.2.0.2", b));
  ASSERT_TRUE(add("10.9.9.9/32", "10.1.0.3", a));
  EXPECT_EQ(hop("10.8.0.1").address, address("10.1.0.2"));
  EXPECT_EQ(hop("10.9.0.1").address, address("10.2.0.2"));
  EXPECT_EQ(hop("10.9.9.9").address, address("10.1.0.3"));
  EXPECT_EQ(hop("10.9.9.10").address, address("10.2.0.2"));
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("10.9.0.0/16").value()));
  EXPECT_EQ(hop("10.9.0.1").address, address("10.1.0.2"));
}
TEST_F(FibTest, TheDefaultRouteTakesTheRest) {
  ASSERT_TRUE(add("0.0.0.0/0", "10.1.0.2", a));
  EXPECT_EQ(hop("1.2.3.4").address, address("10.1.0.2"));
  EXPECT_EQ(hop("200.2.3.4").address, address("10.1.0.2"));
  EXPECT_EQ(hop("10.1.0.1").kind, NextHopKind::kLocal);
  std::array<std::uint32_t, 3> to{number("8.8.8.8"), number("10.2.0.5"), number("10.1.0.1")};
  std::array<std::uint32_t, 3> found{};
  fib->lookup(to.data(), found.data(), 3);
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(found[i], fib->lookup(to[i]));
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("0.0.0.0/0").value()));
  EXPECT_EQ(hop("1.2.3.4").kind, NextHopKind::kUnreachable);
}
TEST_F(FibTest, RefusesRoutesThatCannotBe) {
  EXPECT_EQ(add("10.9.0.0/16", "10.1.0.1", a).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(add("10.9.0.0/16", "10.1.0.2", InterfaceIndex{9}).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(add("10.9.0.0/16", "10.1.0.2", a));
  EXPECT_EQ(add("10.9.0.0/16", "10.1.0.3", a).error().code, ErrorCode::kExists);
  EXPECT_EQ(fib->remove_route(net::Prefix::parse("10.8.0.0/16").value()).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(fib->add_interface({.name = "c", .addresses = {own("10.1.0.7/24")}}).error().code,
            ErrorCode::kExists)
      << "two ports in one network";
  EXPECT_EQ(fib->add_interface({.name = "a", .addresses = {}}).error().code, ErrorCode::kExists);
}
TEST_F(FibTest, HasALimitOfRoutes) {
  for (unsigned i = 0; i < 16; ++i)
    ASSERT_TRUE(add(fmt::format("10.{}.0.0/16", 100 + i), "10.1.0.2", a));
  EXPECT_EQ(add("10.200.0.0/16", "10.1.0.2", a).error().code, ErrorCode::kLimit);
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("10.100.0.0/16").value()));
  EXPECT_TRUE(add("10.200.0.0/16", "10.1.0.2", a));
}
TEST_F(FibTest, AStaticHostRouteHidesANeighbour) {
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.9"), kLink));
  EXPECT_EQ(hop("10.1.0.9").address, address("10.1.0.9"));
  ASSERT_TRUE(add("10.1.0.9/32", "10.2.0.2", b));
  EXPECT_EQ(hop("10.1.0.9").address, address("10.2.0.2"));
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("10.1.0.9/32").value()));
  EXPECT_EQ(hop("10.1.0.9").address, address("10.1.0.9"));
}

TEST_F(FibTest, ANeighbourIsTheGatewayOfItsRoutes) {
  ASSERT_TRUE(add("10.9.0.0/16", "10.1.0.2", a));
  EXPECT_FALSE(unpack(hop("10.9.0.1").link.load()).has_mac());
  const auto before = fib->neighbour_generation();
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.2"), kLink));
  EXPECT_NE(fib->neighbour_generation(), before);
  EXPECT_EQ(unpack(hop("10.9.0.1").link.load()).mac, kLink.mac);
  EXPECT_EQ(&hop("10.9.0.1"), &hop("10.1.0.2"));
  EXPECT_EQ(fib->find_neighbour(a, address("10.1.0.2"))->routes, 1U);
  // Forgotten, it stays for its route, without a MAC.
  ASSERT_TRUE(fib->remove_neighbour(a, address("10.1.0.2")));
  EXPECT_FALSE(unpack(hop("10.9.0.1").link.load()).has_mac());
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("10.9.0.0/16").value()));
  EXPECT_FALSE(fib->find_neighbour(a, address("10.1.0.2")));
  EXPECT_EQ(hop("10.1.0.2").kind, NextHopKind::kConnected);
}
TEST_F(FibTest, APlaceIsUsedAgainOnlyAfterAGracePeriod) {
  rcu->enter(0);
  for (unsigned i = 0; i < 8; ++i)
    ASSERT_TRUE(fib->set_neighbour(a, address(fmt::format("10.1.0.{}", 10 + i)), kLink));
  EXPECT_EQ(fib->set_neighbour(a, address("10.1.0.99"), kLink).error().code, ErrorCode::kLimit);
  const std::uint32_t index = fib->lookup(number("10.1.0.10"));
  ASSERT_TRUE(fib->remove_neighbour(a, address("10.1.0.10")));
  // A worker that looked before still finds what it found.
  EXPECT_EQ(fib->next_hop(index).address, address("10.1.0.10"));
  rcu->poll();
  rcu->quiescent(0);
  rcu->poll();
  EXPECT_TRUE(fib->set_neighbour(a, address("10.1.0.99"), kLink));
  rcu->leave(0);
}
TEST_F(FibTest, LearnsOnlyWhatLiesOnTheLink) {
  EXPECT_EQ(fib->set_neighbour(a, address("10.2.0.9"), kLink).error().code, ErrorCode::kRefused);
  EXPECT_EQ(fib->set_neighbour(a, address("8.8.8.8"), kLink).error().code, ErrorCode::kRefused);
  EXPECT_TRUE(fib->set_neighbour(b, address("10.2.1.2"), kLink));
}
TEST_F(FibTest, ANeighbourDrawsNothingFromAMoreSpecificRoute) {  // RFC 4861 §5.2
  ASSERT_TRUE(add("10.1.0.128/25", "10.2.0.2", b));
  EXPECT_EQ(fib->set_neighbour(a, address("10.1.0.130"), kLink).error().code, ErrorCode::kRefused);
  EXPECT_FALSE(fib->find_neighbour(a, address("10.1.0.130")));
  EXPECT_EQ(hop("10.1.0.130").address, address("10.2.0.2"));
  EXPECT_TRUE(fib->set_neighbour(a, address("10.1.0.9"), kLink));
  // Nor as the gateway of other routes; its MAC serves them.
  ASSERT_TRUE(add("10.9.0.0/16", "10.1.0.131", a));
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.131"), kLink));
  EXPECT_EQ(unpack(hop("10.9.0.1").link.load()).mac, kLink.mac);
  EXPECT_EQ(hop("10.1.0.131").address, address("10.2.0.2"));
  // What is configured is meant.
  const Link configured{{2, 0, 0, 0, 0, 1}, NeighbourState::kPermanent};
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.132"), configured));
  EXPECT_EQ(hop("10.1.0.132").address, address("10.1.0.132"));
}
TEST_F(FibTest, ARouteThatComesLaterTakesWhatANeighbourHad) {
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.130"), kLink));
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.9"), kLink));
  ASSERT_TRUE(add("10.1.0.128/25", "10.2.0.2", b));
  EXPECT_EQ(hop("10.1.0.130").address, address("10.2.0.2"));
  EXPECT_EQ(hop("10.1.0.9").address, address("10.1.0.9"));
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.130"), kLink));
  EXPECT_EQ(hop("10.1.0.130").address, address("10.2.0.2"));
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("10.1.0.128/25").value()));
  EXPECT_EQ(hop("10.1.0.130").address, address("10.1.0.130"));
}
TEST_F(FibTest, AConfiguredNeighbourIsNotLearnedAway) {
  const Link configured{{2, 0, 0, 0, 0, 1}, NeighbourState::kPermanent};
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.9"), configured));
  EXPECT_EQ(fib->set_neighbour(a, address("10.1.0.9"), kLink).error().code, ErrorCode::kRefused);
  EXPECT_EQ(unpack(hop("10.1.0.9").link.load()).mac, configured.mac);
}
TEST_F(FibTest, ChoosesTheSourceAddressOfTheWay) {
  ASSERT_TRUE(add("0.0.0.0/0", "10.2.1.2", b));
  EXPECT_EQ(fib->source_for(address("10.1.0.9")), address("10.1.0.1"));
  EXPECT_EQ(fib->source_for(address("8.8.8.8")), address("10.2.1.1"));
  EXPECT_EQ(fib->address_towards(b, address("10.2.1.2")), address("10.2.1.1"));
  EXPECT_EQ(fib->address_towards(b, address("8.8.8.8")), address("10.2.0.1"));
}
TEST_F(FibTest, ListsEachRouteOnce) {
  ASSERT_TRUE(add("10.9.0.0/16", "10.1.0.2", a));
  ASSERT_TRUE(fib->set_neighbour(a, address("10.1.0.9"), kLink));
  std::vector<std::string> seen;
  fib->for_each_route([&](const Route& route) {
    seen.push_back(route.to.to_string() + (route.via ? " via " + route.via->to_string() : ""));
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"10.1.0.0/24", "10.1.0.1/32", "10.1.0.9/32",
                                            "10.2.0.0/24", "10.2.0.1/32", "10.2.1.0/30",
                                            "10.2.1.1/32", "10.9.0.0/16 via 10.1.0.2"}));
}

// ---- IPv6 ----

struct Fib6Test : FibTest {
  Fib6Test() {
    c = fib->add_interface(
               {.name = "c", .mac = {2, 0, 0, 0, 0, 2}, .addresses = {own("2001:db8:3::1/64")}})
            .value();
  }
  const NextHop& hop6(std::string_view to) { return fib->next_hop(fib->lookup(address(to))); }
  InterfaceIndex c;
};

TEST_F(Fib6Test, KnowsItsAddressItsNetworkAndItsLinkLocalAddress) {
  EXPECT_EQ(hop6("2001:db8:3::1").kind, NextHopKind::kLocal);
  EXPECT_EQ(hop6("2001:db8:3::9").kind, NextHopKind::kConnected);
  EXPECT_EQ(hop6("2001:db8:3:1::9").kind, NextHopKind::kUnreachable);
  EXPECT_EQ(hop6("fe80::ff:fe00:2").kind, NextHopKind::kUnreachable);
  EXPECT_EQ(fib->interface(c).addresses.back().to_string(), "fe80::ff:fe00:2/64");
  EXPECT_TRUE(fib->interface(a).addresses.size() == 1);
}
TEST_F(Fib6Test, ADuplicateAddressIsNotOurs) {  // RFC 4862 §5.4.5
  const auto set = [&](std::string_view text, AddressState state) {
    return fib->set_address_state(c, address(text), state);
  };
  ASSERT_TRUE(set("2001:db8:3::1", AddressState::kTentative));
  EXPECT_EQ(hop6("2001:db8:3::1").kind, NextHopKind::kLocal);
  EXPECT_EQ(fib->source_for(address("2001:db8:3::9")), address("2001:db8:3::1"));
  ASSERT_TRUE(set("2001:db8:3::1", AddressState::kDuplicate));
  EXPECT_EQ(hop6("2001:db8:3::1").kind, NextHopKind::kConnected);
  EXPECT_EQ(fib->source_for(address("2001:db8:3::9")), std::nullopt);
  ASSERT_TRUE(set("fe80::ff:fe00:2", AddressState::kDuplicate));
  ASSERT_TRUE(set("2001:db8:3::1", AddressState::kAssigned));
  EXPECT_EQ(hop6("2001:db8:3::1").kind, NextHopKind::kLocal);
  EXPECT_EQ(fib->interface(c).state_at(0), AddressState::kAssigned);
  EXPECT_EQ(fib->interface(c).state_at(1), AddressState::kDuplicate);
  EXPECT_EQ(set("2001:db8:3::2", AddressState::kAssigned).error().code, ErrorCode::kNotFound);
}
TEST_F(Fib6Test, TheLongestPrefixWins) {
  ASSERT_TRUE(add("::/0", "2001:db8:3::1:1", c));
  ASSERT_TRUE(add("2001:db8::/32", "2001:db8:3::2:2", c));
  ASSERT_TRUE(add("2001:db8:9::/48", "fe80::3", c));
  EXPECT_EQ(hop6("2a00::1").address, address("2001:db8:3::1:1"));
  EXPECT_EQ(hop6("2001:db8:8::1").address, address("2001:db8:3::2:2"));
  EXPECT_EQ(hop6("2001:db8:9::1").address, address("fe80::3"));
  ASSERT_TRUE(fib->remove_route(net::Prefix::parse("2001:db8::/32").value()));
  EXPECT_EQ(hop6("2001:db8:8::1").address, address("2001:db8:3::1:1"));
  EXPECT_EQ(hop("10.77.0.1").kind, NextHopKind::kUnreachable);
}
TEST_F(Fib6Test, ANeighbourHasAHostRouteAndALinkLocalOneHasNone) {
  ASSERT_TRUE(fib->set_neighbour(c, address("2001:db8:3::9"), kLink));
  EXPECT_EQ(hop6("2001:db8:3::9").kind, NextHopKind::kNeighbour);
  ASSERT_TRUE(fib->remove_neighbour(c, address("2001:db8:3::9")));
  EXPECT_EQ(hop6("2001:db8:3::9").kind, NextHopKind::kConnected);
  ASSERT_TRUE(fib->set_neighbour(c, address("fe80::9"), kLink));
  EXPECT_EQ(hop6("fe80::9").kind, NextHopKind::kUnreachable);
  EXPECT_EQ(fib->set_neighbour(a, address("fe80::9"), kLink).error().code, ErrorCode::kRefused);
}
TEST_F(Fib6Test, ANeighbourDrawsNothingFromAMoreSpecificRoute) {  // RFC 4861 §5.2
  ASSERT_TRUE(fib->set_neighbour(c, address("2001:db8:3:0:8000::6"), kLink));
  ASSERT_TRUE(add("2001:db8:3:0:8000::/65", "fe80::9", b));
  EXPECT_EQ(fib->set_neighbour(c, address("2001:db8:3:0:8000::5"), kLink).error().code,
            ErrorCode::kRefused);
  EXPECT_EQ(hop6("2001:db8:3:0:8000::5").address, address("fe80::9"));
  EXPECT_EQ(hop6("2001:db8:3:0:8000::6").address, address("fe80::9"));
}
TEST_F(Fib6Test, ChoosesTheSourceAddressOfTheWay) {
  ASSERT_TRUE(add("::/0", "fe80::1", c));
  EXPECT_EQ(fib->source_for(address("2001:db8:3::9")), address("2001:db8:3::1"));
  EXPECT_EQ(fib->source_for(address("2a00::1")), address("2001:db8:3::1"));
  EXPECT_EQ(fib->address_towards(c, address("fe80::1")), address("fe80::ff:fe00:2"));
}
TEST_F(Fib6Test, RefusesWhatCannotBe) {
  EXPECT_EQ(add("2001:db8:9::/48", "10.1.0.2", a).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(add("fe80::/64", "2001:db8:3::9", c).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(add("2001:db8:9::/48", "2001:db8:3::1", c).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(fib->add_interface({.name = "d", .mtu = 1279, .addresses = {own("2001:db8:4::1/64")}})
                .error()
                .code,
            ErrorCode::kMalformed);
}

/// Against the plain search of all prefixes, through inserts, changes and removals.
TEST_F(FibTest, Ipv6TableGivesWhatASearchOfAllGives) {
  constexpr std::uint32_t kMost = 64;
  Ipv6Table table(kMost, *rcu);
  std::map<net::Prefix, std::uint32_t> plain;
  std::mt19937 random(1);
  // Few bits differ, so that prefixes nest.
  const auto draw = [&] {
    std::array<std::uint8_t, 16> octets{0x20};
    for (const std::size_t i : {1U, 7U, 8U, 15U})
      octets[i] = static_cast<std::uint8_t>(random() % 4 * 0x55);
    return net::IpAddress::v6(octets);
  };
  constexpr std::uint8_t kLengths[] = {0, 3, 10, 15, 60, 63, 64, 65, 70, 122, 127, 128};
  for (std::uint32_t step = 1; step < 5'000; ++step) {
    const net::Prefix prefix =
        net::InterfaceAddress{draw(), kLengths[random() % std::size(kLengths)]}.prefix();
    if (random() % 3 == 0) {
      table.remove(prefix);
      plain.erase(prefix);
    } else if (plain.size() < kMost || plain.contains(prefix)) {
      ASSERT_TRUE(table.put(prefix, step));
      plain[prefix] = step;
    } else {
      ASSERT_FALSE(table.put(prefix, step));
    }
    const net::IpAddress wanted = draw();
    std::uint32_t best = 0;
    int length = -1;
    for (const auto& [p, next_hop] : plain)
      if (p.contains(wanted) && p.length > length) {
        best = next_hop;
        length = p.length;
      }
    ASSERT_EQ(table.lookup(Ipv6Key::of(wanted.octets().data())), best) << step;
    ASSERT_EQ(table.size(), plain.size());
  }
}

TEST_F(FibTest, AVlanIsFoundByItsPortAndNumber) {
  const auto v7 = fib->add_interface({.name = "a.7", .vlan = 7, .port = a}).value();
  EXPECT_EQ(fib->vlan(a, 7), v7);
  EXPECT_EQ(fib->vlan(a, 8), dpdk::kNoInterface);
  EXPECT_EQ(fib->vlan(a, 4095), dpdk::kNoInterface);
  EXPECT_EQ(fib->vlan(b, 7), dpdk::kNoInterface);
  EXPECT_EQ(fib->interface(v7).port, a);
  EXPECT_EQ(fib->interface(a).port, a);
  EXPECT_EQ(fib->port_count(), 2U);
  EXPECT_EQ(fib->interface_count(), 3U);
}

TEST_F(FibTest, VlansThatCannotBeAreRefused) {
  ASSERT_TRUE(fib->add_interface({.name = "a.7", .vlan = 7, .port = a}));
  const dpdk::InterfaceIndex vlan{2};
  EXPECT_EQ(fib->add_interface({.name = "x", .vlan = 7, .port = a}).error().code,
            ErrorCode::kExists);
  EXPECT_EQ(fib->add_interface({.name = "x", .vlan = 8, .port = vlan}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(fib->add_interface({.name = "x", .vlan = 8}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(fib->add_interface({.name = "x", .vlan = 4095, .port = a}).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(fib->add_interface({.name = "port"}).error().code, ErrorCode::kMalformed);
}

TEST(LinkWord, KeepsMacAndState) {
  const Link link{{0xff, 1, 2, 3, 4, 0xfe}, NeighbourState::kStale};
  EXPECT_EQ(unpack(pack(link)).mac, link.mac);
  EXPECT_EQ(unpack(pack(link)).state, link.state);
  EXPECT_FALSE(unpack(0).has_mac());
}

}  // namespace
}  // namespace penstock::fib
