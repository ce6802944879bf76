// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/ipsec/steered_gateway.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace penstock::pipeline {

namespace {

constexpr const char* kOur6 = "2001:db8:f::1";
constexpr const char* kPeer6 = "2001:db8:f::9";
constexpr std::size_t kIcvOctets = 12;  // HMAC-SHA1-96, RFC 2404
constexpr std::size_t kAhOctets = 12 + kIcvOctets;

template <class T>
T must(base::Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().text);
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

unsigned number() {
  static unsigned count = 2000;
  return count++;
}

void put_octet(ByteVector& to, std::size_t at, unsigned value) {
  to.at(at) = static_cast<std::byte>(value);
}

/// AH around an IPv4 packet (RFC 4302 §3.3.3): what is mutable is zero while the ICV is made.
ByteVector ah_of(bool ipv6_outside, std::uint32_t spi, std::uint64_t sequence) {
  const ByteVector inner = inbound_packet();
  ByteVector header(kAhOctets);
  put_octet(header, 0, net::kProtocolIpv4);
  put_octet(header, 1, kAhOctets / 4 - 2);
  const base::Be32 spi_field{spi};
  const base::Be32 sequence_field{static_cast<std::uint32_t>(sequence)};
  std::ranges::copy(base::bytes_of(spi_field), header.begin() + 4);
  std::ranges::copy(base::bytes_of(sequence_field), header.begin() + 8);
  header.insert(header.end(), inner.begin(), inner.end());
  const auto packet = [&] {
    return ipv6_outside
               ? ipv6({.source = kPeer6, .destination = kOur6, .next_header = net::kProtocolAh},
                      header)
               : ipv4({.source = ip("192.0.2.9"),
                       .destination = ip("192.0.2.1"),
                       .protocol = net::kProtocolAh},
                      header);
  };
  ByteVector covered = packet();
  for (const std::size_t at :
       ipv6_outside ? std::vector<std::size_t>{7} : std::vector<std::size_t>{1, 6, 7, 8, 10, 11})
    put_octet(covered, at, 0);
  const ByteVector key = test_key(spi, 20, 1);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  HMAC(EVP_sha1(), key.data(), 20, reinterpret_cast<const unsigned char*>(covered.data()),
       covered.size(), mac.data(), nullptr);
  for (std::size_t i = 0; i < kIcvOctets; ++i) put_octet(header, 12 + i, mac[i]);
  return packet();
}

}  // namespace

SteeredGateway::SteeredGateway(SteeredOptions options) {
  start_eal();
  pool_ = std::make_unique<dpdk::PacketPool>(must(dpdk::PacketPool::create(
      {.name = fmt::format("steered_pool{}", number()), .packets = 8191, .largest_mtu = 1500})));
  rcu_ = must(dpdk::RcuDomain::create(options.workers));
  fib_ = must(fib::Fib::create({.routes = 256, .neighbours = 256}, *rcu_));
  wakeup_ = must(channel::Wakeup::create());
  handoff_ = must(channel::Handoff::create(options.workers, -1));
  if (options.queues == 0) options.queues = static_cast<std::uint16_t>(options.workers);
  make_ports(options);
  ipsec::WriterLimits limits{
      .inbound_sas = 256, .outbound_sas = 256, .slots = 256, .manual_sas = 1024, .policies = 64};
  limits.workers = options.workers;
  auto engine = test_engine();
  engine.workers = options.workers;
  sessions_ = must(burst_crypto::make_sessions(engine));
  writer_ = must(ipsec::Writer::create(limits, *rcu_, *sessions_, random_));
  make_workers(options);
  for (unsigned way = 0; way < kWays; ++way)
    for (std::uint32_t i = 0; i < kSpis; ++i)
      install(static_cast<Way>(way), spi_of(static_cast<Way>(way), i));
}

void SteeredGateway::make_ports(const SteeredOptions& options) {
  struct Wanted {
    const char* name;
    fib::Side side;
    std::vector<const char*> addresses;
    std::uint16_t queues;
    std::unique_ptr<test::FlowDevice>* device;
    std::unique_ptr<dpdk::Port>* port;
  };
  const auto tx = static_cast<std::uint16_t>(options.workers);
  const Wanted wanted[] = {{"in", fib::Side::kInside, {"10.1.0.1/24"}, 1, &inside_, &inside_port_},
                           {"out",
                            fib::Side::kOutside,
                            {"192.0.2.1/24", "2001:db8:f::1/64"},
                            options.queues,
                            &outside_,
                            &outside_port_}};
  for (const Wanted& one : wanted) {
    const std::uint16_t pairs = std::max(one.queues, tx);
    *one.device =
        std::make_unique<test::FlowDevice>(fmt::format("nic{}", number()), pairs, options.nic);
    *one.port =
        std::make_unique<dpdk::Port>(must(dpdk::Port::open({.name = one.name,
                                                            .device = (*one.device)->device(),
                                                            .rx_queues = one.queues,
                                                            .tx_queues = tx},
                                                           *pool_, log)));
    fib::InterfaceOptions interface {
      .name = one.name, .port_id = (*one.port)->id(), .side = one.side, .mtu = 1500,
      .mac = Gateway::mac(one.port == &outside_port_ ? 1 : 0), .rx_checksum = false, .vrf = {},
      .addresses = {}
    };
    for (const char* address : one.addresses)
      interface.addresses.push_back(must(net::InterfaceAddress::parse(address)));
    (void)must(fib_->add_interface(interface));
  }
  must(fib_->set_neighbour(dpdk::InterfaceIndex{0}, must(net::IpAddress::parse("10.1.0.9")),
                           {Gateway::peer_mac(0), fib::NeighbourState::kPermanent}));
}

void SteeredGateway::make_workers(const SteeredOptions& options) {
  const std::array<std::uint16_t, 2> queues{1, options.queues};
  auto assigned = dataplane::assign_queues(*fib_, queues, options.workers);
  if (options.steering)
    steer(dataplane::steering_rules(writer_->tables().owners(), dpdk::InterfaceIndex{1}, assigned));
  for (unsigned i = 0; i < options.workers; ++i) {
    channels_.push_back(must(channel::WorkerChannel::create(number(), -1, *wakeup_)));
    states_.push_back(std::make_unique<dataplane::IpsecState>(
        writer_->tables(), must(sessions_->make_engine(i)), *fib_));
    workers_.push_back(std::make_unique<dataplane::Worker>(
        dataplane::WorkerOptions{.id = i,
                                 .idle = dataplane::IdleMode::kSleep,
                                 .queues = assigned[i],
                                 .handoff = handoff_.get()},
        *pool_, *fib_, states_[i].get(), *channels_[i], *rcu_));
  }
}

void SteeredGateway::install(Way way, std::uint32_t spi) {
  SpecOptions options{.direction = policy::Direction::kInbound, .spi = spi};
  options.encap = way == Way::kUdpEsp4 || way == Way::kUdpEsp6;
  if (way == Way::kEsp6 || way == Way::kUdpEsp6 || way == Way::kAh6) {
    options.local = kOur6;
    options.remote = kPeer6;
  }
  if (way == Way::kAh4 || way == Way::kAh6) {
    options.protocol = policy::IpsecProtocol::kAh;
    options.suite.integ = crypto::IntegId::kHmacSha1_96;
  }
  must(writer_->install_inbound(make_spec(options)));
}

ByteVector SteeredGateway::framed(Bytes packet, std::uint16_t vlan) {
  const std::uint16_t type =
      (std::to_integer<unsigned>(packet[0]) >> 4) == 6 ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4;
  if (vlan == 0) return frame(Gateway::mac(1), Gateway::peer_mac(1), type, packet);
  ByteVector tagged;
  for (const std::uint16_t field : {vlan, type}) {
    tagged.push_back(static_cast<std::byte>(field >> 8));
    tagged.push_back(static_cast<std::byte>(field & 0xff));
  }
  tagged.insert(tagged.end(), packet.begin(), packet.end());
  return frame(Gateway::mac(1), Gateway::peer_mac(1), 0x8100, tagged);
}

ByteVector SteeredGateway::frame_of(Way way, std::uint32_t spi, std::uint64_t sequence) {
  if (way == Way::kAh4 || way == Way::kAh6) return framed(ah_of(way == Way::kAh6, spi, sequence));
  const bool encap = way == Way::kUdpEsp4 || way == Way::kUdpEsp6;
  const ByteVector packet =
      peer_seal(inbound_packet(), {.spi = spi, .sequence = sequence, .encap = encap});
  if (way == Way::kEsp4 || way == Way::kUdpEsp4) return framed(packet);
  const Bytes esp = Bytes(packet).subspan(sizeof(net::Ipv4Header) + (encap ? 8 : 0));
  if (encap) return framed(udp6(kPeer6, kOur6, 4500, 4500, esp));
  return framed(
      ipv6({.source = kPeer6, .destination = kOur6, .next_header = net::kProtocolEsp}, esp));
}

void SteeredGateway::run(std::uint64_t packets) {
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) threads.emplace_back([&worker] { worker->run(); });
  for (unsigned i = 0; i < 20'000; ++i) {
    const auto now = all();
    if (now.received == packets && now.imbalance() == 0 && now.held_total() == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  for (const auto& worker : workers_) worker->stop();
  for (std::thread& thread : threads) thread.join();
  for (const auto& worker : workers_) worker->drop_taken_over();
  EXPECT_EQ(all().received, packets);
  EXPECT_EQ(all().imbalance(), 0);
}

unsigned SteeredGateway::worker_of(Bytes frame) const {
  const unsigned queue = outside_->queue_of(frame);
  for (const auto& worker : workers_)
    for (const dataplane::RxQueue& polled : worker->options().queues)
      if (polled.interface == dpdk::InterfaceIndex{1} && polled.queue == queue)
        return worker->options().id;
  return ~0U;
}

std::vector<channel::CounterTotals> SteeredGateway::counters() const {
  std::vector<channel::CounterTotals> out;
  for (const auto& channel : channels_) out.push_back(snapshot(channel->counters));
  return out;
}

channel::CounterTotals SteeredGateway::all() const {
  channel::CounterTotals sum;
  for (const auto& one : counters()) sum += one;
  return sum;
}

SteeredGateway::~SteeredGateway() {
  workers_.clear();
  states_.clear();
  (void)inside_->sent();
  if (outside_ != nullptr) (void)outside_->sent();
  inside_port_.reset();
  outside_port_.reset();
  for (const auto& channel : channels_) {
    std::array<channel::Punted, 32> taken;
    while (const unsigned n = channel->punt.take(taken))
      for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(taken[i].packet);
  }
  EXPECT_EQ(pool_->in_use(), 0U) << "packets were lost without a trace";
}

}  // namespace penstock::pipeline
