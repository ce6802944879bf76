// SPDX-License-Identifier: BSD-3-Clause
// What changes cost those who forward: cycles a packet to seal, alone and while another thread
// installs and retires child SAs with their policies at a given rate. 100,000 other policies are
// there. For IPv4 in IPv4 and for IPv6 in IPv6. Both are measured in turn; what a burst took beyond
// ten times the median belongs to the machine, not to us. Needs two CPUs.
#include <fmt/format.h>
#include <rte_cycles.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

#include "dataplane/stages.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

constexpr unsigned kPackets = 32;
constexpr std::uint32_t kFlows = 1000;        // SAs that traffic uses
constexpr std::uint32_t kPolicies = 100'000;  // that stand around
constexpr std::uint32_t kAlive = 1000;        // children of the churn at a time
constexpr unsigned kPairs = 15;
constexpr double kSeconds = 0.25;
constexpr std::size_t kOctets = 64;

/// Where the traffic of an IP version comes from and goes to.
struct Version {
  unsigned number;
  std::string local_end, peer;          // outside
  std::string source, local;            // inside, and the network of `source`
  net::IpAddress flows, churn, others;  // the first remote network of each
  unsigned remote_bits;
  std::string others_local;
  unsigned others_local_bits;
};

const Version& version(unsigned number) {
  const auto at = [](const char* text) { return net::IpAddress::parse(text).value(); };
  static const Version v4{4,
                          "192.0.2.1",
                          "192.0.2.9",
                          "10.1.0.9",
                          "10.1.0.0/16",
                          at("10.128.0.0"),
                          at("11.0.0.0"),
                          at("20.0.0.0"),
                          24,
                          "172.16.0.0",
                          16};
  static const Version v6{6,
                          "2001:db8:f::1",
                          "2001:db8:f::9",
                          "2001:db8:1::9",
                          "2001:db8:1::/48",
                          at("2001:db8:2::"),
                          at("2001:db8:8000::"),
                          at("2001:db9::"),
                          64,
                          "fd00::",
                          32};
  return number == 4 ? v4 : v6;
}

/// The first address of network `k` behind `base`: of /24s, or of /64s.
net::IpAddress network_of(const net::IpAddress& base, std::uint32_t k) {
  if (base.is_v4()) return net::IpAddress::v4(base.v4_value() + (k << 8));
  net::Ipv6Octets octets = base.octets();
  octets[5] = static_cast<std::uint8_t>(octets[5] + (k >> 16));
  octets[6] = static_cast<std::uint8_t>(k >> 8);
  octets[7] = static_cast<std::uint8_t>(k);
  return net::IpAddress::v6(octets);
}

std::string prefix_of(const net::IpAddress& base, std::uint32_t k, unsigned bits) {
  return fmt::format("{}/{}", network_of(base, k).to_string(), bits);
}

ipsec::WriterLimits limits() {
  return {.inbound_sas = 4096,
          .outbound_sas = kFlows + 2 * kAlive + 64,
          .slots = kFlows + 2 * kAlive + 64,
          .manual_sas = 4 * (kFlows + 2 * kAlive),
          .policies = kPolicies + kFlows + 2 * kAlive + 64};
}

/// The control core of the bench: a child is an inbound SA, an outbound SA and a policy.
class Churn {
 public:
  Churn(IpsecGateway& g, const Version& v, unsigned rate)
      : g_(g), v_(v), rate_(rate), thread_([this] { run(); }) {}
  ~Churn() {
    ending_.store(true);
    thread_.join();
  }
  void set(bool on) { on_.store(on); }
  [[nodiscard]] std::uint64_t changes() const { return changes_.load(); }
  [[nodiscard]] double cycles_a_change() const {
    return static_cast<double>(busy_.load()) /
           static_cast<double>(std::max<std::uint64_t>(changes(), 1));
  }

 private:
  struct Child {
    std::uint32_t number;
    policy::PolicyId policy;
  };

  void install(std::uint32_t n) {
    const std::uint32_t slot = kFlows + 1 + n % (2 * kAlive);
    const std::string remote = prefix_of(v_.churn, n % 60'000, v_.remote_bits);
    for (const auto direction : {policy::Direction::kOutbound, policy::Direction::kInbound})
      g_.must_install(make_spec({.direction = direction,
                                 .spi = 0x100000 + n,
                                 .slot = slot,
                                 .local = v_.local_end,
                                 .remote = v_.peer,
                                 .local_ts = v_.local,
                                 .remote_ts = remote}));
    policy::PolicyRule rule;
    rule.id = policy::PolicyId{10'000'000ULL + n};
    rule.priority = policy::kPriorityChild;
    rule.action = policy::PolicyAction::kProtect;
    rule.slot = policy::ChildSlot{slot};
    rule.local_ts = {policy::TrafficSelector::parse(v_.local).value()};
    rule.remote_ts = {policy::TrafficSelector::parse(remote).value()};
    ASSERT_TRUE(g_.writer->add_policy(rule));
    alive_.push_back({n, rule.id});
  }
  void retire(const Child& child) {
    ASSERT_TRUE(g_.writer->remove_policy(child.policy));
    const net::Spi spi{0x100000 + child.number};
    ASSERT_TRUE(
        g_.writer->retire({.direction = policy::Direction::kInbound, .spi = spi, .remote = {}}));
    ASSERT_TRUE(g_.writer->retire({.direction = policy::Direction::kOutbound,
                                   .spi = spi,
                                   .remote = net::IpAddress::parse(v_.peer).value()}));
  }

  void run() {
    std::uint32_t next = 0;
    const std::uint64_t interval = rte_get_tsc_hz() / rate_;
    std::uint64_t due = rte_rdtsc();
    while (!ending_.load()) {
      if (!on_.load()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        due = rte_rdtsc();
        continue;
      }
      // In lots of five, as a control core that is busy with handshakes finishes them.
      if (rte_rdtsc() < due) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      const std::uint64_t start = rte_rdtsc();
      while (due <= start) {
        install(next++);
        if (alive_.size() > kAlive) {
          retire(alive_.front());
          alive_.pop_front();
        }
        changes_.fetch_add(1);
        due += interval;
      }
      (void)g_.writer->poll();
      (void)g_.gateway.rcu().poll();
      busy_.fetch_add(rte_rdtsc() - start);
    }
  }

  IpsecGateway& g_;
  const Version& v_;
  unsigned rate_;
  std::deque<Child> alive_;
  std::atomic<bool> on_{false};
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<std::uint64_t> busy_{0};
  std::thread thread_;
};

class Traffic {
 public:
  Traffic(IpsecGateway& g, const Version& v) : g_(g) {
    for (std::uint32_t k = 0; k < kFlows; ++k) inner_.push_back(packet_to(v, k));
    for (auto& packet : packets_) packet = rte_pktmbuf_alloc(g.gateway.pool().get());
  }
  ~Traffic() {
    for (auto* packet : packets_) rte_pktmbuf_free(packet);
  }
  /// @return mean cycles a packet
  double run(double seconds) {
    std::vector<std::uint64_t> bursts;
    const std::uint64_t end =
        rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    while (rte_rdtsc() < end) {
      fill();
      bursts.push_back(seal());
      g_.gateway.rcu().quiescent(0);
    }
    std::vector<std::uint64_t> sorted = bursts;
    std::ranges::nth_element(sorted,
                             sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
    const std::uint64_t most = 10 * sorted[sorted.size() / 2];
    std::uint64_t sum = 0;
    std::uint64_t counted = 0;
    for (const std::uint64_t one : bursts)
      if (one <= most) {
        sum += one;
        ++counted;
      }
    return static_cast<double>(sum) / static_cast<double>(counted * kPackets);
  }

 private:
  struct Inner {
    ByteVector octets;
    dpdk::PacketMeta meta{};
  };

  static Inner packet_to(const Version& v, std::uint32_t k) {
    const std::string destination = network_of(v.flows, k).to_string();
    Inner inner;
    inner.octets = v.number == 4 ? udp(v.source, destination, 1, 2, pattern(kOctets - 28))
                                 : udp6(v.source, destination, 1, 2, pattern(kOctets - 48));
    PS_CHECK(inner.octets.size() == kOctets);
    dpdk::PacketMeta& m = inner.meta;
    if (v.number == 4) {
      m.source = ip(v.source);
      m.destination = ip(destination);
    }
    m.source_port = 1;
    m.destination_port = 2;
    m.protocol = net::kProtocolUdp;
    m.ip_version = static_cast<std::uint8_t>(v.number);
    m.header_length = v.number == 4 ? 20 : 40;
    m.flags = dpdk::kHasPorts;
    m.total_length = kOctets;
    return inner;
  }

  void fill() {
    for (auto* packet : packets_) {
      const Inner& inner = inner_[(next_++ * 7) % kFlows];
      packet->data_off = RTE_PKTMBUF_HEADROOM;
      dpdk::resize(packet, kOctets);
      std::ranges::copy(inner.octets, dpdk::data(packet));
      dpdk::meta(packet) = inner.meta;
    }
  }
  std::uint64_t seal() {
    auto& ctx = g_.gateway.context();
    dataplane::Burst burst;
    dataplane::Burst bypass;
    for (auto* packet : packets_) burst.push(packet);
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

  IpsecGateway& g_;
  std::vector<Inner> inner_;
  std::array<rte_mbuf*, kPackets> packets_{};
  std::uint32_t next_ = 0;
};

/// Of one shape, or of 24, so that the flow cache stands in front.
void add_policies(IpsecGateway& g, const Version& v, bool mixed) {
  for (std::uint32_t k = 0; k < kPolicies; ++k) {
    policy::PolicyRule rule;
    rule.id = policy::PolicyId{1'000'000ULL + k};
    rule.priority = mixed ? 1000 * (1 + k % 3) : policy::kPriorityChild;
    rule.action = policy::PolicyAction::kDiscard;
    const unsigned local_bits = v.others_local_bits + (mixed ? k % 8 : 0);
    rule.local_ts = {
        policy::TrafficSelector::parse(fmt::format("{}/{}", v.others_local, local_bits)).value()};
    const unsigned remote_bits = v.remote_bits + (mixed ? k % 3 : 0);
    rule.remote_ts = {policy::TrafficSelector::parse(prefix_of(v.others, k, remote_bits)).value()};
    PS_CHECK(g.writer->add_policy(rule).has_value());
  }
}

void run(const Version& v, bool mixed, unsigned rate) {
  IpsecGateway g(limits());
  for (std::uint32_t k = 0; k < kFlows; ++k) {
    const std::string remote = prefix_of(v.flows, k, v.remote_bits);
    g.must_install(make_spec({.spi = 0x10000 + k,
                              .slot = k + 1,
                              .local = v.local_end,
                              .remote = v.peer,
                              .local_ts = v.local,
                              .remote_ts = remote}));
    g.policy(policy::PolicyAction::kProtect, v.local, remote, k + 1);
  }
  add_policies(g, v, mixed);
  Traffic traffic(g, v);
  (void)traffic.run(0.1);
  Churn churn(g, v, rate);
  std::vector<double> ratios;
  std::vector<double> alone;
  std::uint64_t changes = 0;
  for (unsigned pair = 0; pair < kPairs; ++pair) {
    alone.push_back(traffic.run(kSeconds));
    const std::uint64_t before = churn.changes();
    churn.set(true);
    const double busy = traffic.run(kSeconds);
    churn.set(false);
    changes += churn.changes() - before;
    (void)traffic.run(0.02);
    ratios.push_back(busy / alone.back());
  }
  std::ranges::sort(ratios);
  std::ranges::sort(alone);
  fmt::print("IPv{:<4} {:8} {:8} {:10.0f} {:8.0f} {:12.3f} {:8.3f} {:8.3f} {:14.0f}\n", v.number,
             mixed ? "24" : "1", kPolicies, static_cast<double>(changes) / (kPairs * kSeconds),
             alone[kPairs / 2], ratios[kPairs / 2], ratios.front(), ratios.back(),
             churn.cycles_a_change());
}

}  // namespace
}  // namespace penstock::pipeline

int main() {
  fmt::print("{:7} {:8} {:8} {:>10} {:>8} {:>12} {:>8} {:>8} {:>14}\n", "", "shapes", "policies",
             "changes/s", "cycles", "with changes", "least", "most", "cycles/change");
  for (const unsigned number : {4U, 6U})
    for (const bool mixed : {false, true})
      for (const unsigned rate : {5'000U, 20'000U})
        penstock::pipeline::run(penstock::pipeline::version(number), mixed, rate);
}
