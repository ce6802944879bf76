// SPDX-License-Identifier: BSD-3-Clause
// seal AH (RFC 4302 §3.3): the outer header or the packet's own, then AH with its ICV field of
// zeros, and what routers may change hidden until close. Lies in seal ESP.
#include <algorithm>
#include <cstring>

#include "dataplane/ah_fields.h"
#include "dataplane/seal.h"
#include "dataplane/transport.h"
#include "lib/net/ah.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;

namespace {

/// In front of a bundle's ESP there may be too little; then there is room behind it, which every
/// buffer has for kMaxNesting seals.
bool has_room(Packet* packet, unsigned in_front, unsigned behind) {
  const unsigned headroom = dpdk::headroom(packet);
  const unsigned missing = in_front - std::min(in_front, headroom);
  if (dpdk::tailroom(packet) < missing + behind) return false;
  if (missing == 0) return true;
  std::memmove(dpdk::data(packet) + missing, dpdk::data(packet), packet->data_len);
  packet->data_off = static_cast<std::uint16_t>(headroom + missing);
  return true;
}

/// An outer header in front of a gap for AH. @return what AH carries
std::uint8_t write_tunnel(Packet* packet, const OutboundSa& sa, std::uint16_t fragment) {
  const PacketMeta& meta = dpdk::meta(packet);
  const std::uint8_t carried = is_ipv6(meta) ? net::kProtocolIpv6 : net::kProtocolIpv4;
  dpdk::prepend(packet, unsigned{sa.prefix_octets} + sa.ah_octets);
  std::uint8_t* out = base::u8(dpdk::data(packet));
  if (sa.v6)
    write_outer6(out, meta, sa, packet->data_len);
  else
    write_outer(out, meta, sa, fragment, packet->data_len);
  describe_outer(packet, sa, fragment);
  return carried;
}

/// The packet's own header in front of a gap. @return what AH carries
std::uint8_t write_transport(Packet* packet, const OutboundSa& sa) {
  PacketMeta& meta = dpdk::meta(packet);
  const net::TransportPlace place = transport_place_of(packet);
  const std::uint8_t carried = open_gap(packet, place, sa.ah_octets, net::kProtocolAh);
  meta.source_port = 0;
  meta.destination_port = 0;
  meta.protocol = net::kProtocolAh;
  meta.header_length = static_cast<std::uint8_t>(place.at);
  meta.total_length = packet->data_len;
  meta.flags &= ~std::uint32_t{dpdk::kHasPorts};
  return carried;
}

}  // namespace

bool seal_ah(Packet* packet, const OutboundSa& sa, std::uint16_t fragment, burst_crypto::Job& job) {
  PacketMeta& meta = dpdk::meta(packet);
  const bool transport = sa.has(ipsec::kTransport);
  const unsigned in_front = transport ? transport_place_of(packet).at : sa.prefix_octets;
  const unsigned hidden = in_front - sa.ip_octets();
  const unsigned added = sa.ah_octets + (transport ? 0U : unsigned{sa.prefix_octets});
  // The link header comes when the options are back in their place.
  const unsigned in_front_of_all = added + std::max(hidden, unsigned{dpdk::kLinkHeadroom});
  if (!has_room(packet, in_front_of_all, sizeof(job.sequence_high))) return false;
  const std::uint8_t carried =
      transport ? write_transport(packet, sa) : write_tunnel(packet, sa, fragment);
  std::uint8_t* out = base::u8(dpdk::data(packet));
  net::AhHeader ah{};
  ah.next_header = carried;
  ah.payload_length = static_cast<std::uint8_t>(sa.ah_octets / 4U - 2U);
  ah.spi.set(sa.spi);
  ah.sequence.set(static_cast<std::uint32_t>(meta.sequence));
  std::memset(out + in_front, 0, sa.ah_octets);
  std::memcpy(out + in_front, &ah, sizeof(ah));
  hide_fields(packet, in_front);
  fill_job(job, packet, sa, out, packet->data_len);
  job.icv_offset = static_cast<std::uint16_t>(in_front + sizeof(ah));
  return true;
}

}  // namespace penstock::dataplane
