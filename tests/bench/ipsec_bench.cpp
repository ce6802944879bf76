// SPDX-License-Identifier: BSD-3-Clause
// The IPsec stages alone: cycles a packet to seal and to open in bursts of 32, beside the bare
// cipher on the same octets in the same run. Packets lie in cache, as after a receive. The least of
// many bursts counts: what other programs do to the machine does not.
#include <fmt/format.h>
#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/stages.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

constexpr unsigned kPackets = 32;
constexpr unsigned kRounds = 4000;

struct Figures {
  double seal, open, seal_cipher, open_cipher;
};

/// `sas` SA pairs in turn, each with its slot, policy and a /24 behind the peer.
struct Bench {
  Bench(std::uint32_t sas, const Suite& s) : count(sas), suite(s), g(limits(sas)) {
    for (std::uint32_t k = 0; k < sas; ++k) {
      const std::uint32_t net = ip("10.128.0.0") + (k << 8);
      const std::string remote = net::IpAddress::v4(net).to_string() + "/24";
      // What the outbound SA seals its twin opens: same SPI, same key, roles turned.
      g.must_install(
          make_spec({.spi = 0x10000 + k, .suite = s, .slot = k + 1, .remote_ts = remote}));
      g.must_install(make_spec({.direction = policy::Direction::kInbound,
                                .spi = 0x10000 + k,
                                .suite = s,
                                .slot = k + 1,
                                .local = "192.0.2.9",
                                .remote = "192.0.2.1",
                                .local_ts = remote,
                                .remote_ts = "10.1.0.0/16"}));
      g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", remote, k + 1);
    }
    for (auto& packet : packets) packet = rte_pktmbuf_alloc(g.gateway.pool().get());
  }
  ~Bench() {
    for (auto* packet : packets) rte_pktmbuf_free(packet);
  }
  static ipsec::WriterLimits limits(std::uint32_t sas) {
    return {.inbound_sas = 256,
            .outbound_sas = sas + 64,
            .slots = sas + 2,
            .manual_sas = sas + 16,
            .policies = sas + 16};
  }

  void fill(std::size_t octets) {
    for (unsigned i = 0; i < kPackets; ++i) {
      const std::uint32_t k = (next++ * 7) % count;
      const ByteVector inner =
          udp("10.1.0.9", net::IpAddress::v4(ip("10.128.0.7") + (k << 8)).to_string(), 1, 2,
              pattern(octets - 28));
      rte_mbuf* p = packets[i];
      p->data_off = RTE_PKTMBUF_HEADROOM;
      std::copy(inner.begin(), inner.end(), dpdk::data(p));
      dpdk::resize(p, static_cast<unsigned>(octets));
      dpdk::meta(p) = {};
      dpdk::PacketMeta& m = dpdk::meta(p);
      m.source = ip("10.1.0.9");
      m.destination = ip("10.128.0.7") + (k << 8);
      m.source_port = 1;
      m.destination_port = 2;
      m.protocol = 17;
      m.ip_version = 4;
      m.flags = dpdk::kHasPorts;
      m.total_length = static_cast<std::uint16_t>(octets);
    }
  }

  dataplane::Burst burst_of_all() {
    dataplane::Burst burst;
    for (auto* packet : packets) burst.push(packet);
    return burst;
  }

  std::uint64_t seal() {
    auto& ctx = g.gateway.context();
    dataplane::Burst burst = burst_of_all();
    dataplane::Burst bypass;
    const std::uint64_t start = rte_rdtsc_precise();
    lookup_policy(ctx, burst, bypass);
    fit_mtu(ctx, burst);
    seal_esp(ctx, burst);
    crypto_outbound(ctx, burst);
    close_outbound(ctx, burst);
    const std::uint64_t cycles = rte_rdtsc_precise() - start;
    PS_CHECK(burst.size() == kPackets);
    return cycles;
  }

  std::uint64_t open() {
    auto& ctx = g.gateway.context();
    dataplane::Burst burst = burst_of_all();
    for (auto* packet : packets) {
      dpdk::meta(packet).nesting = 0;
      dpdk::meta(packet).payload_offset = 20;
    }
    const std::uint64_t start = rte_rdtsc_precise();
    lookup_inbound_sa(ctx, burst);
    check_replay(ctx, burst);
    open_esp(ctx, burst);
    crypto_inbound(ctx, burst);
    close_inbound(ctx, burst);
    const std::uint64_t cycles = rte_rdtsc_precise() - start;
    PS_CHECK(burst.size() == kPackets);
    return cycles;
  }

  /// The jobs of the last seal() or open(), the cipher alone. (An ICV may be wrong by then.)
  std::uint64_t cipher() {
    const auto jobs = std::span(g.state->jobs.data(), std::size_t{kPackets});
    const std::uint64_t start = rte_rdtsc_precise();
    g.state->engine->process(jobs);
    return rte_rdtsc_precise() - start;
  }

  Figures run(std::size_t octets) {
    std::array<std::uint64_t, 4> least;
    least.fill(~std::uint64_t{0});
    const auto keep = [&](unsigned at, std::uint64_t cycles) {
      least[at] = std::min(least[at], cycles);
    };
    const unsigned rounds = count > 1 ? kRounds / 4 : kRounds;
    for (unsigned round = 0; round < rounds; ++round) {
      fill(octets);
      keep(0, seal());
      if (round % 2 == 0) {
        keep(1, open());
        keep(3, cipher());
      } else {
        keep(2, cipher());
      }
    }
    const auto each = [&](unsigned at) { return static_cast<double>(least[at]) / kPackets; };
    return {each(0), each(1), each(2), each(3)};
  }

  std::uint32_t count;
  Suite suite;
  IpsecGateway g;
  std::array<rte_mbuf*, kPackets> packets{};
  std::uint32_t next = 0;
};

}  // namespace
}  // namespace penstock::pipeline

int main() {
  using namespace penstock::pipeline;
  using penstock::crypto::EncrId;
  using penstock::crypto::IntegId;
  const Suite suites[] = {
      {"aes128gcm16", EncrId::kAesGcm16, 128, IntegId::kNone},
      {"aes256gcm16", EncrId::kAesGcm16, 256, IntegId::kNone},
      {"chacha20poly1305", EncrId::kChaCha20Poly1305, 0, IntegId::kNone},
      {"aes128-sha256", EncrId::kAesCbc, 128, IntegId::kHmacSha256_128},
  };
  fmt::print("{:18} {:>5} {:>6} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7}\n", "cycles a packet",
             "SAs", "octets", "seal", "cipher", "beyond", "open", "cipher", "beyond");
  for (const Suite& suite : suites)
    for (const std::uint32_t sas : {1U, 1000U}) {
      if (sas > 1 && suite.name != "aes128gcm16") continue;
      Bench bench(sas, suite);
      for (const std::size_t octets : {64U, 512U, 1420U}) {
        const Figures f = bench.run(octets);
        fmt::print("{:18} {:5} {:6} | {:7.0f} {:7.0f} {:7.0f} | {:7.0f} {:7.0f} {:7.0f}\n",
                   suite.name, sas, octets, f.seal, f.seal_cipher, f.seal - f.seal_cipher, f.open,
                   f.open_cipher, f.open - f.open_cipher);
      }
    }
}
