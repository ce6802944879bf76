// SPDX-License-Identifier: BSD-3-Clause
// `show ports|routes|neighbors`.
#include <rte_ethdev.h>

#include "control/bridge/show_rows.h"
#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

using io::Json;

std::string driver_of(const dpdk::Port& port) {
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(port.id(), &info) != 0 || info.driver_name == nullptr) return "";
  return info.driver_name;
}

Json offloads_of(const dpdk::PortCapabilities& can) {
  Json out = Json::array();
  if (can.rx_checksum) out.push_back("rx_ipv4_cksum");
  if (can.tx_checksum) out.push_back("tx_ipv4_cksum");
  if (can.rss) out.push_back("rss");
  if (can.rte_flow) out.push_back("rte_flow");
  return out;
}

Json steering_of(const dpdk::Port& port) {
  Json out = Json::array();
  for (const char* kind : port.steering().steered()) out.push_back(kind);
  return out;
}

/// Which addresses detection has found to be so (RFC 4862 §5.4), as `addresses` names them.
Json addresses_in(const fib::Interface& interface, fib::AddressState state) {
  Json out = Json::array();
  for (std::size_t place = 0; place < interface.addresses.size(); ++place)
    if (interface.state_at(place) == state) out.push_back(interface.addresses[place].to_string());
  return out;
}

Json port_row(const Network& network, const fib::Interface& interface, const dpdk::Port& port,
              const config::PortSettings& settings) {
  Json addresses = Json::array();
  for (const net::InterfaceAddress& address : settings.addresses)
    addresses.push_back(address.to_string());
  const dpdk::LinkState link = port.link();
  const dpdk::PortStats stats = port.stats();
  const int numa = port.capabilities().socket;
  return {{"name", settings.name},
          {"device", settings.device},
          {"driver", driver_of(port)},
          {"side", settings.side == config::Side::kOutside ? "outside" : "inside"},
          {"mac", net::to_string(port.mac())},
          {"mtu", settings.mtu},
          {"addresses", std::move(addresses)},
          {"tentative", addresses_in(interface, fib::AddressState::kTentative)},
          {"duplicate", addresses_in(interface, fib::AddressState::kDuplicate)},
          {"address_claims", network.claims(interface.index)},
          {"port", settings.name},
          {"vlan", nullptr},
          {"link", link.up ? "up" : "down"},
          {"speed_mbps", link.speed_mbps != 0 ? Json(link.speed_mbps) : Json(nullptr)},
          {"queues", port.options().rx_queues},
          {"numa", numa >= 0 ? Json(static_cast<unsigned>(numa)) : Json(nullptr)},
          {"offloads", offloads_of(port.capabilities())},
          {"spread", dpdk::kSpreadTexts[static_cast<std::size_t>(port.capabilities().spread)].name},
          {"steering", steering_of(port)},
          {"rx_packets", stats.rx_packets},
          {"rx_bytes", stats.rx_bytes},
          {"tx_packets", stats.tx_packets},
          {"tx_bytes", stats.tx_bytes},
          {"rx_missed", stats.rx_missed},
          {"rx_errors", stats.rx_errors},
          {"rx_no_mbuf", stats.rx_no_mbuf},
          {"tx_errors", stats.tx_errors}};
}

/// Its frames are counted with its port's.
Json vlan_row(const Network& network, const fib::Interface& interface, const fib::Interface& port) {
  Json addresses = Json::array();
  for (const net::InterfaceAddress& address : interface.addresses)
    if (!address.address.is_link_local()) addresses.push_back(address.to_string());
  return {{"name", interface.name},
          {"port", port.name},
          {"vlan", interface.vlan},
          {"side", interface.side == fib::Side::kOutside ? "outside" : "inside"},
          {"mac", net::to_string(interface.mac)},
          {"mtu", interface.mtu},
          {"addresses", std::move(addresses)},
          {"tentative", addresses_in(interface, fib::AddressState::kTentative)},
          {"duplicate", addresses_in(interface, fib::AddressState::kDuplicate)},
          {"address_claims", network.claims(interface.index)},
          {"link", interface.up.load(std::memory_order_relaxed) ? "up" : "down"}};
}

}  // namespace

RowSource port_rows(const ShowContext& context) {
  return [&context](Json& rows) {
    const Network& network = context.network;
    const fib::Fib& fib = network.fib();
    const auto& ports = network.ports();  // at most fib::kMaxInterfaces: one part
    for (unsigned i = 0; i < fib.interface_count(); ++i) {
      const auto& interface = fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
      rows.push_back(i < ports.size()
                         ? port_row(network, interface, ports[i], network.settings().ports[i])
                         : vlan_row(network, interface, fib.interface(interface.port)));
    }
    return false;
  };
}

RowSource route_rows(const ShowContext& context) {
  const fib::Fib& fib = context.network.fib();
  std::vector<fib::Route> routes;
  fib.for_each_route([&routes](const fib::Route& route) {
    if (route.origin == fib::RouteOrigin::kConnected || route.origin == fib::RouteOrigin::kStatic)
      routes.push_back(route);
  });
  return snapshot_source(std::move(routes), [&fib](const fib::Route& route) -> Json {
    return {{"to", route.to.to_string()},
            {"via", route.via ? route.via->to_string() : std::string()},
            {"port", fib.interface(route.interface).name},
            {"kind", route.origin == fib::RouteOrigin::kStatic ? "static" : "connected"}};
  });
}

RowSource neighbour_rows(const ShowContext& context) {
  return [&context, after = std::optional<NeighbourKey>{}](Json& rows) mutable {
    const auto part =
        context.network.neighbours().list(io::monotonic_now(), after, io::kRowsPerPart);
    for (const NeighbourStatus& one : part) {
      Json age(nullptr);
      if (one.age)
        age =
            static_cast<std::uint64_t>(std::chrono::duration_cast<base::seconds>(*one.age).count());
      rows.push_back(Json{{"port", context.network.fib().interface(one.key.interface).name},
                          {"address", one.key.address.to_string()},
                          {"mac", one.mac ? net::to_string(*one.mac) : std::string()},
                          {"state", name_of(one.state)},
                          {"age_s", std::move(age)}});
    }
    if (!part.empty()) after = part.back().key;
    return part.size() == io::kRowsPerPart;
  };
}

}  // namespace penstock::bridge
