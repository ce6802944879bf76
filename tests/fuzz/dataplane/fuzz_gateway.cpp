// SPDX-License-Identifier: BSD-3-Clause
// The gateway that the fuzzer drives: ports that are rings, and what the control core would do.
#include "tests/fuzz/dataplane/fuzz_gateway.h"

#include <rte_eth_ring.h>
#include <rte_random.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "dataplane/pipeline.h"
#include "dataplane/reassemble.h"
#include "dataplane/stages.h"
#include "dataplane/wait_table.h"
#include "lib/burst_crypto/chain.h"
#include "lib/dpdk/eal.h"
#include "lib/net/ethernet.h"
#include "lib/net/udp.h"
#include "tests/fuzz/dataplane/fuzz_packets.h"

namespace penstock::fuzz {

namespace {

constexpr unsigned kRingPlaces = 512;
/// As a daemon has them; the peers' engine is kPeersWorker's.
constexpr std::string_view kEngine = "ipsec-mb";
/// Short, so that inputs reach its end.
constexpr base::Duration kPathMtuTime = base::seconds{20};
/// Longer than every timer of the data plane.
constexpr base::Duration kLongTime = base::seconds{30};

class QuietLog final : public base::Log {
 public:
  void write(base::LogLevel level, std::string_view, std::string_view text,
             std::span<const base::LogField>) override {
    if (level == base::LogLevel::kError)
      std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  }
};

dpdk::InterfaceIndex interface_index(unsigned port) {
  return dpdk::InterfaceIndex{static_cast<std::uint16_t>(port)};
}

void start_eal() {
  static QuietLog log;
  cpu_set_t before;
  PS_CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
  unsigned cpu = 0;
  while (!CPU_ISSET(cpu, &before)) ++cpu;
  static dpdk::Eal eal = must(dpdk::Eal::start(
      {.args = {"--no-huge", "-m", "192", "--no-shconf", "--no-telemetry", "--iova-mode=va"},
       .file_prefix = "penstock_fuzz_" + std::to_string(getpid()),
       .control_cpu = cpu,
       .workers = {},
       .pci_devices = {}},
      log));
  // The EAL pins its thread; a fuzzer may move.
  PS_CHECK(sched_setaffinity(0, sizeof(before), &before) == 0);
}

}  // namespace

struct FuzzGateway::RingPort {
  RingPort(const std::string& name, const dpdk::PacketPool& pool)
      : in(rte_ring_create((name + "i").c_str(), kRingPlaces, -1, 0)),
        out(rte_ring_create((name + "o").c_str(), kRingPlaces, -1, 0)),
        port((rte_eth_from_rings(name.c_str(), &in, 1, &out, 1, 0),
              must(dpdk::Port::open({.name = name, .device = "net_ring_" + name, .mtu = kMtu}, pool,
                                    log)))) {}
  QuietLog log;
  rte_ring* in;
  rte_ring* out;
  dpdk::Port port;
};

FuzzGateway::FuzzGateway()
    : policy_in_(policies().size()),
      inbound_in_(kSas),
      outbound_in_(kSas),
      policy_ids_(policies().size()) {
  start_eal();
  pool_ = std::make_unique<dpdk::PacketPool>(
      must(dpdk::PacketPool::create({.name = "fuzz", .packets = kPackets, .largest_mtu = kMtu})));
  rcu_ = must(dpdk::RcuDomain::create(1));
  fib_ = must(fib::Fib::create({.routes = 64, .neighbours = 64}, *rcu_));
  wakeup_ = must(channel::Wakeup::create());
  channel_ = must(channel::WorkerChannel::create(0, -1, *wakeup_));
  add_ports();
  add_routes();
  sessions_ = must(burst_crypto::make_sessions({.name = kEngine, .workers = kPeersWorker + 1}));
  peers_ = std::make_unique<FuzzPeers>(*sessions_);
  writer_ = must(ipsec::Writer::create({.inbound_sas = 256,
                                        .outbound_sas = 64,
                                        .slots = 64,
                                        .manual_sas = 64,
                                        .policies = 64,
                                        .workers = 1,
                                        .path_mtu_time = kPathMtuTime},
                                       *rcu_, *sessions_, random_));
  ipsec_ = std::make_unique<dataplane::IpsecState>(writer_->tables(),
                                                   must(sessions_->make_engine(0)), *fib_);
  rcu_->enter(0);
  ticks_ = rte_get_tsc_hz();
}

void FuzzGateway::add_ports() {
  constexpr const char* kNames[kPorts] = {"lan", "wan"};
  constexpr const char* kAddresses[kPorts][2] = {{"10.1.0.1/16", "2001:db8:1::1/64"},
                                                 {"192.0.2.1/24", "2001:db8:f::1/64"}};
  for (unsigned i = 0; i < kPorts; ++i) {
    ports_.push_back(std::make_unique<RingPort>(kNames[i], *pool_));
    must(
        fib_->add_interface({.name = kNames[i],
                             .port_id = ports_[i]->port.id(),
                             .side = i == kWan ? fib::Side::kOutside : fib::Side::kInside,
                             .mtu = kMtu,
                             .mac = mac_of(i),
                             .rx_checksum = false,
                             .vrf = {},
                             .addresses = {must(net::InterfaceAddress::parse(kAddresses[i][0])),
                                           must(net::InterfaceAddress::parse(kAddresses[i][1]))}}));
  }
  must(
      fib_->add_interface({.name = "vlan",
                           .side = fib::Side::kInside,
                           .mtu = kVlanMtu,
                           .vlan = kVlanTag,
                           .port = interface_index(kWan),
                           .addresses = {must(net::InterfaceAddress::parse("203.0.113.1/24")),
                                         must(net::InterfaceAddress::parse("2001:db8:9::1/64"))}}));
}

void FuzzGateway::add_routes() {
  constexpr std::pair<const char*, const char*> kRoutes[] = {
      {"10.2.0.0/16", "192.0.2.9"},         {"10.3.0.0/16", "192.0.2.10"},
      {"10.4.0.0/16", "192.0.2.9"},         {"10.5.0.0/16", "192.0.2.10"},
      {"10.6.0.0/16", "192.0.2.9"},         {"0.0.0.0/0", "192.0.2.254"},
      {"2001:db8:2::/48", "2001:db8:f::9"}, {"2001:db8:3::/48", "2001:db8:f::a"},
      {"2001:db8:4::/48", "2001:db8:f::9"}, {"2001:db8:5::/48", "2001:db8:f::a"},
      {"2001:db8:6::/48", "2001:db8:f::9"}, {"::/0", "2001:db8:f::fe"}};
  for (const auto& [to, via] : kRoutes)
    must(fib_->add_route({.vrf = {},
                          .to = must(net::Prefix::parse(to)),
                          .via = must(net::IpAddress::parse(via)),
                          .interface = interface_index(kWan)}));
  constexpr std::pair<unsigned, const char*> kNeighbours[] = {
      {kLan, "10.1.0.9"},      {kWan, "192.0.2.9"},     {kWan, "192.0.2.10"},
      {kLan, "2001:db8:1::9"}, {kWan, "2001:db8:f::9"}, {kWan, "2001:db8:f::a"},
      {kVlan, "203.0.113.5"},  {kVlan, "2001:db8:9::5"}};
  for (const auto& [port, address] : kNeighbours)
    must(fib_->set_neighbour(interface_index(port), must(net::IpAddress::parse(address)),
                             {mac_of(0x80 + port), fib::NeighbourState::kPermanent}));
}

// ---- one input ----

void FuzzGateway::begin(std::uint8_t fill) {
  std::array<rte_mbuf*, kPackets> all{};
  const unsigned n = static_cast<unsigned>(all.size());
  PS_CHECK(rte_pktmbuf_alloc_bulk(pool_->get(), all.data(), n) == 0);
  for (rte_mbuf* packet : all) std::memset(packet->buf_addr, fill, packet->buf_len);
  for (rte_mbuf* packet : all) rte_pktmbuf_free(packet);

  random_ = base::SeededRandom(1);
  rte_srand(1);  // identifications of IPv6 fragments
  outcome_ = {};
  before_ = snapshot(channel_->counters);
  ctx_ = std::make_unique<dataplane::WorkerContext>();
  ctx_->pool = pool_->get();
  ctx_->fib = fib_.get();
  ctx_->ipsec = ipsec_.get();
  ctx_->channel = channel_.get();
  ctx_->counters = &channel_->counters;
  for (unsigned i = 0; i < kPorts; ++i) ctx_->tx[i].port_id = ports_[i]->port.id();
  ctx_->set_time(ticks_);
  for (unsigned i = 0; i < kSas; ++i) {
    install(policy::Direction::kInbound, i);
    install(policy::Direction::kOutbound, i);
  }
  for (unsigned i = 0; i < policies().size(); ++i) toggle_policy(i);
  larval_ = must(writer_->allocate_spis(1)).front();
  larval_keyed_ = false;
  stops_ = false;
  fed_ = {};
}

Outcome FuzzGateway::end() {
  round();
  if (stops_) {
    ctx_->reassembler->clear(*ctx_, net::DropReason::kShutdown);
    ctx_->waiting->clear(*ctx_, net::DropReason::kShutdown);
    drop_larval(*ctx_, net::DropReason::kShutdown);
  }
  // Three times: what the first look ends may have asked for something new.
  for (int i = 0; i < 3 && !stops_; ++i) {
    advance(kLongTime);
    round();
  }
  if (larval_keyed_) toggle_larval();
  writer_->return_spis({larval_});
  if (neighbour_in_) toggle_neighbour();
  if (route_in_) toggle_route();
  for (unsigned i = 0; i < kSas; ++i) {
    if (inbound_in_[i]) retire(policy::Direction::kInbound, i);
    if (outbound_in_[i]) retire(policy::Direction::kOutbound, i);
  }
  for (unsigned i = 0; i < policies().size(); ++i)
    if (policy_in_[i]) toggle_policy(i);
  for (int i = 0; i < 4; ++i) round();

  const channel::CounterTotals totals = snapshot(channel_->counters);
  PS_CHECK(totals.imbalance() == 0);
  PS_CHECK(totals.held_total() == 0);
  PS_CHECK(pool_->in_use() == 0);
  PS_CHECK(writer_->poll() == 0);
  PS_CHECK(rcu_->poll() == 0);
  const auto usage = writer_->usage();
  PS_CHECK(usage.inbound == 0 && usage.outbound == 0 && usage.policies == 0);
  for (std::size_t i = 0; i < net::kDropReasons; ++i)
    outcome_.dropped[i] = totals.dropped[i] - before_.dropped[i];
  // The next input finds every rate limit full again.
  advance(base::seconds{1000});
  return std::move(outcome_);
}

void FuzzGateway::put(unsigned port, Bytes frame) {
  if (queued_.size() == dataplane::kBurst) round();
  note(port, frame);
  queued_.emplace_back(port, base::to_vector(frame));
}

void FuzzGateway::note(unsigned port, Bytes frame) {
  const auto* link = base::view<net::EthernetHeader>(frame).value_or(nullptr);
  if (link == nullptr) return;
  const bool tagged = link->ether_type.get() == net::kEtherTypeVlan;
  const std::size_t octets = sizeof(*link) + (tagged ? sizeof(net::VlanTag) : 0);
  fed_.from_inside |= port == kLan || tagged;
  if (frame.size() > octets) fed_.spoofed |= claims_our_source(frame.subspan(octets));
}

void FuzzGateway::round() {
  ctx_->set_time(ticks_);
  for (unsigned port = 0; port < kPorts; ++port) {
    dataplane::Burst burst;
    for (const auto& [to, frame] : queued_) {
      if (to != port) continue;
      rte_mbuf* packet = rte_pktmbuf_alloc(pool_->get());
      if (packet == nullptr || frame.size() > dpdk::tailroom(packet)) {
        rte_pktmbuf_free(packet);  // as a port without buffers does
        continue;
      }
      std::ranges::copy(frame, dpdk::data(packet));
      dpdk::resize(packet, static_cast<unsigned>(frame.size()));
      burst.push(packet);
    }
    channel_->counters.received.add(burst.size());
    admit(*ctx_, burst, fib_->interface(interface_index(port)));
    if (!burst.empty()) run_pipeline(*ctx_, burst);
    PS_CHECK(burst.empty());
  }
  queued_.clear();
  dataplane::Burst injected;
  injected.set_size(channel_->inject.take({injected.raw(), dataplane::kBurst}));
  channel_->counters.injected.add(injected.size());
  if (!injected.empty()) run_injected(*ctx_, injected);
  run_pending(*ctx_);
  transmit(*ctx_);
  rcu_->quiescent(0);
  (void)rcu_->poll();
  (void)writer_->poll();
  collect();
}

void FuzzGateway::advance(base::Duration time) {
  ticks_ += static_cast<std::uint64_t>(time.count()) * (rte_get_tsc_hz() / 1'000'000) / 1'000;
}

void FuzzGateway::collect() {
  void* item = nullptr;
  for (unsigned port = 0; port < kPorts; ++port) {
    while (rte_ring_dequeue(ports_[port]->out, &item) == 0) {
      auto* packet = static_cast<rte_mbuf*>(item);
      PS_CHECK(packet->nb_segs == 1 && packet->pkt_len == packet->data_len);
      check_frame(port, dpdk::bytes(packet), fed_);
      outcome_.sent.push_back({port, base::to_vector(dpdk::bytes(packet))});
      rte_pktmbuf_free(packet);
    }
  }
  std::array<channel::Punted, 32> taken;
  while (const unsigned n = channel_->punt.take(taken))
    for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(taken[i].packet);
  std::array<channel::NeighbourEvent, 32> neighbours;
  while (channel_->neighbour_events.take(neighbours) != 0) {
  }
  std::array<policy::SaEvent, 32> events;
  while (const std::size_t n = channel_->sa_events.take(events))
    for (std::size_t i = 0; i < n; ++i)
      if (events[i].kind == policy::SaEventKind::kPathMtu)
        (void)writer_->learn_path_mtu(events[i], ctx_->now);
  writer_->age_path_mtus(ctx_->now);
}

ByteVector FuzzGateway::seal(unsigned index, ByteVector text, Making making) {
  if (!making.raw) make_inner(index, text, making.addresses);
  fed_.sealed = true;
  fed_.spoofed |= claims_our_source(text);
  if (making.larval) making.larval_spi = larval_;
  return peers_->seal(index, std::move(text), making);
}

// ---- the control core ----

void FuzzGateway::install(policy::Direction direction, unsigned index) {
  const policy::SaSpec spec = spec_of(direction, index);
  const bool in = direction == policy::Direction::kInbound;
  auto& installed = in ? inbound_in_ : outbound_in_;
  if (installed[index]) return;
  // The SPI may be on its way out still.
  const auto result = in ? writer_->install_inbound(spec) : writer_->install_outbound(spec);
  installed[index] = result.has_value();
}

void FuzzGateway::retire(policy::Direction direction, unsigned index) {
  const bool in = direction == policy::Direction::kInbound;
  auto& installed = in ? inbound_in_ : outbound_in_;
  const policy::SaSpec spec = spec_of(direction, index);
  const auto result = writer_->retire(
      {.direction = direction, .spi = spec.spi, .remote = in ? net::IpAddress{} : spec.remote});
  PS_CHECK(result.has_value() == installed[index]);
  installed[index] = false;
}

void FuzzGateway::retire_or_install(std::uint8_t which) {
  const auto direction =
      (which & 1U) != 0 ? policy::Direction::kInbound : policy::Direction::kOutbound;
  const unsigned index = which / 4U % kSas;
  if ((which & 2U) != 0)
    retire(direction, index);
  else
    install(direction, index);
}

void FuzzGateway::toggle_policy(unsigned index) {
  index %= static_cast<unsigned>(policies().size());
  if (policy_in_[index]) {
    must(writer_->remove_policy(policy::PolicyId{policy_ids_[index]}));
  } else {
    const PolicyRow& row = policies()[index];
    policy_ids_[index] = next_policy_id_++;
    must(writer_->add_policy({.id = policy::PolicyId{policy_ids_[index]},
                              .priority = row.priority,
                              .action = row.action,
                              .vrf = {},
                              .interface_id = {},
                              .slot = policy::ChildSlot{row.slot},
                              .local_ts = selectors(row.local_ts),
                              .remote_ts = selectors(row.remote_ts),
                              .name = "fuzz"}));
  }
  policy_in_[index] = !policy_in_[index];
}

void FuzzGateway::toggle_larval() {
  if (larval_keyed_) {
    must(writer_->retire({.direction = policy::Direction::kInbound, .spi = larval_, .remote = {}}));
    larval_ = must(writer_->allocate_spis(1)).front();
  } else {
    policy::SaSpec spec = spec_of(policy::Direction::kInbound, 0);
    spec.spi = larval_;
    must(writer_->install_inbound(spec));
  }
  larval_keyed_ = !larval_keyed_;
}

void FuzzGateway::inject(const net::IpAddress& destination, bool nat_port, Bytes payload) {
  // kLimit: the pool is empty, or it does not fit a packet.
  (void)channel_->inject.put_ip(udp_packet(our_address(kWan, !destination.is_v4()), destination,
                                           nat_port ? net::kIkeNatPort : net::kIkePort, payload, 0),
                                *pool_);
}

void FuzzGateway::toggle_neighbour() {
  for (const char* text : {"192.0.2.254", "2001:db8:f::fe"}) {
    const auto address = must(net::IpAddress::parse(text));
    if (neighbour_in_)
      must(fib_->remove_neighbour(interface_index(kWan), address));
    else
      must(fib_->set_neighbour(interface_index(kWan), address,
                               {mac_of(0x90), fib::NeighbourState::kReachable}));
  }
  neighbour_in_ = !neighbour_in_;
}

void FuzzGateway::toggle_route() {
  constexpr std::pair<const char*, const char*> kHosts[] = {
      {"10.1.0.77/32", "192.0.2.9"}, {"2001:db8:1::4d/128", "2001:db8:f::9"}};
  for (const auto& [to, via] : kHosts) {
    const auto host = must(net::Prefix::parse(to));
    if (route_in_)
      must(fib_->remove_route(host));
    else
      must(fib_->add_route({.vrf = {},
                            .to = host,
                            .via = must(net::IpAddress::parse(via)),
                            .interface = interface_index(kWan)}));
  }
  route_in_ = !route_in_;
}

}  // namespace penstock::fuzz
