// SPDX-License-Identifier: BSD-3-Clause
// The options of `control` and `dataplane`, and the root of the file.
#include <array>

#include "control/config/schema.h"
#include "lib/net/ethernet.h"

namespace penstock::config {

namespace {

constexpr std::array kSideWords{
    Word{.word = "inside", .value = static_cast<int>(Side::kInside)},
    Word{.word = "outside", .value = static_cast<int>(Side::kOutside)},
};

constexpr std::array kIdleWords{
    Word{.word = "poll", .value = static_cast<int>(IdleMode::kPoll)},
    Word{.word = "sleep", .value = static_cast<int>(IdleMode::kSleep)},
};

constexpr std::array kSteeringWords{
    Word{.word = "off", .value = static_cast<int>(SteeringMode::kOff)},
    Word{.word = "auto", .value = static_cast<int>(SteeringMode::kAuto)},
};

constexpr std::array kLevelWords{Word{"debug"}, Word{"info"}, Word{"warning"}, Word{"error"}};
constexpr std::array kEngineWords{Word{kDefaultEngine}, Word{"cryptodev"}, Word{"openssl"}};

constexpr std::array kControl{
    value<&ControlSettings::socket>({.name = "socket",
                                     .preset = "/run/penstock/penstock.sock",
                                     .text = "Where the command line finds the daemon.",
                                     .reader = "control/io"}),
    value<&ControlSettings::jobs>({.name = "jobs",
                                   .preset = "1",
                                   .text = "Threads for asymmetric crypto.",
                                   .reader = "control/io",
                                   .low = 1,
                                   .high = 64}),
    value<&ControlSettings::log_level>({.name = "log_level",
                                        .preset = "info",
                                        .text = "What is logged: this and all that weighs more.",
                                        .reader = "control/io",
                                        .words = kLevelWords}),
    value<&ControlSettings::log_file>({.name = "log_file",
                                       .text = "A file for the log; standard error without it.",
                                       .reader = "control/io"}),
};
Options<ControlSettings> control_options() { return kControl; }

constexpr std::array kPort{
    value<&PortSettings::name>({.name = "name",
                                .text = "How routes, neighbours and `show` name it.",
                                .reader = "control/bridge",
                                .required = true}),
    value<&PortSettings::device>(
        {.name = "device",
         .text = "A PCI address (`0000:3b:00.0`) or a DPDK vdev (`net_af_packet0,iface=v0`).",
         .reader = "lib/dpdk",
         .required = true}),
    value<&PortSettings::side>(
        {.name = "side",
         .text =
             "The protected side is `inside` (RFC 4301 §3.1): what crosses to or from `outside` "
             "passes the SPD.",
         .reader = "dataplane",
         .required = true,
         .words = kSideWords}),
    value<&PortSettings::mtu>({.name = "mtu",
                               .preset = "1500",
                               .unit = "octets",
                               .text = "The largest IP packet.",
                               .reader = "lib/dpdk",
                               .low = kMinMtu,
                               .high = kMaxMtu}),
    value<&PortSettings::addresses>({.name = "addresses",
                                     .text = "Our addresses there, with prefix lengths.",
                                     .reader = "control/bridge"}),
    value<&PortSettings::queues>({.name = "queues",
                                  .preset = "1",
                                  .text = "Receive queues; a worker polls each.",
                                  .reader = "lib/dpdk",
                                  .low = 1,
                                  .high = 64}),
    value<&PortSettings::steering>(
        {.name = "steering",
         .preset = "auto",
         .text = "With several queues, rules of the device bring ESP and AH by their SPI to the "
                 "worker that owns the SA, as far as its driver can ([network cards](nics.md)); "
                 "`off`: workers "
                 "hand them over to each other.",
         .reader = "lib/dpdk",
         .words = kSteeringWords}),
    value<&PortSettings::promiscuous>({.name = "promiscuous",
                                       .preset = "false",
                                       .text = "Take frames for other Ethernet addresses too.",
                                       .reader = "lib/dpdk"}),
};
Options<PortSettings> port_options() { return kPort; }

constexpr std::array kVlan{
    value<&VlanSettings::name>({.name = "name",
                                .text = "How routes, neighbours and `show` name it.",
                                .reader = "control/bridge",
                                .required = true}),
    value<&VlanSettings::port>({.name = "port",
                                .text = "The port that carries its frames, tagged.",
                                .reader = "lib/fib",
                                .required = true}),
    value<&VlanSettings::id>({.name = "id",
                              .text = "Its number (IEEE 802.1Q).",
                              .reader = "lib/fib",
                              .required = true,
                              .low = net::kFirstVlan,
                              .high = net::kLastVlan}),
    value<&VlanSettings::side>({.name = "side",
                                .text = "As of a port; it need not be its port's.",
                                .reader = "dataplane",
                                .required = true,
                                .words = kSideWords}),
    value<&VlanSettings::mtu>({.name = "mtu",
                               .unit = "octets",
                               .text = "The largest IP packet; the port's `mtu` by default, and "
                                       "never above it.",
                               .reader = "lib/fib",
                               .low = kMinMtu,
                               .high = kMaxMtu}),
    value<&VlanSettings::addresses>({.name = "addresses",
                                     .text = "Our addresses there, with prefix lengths.",
                                     .reader = "control/bridge"}),
};
Options<VlanSettings> vlan_options() { return kVlan; }

constexpr std::array kRoute{
    value<&RouteSettings::to>({.name = "to",
                               .text = "Destination; `0.0.0.0/0` for all.",
                               .reader = "lib/fib",
                               .required = true}),
    value<&RouteSettings::via>({.name = "via",
                                .text = "Next hop; without it the destination is on the link.",
                                .reader = "lib/fib"}),
    value<&RouteSettings::port>({.name = "port",
                                 .text = "The port or VLAN by which packets leave.",
                                 .reader = "lib/fib",
                                 .required = true}),
};
Options<RouteSettings> route_options() { return kRoute; }

constexpr std::array kNeighbor{
    value<&NeighborSettings::port>({.name = "port",
                                    .text = "The port or VLAN it is on.",
                                    .reader = "control/bridge",
                                    .required = true}),
    value<&NeighborSettings::address>({.name = "address",
                                       .text = "Its IP address.",
                                       .reader = "control/bridge",
                                       .required = true}),
    value<&NeighborSettings::mac>({.name = "mac",
                                   .text = "Its Ethernet address; ARP never changes it.",
                                   .reader = "control/bridge",
                                   .required = true}),
};
Options<NeighborSettings> neighbor_options() { return kNeighbor; }

constexpr std::array kCrypto{
    value<&CryptoSettings::engine>(
        {.name = "engine",
         .preset = "ipsec-mb",
         .text =
             "What enciphers packets. What it lacks is carried by `ipsec-mb`, then `openssl` "
             "([algorithms](algorithms.md)). `cryptodev` needs `devices` ([QuickAssist](qat.md)).",
         .reader = "lib/burst_crypto",
         .words = kEngineWords}),
    value<&CryptoSettings::devices>(
        {.name = "devices",
         .text = "Devices of `cryptodev`: PCI addresses, or vdevs as `crypto_openssl0`.",
         .reader = "lib/burst_crypto"}),
};
Options<CryptoSettings> crypto_options() { return kCrypto; }

constexpr std::array kLimits{
    value<&DataplaneLimits::sas>(
        {.name = "sas",
         .preset = "16384",
         .text = "SAs, inbound and outbound each; rounded up to a power of two.",
         .reader = "lib/ipsec",
         .low = 256,
         .high = 1 << 22}),
    value<&DataplaneLimits::policies>(
        {.name = "policies",
         .preset = "16384",
         .text = "Rules of the SPD, and children and manual pairs that they point at.",
         .reader = "lib/ipsec",
         .low = 64,
         .high = 1 << 22}),
    value<&DataplaneLimits::routes>({.name = "routes",
                                     .preset = "4096",
                                     .text = "Routes.",
                                     .reader = "lib/fib",
                                     .low = 16,
                                     .high = 1 << 20}),
    value<&DataplaneLimits::neighbors>({.name = "neighbors",
                                        .preset = "4096",
                                        .text = "Neighbours.",
                                        .reader = "lib/fib",
                                        .low = 16,
                                        .high = 1 << 20}),
    value<&DataplaneLimits::packets>({.name = "packets",
                                      .preset = "16384",
                                      .text = "Packet buffers of a NUMA node.",
                                      .reader = "lib/dpdk",
                                      .low = 1024,
                                      .high = 1 << 23}),
    value<&DataplaneLimits::largest_packet>(
        {.name = "largest_packet",
         .preset = "1500",
         .unit = "octets",
         .text = "The largest IP packet that a buffer holds, also put together from fragments or "
                 "out of an SA; at least the largest `mtu`. Each buffer takes so much and 600 "
                 "octets more.",
         .reader = "lib/dpdk",
         .low = 1500,
         .high = 65000}),
    value<&DataplaneLimits::smallest_path_mtu>(
        {.name = "smallest_path_mtu",
         .preset = "576",
         .unit = "octets",
         .text = "ICMP makes no path over IPv4 narrower than this; over IPv6 it is 1280 (RFC 8201 "
                 "§4).",
         .reader = "lib/ipsec",
         .low = 68,
         .high = 1500}),
    value<&DataplaneLimits::path_mtu_time>(
        {.name = "path_mtu_time",
         .preset = "10m",
         .unit = "time",
         .text = "A path MTU that ICMP told is forgotten after this (RFC 1191 §6.3); 0: such ICMP "
                 "is not believed.",
         .reader = "lib/ipsec"}),
};
Options<DataplaneLimits> limits_options() { return kLimits; }

constexpr std::array kDataplane{
    value<&DataplaneSettings::eal>(
        {.name = "eal",
         .text = "More arguments for DPDK's EAL, one a text: `[\"--in-memory\"]`.",
         .reader = "lib/dpdk"}),
    value<&DataplaneSettings::file_prefix>(
        {.name = "file_prefix",
         .preset = "penstock",
         .text = "DPDK's name for this process; two gateways on a machine need two.",
         .reader = "lib/dpdk"}),
    value<&DataplaneSettings::control_cpu>({.name = "control_cpu",
                                            .preset = "0",
                                            .text = "CPU of the control core.",
                                            .reader = "lib/dpdk",
                                            .low = 0,
                                            .high = kMaxCpu}),
    value<&DataplaneSettings::workers>({.name = "workers",
                                        .preset = "[1]",
                                        .text = "CPUs of the workers.",
                                        .reader = "lib/dpdk",
                                        .low = 0,
                                        .high = kMaxCpu}),
    value<&DataplaneSettings::idle>(
        {.name = "idle",
         .preset = "poll",
         .text = "What a worker without packets does: `poll` on, or `sleep` a little, for labs "
                 "where workers share CPUs with their peers.",
         .reader = "dataplane",
         .words = kIdleWords}),
    list<&DataplaneSettings::ports, port_options>(
        {.name = "ports", .text = "The ports.", .required = true}),
    list<&DataplaneSettings::vlans, vlan_options>(
        {.name = "vlans", .text = "VLANs behind ports: interfaces of their own."}),
    list<&DataplaneSettings::routes, route_options>(
        {.name = "routes", .text = "Routes beside those of the ports' own addresses."}),
    list<&DataplaneSettings::neighbors, neighbor_options>(
        {.name = "neighbors", .text = "Neighbours that are not asked for by ARP."}),
    value<&DataplaneSettings::duplicate_address_detection>(
        {.name = "duplicate_address_detection",
         .preset = "true",
         .text = "Ask the link whether anybody else has our IPv6 addresses, at start and whenever "
                 "the link comes up (RFC 4862 §5.4). One that somebody has is not used.",
         .reader = "control/bridge"}),
    group<&DataplaneSettings::crypto, crypto_options>(
        {.name = "crypto", .text = "Crypto engines."}),
    group<&DataplaneSettings::limits, limits_options>(
        {.name = "limits",
         .text =
             "How large tables may grow (memory is taken at start), and what strangers may bring "
             "about."}),
};

constexpr std::array kRoot{
    group<&Settings::control, control_options>({.name = "control", .text = "The control core."}),
    group<&Settings::dataplane, dataplane_options>(
        {.name = "dataplane", .text = "Ports, workers, routes, crypto.", .required = true}),
    list<&Settings::manual_sas, manual_sa_options>(
        {.name = "manual_sas", .text = "SAs keyed by hand, for benchmarks and labs: no IKE."}),
    named<&Settings::connections, connection_options>(
        {.name = "connections", .text = "Peers: a group each, under a name of your choice."}),
    named<&Settings::secrets, secret_options>(
        {.name = "secrets",
         .text = "Groups whose names begin with `ike` are pre-shared keys, with `private` files of "
                 "private keys; which certificate a private key belongs to shows by itself."}),
    named<&Settings::authorities, authority_options>(
        {.name = "authorities",
         .text =
             "Certification authorities that are trusted, each with its CRLs and OCSP "
             "responses. Files are beside the configuration unless their names begin with `/`."}),
    later<Settings>("pools", "address pools", "Address pools for remote access."),
};

}  // namespace

Options<Settings> root_options() { return kRoot; }
Options<DataplaneSettings> dataplane_options() { return kDataplane; }

}  // namespace penstock::config
