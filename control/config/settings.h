// SPDX-License-Identifier: BSD-3-Clause
// Settings: a whole, checked configuration as plain values. Nothing is started from anything less.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/session/connection_config.h"
#include "lib/net/address.h"
#include "lib/policy/sa_spec.h"

namespace penstock::config {

enum class Side : std::uint8_t { kInside, kOutside };  ///< RFC 4301 §3.1
enum class IdleMode : std::uint8_t { kPoll, kSleep };

struct ControlSettings {
  std::string socket = "/run/penstock/penstock.sock";
  unsigned jobs = 1;  ///< threads for asymmetric crypto
  std::string log_level = "info";
  std::string log_file;  ///< empty: standard error
};

struct PortSettings {
  std::string name;
  std::string device;  ///< a PCI address or a DPDK vdev string
  Side side = Side::kInside;
  std::uint16_t mtu = 1500;
  std::vector<net::InterfaceAddress> addresses;
  std::uint16_t queues = 1;
  bool promiscuous = false;
};

struct RouteSettings {
  net::Prefix to;
  std::optional<net::IpAddress> via;  ///< none: directly connected
  std::string port;
};

struct NeighborSettings {
  std::string port;
  net::IpAddress address;
  net::MacAddress mac{};
};

struct CryptoSettings {
  std::string engine = "ipsec-mb";
  std::vector<std::string> devices;  ///< cryptodev vdev strings or PCI addresses
};

/// Bounds that the operator may raise; each has a default that suits a small gateway.
struct DataplaneLimits {
  std::uint32_t sas = 16'384;  ///< inbound and outbound, each
  std::uint32_t policies = 16'384;
  std::uint32_t routes = 4'096;
  std::uint32_t neighbors = 4'096;
  std::uint32_t packets = 16'384;  ///< mbufs of a NUMA node's pool
};

struct DataplaneSettings {
  std::vector<std::string> eal;
  std::string file_prefix = "penstock";
  unsigned control_cpu = 0;
  std::vector<unsigned> workers{1};
  IdleMode idle = IdleMode::kPoll;
  std::vector<PortSettings> ports;
  std::vector<RouteSettings> routes;
  std::vector<NeighborSettings> neighbors;
  CryptoSettings crypto;
  DataplaneLimits limits;
};

struct Settings {
  ControlSettings control;
  DataplaneSettings dataplane;
  std::vector<policy::SaSpec> manual_sas;  ///< slot pairs an outbound with the inbound of its name
  std::vector<session::ConnectionConfig> connections;
  std::vector<session::SharedSecret> secrets;
};

/// One fault of a configuration; all are told together (a syntax error is told alone).
struct Fault {
  std::string file;
  unsigned line = 0;
  std::string setting;  ///< path: `connections.branch.children.net.local_ts`
  std::string text;
};

/// Reads, checks as a whole, and converts.
/// @return the settings, or every fault
[[nodiscard]] tl::expected<Settings, std::vector<Fault>> load(const std::string& file);

/// `file:line: setting: text`
[[nodiscard]] std::string to_string(const Fault& fault);

}  // namespace penstock::config
