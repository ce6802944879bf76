// SPDX-License-Identifier: BSD-3-Clause
// seal ESP in transport mode (RFC 4303 §3.1.1): header, IV and, where a NAT is, UDP (RFC 3948
// §3.1) go between the packet's own headers and what they carry. Lies in seal ESP.
#include "dataplane/seal.h"
#include "dataplane/transport.h"

namespace penstock::dataplane {

using dpdk::Packet;

bool seal_transport(Packet* packet, const OutboundSa& sa, burst_crypto::Job& job) {
  const unsigned udp = sa.udp_octets();
  const unsigned gap = udp + unsigned{sizeof(net::EspHeader)} + sa.session.iv_octets;
  if (dpdk::headroom(packet) < gap + dpdk::kLinkHeadroom ||
      dpdk::tailroom(packet) < dpdk::kSealTailroom)
    return false;
  dpdk::PacketMeta& meta = dpdk::meta(packet);
  const net::TransportPlace place = transport_place_of(packet);
  const auto next = std::to_integer<std::uint8_t>(dpdk::data(packet)[place.named_at]);
  const unsigned cipher = write_trailer(packet, sa, packet->data_len - place.at, next);
  dpdk::resize(packet, place.at + cipher + sa.session.icv_octets);
  open_gap(packet, place, gap, udp != 0 ? net::kProtocolUdp : net::kProtocolEsp);
  std::uint8_t* esp = base::u8(dpdk::data(packet)) + place.at + udp;
  if (udp != 0) write_udp(esp - udp, sa, packet->data_len - place.at);
  std::memcpy(esp, sa.wire_spi(), sizeof(base::Be32));
  write_sequence(esp, sa, meta.sequence);
  fill_job(job, packet, sa, esp, cipher);
  meta.source_port = 0;
  meta.destination_port = 0;
  meta.protocol = udp != 0 ? net::kProtocolUdp : net::kProtocolEsp;
  meta.header_length = static_cast<std::uint8_t>(place.at);
  meta.payload_offset = static_cast<std::uint16_t>(place.at + udp);
  meta.total_length = packet->data_len;
  meta.flags &= ~std::uint32_t{dpdk::kHasPorts};
  return true;
}

}  // namespace penstock::dataplane
