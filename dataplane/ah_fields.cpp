// SPDX-License-Identifier: BSD-3-Clause
// Mutable fields, beside open AH, seal AH and both closes.
#include "dataplane/ah_fields.h"

#include <cstring>

#include "dataplane/addresses.h"
#include "lib/net/ah.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;

namespace {

constexpr std::uint32_t kFlowLabel = 0xfffff;

unsigned fixed_octets(const Packet* packet) {
  return is_ipv6(dpdk::meta(packet)) ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
}
net::Ipv4Header& ipv4_of(Packet* packet) {
  return *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
}

}  // namespace

unsigned hidden_octets(const Packet* packet, unsigned front) {
  return front - fixed_octets(packet);
}

void hide_fields(Packet* packet, unsigned front) {
  PacketMeta& meta = dpdk::meta(packet);
  const unsigned fixed = fixed_octets(packet);
  std::byte* start = dpdk::data(packet);
  std::memcpy(start - (front - fixed), start + fixed, front - fixed);
  if (is_ipv6(meta)) {
    net::Ipv6Header& ip = ipv6_of(packet);
    meta.hidden = (ip.version_class_flow.get() & kFlowLabel) << 8 | ip.hop_limit;
    ip.version_class_flow.set(6U << 28);
    ip.hop_limit = 0;
    net::zero_mutable_options6({start, front});
    return;
  }
  net::Ipv4Header& ip = ipv4_of(packet);
  meta.hidden = std::uint32_t{ip.fragment.get()} << 8 | ip.ttl;
  ip.tos = 0;
  ip.fragment.set(0);
  ip.ttl = 0;
  ip.checksum.set(0);
  net::zero_mutable_options({start + fixed, front - fixed});
}

void show_fields(Packet* packet, unsigned front) {
  const PacketMeta& meta = dpdk::meta(packet);
  const unsigned fixed = fixed_octets(packet);
  std::byte* start = dpdk::data(packet);
  std::memcpy(start + fixed, start - (front - fixed), front - fixed);
  if (is_ipv6(meta)) {
    net::Ipv6Header& ip = ipv6_of(packet);
    ip.version_class_flow.set(6U << 28 | std::uint32_t{meta.tos} << 20 | meta.hidden >> 8);
    ip.hop_limit = static_cast<std::uint8_t>(meta.hidden);
    return;
  }
  net::Ipv4Header& ip = ipv4_of(packet);
  ip.tos = meta.tos;
  ip.fragment.set(static_cast<std::uint16_t>(meta.hidden >> 8));
  ip.ttl = static_cast<std::uint8_t>(meta.hidden);
  net::set_checksum(ip);
}

}  // namespace penstock::dataplane
