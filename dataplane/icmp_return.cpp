// SPDX-License-Identifier: BSD-3-Clause
// What an ICMP error quotes, beside look up policy and close (inbound). A stranger wrote it, and
// nothing in it is trusted beyond its length.
#include "dataplane/icmp_return.h"

#include <cstring>

#include "dataplane/addresses.h"
#include "lib/ipsec/spd_key.h"
#include "lib/net/icmp.h"
#include "lib/net/icmp6.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::PacketMeta;
using net::IpAddress;
using policy::PacketSelectors;

namespace {

bool is_whole_error(const PacketMeta& meta) {
  if ((meta.flags & (dpdk::kHasPorts | dpdk::kFragment)) != dpdk::kHasPorts) return false;
  const auto type = static_cast<std::uint8_t>(meta.destination_port >> 8);
  return is_ipv6(meta) ? meta.protocol == net::kProtocolIcmpv6 && net::is_icmp6_error(type)
                       : meta.protocol == net::kProtocolIcmp && net::is_icmp_error(type);
}

/// The quoted ports exchanged; for ICMP, type and code. A Mobility Header's type is of one way.
void read_quoted_ports(base::Bytes upper, PacketSelectors& turned) {
  if (turned.protocol == net::kProtocolMobility) return;
  base::Be16 words[2];
  if (!ipsec::has_port_selector(turned.protocol) || upper.size() < sizeof(words)) return;
  std::memcpy(words, upper.data(), sizeof(words));
  const bool type = ipsec::port_is_type(turned.protocol);
  turned.source_port = type ? std::uint16_t{0} : words[1].get();
  turned.destination_port = words[0].get();
  turned.has_ports = true;
}

std::optional<PacketSelectors> turned_ipv4(base::Bytes quoted) {
  if (quoted.size() < sizeof(net::Ipv4Header)) return std::nullopt;
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(quoted.data());
  const unsigned header = ip.header_length();
  if (ip.version() != 4 || header < net::kIpv4MinHeader || header > quoted.size())
    return std::nullopt;
  PacketSelectors turned{.source = IpAddress::v4(ip.destination.get()),
                         .destination = IpAddress::v4(ip.source.get()),
                         .protocol = ip.protocol,
                         .has_ports = false};
  if (ip.fragment_offset() == 0) read_quoted_ports(quoted.subspan(header), turned);
  return turned;
}

std::optional<PacketSelectors> turned_ipv6(base::Bytes quoted) {
  if (quoted.size() < sizeof(net::Ipv6Header)) return std::nullopt;
  const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(quoted.data());
  net::Ipv6Chain chain;
  if (ip.version() != 6 || net::follow_chain(quoted, chain)) return std::nullopt;
  PacketSelectors turned{.source = IpAddress::v6(ip.destination),
                         .destination = IpAddress::v6(ip.source),
                         .protocol = chain.protocol,
                         .has_ports = false};
  if ((chain.fragment & net::kIpv6OffsetMask) == 0)
    read_quoted_ports(quoted.subspan(chain.octets), turned);
  return turned;
}

}  // namespace

std::optional<PacketSelectors> return_traffic(const dpdk::Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (!is_whole_error(meta)) return std::nullopt;
  const base::Bytes message = dpdk::bytes(packet).subspan(meta.header_length);
  if (message.size() < sizeof(net::IcmpHeader)) return std::nullopt;
  const base::Bytes quoted = message.subspan(sizeof(net::IcmpHeader));
  auto turned = is_ipv6(meta) ? turned_ipv6(quoted) : turned_ipv4(quoted);
  if (turned && turned->destination != destination_of(packet)) return std::nullopt;
  return turned;
}

}  // namespace penstock::dataplane
