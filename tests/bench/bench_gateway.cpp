// SPDX-License-Identifier: BSD-3-Clause
#include "tests/bench/bench_gateway.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <thread>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::bench {

using base::Result;
using pipeline::Gateway;

namespace {

constexpr std::uint32_t kFirstBehind = 0x0a80'0000;  // 10.128.0.0
constexpr const char* kBehind = "10.128.0.0/9";
constexpr const char* kSource = "10.1.0.9";
constexpr std::uint32_t kFirstSpi = 0x0100'0000;  // of what we seal
constexpr std::uint32_t kPackets = 16383;
constexpr std::uint64_t kMostInFlight = 1024;  // below what a hand-over ring holds
constexpr std::size_t kHeaders = 28;           // IPv4 and UDP
constexpr unsigned kSeed = 1;

std::string behind(std::uint32_t pair) {
  return net::IpAddress::v4(kFirstBehind + pair).to_string();
}

/// UDP without a checksum, so that a serial number can be written into it: see kSerialAt.
base::ByteVector inner(std::uint32_t pair, std::uint32_t flow, std::size_t octets, bool outbound,
                       std::uint32_t serial = 0) {
  base::ByteVector payload = pipeline::pattern(octets - kHeaders);
  std::memcpy(payload.data(), &serial, sizeof serial);
  const auto port = static_cast<std::uint16_t>(1024 + flow);
  base::ByteVector packet = outbound ? pipeline::udp(kSource, behind(pair), port, 2000, payload)
                                     : pipeline::udp(behind(pair), kSource, port, 2000, payload);
  packet[26] = packet[27] = std::byte{0};
  return packet;
}

double cpu_seconds(clockid_t clock) {
  timespec spent{};
  if (clock == 0 || clock_gettime(clock, &spent) != 0) return 0;
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

}  // namespace

class BenchGateway::Quiet final : public base::Log {
 public:
  void write(base::LogLevel level, std::string_view room, std::string_view text,
             std::span<const base::LogField>) override {
    if (level >= base::LogLevel::kWarning) fmt::print(stderr, "{}: {}\n", room, text);
  }
};

BenchGateway::BenchGateway(GatewayOptions options)
    : options_(std::move(options)), log_(std::make_unique<Quiet>()) {}

Result<std::unique_ptr<BenchGateway>> BenchGateway::start(const GatewayOptions& options) {
  std::unique_ptr<BenchGateway> gateway(new BenchGateway(options));
  PS_TRY(gateway->set_up());
  return gateway;
}

Result<void> BenchGateway::set_up() {
  settings_.eal = {"--in-memory", "--no-pci", "--no-telemetry", "-m",
                   std::to_string(options_.megabytes)};
  settings_.file_prefix = options_.file_prefix;
  settings_.control_cpu = options_.control_cpu;
  settings_.workers = options_.cpus;
  settings_.idle = options_.sleeps ? config::IdleMode::kSleep : config::IdleMode::kPoll;
  settings_.limits.packets = kPackets;
  settings_.limits.sas = std::max(256U, std::bit_ceil(2 * options_.sas));
  settings_.limits.policies = std::max(64U, options_.sas + 64);
  const auto queues = static_cast<std::uint16_t>(workers());
  for (const unsigned i : {0U, 1U}) {
    config::PortSettings port;
    port.name = i == 0 ? "in0" : "out0";
    port.device = fmt::format("net_null{},no-rx=1", i);
    port.side = i == 0 ? config::Side::kInside : config::Side::kOutside;
    port.addresses = {
        net::InterfaceAddress::parse(i == 0 ? "10.1.0.1/16" : "192.0.2.1/24").value()};
    port.queues = queues;
    settings_.ports.push_back(std::move(port));
  }
  PS_ASSIGN(plane_, app::DataPlane::open(settings_, *log_));
  BenchPort::prepare();
  for (const dpdk::Port& port : plane_->ports())
    ports_.push_back(std::make_unique<BenchPort>(port.id(), queues, plane_->pool().get()));
  PS_TRY(add_interfaces());
  PS_ASSIGN(inbound_, plane_->writer().allocate_spis(options_.sas));
  for (std::uint32_t pair = 0; pair < options_.sas; ++pair) PS_TRY(add_pair(pair));
  if (options_.outbound)
    load_clear();
  else
    load_sealed(1, options_.sas == 1 ? kFlowsOfOneSa : 1);
  return plane_->run();
}

Result<void> BenchGateway::add_interfaces() {
  fib::Fib& fib = plane_->fib();
  for (unsigned i = 0; i < settings_.ports.size(); ++i) {
    const config::PortSettings& port = settings_.ports[i];
    fib::InterfaceOptions interface {
      .name = port.name, .port_id = plane_->ports()[i].id(),
      .side = i == 0 ? fib::Side::kInside : fib::Side::kOutside, .mtu = port.mtu,
      .mac = Gateway::mac(i), .rx_checksum = false, .vrf = {}, .addresses = port.addresses
    };
    PS_TRY(fib.add_interface(interface));
  }
  const auto to_peer = net::IpAddress::parse("192.0.2.9").value();
  PS_TRY(fib.add_route({.vrf = {},
                        .to = net::Prefix::parse(kBehind).value(),
                        .via = to_peer,
                        .interface = dpdk::InterfaceIndex{1}}));
  PS_TRY(fib.set_neighbour(dpdk::InterfaceIndex{1}, to_peer,
                           {Gateway::peer_mac(1), fib::NeighbourState::kPermanent}));
  return fib.set_neighbour(dpdk::InterfaceIndex{0}, net::IpAddress::parse(kSource).value(),
                           {Gateway::peer_mac(0), fib::NeighbourState::kPermanent});
}

Result<void> BenchGateway::add_pair(std::uint32_t pair) {
  ipsec::Writer& writer = plane_->writer();
  const std::string remote = behind(pair) + "/32";
  const std::uint32_t slot = pair + 1;
  PS_TRY(writer.install_inbound(pipeline::make_spec({.direction = policy::Direction::kInbound,
                                                     .spi = spi(pair, false),
                                                     .slot = slot,
                                                     .remote_ts = remote,
                                                     .replay_window = options_.replay_window})));
  PS_TRY(writer.install_outbound(
      pipeline::make_spec({.spi = spi(pair, true), .slot = slot, .remote_ts = remote})));
  policy::PolicyRule rule;
  rule.id = policy::PolicyId{slot};
  rule.priority = policy::kPriorityChild;
  rule.action = policy::PolicyAction::kProtect;
  rule.slot = policy::ChildSlot{slot};
  rule.local_ts = {policy::TrafficSelector::parse("10.1.0.0/16").value()};
  rule.remote_ts = {policy::TrafficSelector::parse(remote).value()};
  return writer.add_policy(rule);
}

std::uint32_t BenchGateway::spi(std::uint32_t pair, bool outbound) const {
  return outbound ? kFirstSpi + pair : inbound_[pair].value();
}

/// A flow stays in its queue; an SA too, if it is steered.
unsigned BenchGateway::queue_of(std::uint32_t pair, std::uint64_t packet) const {
  if (options_.outbound || options_.arrival == Arrival::kSpread)
    return static_cast<unsigned>(packet % workers());
  return plane_->writer().owner_of(net::Spi{spi(pair, false)});
}

/// Each SA once in random order, or the flows of one SA.
void BenchGateway::load_clear() {
  std::vector<base::ByteVector> frames;
  for (std::uint32_t i = 0; i < (options_.sas == 1 ? kFlowsOfOneSa : options_.sas); ++i)
    frames.push_back(pipeline::frame(
        Gateway::mac(0), Gateway::peer_mac(0), net::kEtherTypeIpv4,
        inner(options_.sas == 1 ? 0 : i, options_.sas == 1 ? i : 0, options_.octets, true)));
  std::shuffle(frames.begin(), frames.end(), std::minstd_rand(kSeed));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    SourceQueue& queue = source_port().source(queue_of(0, i));
    queue.frames.push_back(std::move(frames[i]));
    queue.serials.push_back(0);
    queue.serial_at = sizeof(net::EthernetHeader) + kHeaders;
  }
}

void BenchGateway::load_sealed(std::uint64_t first, std::uint64_t last) {
  BenchPort& port = source_port();
  for (unsigned q = 0; q < port.queues(); ++q) {
    port.source(q).frames.clear();
    port.source(q).next_frame = 0;
    if (options_.arrival == Arrival::kSteered) continue;
    // Another worker's ring would overflow: a port's queue would do the same.
    port.source(q).most_in_flight = kMostInFlight;
    port.source(q).in_flight = [this] { return in_flight(); };
  }
  std::vector<std::uint32_t> pairs(options_.sas);
  for (std::uint32_t i = 0; i < options_.sas; ++i) pairs[i] = i;
  std::shuffle(pairs.begin(), pairs.end(), std::minstd_rand(kSeed));
  std::uint64_t packet = 0;
  for (std::uint64_t sequence = first; sequence <= last; ++sequence)
    for (const std::uint32_t pair : pairs) {
      const auto serial = static_cast<std::uint32_t>(sequence - first);
      const base::ByteVector sealed =
          pipeline::peer_seal(inner(pair, 0, options_.octets, false, serial),
                              {.spi = spi(pair, false), .sequence = sequence});
      port.source(queue_of(pair, packet++))
          .frames.push_back(
              pipeline::frame(Gateway::mac(1), Gateway::peer_mac(1), net::kEtherTypeIpv4, sealed));
    }
}

channel::CounterTotals BenchGateway::totals() const { return bridge::totals_of(plane_->workers()); }

Progress BenchGateway::look() const {
  Progress now;
  BenchPort& from = *ports_[options_.outbound ? 0 : 1];
  BenchPort& to = *ports_[options_.outbound ? 1 : 0];
  for (unsigned w = 0; w < workers(); ++w) {
    now.workers.push_back(
        {to.sink(w).taken.load(), cpu_seconds(from.source(w).thread_clock.load())});
    now.taken += now.workers.back().packets;
    now.given += from.source(w).given.load();
  }
  const channel::CounterTotals all = totals();
  now.dropped = all.dropped_total();
  now.handed_over = all.handed_over;
  return now;
}

void BenchGateway::open(Gate gate) {
  for (unsigned q = 0; q < workers(); ++q)
    source_port().source(q).gate.store(gate, std::memory_order_release);
}

/// Asked by each poll, so it looks at all counters only when it must.
std::uint64_t BenchGateway::in_flight() {
  std::uint64_t packets = 0;
  for (unsigned w = 0; w < workers(); ++w)
    packets += source_port().source(w).given.load(std::memory_order_relaxed) -
               sink_port().sink(w).taken.load(std::memory_order_relaxed);
  return packets < kMostInFlight / 2 ? packets : packets - totals().dropped_total();
}

bool BenchGateway::drain() {
  open(Gate::kClosed);
  for (unsigned i = 0; i < 1000; ++i) {
    const Progress now = look();
    if (now.given == now.taken + now.dropped) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return false;
}

BenchGateway::~BenchGateway() {
  if (plane_) plane_->stop();
}

}  // namespace penstock::bench
