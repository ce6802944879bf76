// SPDX-License-Identifier: BSD-3-Clause
// The SPD: cycles a lookup in bursts of 32 and alone, cycles a change, by the number of policies.
// "hub": every policy has the shape local /16, remote /24. "mixed": 24 shapes, some with ports, in
// three priorities. Every packet finds its policy; packets are in random order.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <random>

#include "lib/ipsec/spd_flow_cache.h"

namespace penstock::ipsec {
namespace {

constexpr std::size_t kBurst = 32;
constexpr std::size_t kPackets = 1U << 16U;

policy::TrafficSelector prefix(std::uint32_t address, unsigned length, std::uint8_t protocol,
                               std::uint16_t port) {
  const std::uint32_t host = length == 32 ? 0 : ~std::uint32_t{0} >> length;
  policy::TrafficSelector ts{.first = net::IpAddress::v4(address & ~host),
                             .last = net::IpAddress::v4(address | host),
                             .protocol = protocol};
  if (port != 0) ts.first_port = ts.last_port = port;
  return ts;
}

/// Policy `i` of the set.
policy::PolicyRule rule(std::uint32_t i, bool mixed) {
  policy::PolicyRule r{.id = policy::PolicyId{i + std::uint64_t{1}},
                       .priority = policy::kPriorityChild,
                       .action = policy::PolicyAction::kProtect,
                       .vrf = {},
                       .interface_id = {},
                       .slot = policy::ChildSlot{i + 1},
                       .local_ts = {},
                       .remote_ts = {},
                       .name = "bench"};
  const std::uint32_t remote = 0x0b000000U + (i << 8U);  // a /24 each
  if (!mixed) {
    r.local_ts = {prefix(0x0a010000U, 16, 0, 0)};
    r.remote_ts = {prefix(remote, 24, 0, 0)};
    return r;
  }
  const bool ports = i % 4 == 3;
  r.priority = 1000 * (1 + i % 3);
  r.local_ts = {prefix(0x0a010000U + i % 65536, 16 + i % 8, ports ? 6 : 0, 0)};
  r.remote_ts = {prefix(remote, 24 + i % 3, ports ? 6 : 0, ports ? 443 : 0)};
  return r;
}

SpdKey packet_for(std::uint32_t i, bool mixed) {
  const policy::PolicyRule r = rule(i, mixed);
  return SpdKey::of({.source = r.local_ts[0].first,
                     .destination = r.remote_ts[0].last,
                     .protocol = 6,
                     .source_port = 4711,
                     .destination_port = 443});
}

struct Fixture {
  Fixture(std::uint32_t policies, bool mixed)
      : rcu(*dpdk::RcuDomain::create(1)), spd({.workers = 1}, 42, *rcu) {
    for (std::uint32_t i = 0; i < policies; ++i)
      if (!spd.insert(rule(i, mixed))) std::abort();
    std::mt19937 random(1);
    for (std::size_t k = 0; k < kPackets; ++k)
      keys.push_back(packet_for(static_cast<std::uint32_t>(random() % policies), mixed));
  }
  std::unique_ptr<dpdk::RcuDomain> rcu;
  Spd spd;
  std::vector<SpdKey> keys;
};

void lookup(benchmark::State& state, bool mixed, std::size_t burst) {
  const Fixture f(static_cast<std::uint32_t>(state.range(0)), mixed);
  const SpdEntry* results[kBurst];
  std::uint64_t cycles = 0;
  std::size_t lookups = 0;
  std::size_t missed = 0;
  std::size_t at = 0;
  for (auto _ : state) {
    const std::uint64_t start = rte_rdtsc();
    f.spd.lookup_burst(policy::Direction::kOutbound, &f.keys[at], results, burst);
    cycles += rte_rdtsc() - start;
    for (std::size_t k = 0; k < burst; ++k) missed += results[k] == nullptr ? 1U : 0U;
    lookups += burst;
    at = (at + burst) % kPackets;
  }
  if (missed != 0) state.SkipWithError("a packet found no policy");
  state.counters["cycles_per_lookup"] = static_cast<double>(cycles) / static_cast<double>(lookups);
}

/// `flows` packets come again and again, as real flows do.
void cached(benchmark::State& state, bool mixed, std::size_t flows) {
  const Fixture f(static_cast<std::uint32_t>(state.range(0)), mixed);
  SpdFlowCache cache(f.spd, kSpdFlows);
  const SpdEntry* results[kBurst];
  std::uint64_t cycles = 0;
  std::size_t lookups = 0;
  std::size_t at = 0;
  for (auto _ : state) {
    const std::uint64_t start = rte_rdtsc();
    cache.lookup_burst(policy::Direction::kOutbound, &f.keys[at], results, kBurst);
    cycles += rte_rdtsc() - start;
    benchmark::DoNotOptimize(results);
    lookups += kBurst;
    at = (at + kBurst) % flows;
  }
  const auto total = static_cast<double>(cache.statistics().hits + cache.statistics().misses);
  state.counters["cycles_per_lookup"] = static_cast<double>(cycles) / static_cast<double>(lookups);
  state.counters["hits"] = static_cast<double>(cache.statistics().hits) / total;
}

void change(benchmark::State& state, bool mixed) {
  const auto policies = static_cast<std::uint32_t>(state.range(0));
  Fixture f(policies, mixed);
  std::uint64_t inserting = 0;
  std::uint64_t removing = 0;
  std::uint32_t i = policies;
  for (auto _ : state) {
    const policy::PolicyRule r = rule(i, mixed);
    const std::uint64_t start = rte_rdtsc();
    if (!f.spd.insert(r)) state.SkipWithError("refused");
    const std::uint64_t middle = rte_rdtsc();
    if (!f.spd.remove(r.id)) state.SkipWithError("not found");
    removing += rte_rdtsc() - middle;
    inserting += middle - start;
    (void)f.spd.poll();
    (void)f.rcu->poll();
    i = policies + (i + 1 - policies) % 1000;
  }
  const auto n = static_cast<double>(state.iterations());
  state.counters["cycles_per_insert"] = static_cast<double>(inserting) / n;
  state.counters["cycles_per_remove"] = static_cast<double>(removing) / n;
}

void sizes(benchmark::internal::Benchmark* b) { b->Arg(1)->Arg(1000)->Arg(100'000); }

BENCHMARK_CAPTURE(lookup, hub_burst32, false, kBurst)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, hub_single, false, 1)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, mixed_burst32, true, kBurst)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, mixed_single, true, 1)->Apply(sizes);
BENCHMARK_CAPTURE(cached, hub_1024_flows, false, 1024)->Apply(sizes);
BENCHMARK_CAPTURE(cached, mixed_1024_flows, true, 1024)->Apply(sizes);
BENCHMARK_CAPTURE(cached, mixed_65536_flows, true, kPackets)->Apply(sizes);
BENCHMARK_CAPTURE(change, hub, false)->Apply(sizes);
BENCHMARK_CAPTURE(change, mixed, true)->Apply(sizes);

}  // namespace
}  // namespace penstock::ipsec

BENCHMARK_MAIN();
