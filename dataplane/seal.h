// SPDX-License-Identifier: BSD-3-Clause
// What sealing writes, whatever the protocol and mode: outer headers, ESP's header and trailer, the
// job. Inline, because ESP in tunnel mode calls each of them once a packet.
#pragma once

#include <array>
#include <cstring>

#include "dataplane/addresses.h"
#include "lib/burst_crypto/engine.h"
#include "lib/ipsec/outbound_sa.h"
#include "lib/net/esp.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using ipsec::OutboundSa;

/// RFC 4303 §2.4: padding of one block at most is a copy of these.
inline constexpr std::array<std::uint8_t, 16> kPadding{1, 2,  3,  4,  5,  6,  7,  8,
                                                       9, 10, 11, 12, 13, 14, 15, 16};
static_assert(dpdk::kSealTailroom >= kPadding.size() + sizeof(net::EspTrailer) + 32);

/// By the IP version of what is sealed; a dummy has none (RFC 4303 §2.6).
inline constexpr std::array<std::uint8_t, 8> kNextHeaders{
    net::kProtocolNone, 0, 0, 0, net::kProtocolIpv4, 0, net::kProtocolIpv6, 0};

/// What is no longer true of a packet once it is inside another.
inline constexpr std::uint32_t kInnerFlags = dpdk::kFragment | dpdk::kHasPorts | dpdk::kHasOptions |
                                             dpdk::kDontFragment | dpdk::kUdpEncapsulated;

/// It leaves under an SA; what comes of it is not sealed once more.
inline void mark_sealed(dpdk::PacketMeta& meta) {
  meta.flags |= dpdk::kSealed;
  ++meta.nesting;
}

/// Behind the inner packet (RFC 4303 §2.4 to §2.6). @return plaintext, padding and trailer
/// @param octets  that are enciphered and end the packet
inline unsigned write_trailer(dpdk::Packet* packet, const OutboundSa& sa, unsigned octets,
                              std::uint8_t next_header) {
  const unsigned cipher = sa.cipher_octets(octets);
  const auto padding =
      static_cast<std::uint8_t>(cipher - octets - unsigned{sizeof(net::EspTrailer)});
  std::uint8_t* end = base::u8(dpdk::data(packet)) + packet->data_len;
  std::memcpy(end, kPadding.data(), kPadding.size());
  const net::EspTrailer trailer{padding, next_header};
  std::memcpy(end + padding, &trailer, sizeof(trailer));
  return cipher;
}

/// The low half of the number, and the IV of counter modes (design §4.7: it never repeats, nor
/// without ESN).
inline void write_sequence(std::uint8_t* esp, const OutboundSa& sa, std::uint64_t sequence) {
  const base::Be32 low{static_cast<std::uint32_t>(sequence)};
  std::memcpy(esp + 4, &low, sizeof(low));
  if (sa.session.iv_octets != sizeof(base::Be64)) return;
  const base::Be64 iv{sa.iv_start + sequence};
  std::memcpy(esp + sizeof(net::EspHeader), &iv, sizeof(iv));
}

/// Outer IPv4 with what differs from packet to packet, UDP or not, the SPI.
inline void write_outer(std::uint8_t* out, const dpdk::PacketMeta& meta, const OutboundSa& sa,
                        std::uint16_t fragment, unsigned total) {
  // Outer IPv4 and four octets; with UDP eight more, that end with the SPI. Where the peer is may
  // change meanwhile, so it is read once.
  const std::uint64_t path = sa.prefix.path.load(std::memory_order_relaxed);
  const std::uint32_t destination = ipsec::TunnelPrefix::destination(path);
  std::memcpy(out, sa.prefix.front, sizeof(sa.prefix.front));
  std::memcpy(out + sizeof(sa.prefix.front), &path, sizeof(path));
  if (sa.prefix_octets != sizeof(net::Ipv4Header))
    std::memcpy(out + 24, sa.prefix.back, sizeof(sa.prefix.back));
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(out);
  const auto tos = static_cast<std::uint8_t>((meta.tos & sa.tos_copied) | sa.tos_set);
  net::complete_header(
      ip, sa.header_sum + (destination >> 16U) + (destination & 0xffffU),
      {.total_length = static_cast<std::uint16_t>(total),
       .identification = static_cast<std::uint16_t>(sa.identification + meta.sequence),
       .fragment = fragment,
       .tos = tos});
  if (sa.prefix_octets != sizeof(net::Ipv4Header)) {
    auto& udp = *reinterpret_cast<net::UdpHeader*>(out + sizeof(net::Ipv4Header));
    udp.length.set(static_cast<std::uint16_t>(total - sizeof(net::Ipv4Header)));
  }
}

/// The same with outer IPv6 (RFC 4301 §5.1.2.2).
inline void write_outer6(std::uint8_t* out, const dpdk::PacketMeta& meta, const OutboundSa& sa,
                         unsigned total) {
  const auto length = static_cast<std::uint16_t>(total - sizeof(net::Ipv6Header));
  const ipsec::TunnelPrefix6 prefix = sa.outer6();  // once: the peer may move meanwhile
  std::memcpy(out, prefix.octets, sa.prefix_octets + sizeof(base::Be32));
  auto& ip = *reinterpret_cast<net::Ipv6Header*>(out);
  ip.payload_length.set(length);
  ip.set_traffic_class(static_cast<std::uint8_t>((meta.tos & sa.tos_copied) | sa.tos_set));
  if (sa.prefix_octets != sizeof(net::Ipv6Header))
    reinterpret_cast<net::UdpHeader*>(out + sizeof(ip))->length.set(length);
}

/// RFC 3948 §2.1, in transport mode: the same ports, with the length; close_outbound writes the
/// checksum over IPv6.
inline void write_udp(std::uint8_t* out, const OutboundSa& sa, unsigned length) {
  auto& udp = *reinterpret_cast<net::UdpHeader*>(out);
  if (sa.v6) {
    const ipsec::TunnelPrefix6 prefix = sa.outer6();
    std::memcpy(out, prefix.octets + sizeof(net::Ipv6Header), 4);
  } else {
    const std::uint64_t path = sa.prefix.path.load(std::memory_order_relaxed);
    std::memcpy(out, reinterpret_cast<const std::uint8_t*>(&path) + 4, 4);
  }
  udp.length.set(static_cast<std::uint16_t>(length));
  udp.checksum.set(0);
}

/// The meta describes the outer header from here on.
inline void describe_outer(dpdk::Packet* packet, const OutboundSa& sa, std::uint16_t fragment) {
  dpdk::PacketMeta& meta = dpdk::meta(packet);
  meta.source_port = 0;
  meta.destination_port = 0;
  meta.total_length = packet->data_len;
  if (sa.v6) [[unlikely]] {
    const net::Ipv6Header& ip = ipv6_of(packet);
    meta.source = 0;
    meta.destination = 0;
    meta.ip_version = 6;
    meta.protocol = ip.next_header;
    meta.header_length = sizeof(ip);
    meta.tos = ip.traffic_class();
  } else {
    const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(dpdk::data(packet));
    meta.source = ip.source.get();
    meta.destination = ip.destination.get();
    meta.ip_version = 4;
    meta.protocol = ip.protocol;
    meta.header_length = sizeof(ip);
    meta.tos = ip.tos;
  }
  meta.payload_offset = sa.prefix_octets;
  meta.flags &= ~kInnerFlags;
  if (fragment != 0) meta.flags |= dpdk::kDontFragment;
}

/// @param esp  ESP header; of AH the IP header. @param octets  enciphered; of AH covered
inline void fill_job(burst_crypto::Job& job, dpdk::Packet* packet, const OutboundSa& sa,
                     std::uint8_t* esp, unsigned octets) {
  const std::uint64_t sequence = dpdk::meta(packet).sequence;
  job.session = &sa.session;
  job.esp = esp;
  job.packet = packet;
  job.cipher_octets = octets;
  job.status = burst_crypto::JobStatus::kPending;
  const base::Be64 wire{sequence};
  std::memcpy(job.nonce, sa.session.salt, sizeof(sa.session.salt));
  const base::Be64 iv{sa.iv_start + sequence};
  std::memcpy(job.nonce + 4, &iv, sizeof(iv));
  std::memcpy(job.sequence_high, &wire, sizeof(job.sequence_high));
  // RFC 4106 §5: SPI and the whole number as it counts: 8 or 12 octets.
  std::memcpy(job.aad, sa.wire_spi(), 4);
  if (sa.session.esn())
    std::memcpy(job.aad + 4, &wire, sizeof(wire));
  else
    std::memcpy(job.aad + 4, reinterpret_cast<const std::byte*>(&wire) + 4, 4);
}

/// What is not ESP in tunnel mode. The data starts at the outer header then.
/// @return false: no room in the buffer
[[nodiscard]] bool seal_transport(dpdk::Packet* packet, const OutboundSa& sa,
                                  burst_crypto::Job& job);
[[nodiscard]] bool seal_ah(dpdk::Packet* packet, const OutboundSa& sa, std::uint16_t fragment,
                           burst_crypto::Job& job);

}  // namespace penstock::dataplane
