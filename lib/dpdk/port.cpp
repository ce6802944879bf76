// SPDX-License-Identifier: BSD-3-Clause
// Opening a port: find the device, ask what it can do, configure its queues, start. Each way to
// fail names the port and says what to do.
#include "lib/dpdk/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "lib/dpdk/eal.h"
#include "lib/dpdk/eal_log.h"

namespace penstock::dpdk {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

constexpr std::uint64_t kRssSpi = RTE_ETH_RSS_ESP | RTE_ETH_RSS_AH;
constexpr std::uint64_t kRssPorts = RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
constexpr std::uint64_t kRssTypes = RTE_ETH_RSS_IP | kRssPorts | kRssSpi;

/// `net_tap0` of `net_tap0,iface=x`.
std::string device_name(const std::string& device) { return device.substr(0, device.find(',')); }

std::string said_or(int error) {
  const std::string said = first_eal_error();
  return said.empty() ? rte_strerror(error) : said;
}

/// Whether the driver knows rte_flow at all: it is asked for the simplest rule.
bool knows_rte_flow(std::uint16_t port) {
  const rte_flow_attr attributes{
      .group = 0, .priority = 0, .ingress = 1, .egress = 0, .transfer = 0, .reserved = 0};
  rte_flow_item pattern[2]{};
  pattern[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  pattern[1].type = RTE_FLOW_ITEM_TYPE_END;
  rte_flow_action_queue queue{.index = 0};
  rte_flow_action actions[2]{};
  actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
  actions[0].conf = &queue;
  actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  rte_flow_error error{};
  return rte_flow_validate(port, &attributes, pattern, actions, &error) != -ENOSYS;
}

}  // namespace

Result<Port> Port::open(const PortOptions& options, const PacketPool& pool, base::Log& log) {
  Port port(options);
  forget_eal_errors();
  PS_TRY(port.find(log));
  PS_TRY(port.ask());
  PS_TRY(port.configure(log));
  PS_TRY(port.start(pool));
  return port;
}

Result<void> Port::find(base::Log&) {
  const bool pci = is_pci_address(options_.device);
  const std::string name = pci ? options_.device : device_name(options_.device);
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) == 0) return {};
  const int error = rte_dev_probe(options_.device.c_str());
  if (error == 0 && rte_eth_dev_get_port_by_name(name.c_str(), &id_) == 0) return {};
  id_ = kNone;
  const std::string what = fmt::format("port {}: the device '{}' could not be opened: {}",
                                       options_.name, options_.device, said_or(-error));
  if (error == -EACCES || geteuid() != 0)
    return fail(ErrorCode::kPermission,
                what + "; run as root or with CAP_NET_RAW and CAP_NET_ADMIN");
  if (pci)
    return fail(ErrorCode::kNotFound,
                what +
                    "; bind it to vfio-pci (`dpdk-devbind.py --bind vfio-pci ADDRESS`) and look "
                    "with `dpdk-devbind.py --status`");
  return fail(ErrorCode::kNotFound,
              what + "; check the driver's name and that the interface it names exists");
}

Result<void> Port::ask() {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
    return fail(ErrorCode::kSystem,
                fmt::format("port {}: its driver does not say what it can do: {}", options_.name,
                            rte_strerror(-error)));
  capabilities_.max_rx_queues = info.max_rx_queues;
  capabilities_.max_tx_queues = info.max_tx_queues;
  capabilities_.socket = rte_eth_dev_socket_id(id_);
  capabilities_.rx_checksum = (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
  capabilities_.tx_checksum = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
  capabilities_.rss = (info.flow_type_rss_offloads & kRssTypes) != 0;
  if (options_.tx_queues > info.max_tx_queues)
    return fail(
        ErrorCode::kLimit,
        fmt::format("port {}: each of {} workers needs its own transmit queue and the "
                    "device has {}; use fewer workers, or give the device more queues "
                    "(net_af_packet: qpairs={})",
                    options_.name, options_.tx_queues, info.max_tx_queues, options_.tx_queues));
  if (options_.rx_queues > info.max_rx_queues)
    return fail(ErrorCode::kLimit,
                fmt::format("port {}: queues = {}, but the device has {} receive queues",
                            options_.name, options_.rx_queues, info.max_rx_queues));
  if (options_.mtu < info.min_mtu || options_.mtu > info.max_mtu)
    return fail(ErrorCode::kUnsupported,
                fmt::format("port {}: mtu = {}, but the device takes {} to {}", options_.name,
                            options_.mtu, info.min_mtu, info.max_mtu));
  return {};
}

/// Several queues with RSS on as much as the driver takes: what it names it may still refuse
/// together.
int Port::configure_queues() {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) return error;
  rte_eth_conf conf{};
  conf.rxmode.mtu = options_.mtu;
  if (capabilities_.rx_checksum) conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  const auto attempt = [&](Spread spread) {
    capabilities_.spread = spread;
    return rte_eth_dev_configure(id_, options_.rx_queues, options_.tx_queues, &conf);
  };
  if (options_.rx_queues == 1) return attempt(Spread::kOneQueue);
  struct Choice {
    Spread spread;
    std::uint64_t types, needs;
  };
  constexpr Choice kChoices[] = {{Spread::kRssSpi, kRssTypes, kRssSpi},
                                 {Spread::kRssPorts, RTE_ETH_RSS_IP | kRssPorts, kRssPorts},
                                 {Spread::kRssAddresses, RTE_ETH_RSS_IP, RTE_ETH_RSS_IP}};
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  for (const Choice& choice : kChoices) {
    if ((info.flow_type_rss_offloads & choice.needs) == 0) continue;
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & choice.types;
    if (attempt(choice.spread) == 0) return 0;
  }
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  conf.rx_adv_conf.rss_conf.rss_hf = 0;
  return attempt(Spread::kDriver);
}

Result<void> Port::configure(base::Log& log) {
  if (const int error = configure_queues(); error != 0)
    return fail(
        ErrorCode::kSystem,
        fmt::format("port {}: {} receive and {} transmit queues with MTU {} are refused: {}",
                    options_.name, options_.rx_queues, options_.tx_queues, options_.mtu,
                    said_or(-error)));
  if (!capabilities_.rx_checksum)
    log.write(base::LogLevel::kInfo, "dpdk",
              fmt::format("port {}: checksums are verified in software", options_.name));
  if (options_.rx_queues > 1)
    log.write(base::LogLevel::kInfo, "dpdk",
              fmt::format("port {}: packets are spread by {}", options_.name,
                          kSpreadTexts[static_cast<std::size_t>(capabilities_.spread)].text));
  return {};
}

Result<void> Port::start(const PacketPool& pool) {
  const auto failure = [&](std::string_view what, int error) {
    return fail(ErrorCode::kSystem,
                fmt::format("port {}: {}: {}", options_.name, what, said_or(-error)));
  };
  std::uint16_t rx_descriptors = options_.descriptors;
  std::uint16_t tx_descriptors = options_.descriptors;
  if (const int e = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors); e != 0)
    return failure("no queue of its size", e);
  const auto socket = static_cast<unsigned>(capabilities_.socket);
  for (std::uint16_t q = 0; q < options_.rx_queues; ++q)
    if (const int e = rte_eth_rx_queue_setup(id_, q, rx_descriptors, socket, nullptr, pool.get());
        e != 0)
      return failure(fmt::format("receive queue {} cannot be set up", q), e);
  for (std::uint16_t q = 0; q < options_.tx_queues; ++q)
    if (const int e = rte_eth_tx_queue_setup(id_, q, tx_descriptors, socket, nullptr); e != 0)
      return failure(fmt::format("transmit queue {} cannot be set up", q), e);
  if (const int e = rte_eth_dev_start(id_); e != 0) return failure("it does not start", e);
  if (options_.promiscuous)
    if (const int e = rte_eth_promiscuous_enable(id_); e != 0 && e != -ENOTSUP)
      return failure("it refuses promiscuous mode", e);
  // RFC 4861 §7.2.1: who looks for us asks a multicast group. A port that cannot hear groups still
  // serves IPv4.
  (void)rte_eth_allmulticast_enable(id_);
  rte_ether_addr mac{};
  if (const int e = rte_eth_macaddr_get(id_, &mac); e != 0) return failure("it has no MAC", e);
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), mac_.begin());
  capabilities_.rte_flow = knows_rte_flow(id_);
  return {};
}

Port::Port(Port&& other) noexcept
    : options_(std::move(other.options_)),
      capabilities_(other.capabilities_),
      mac_(other.mac_),
      steering_(std::move(other.steering_)),
      id_(std::exchange(other.id_, kNone)) {}

Port::~Port() {
  if (id_ == kNone) return;
  steering_.remove();
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(id_, &info) == 0;
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  // A vdev of ours goes with its port, so that the name can be opened again.
  if (known && info.device != nullptr && !is_pci_address(options_.device))
    rte_dev_remove(info.device);
}

void Port::steer(std::span<const SpiRule> rules, bool tagged, base::Log& log) {
  steering_.remove();
  steering_ = Steering::install(id_, rules, tagged);
  if (rules.empty()) return;
  std::string steered;
  for (const char* kind : steering_.steered()) steered += fmt::format(" {}", kind);
  if (!steered.empty())
    log.write(base::LogLevel::kInfo, "dpdk",
              fmt::format("port {}: {} rules steer by SPI:{}", options_.name, steering_.rules(),
                          steered));
  // Kinds that the driver refuses for one reason are named together.
  std::map<std::string, std::string> refused;
  for (const Steering::Refusal& one : steering_.refused())
    refused[one.reason] += fmt::format(" {}", one.kind);
  for (const auto& [reason, kinds] : refused)
    log.write(base::LogLevel::kInfo, "dpdk",
              fmt::format("port {}: not steered by SPI, but handed over between workers:{} (the "
                          "driver: {})",
                          options_.name, kinds, reason));
}

LinkState Port::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(id_, &link) != 0) return {};
  return {link.link_status == RTE_ETH_LINK_UP,
          link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed};
}

PortStats Port::stats() const {
  rte_eth_stats s{};
  if (rte_eth_stats_get(id_, &s) != 0) return {};
  return {s.ipackets, s.opackets, s.ibytes, s.obytes, s.imissed, s.ierrors, s.oerrors, s.rx_nombuf};
}

}  // namespace penstock::dpdk
