// SPDX-License-Identifier: BSD-3-Clause
// Ports, routes, neighbours and CPUs against each other.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "control/config/check.h"
#include "lib/net/ipv6.h"

namespace penstock::config {

namespace {

/// As lib/fib has them, which this room does not include.
constexpr std::size_t kMaxPorts = 64;
constexpr std::size_t kMaxInterfaces = 1024;
constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un, with its end

bool is_hex(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// 0000:3b:00.1 or 3b:00.1
bool is_pci_address(std::string_view text) {
  if (text.size() == 12 && text[4] == ':' && is_hex(text.substr(0, 4))) text.remove_prefix(5);
  return text.size() == 7 && is_hex(text.substr(0, 2)) && text[2] == ':' &&
         is_hex(text.substr(3, 2)) && text[5] == '.' && text[6] >= '0' && text[6] <= '7';
}

void check_control(const Place& at, const ControlSettings& control) {
  if (control.socket.empty() || control.socket.size() > kMaxSocketPath)
    at["socket"].fault(fmt::format("a path of 1 to {} octets is wanted", kMaxSocketPath));
}

/// Arguments of the EAL that Penstock makes itself, and from what.
struct OwnArgument {
  std::string_view argument;
  std::string_view setting;
};
constexpr std::array kOwnArguments{
    OwnArgument{"-l", "workers"},
    OwnArgument{"-c", "workers"},
    OwnArgument{"--lcores", "workers"},
    OwnArgument{"--main-lcore", "control_cpu"},
    OwnArgument{"-a", "ports"},
    OwnArgument{"--allow", "ports"},
    OwnArgument{"--file-prefix", "file_prefix"},
};

void check_eal(const Place& at, const std::vector<std::string>& eal) {
  for (const std::string& argument : eal) {
    const std::string_view word = std::string_view(argument).substr(0, argument.find('='));
    for (const OwnArgument& own : kOwnArguments)
      if (word == own.argument)
        at.fault(fmt::format("'{}' is made from dataplane.{}", argument, own.setting));
  }
}

void check_cpus(const Place& at, const DataplaneSettings& dataplane) {
  const Place workers = at["workers"];
  if (dataplane.workers.empty()) workers.fault("there is no worker: nothing would be forwarded");
  for (std::size_t i = 0; i < dataplane.workers.size(); ++i) {
    const unsigned cpu = dataplane.workers[i];
    if (cpu == dataplane.control_cpu && dataplane.idle == IdleMode::kPoll)
      workers.warn(
          fmt::format("CPU {} is the control core's too, and a worker that polls leaves it "
                      "little: idle = \"sleep\" is for labs",
                      cpu));
    const auto first = dataplane.workers.begin();
    if (std::find(first, first + static_cast<std::ptrdiff_t>(i), cpu) !=
        first + static_cast<std::ptrdiff_t>(i))
      workers.warn(fmt::format("CPU {} has two workers, which will get in each other's way", cpu));
  }
}

void check_file_prefix(const Place& at, const std::string& prefix) {
  const bool good = !prefix.empty() && prefix.size() <= 64 &&
                    std::all_of(prefix.begin(), prefix.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
                    });
  if (!good) at.fault("letters, digits, '_', '-' and '.' are wanted, 64 at most");
}

bool is_unicast(const net::IpAddress& a) {
  if (!a.is_v4())  // RFC 4291 §2.5, §2.7
    return !net::is_multicast_v6(a.octets()) && !net::is_never_on_wire_v6(a.octets());
  const std::uint32_t first = a.v4_value() >> 24;
  return first != 0 && first != 127 && first < 224;  // RFC 1122 §3.2.1.3, RFC 1112 §4
}

void check_address(const Place& at, const net::InterfaceAddress& a) {
  if (!is_unicast(a.address))
    return at.fault(fmt::format("{} is no address of a host", a.address.to_string()));
  const net::Prefix prefix = a.prefix();
  // RFC 3021: a /31 has no broadcast address; RFC 4291 §2.6.1: the first of an IPv6 network is
  // every router's, and RFC 6164 has /127 without.
  if (!a.address.is_v4()) {
    if (a.length < 127 && a.address == prefix.first())
      at.fault(fmt::format("{} is the subnet-router anycast address", a.to_string()));
    return;
  }
  if (a.length < 31 && (a.address == prefix.first() || a.address == prefix.last()))
    at.fault(fmt::format("{} is the network's own or its broadcast address", a.to_string()));
}

void check_device(const Place& at, const std::string& device) {
  const bool vdev = device.starts_with("net_") || device.starts_with("eth_");
  if (!device.empty() && !vdev && !is_pci_address(device))
    at.fault(
        fmt::format("'{}' is neither a PCI address (0000:3b:00.0) nor a vdev (net_…)", device));
}

/// What may be used once over ports and VLANs together.
struct UsedByInterfaces {
  UsedOnce names{"the port name"};
  UsedOnce devices{"the device"};
  UsedOnce vlans{"the VLAN"};
  UsedOnce addresses{"the address"};
  UsedOnce networks{"the network"};
};

void check_addresses(const Place& here, const std::vector<net::InterfaceAddress>& all, unsigned mtu,
                     UsedByInterfaces& used) {
  for (const net::InterfaceAddress& a : all) {
    check_address(here["addresses"], a);
    if (!a.address.is_link_local()) used.addresses.add(a.address.to_string(), here["addresses"]);
    if (!a.address.is_v4() && mtu < net::kIpv6MinMtu)
      here["mtu"].fault("IPv6 needs 1280 or more (RFC 8200 §5)");
  }
  // Two networks that are the same on one port are one route; on two ports they are a fault.
  std::vector<std::string> own;
  for (const net::InterfaceAddress& a : all)
    if (!a.address.is_link_local()) own.push_back(a.prefix().to_string());
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  for (const std::string& network : own) used.networks.add(network, here["addresses"]);
}

void check_ports(const Place& at, const std::vector<PortSettings>& ports, UsedByInterfaces& used) {
  if (at.exists() && ports.empty()) at.fault("there is no port");
  if (ports.size() > kMaxPorts)
    at.fault(fmt::format("{} ports, at most {}", ports.size(), kMaxPorts));
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const PortSettings& port = ports[i];
    const Place here = at[i];
    used.names.add(port.name, here["name"]);
    used.devices.add(port.device.substr(0, port.device.find(',')), here["device"]);
    check_device(here["device"], port.device);
    check_addresses(here, port.addresses, port.mtu, used);
  }
}

/// Sets the MTU where the file does not.
void check_vlans(const Place& at, DataplaneSettings& dataplane, UsedByInterfaces& used) {
  if (dataplane.ports.size() + dataplane.vlans.size() > kMaxInterfaces)
    at.fault(fmt::format("{} ports and VLANs, at most {}",
                         dataplane.ports.size() + dataplane.vlans.size(), kMaxInterfaces));
  for (std::size_t i = 0; i < dataplane.vlans.size(); ++i) {
    VlanSettings& vlan = dataplane.vlans[i];
    const Place here = at[i];
    used.names.add(vlan.name, here["name"]);
    used.vlans.add(fmt::format("{} of {}", vlan.id, vlan.port), here["id"]);
    const auto port = std::find_if(dataplane.ports.begin(), dataplane.ports.end(),
                                   [&](const PortSettings& one) { return one.name == vlan.port; });
    if (port == dataplane.ports.end()) {
      if (!vlan.port.empty()) here["port"].fault(fmt::format("there is no port '{}'", vlan.port));
      continue;
    }
    if (vlan.mtu == 0) vlan.mtu = port->mtu;
    if (vlan.mtu > port->mtu)
      here["mtu"].fault(
          fmt::format("{} is above the {} of port '{}'", vlan.mtu, port->mtu, vlan.port));
    check_addresses(here, vlan.addresses, vlan.mtu, used);
  }
}

std::optional<InterfaceView> find_interface(const DataplaneSettings& dataplane,
                                            const std::string& name, const Place& at) {
  for (const InterfaceView& one : interfaces_of(dataplane))
    if (*one.name == name) return one;
  if (!name.empty()) at.fault(fmt::format("there is no port or VLAN '{}'", name));
  return std::nullopt;
}

bool is_on_link(const InterfaceView& port, const net::IpAddress& a) {
  if (a.is_link_local())  // RFC 4291 §2.1: every port with IPv6 has such an address
    return std::any_of(port.addresses->begin(), port.addresses->end(),
                       [](const auto& own) { return !own.address.is_v4(); });
  return std::any_of(port.addresses->begin(), port.addresses->end(),
                     [&](const auto& own) { return own.prefix().contains(a); });
}

bool is_own(const DataplaneSettings& dataplane, const net::IpAddress& a) {
  for (const InterfaceView& one : interfaces_of(dataplane))
    for (const net::InterfaceAddress& own : *one.addresses)
      if (own.address == a) return true;
  return false;
}

void check_routes(const Place& at, const DataplaneSettings& dataplane) {
  if (dataplane.routes.size() > dataplane.limits.routes)
    at.fault(fmt::format("{} routes are over dataplane.limits.routes = {}", dataplane.routes.size(),
                         dataplane.limits.routes));
  UsedOnce destinations("the destination");
  for (std::size_t i = 0; i < dataplane.routes.size(); ++i) {
    const RouteSettings& route = dataplane.routes[i];
    if (at[i]["to"].exists()) destinations.add(route.to.to_string(), at[i]["to"]);
    const auto port = find_interface(dataplane, route.port, at[i]["port"]);
    if (!port || !route.via) continue;
    if (route.via->family() != route.to.address.family()) {
      at[i]["via"].fault(fmt::format("{} is not of the IP version of {}", route.via->to_string(),
                                     route.to.to_string()));
      continue;
    }
    const bool known =
        std::any_of(dataplane.neighbors.begin(), dataplane.neighbors.end(),
                    [&](const auto& n) { return n.port == route.port && n.address == *route.via; });
    if (is_own(dataplane, *route.via))
      at[i]["via"].fault(fmt::format("{} is an address of ours", route.via->to_string()));
    else if (!known && !is_on_link(*port, *route.via))
      at[i]["via"].fault(fmt::format("{} is in no network of port '{}' and no neighbour of it",
                                     route.via->to_string(), route.port));
  }
}

void check_neighbors(const Place& at, const DataplaneSettings& dataplane) {
  if (dataplane.neighbors.size() > dataplane.limits.neighbors)
    at.fault(fmt::format("{} neighbours are over dataplane.limits.neighbors = {}",
                         dataplane.neighbors.size(), dataplane.limits.neighbors));
  UsedOnce addresses("the neighbour");
  for (std::size_t i = 0; i < dataplane.neighbors.size(); ++i) {
    const NeighborSettings& neighbor = dataplane.neighbors[i];
    (void)find_interface(dataplane, neighbor.port, at[i]["port"]);
    addresses.add(fmt::format("{} {}", neighbor.port, neighbor.address.to_string()), at[i]);
    if (is_own(dataplane, neighbor.address))
      at[i]["address"].fault(fmt::format("{} is an address of ours", neighbor.address.to_string()));
    // IEEE 802: the lowest bit of the first octet marks a group.
    if (at[i]["mac"].exists() && (neighbor.mac[0] & 1) != 0)
      at[i]["mac"].fault("a group address is no neighbour's");
  }
}

constexpr std::string_view kDeviceEngine = "cryptodev";

void check_crypto(const Place& at, const CryptoSettings& crypto) {
  UsedOnce devices("device");
  for (const std::string& device : crypto.devices)
    devices.add(device.substr(0, device.find(',')), at["devices"]);
  if (crypto.engine == kDeviceEngine && crypto.devices.empty())
    at["engine"].fault("it needs devices: PCI addresses, or vdevs as \"crypto_openssl0\"");
  if (crypto.engine != kDeviceEngine && !crypto.devices.empty())
    at["devices"].warn(fmt::format("{} has no devices", crypto.engine));
}

}  // namespace

void UsedOnce::add(const std::string& key, const Place& place) {
  if (key.empty()) return;
  const auto [first, fresh] = first_.emplace(key, place);
  if (!fresh)
    place.fault(fmt::format("{} '{}' is used already, by {}", what_, key, first->second.path()));
}

bool is_outside_address(const DataplaneSettings& dataplane, const net::IpAddress& a) {
  for (const InterfaceView& one : interfaces_of(dataplane))
    for (const net::InterfaceAddress& own : *one.addresses)
      if (one.side == Side::kOutside && own.address == a) return true;
  return false;
}

void check_dataplane(const Place& root, Settings& settings) {
  check_control(root["control"], settings.control);
  const Place at = root["dataplane"];
  DataplaneSettings& dataplane = settings.dataplane;
  check_eal(at["eal"], dataplane.eal);
  check_cpus(at, dataplane);
  check_file_prefix(at["file_prefix"], dataplane.file_prefix);
  UsedByInterfaces used;
  check_ports(at["ports"], dataplane.ports, used);
  check_vlans(at["vlans"], dataplane, used);
  check_routes(at["routes"], dataplane);
  check_neighbors(at["neighbors"], dataplane);
  check_crypto(at["crypto"], dataplane.crypto);
  dataplane.limits.sas = std::bit_ceil(dataplane.limits.sas);  // an SPI carries its SA's place
}

}  // namespace penstock::config
