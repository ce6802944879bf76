// SPDX-License-Identifier: BSD-3-Clause
// What an ICMP error quotes, beside look up policy and close (inbound). A stranger wrote it, and
// nothing in it is trusted beyond its length.
#include "dataplane/icmp_return.h"

#include <cstring>

#include "lib/net/icmp.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::PacketMeta;
using ipsec::SpdKey;

namespace {

bool is_whole_error(const PacketMeta& meta) {
  return meta.protocol == net::kProtocolIcmp && (meta.flags & dpdk::kHasPorts) != 0 &&
         (meta.flags & dpdk::kFragment) == 0 &&
         net::is_icmp_error(static_cast<std::uint8_t>(meta.destination_port >> 8));
}

/// The quoted ports exchanged; for ICMP, type and code.
void read_quoted_ports(base::Bytes upper, SpdKey& key) {
  base::Be16 words[2];
  if (!ipsec::has_port_selector(key.protocol) || upper.size() < sizeof(words)) return;
  std::memcpy(words, upper.data(), sizeof(words));
  const bool type = ipsec::port_is_type(key.protocol);
  key.source_port = words[type ? 0 : 1].get();
  key.destination_port = type ? std::uint16_t{0} : words[0].get();
  key.has_ports = true;
}

}  // namespace

std::optional<SpdKey> return_key(const dpdk::Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (!is_whole_error(meta)) return std::nullopt;
  const base::Bytes message = dpdk::bytes(packet).subspan(meta.header_length);
  if (message.size() < sizeof(net::IcmpHeader) + sizeof(net::Ipv4Header)) return std::nullopt;
  const base::Bytes quoted = message.subspan(sizeof(net::IcmpHeader));
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(quoted.data());
  const unsigned header = ip.header_length();
  if (ip.version() != 4 || header < net::kIpv4MinHeader || header > quoted.size())
    return std::nullopt;
  if (ip.source.get() != meta.destination) return std::nullopt;
  SpdKey key{.source = {ip.destination.get()},
             .destination = {ip.source.get()},
             .protocol = ip.protocol,
             .has_ports = false,
             .vrf = net::Vrf{meta.vrf}};
  if (ip.fragment_offset() == 0) read_quoted_ports(quoted.subspan(header), key);
  return key;
}

}  // namespace penstock::dataplane
