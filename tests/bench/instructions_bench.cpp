// SPDX-License-Identifier: BSD-3-Clause
// What a packet costs in instructions: bursts go through the whole path of a worker, from a ring to
// a ring, with everything on (SPD, selectors, counters, sequence numbers, replay window, next hop).
// Run under callgrind, which counts inside penstock_measured_round() alone and writes a profile
// after each of its calls; tests/bench/lab/instructions.py reads them in the order printed here.
#include <fmt/format.h>
#include <rte_cpuflags.h>
#include <rte_version.h>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {

/// Only this is counted: a burst is received, goes through the pipeline, and is transmitted.
/// Its name stands in the options of callgrind.
extern "C" [[gnu::noinline]] void penstock_measured_round(Gateway& gateway) {
  gateway.step();
  __asm__ volatile("");  // no tail call: the step belongs to this function
}

namespace {

constexpr unsigned kPackets = 32;
constexpr unsigned kWarmBursts = 3;  // caches of flows, sessions and neighbours are filled
constexpr const char* kBehind = "10.9.0.0/16";

struct NamedSuite {
  const char* name;
  Suite suite;
};

const std::array kSuites{
    NamedSuite{"gcm", {"gcm", crypto::EncrId::kAesGcm16, 128, crypto::IntegId::kNone}},
    NamedSuite{"cbc", {"cbc", crypto::EncrId::kAesCbc, 128, crypto::IntegId::kHmacSha256_128}},
};
constexpr std::array<std::size_t, 2> kOctets{64, 1420};  // of the inner packet

/// Opens what its peer, a Sealing, has sealed for `kBehind`, which is inside here. The SPI is one
/// that the writer gave out, as IKE's are.
struct Opening {
  explicit Opening(const Suite& suite) : spi(g.writer->allocate_spis(1).value()[0].value()) {
    g.gateway.route(kBehind, "10.1.0.9", 0);
    g.must_install(make_spec({.direction = policy::Direction::kInbound,
                              .spi = spi,
                              .suite = suite,
                              .local_ts = kBehind,
                              .remote_ts = "10.1.0.0/16"}));
    g.policy(policy::PolicyAction::kProtect, kBehind, "10.1.0.0/16");
  }
  void fill(const std::vector<ByteVector>& sealed) {
    for (const ByteVector& one : sealed) {
      ByteVector packet = base::to_vector(packet_of(one));
      auto& header = *reinterpret_cast<net::Ipv4Header*>(packet.data());
      std::swap(header.source, header.destination);  // from the peer to us; same checksum
      g.gateway.put(1, packet);
    }
  }
  IpsecGateway g;
  std::uint32_t spi;
};

struct Sealing {
  Sealing(const Suite& suite, std::uint32_t spi) {
    g.gateway.route(kBehind, "192.0.2.9", 1);
    g.must_install(make_spec({.spi = spi, .suite = suite, .remote_ts = kBehind}));
    g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", kBehind);
  }
  void fill(std::size_t octets) {
    for (unsigned i = 0; i < kPackets; ++i)
      g.gateway.put(0, udp("10.1.0.9", "10.9.0.7", static_cast<std::uint16_t>(1024 + i), 2000,
                           pattern(octets - 28)));
  }
  IpsecGateway g;
};

std::vector<ByteVector> must_have_left(Gateway& gateway, unsigned port) {
  std::vector<ByteVector> left = gateway.sent(port);
  if (left.size() == kPackets && gateway.dropped() == 0) return left;
  fmt::print(stderr, "{} of {} packets left, {} were dropped\n", left.size(), kPackets,
             gateway.dropped());
  std::exit(EXIT_FAILURE);
}

void run(const NamedSuite& suite) {
  Opening opening(suite.suite);
  Sealing sealing(suite.suite, opening.spi);
  for (const std::size_t octets : kOctets)
    for (unsigned burst = 0; burst <= kWarmBursts; ++burst) {
      const bool counts = burst == kWarmBursts;
      const auto round = counts ? penstock_measured_round : [](Gateway& g) { g.step(); };
      sealing.fill(octets);
      round(sealing.g.gateway);
      opening.fill(must_have_left(sealing.g.gateway, 1));
      round(opening.g.gateway);
      static_cast<void>(must_have_left(opening.g.gateway, 0));
      if (!counts) continue;
      for (const char* direction : {"out", "in"})
        fmt::print("{}_{}_{} {}\n", suite.name, direction, octets, kPackets);
    }
}

#ifdef __clang__
constexpr const char* kCompiler = "clang";
constexpr int kCompilerVersion = __clang_major__;
#else
constexpr const char* kCompiler = "gcc";
constexpr int kCompilerVersion = __GNUC__;
#endif

}  // namespace
}  // namespace penstock::pipeline

/// First line: what the figures depend on, the compiler, DPDK's headers, and the CPU that callgrind
/// pretends to be. Then a line a measured burst: its point, and its packets.
int main() {
  using namespace penstock::pipeline;
  start_eal();
  const bool avx2 = rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) == 1;
  fmt::print("{}-{} dpdk-{}.{:02} {}\n", kCompiler, kCompilerVersion, RTE_VER_YEAR, RTE_VER_MONTH,
             avx2 ? "avx2" : "sse");
  for (const NamedSuite& suite : kSuites) run(suite);
}
