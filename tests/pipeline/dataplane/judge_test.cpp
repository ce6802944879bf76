// SPDX-License-Identifier: BSD-3-Clause
// scapy as an independent judge of what leaves: it reads every frame, builds it again from the
// fields and finds the same octets; it puts our fragments together and finds the whole.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "lib/net/mld.h"
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {
namespace {

constexpr int kNoScapy = 77;

/// @param whole  the packet that the fragments among `frames` must make, or nothing
int judge(const std::vector<ByteVector>& frames, Bytes whole = {}) {
  const std::string name = testing::TempDir() + "penstock_judge_" + std::to_string(getpid());
  {
    std::ofstream file(name);
    for (const auto& f : frames) file << "frame " << base::to_hex(f) << '\n';
    if (!whole.empty()) file << "whole " << base::to_hex(whole) << '\n';
  }
  const int status =
      std::system((std::string("/usr/bin/python3 " JUDGE " ") + name).c_str());  // NOLINT
  std::remove(name.c_str());
  return WEXITSTATUS(status);
}

struct Judge : testing::Test {
  Gateway gateway{{.ports = {{.name = "a", .addresses = {"10.1.0.1/24"}},
                             {.name = "b", .addresses = {"10.2.0.1/24"}, .mtu = 600}}}};
  Judge() {
    gateway.neighbour(0, "10.1.0.9");
    gateway.neighbour(1, "10.2.0.9");
  }
  void expect_agreement(const std::vector<ByteVector>& frames, std::size_t count,
                        Bytes whole = {}) {
    EXPECT_EQ(frames.size(), count);
    const int verdict = judge(frames, whole);
    if (verdict == kNoScapy) GTEST_SKIP() << "SKIP scapy is not installed";
    EXPECT_EQ(verdict, 0);
  }
};

TEST_F(Judge, ForwardedPacketsArpEchoAndErrors) {
  gateway.send(1, udp("10.2.0.9", "10.1.0.9", 1, 2, pattern(33), {.tos = 0xb9}));
  gateway.send(1, udp("10.2.0.9", "10.1.0.9", 1, 2, pattern(8),
                      {.options = base::from_hex("94040000").value()}));
  gateway.send(0, icmp("10.1.0.9", "10.1.0.1", net::kIcmpEchoRequest, 0, 77, pattern(101)));
  gateway.send(0, udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(8), {.ttl = 1}));
  gateway.send(0, udp("10.1.0.9", "99.2.0.9", 1, 2, pattern(1400)));
  gateway.send(0, udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(1400), {.fragment = 0x4000}));
  gateway.put_frame(0, arp(net::kArpRequest, Gateway::peer_mac(0), "10.1.0.9", {}, "10.1.0.1"));
  gateway.step();
  expect_agreement(gateway.sent(0), 7);
}
TEST_F(Judge, NeighbourDiscoveryAndProbes) {
  const auto octets = [](const auto& frame) { return base::to_vector(base::bytes_of(frame)); };
  const auto us = ip6("2001:db8:2::1:2");
  expect_agreement({octets(net::neighbour_probe(Gateway::mac(1), us)),
                    octets(net::neighbour_solicitation(Gateway::mac(1), us, ip6("fe80::9"), {})),
                    octets(net::neighbour_advertisement(Gateway::mac(1), us, {}, {})),
                    net::mld_report(Gateway::mac(1), {}, net::MldRecord::kIsExclude,
                                    std::array<net::Ipv6Octets, 1>{net::solicited_node(us)}),
                    net::mld_report1(Gateway::mac(1), ip6("fe80::1"), net::solicited_node(us))},
                   5);
}
TEST_F(Judge, FragmentsMakeTheWhole) {
  auto whole = udp("10.1.0.9", "10.2.0.9", 1, 2, pattern(1471));
  gateway.send(0, whole);
  auto& header = *reinterpret_cast<net::Ipv4Header*>(whole.data());
  --header.ttl;
  net::set_checksum(header);
  expect_agreement(gateway.sent(1), 3, whole);
}

}  // namespace
}  // namespace penstock::pipeline
