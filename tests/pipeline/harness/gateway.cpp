// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/harness/gateway.h"

#include <fmt/format.h>
#include <rte_eth_ring.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "dataplane/pipeline.h"
#include "dataplane/reassemble.h"
#include "dataplane/stages.h"
#include "dataplane/wait_table.h"
#include "lib/dpdk/eal.h"
#include "tests/crypto_device/iova_map.h"

namespace penstock::pipeline {

namespace {

constexpr unsigned kRingPlaces = 1024;

class StderrLog final : public base::Log {
 public:
  using base::Log::write;
  void write(base::LogLevel level, std::string_view room, std::string_view text,
             std::span<const base::LogField>) override {
    if (level >= base::LogLevel::kWarning) fmt::print(stderr, "{}: {}\n", room, text);
  }
};

StderrLog& test_log() {
  static StderrLog log;
  return log;
}

/// A result that a test cannot go on without.
template <class T>
T must(base::Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().text);
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// DPDK's names live as long as the process.
std::string unique(std::string_view what) {
  static unsigned count = 0;
  return fmt::format("{}{}", what, count++);
}

dpdk::Eal started() {
  dpdk::Eal eal = must(dpdk::Eal::start(
      {.args = {"--no-huge", "-m", "512", "--no-shconf", "--no-telemetry", "--iova-mode=va"},
       .file_prefix = fmt::format("penstock_test_{}", getpid()),
       .control_cpu = 0,
       .workers = {},
       .pci_devices = {}},
      test_log()));
  test::give_memory_other_iovas();
  return eal;
}

}  // namespace

void start_eal() { static const dpdk::Eal kEal = started(); }

struct Gateway::RingPort {
  RingPort(std::uint16_t mtu, const dpdk::PacketPool& pool)
      : name(unique("ring")),
        in(rte_ring_create((name + "i").c_str(), kRingPlaces, -1, RING_F_SP_ENQ | RING_F_SC_DEQ)),
        out(rte_ring_create((name + "o").c_str(), kRingPlaces, -1, RING_F_SP_ENQ | RING_F_SC_DEQ)),
        port((rte_eth_from_rings(name.c_str(), &in, 1, &out, 1, 0),
              must(dpdk::Port::open({.name = name, .device = "net_ring_" + name, .mtu = mtu}, pool,
                                    test_log())))) {}
  std::string name;
  rte_ring* in;
  rte_ring* out;
  dpdk::Port port;
};

Gateway::Gateway(const GatewayOptions& options) {
  std::uint16_t largest = 1500;
  for (const auto& port : options.ports) largest = std::max(largest, port.mtu);
  pool_ = std::make_unique<dpdk::PacketPool>(must(dpdk::PacketPool::create(
      {.name = unique("pool"), .packets = options.packets, .largest_mtu = largest})));
  rcu_ = must(dpdk::RcuDomain::create(1));
  fib_ = must(fib::Fib::create({.routes = 256, .neighbours = 256}, *rcu_));
  wakeup_ = must(channel::Wakeup::create());
  static unsigned worker = 0;
  channel_ = must(channel::WorkerChannel::create(worker++, -1, *wakeup_));
  for (const auto& spec : options.ports) {
    ports_.push_back(std::make_unique<RingPort>(spec.mtu, *pool_));
    fib::InterfaceOptions interface {
      .name = spec.name, .port_id = ports_.back()->port.id(), .side = spec.side, .mtu = spec.mtu,
      .mac = mac(static_cast<unsigned>(ports_.size() - 1)), .rx_checksum = false, .vrf = {},
      .addresses = {}
    };
    for (const auto& address : spec.addresses)
      interface.addresses.push_back(must(net::InterfaceAddress::parse(address)));
    const auto index = must(fib_->add_interface(interface));
    ctx_.tx[index.value()].port_id = interface.port_id;
  }
  ctx_.pool = pool_->get();
  ctx_.fib = fib_.get();
  ctx_.channel = channel_.get();
  ctx_.counters = &channel_->counters;
  ticks_ = rte_get_tsc_hz();
  ctx_.set_time(ticks_);
  rcu_->enter(0);
}

Gateway::~Gateway() {
  for (unsigned i = 0; i < ports_.size(); ++i) (void)sent(i);
  (void)punted();
  EXPECT_EQ(totals().imbalance(), 0);
  ctx_.reassembler->clear(ctx_, net::DropReason::kShutdown);
  ctx_.waiting->clear(ctx_, net::DropReason::kShutdown);
  EXPECT_EQ(totals().imbalance(), 0);
  rcu_->leave(0);
  EXPECT_EQ(pool_->in_use(), 0U) << "packets were lost without a trace";
  ports_.clear();
}

net::MacAddress Gateway::mac(unsigned index) {
  return {2, 0, 0, 0, 0, static_cast<std::uint8_t>(1 + index)};
}
net::MacAddress Gateway::peer_mac(unsigned index) {
  return {2, 0, 0, 0, 1, static_cast<std::uint8_t>(1 + index)};
}

void Gateway::route(std::string_view to, std::string_view via, unsigned port) {
  must(fib_->add_route({.vrf = {},
                        .to = must(net::Prefix::parse(to)),
                        .via = must(net::IpAddress::parse(via)),
                        .interface = dpdk::InterfaceIndex{static_cast<std::uint16_t>(port)}}));
}

void Gateway::neighbour(unsigned port, std::string_view address) {
  must(fib_->set_neighbour(dpdk::InterfaceIndex{static_cast<std::uint16_t>(port)},
                           must(net::IpAddress::parse(address)),
                           {peer_mac(port), fib::NeighbourState::kPermanent}));
}

void Gateway::put_frame(unsigned port, Bytes frame) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool_->get());
  ASSERT_NE(packet, nullptr);
  ASSERT_LE(frame.size(), dpdk::tailroom(packet));
  std::ranges::copy(frame, dpdk::data(packet));  // memcpy takes no empty one
  dpdk::resize(packet, static_cast<unsigned>(frame.size()));
  ASSERT_EQ(rte_ring_enqueue(ports_[port]->in, packet), 0);
}

void Gateway::put_segments(unsigned port, Bytes frame, std::size_t first, std::size_t room) {
  rte_mbuf* head = rte_pktmbuf_alloc(pool_->get());
  rte_mbuf* tail = rte_pktmbuf_alloc(pool_->get());
  ASSERT_NE(tail, nullptr);
  const std::size_t back = std::min<std::size_t>(room, dpdk::tailroom(head) - first);
  head->data_off = static_cast<std::uint16_t>(head->buf_len - first - back);
  std::memcpy(rte_pktmbuf_append(head, static_cast<std::uint16_t>(first)), frame.data(), first);
  const std::size_t rest = frame.size() - first;
  std::memcpy(rte_pktmbuf_append(tail, static_cast<std::uint16_t>(rest)), frame.data() + first,
              rest);
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  ASSERT_EQ(rte_ring_enqueue(ports_[port]->in, head), 0);
}

void Gateway::put(unsigned port, Bytes ip_packet) {
  put_frame(port, frame(mac(port), peer_mac(port), net::kEtherTypeIpv4, ip_packet));
}

void Gateway::send(unsigned port, Bytes ip_packet) {
  put(port, ip_packet);
  step();
}

void Gateway::put6(unsigned port, Bytes ip_packet) {
  put_frame(port, frame(mac(port), peer_mac(port), net::kEtherTypeIpv6, ip_packet));
}

void Gateway::send6(unsigned port, Bytes ip_packet) {
  put6(port, ip_packet);
  step();
}

void Gateway::make(Bytes ip_packet) {
  rte_mbuf* packet = ctx_.make_packet();
  ASSERT_NE(packet, nullptr);
  ASSERT_LE(ip_packet.size(), dpdk::tailroom(packet));
  std::memcpy(dpdk::data(packet), ip_packet.data(), ip_packet.size());
  dpdk::resize(packet, static_cast<unsigned>(ip_packet.size()));
  ctx_.made.push(packet);
  step();
}

void Gateway::step() {
  ctx_.set_time(ticks_);
  dataplane::Burst burst;
  for (unsigned i = 0; i < ports_.size(); ++i) {
    const auto& interface = fib_->interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    receive(ctx_, burst, interface, 0);
    if (!burst.empty()) run_pipeline(ctx_, burst);
  }
  burst.set_size(channel_->inject.take({burst.raw(), dataplane::kBurst}));
  if (!burst.empty()) {
    ctx_.counters->injected.add(burst.size());
    run_injected(ctx_, burst);
  }
  run_pending(ctx_);
  transmit(ctx_);
  rcu_->quiescent(0);
  rcu_->poll();
}

void Gateway::advance(base::Duration time) {
  ticks_ += static_cast<std::uint64_t>(time.count()) * (rte_get_tsc_hz() / 1'000'000) / 1'000;
}

std::vector<ByteVector> Gateway::sent(unsigned port) {
  std::vector<ByteVector> out;
  void* item = nullptr;
  while (rte_ring_dequeue(ports_[port]->out, &item) == 0) {
    auto* packet = static_cast<rte_mbuf*>(item);
    out.push_back(base::to_vector(dpdk::bytes(packet)));
    rte_pktmbuf_free(packet);
  }
  return out;
}

std::vector<Gateway::PuntedCopy> Gateway::punted() {
  std::vector<PuntedCopy> out;
  std::array<channel::Punted, 32> taken;
  while (const unsigned n = channel_->punt.take(taken)) {
    for (unsigned i = 0; i < n; ++i) {
      out.push_back({taken[i].punt_class, base::to_vector(dpdk::bytes(taken[i].packet))});
      rte_pktmbuf_free(taken[i].packet);
    }
  }
  return out;
}

std::vector<channel::NeighbourEvent> Gateway::neighbour_events() {
  std::vector<channel::NeighbourEvent> out(256);
  out.resize(channel_->neighbour_events.take(out));
  return out;
}

std::uint64_t Gateway::dropped(net::DropReason reason) const {
  return totals().dropped[static_cast<std::size_t>(reason)];
}

}  // namespace penstock::pipeline
