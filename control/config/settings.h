// SPDX-License-Identifier: BSD-3-Clause
// Settings: a whole, checked configuration as plain values. Nothing is started from anything less.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/pki/vault.h"
#include "control/session/connection_config.h"
#include "lib/net/address.h"
#include "lib/policy/sa_spec.h"

namespace penstock::config {

inline constexpr std::uint16_t kMinMtu = 576;   ///< what every IPv4 host takes (RFC 791 §3.1)
inline constexpr std::uint16_t kMaxMtu = 9600;  ///< a packet is one segment (design §4.11)
inline constexpr unsigned kMaxCpu = 1023;
inline constexpr std::uint32_t kMaxReplayWindow = 4096;  ///< packets
/// What does the work where another engine is not built yet.
inline constexpr std::string_view kDefaultEngine = "ipsec-mb";

enum class Side : std::uint8_t { kInside, kOutside };  ///< RFC 4301 §3.1
enum class IdleMode : std::uint8_t { kPoll, kSleep };
enum class SteeringMode : std::uint8_t { kOff, kAuto };

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
  SteeringMode steering = SteeringMode::kAuto;
  bool promiscuous = false;
};

/// Frames of a port that carry a tag (IEEE 802.1Q): an interface of its own.
struct VlanSettings {
  std::string name;
  std::string port;
  std::uint16_t id = 0;
  Side side = Side::kInside;
  std::uint16_t mtu = 0;  ///< 0 until the check: the port's
  std::vector<net::InterfaceAddress> addresses;
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
  std::string engine{kDefaultEngine};
  std::vector<std::string> devices;  ///< cryptodev vdev strings or PCI addresses
};

/// Bounds that the operator may raise; each has a default that suits a small gateway.
struct DataplaneLimits {
  std::uint32_t sas = 16'384;        ///< inbound and outbound, each; a power of two
  std::uint32_t manual_sas = 1'024;  ///< inbound ones beside `sas`; follows from the file
  std::uint32_t policies = 16'384;
  std::uint32_t routes = 4'096;
  std::uint32_t neighbors = 4'096;
  std::uint32_t packets = 16'384;         ///< mbufs of a NUMA node's pool
  std::uint16_t largest_packet = 1'500;   ///< that one of them holds; at least the largest MTU
  std::uint16_t smallest_path_mtu = 576;  ///< over IPv4: ICMP makes no path narrower
  base::Duration path_mtu_time = base::seconds{600};  ///< learned ones count so long
};

struct DataplaneSettings {
  std::vector<std::string> eal;
  std::string file_prefix = "penstock";
  unsigned control_cpu = 0;
  std::vector<unsigned> workers{1};
  IdleMode idle = IdleMode::kPoll;
  std::vector<PortSettings> ports;
  std::vector<VlanSettings> vlans;
  std::vector<RouteSettings> routes;
  std::vector<NeighborSettings> neighbors;
  bool duplicate_address_detection = true;
  CryptoSettings crypto;
  DataplaneLimits limits;
};

/// What ports and VLANs have in common, borrowed.
struct InterfaceView {
  const std::string* name;
  Side side;
  const std::vector<net::InterfaceAddress>* addresses;
};
/// All ports, then all VLANs, in their order.
[[nodiscard]] inline std::vector<InterfaceView> interfaces_of(const DataplaneSettings& dataplane) {
  std::vector<InterfaceView> all;
  for (const PortSettings& port : dataplane.ports)
    all.push_back({&port.name, port.side, &port.addresses});
  for (const VlanSettings& vlan : dataplane.vlans)
    all.push_back({&vlan.name, vlan.side, &vlan.addresses});
  return all;
}

/// Whom we trust, unless a connection names others.
struct AuthoritySettings {
  std::string name;
  std::string cacert;
  std::vector<std::string> crls;
  std::vector<std::string> ocsp;
};

/// A remark about a setting; faults are told all together (a syntax error is told alone).
struct Fault {
  std::string file;
  unsigned line = 0;
  std::string setting;  ///< path: `connections.branch.children.net.local_ts`
  std::string text;
};

struct Settings {
  ControlSettings control;
  DataplaneSettings dataplane;
  std::vector<policy::SaSpec> manual_sas;  ///< slot pairs an outbound with the inbound of its name
  std::vector<session::ConnectionConfig> connections;
  std::vector<session::SharedSecret> secrets;
  std::vector<AuthoritySettings> authorities;
  std::shared_ptr<const pki::Vault> vault;  ///< keys and trust of the connections
  std::vector<std::string> key_files;
  std::vector<Fault> warnings;        ///< what works, but perhaps not as meant
  std::vector<std::string> included;  ///< files that the first one includes
};

/// Reads, checks as a whole, and converts.
/// @return the settings, or every fault
[[nodiscard]] tl::expected<Settings, std::vector<Fault>> load(const std::string& file);
/// The same of a text; `file` names it in faults, and includes are looked for beside it.
[[nodiscard]] tl::expected<Settings, std::vector<Fault>> load_text(std::string_view text,
                                                                   const std::string& file);

/// `penstockd --check`: every fault and warning, a line each, then a line that sums up.
/// @return the exit status: 0 without a fault, else 1
[[nodiscard]] int check_configuration(const std::string& file, std::ostream& out);

/// docs/configuration.md, made from the schema.
[[nodiscard]] std::string reference_as_markdown();

/// `file:line: setting: text`
[[nodiscard]] std::string to_string(const Fault& fault);

}  // namespace penstock::config
