// SPDX-License-Identifier: BSD-3-Clause
// seal ESP: sequence numbers for a run of packets of one SA at once, then all headers and trailers
// of the burst, then jobs; the cipher runs over the burst afterwards (RFC 4303 §3.3).
// Touches: the SA's lines 0 to 2; the packet's meta, the line in front of it and its last one.
// Ways out: onward with its job, the data at the outer header; a drop by name.
#include <cstring>

#include "dataplane/addresses.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"
#include "lib/net/esp.h"
#include "lib/net/udp.h"

namespace penstock::dataplane {

using burst_crypto::Job;
using burst_crypto::JobStatus;
using dpdk::Packet;
using dpdk::PacketMeta;
using ipsec::OutboundSa;
using net::DropReason;
using policy::SaEventKind;

namespace {

/// RFC 4303 §2.4: padding of one block at most is a copy of these.
constexpr std::array<std::uint8_t, 16> kPadding{1, 2,  3,  4,  5,  6,  7,  8,
                                                9, 10, 11, 12, 13, 14, 15, 16};
static_assert(dpdk::kSealTailroom >= kPadding.size() + sizeof(net::EspTrailer) + 32);

/// Once an SA and kind; again with the next packet if the ring was full.
void raise(WorkerContext& ctx, OutboundSa& sa, ipsec::SaEventBit bit, SaEventKind kind) {
  if (!sa.raise(bit)) return;
  policy::SaEvent event;
  event.kind = kind;
  event.direction = policy::Direction::kOutbound;
  event.slot = policy::ChildSlot{sa.slot};
  event.spi = net::Spi{sa.spi};
  if (!ctx.channel->send(event)) sa.raised.fetch_and(~std::uint32_t{bit});
}

/// A number of the SA's sequence for every packet of a run of `count` from `first` on, into
/// meta.sequence; 0 where the SA has none left.
void number_run(WorkerContext& ctx, const Burst& burst, unsigned first, unsigned count) {
  OutboundSa& sa = *ctx.ipsec->outbound[first];
  std::uint64_t octets = 0;
  for (unsigned i = first; i < first + count; ++i) octets += dpdk::meta(burst[i]).total_length;
  const std::uint64_t sequence = sa.sequence.reserve(count, sa.shared);
  const std::uint64_t last = sequence + count - 1;
  const std::uint64_t bytes = sa.add_bytes(octets) + octets;
  for (unsigned i = 0; i < count; ++i) dpdk::meta(burst[first + i]).sequence = sequence + i;
  if (last < sa.soft_packets && bytes < sa.soft_bytes) [[likely]]
    return;
  raise(ctx, sa, ipsec::kSoftRaised, SaEventKind::kSoftExpiry);
  const bool bytes_over = bytes - octets >= sa.hard_bytes;
  if (last >= sa.hard_packets || bytes >= sa.hard_bytes)
    raise(ctx, sa, ipsec::kHardRaised, SaEventKind::kHardExpiry);
  if (last <= sa.hard_packets && !bytes_over) return;
  for (unsigned i = first; i < first + count; ++i)
    if (bytes_over || dpdk::meta(burst[i]).sequence > sa.hard_packets)
      dpdk::meta(burst[i]).sequence = 0;
}

void number_all(WorkerContext& ctx, const Burst& burst) {
  const auto& sas = ctx.ipsec->outbound;
  for (unsigned first = 0; first < burst.size();) {
    unsigned end = first + 1;
    while (end < burst.size() && sas[end] == sas[first]) ++end;
    number_run(ctx, burst, first, end - first);
    first = end;
  }
}

/// Behind the inner packet (RFC 4303 §2.4 to §2.6). @return plaintext, padding and trailer
unsigned write_trailer(Packet* packet, const OutboundSa& sa, unsigned inner_octets) {
  const unsigned cipher = sa.cipher_octets(inner_octets);
  const auto padding =
      static_cast<std::uint8_t>(cipher - inner_octets - unsigned{sizeof(net::EspTrailer)});
  std::uint8_t* end = base::u8(dpdk::data(packet)) + inner_octets;
  std::memcpy(end, kPadding.data(), kPadding.size());
  const bool v6 = is_ipv6(dpdk::meta(packet));
  const net::EspTrailer trailer{padding, v6 ? net::kProtocolIpv6 : net::kProtocolIpv4};
  std::memcpy(end + padding, &trailer, sizeof(trailer));
  return cipher;
}

/// Outer IPv4 with what differs from packet to packet, UDP or not, the SPI.
void write_outer(std::uint8_t* out, const PacketMeta& meta, const OutboundSa& sa,
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
void write_outer6(std::uint8_t* out, const PacketMeta& meta, const OutboundSa& sa, unsigned total) {
  const auto length = static_cast<std::uint16_t>(total - sizeof(net::Ipv6Header));
  const ipsec::TunnelPrefix6 prefix = sa.outer6();  // once: the peer may move meanwhile
  std::memcpy(out, prefix.octets, sa.prefix_octets + sizeof(base::Be32));
  auto& ip = *reinterpret_cast<net::Ipv6Header*>(out);
  ip.payload_length.set(length);
  ip.set_traffic_class(static_cast<std::uint8_t>((meta.tos & sa.tos_copied) | sa.tos_set));
  if (sa.prefix_octets != sizeof(net::Ipv6Header))
    reinterpret_cast<net::UdpHeader*>(out + sizeof(ip))->length.set(length);
}

/// In front of it: the outer headers, ESP header and the IV of counter modes. The data starts at
/// the outer header then. @return the ESP header
std::uint8_t* write_headers(Packet* packet, const OutboundSa& sa, std::uint16_t fragment,
                            unsigned cipher) {
  PacketMeta& meta = dpdk::meta(packet);
  const unsigned front = sa.prefix_octets + unsigned{sizeof(net::EspHeader)} + sa.session.iv_octets;
  const unsigned total = front + cipher + sa.session.icv_octets;
  const auto sequence = meta.sequence;
  dpdk::prepend(packet, front);
  dpdk::resize(packet, total);
  std::uint8_t* out = base::u8(dpdk::data(packet));
  std::uint8_t* esp = out + sa.prefix_octets;
  if (sa.v6) [[unlikely]]
    write_outer6(out, meta, sa, total);
  else
    write_outer(out, meta, sa, fragment, total);
  const base::Be32 low{static_cast<std::uint32_t>(sequence)};
  std::memcpy(esp + 4, &low, sizeof(low));
  if (sa.session.iv_octets == sizeof(base::Be64)) {
    const base::Be64 iv{sa.iv_start + sequence};  // design §4.7: never repeats, nor without ESN
    std::memcpy(esp + sizeof(net::EspHeader), &iv, sizeof(iv));
  }
  return esp;
}

/// The meta describes the outer header from here on.
void describe_outer(Packet* packet, const OutboundSa& sa, std::uint16_t fragment) {
  PacketMeta& meta = dpdk::meta(packet);
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
  meta.flags &= ~std::uint32_t{dpdk::kFragment | dpdk::kHasPorts | dpdk::kHasOptions |
                               dpdk::kDontFragment | dpdk::kUdpEncapsulated};
  if (fragment != 0) meta.flags |= dpdk::kDontFragment;
}

void fill_job(Job& job, Packet* packet, const OutboundSa& sa, std::uint8_t* esp, unsigned cipher) {
  const std::uint64_t sequence = dpdk::meta(packet).sequence;
  job.session = &sa.session;
  job.esp = esp;
  job.packet = packet;
  job.cipher_octets = cipher;
  job.status = JobStatus::kPending;
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

bool seal_one(WorkerContext& ctx, Packet* packet, OutboundSa& sa, std::uint16_t fragment,
              Job& job) {
  PacketMeta& meta = dpdk::meta(packet);
  if (meta.sequence == 0) [[unlikely]] {
    sa.errors.fetch_add(1, std::memory_order_relaxed);
    // RFC 4303 §3.3.3: the number never cycles; RFC 4301 §4.4.2.1: nor is a hard limit passed.
    const bool exhausted = sa.sequence.reserved() > ipsec::last_sequence(sa.session.esn());
    ctx.drop(packet, exhausted ? DropReason::kSequenceExhausted : DropReason::kSaHardExpired);
    return false;
  }
  if (dpdk::headroom(packet) < dpdk::kSealHeadroom + dpdk::kLinkHeadroom ||
      dpdk::tailroom(packet) < dpdk::kSealTailroom) [[unlikely]] {
    sa.errors.fetch_add(1, std::memory_order_relaxed);
    ctx.drop(packet, DropReason::kNoHeadroom);
    return false;
  }
  const unsigned cipher = write_trailer(packet, sa, meta.total_length);
  std::uint8_t* esp = write_headers(packet, sa, fragment, cipher);
  fill_job(job, packet, sa, esp, cipher);
  describe_outer(packet, sa, fragment);
  return true;
}

void prefetch_ends(const Packet* packet) {
  const std::byte* front = dpdk::data(packet);
  __builtin_prefetch(front - 16, 1);
  __builtin_prefetch(front + packet->data_len, 1);
}

}  // namespace

void seal_esp(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  number_all(ctx, burst);
  unsigned kept = 0;
  keep_parallel(burst, state.outbound, [&](Packet* packet, unsigned i) {
    if (i + kPrefetchAhead < burst.size()) prefetch_ends(burst[i + kPrefetchAhead]);
    if (!seal_one(ctx, packet, *state.outbound[i], state.outer_fragment[i], state.jobs[kept]))
      return false;
    ++kept;
    return true;
  });
}

}  // namespace penstock::dataplane
