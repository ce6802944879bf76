// SPDX-License-Identifier: BSD-3-Clause
// seal ESP: for each run of packets of one SA sequence numbers at once, then headers, trailers and
// jobs, and its keys are asked for; the cipher runs over the burst afterwards (RFC 4303 §3.3).
// Touches: the SA's lines 0 to 2; the packet's meta, the line in front of it and its last one.
// Ways out: onward with its job, the data at the outer header; a drop by name.
#include <cstring>

#include "dataplane/addresses.h"
#include "dataplane/plain_tunnel.h"
#include "dataplane/stages.h"
#include "dataplane/tunnel_mtu.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

using burst_crypto::Job;
using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;
using policy::SaEventKind;

namespace {

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

/// A run of packets of one SA.
struct Run {
  unsigned first;
  unsigned end;
};

/// Numbers of the SA's sequence for a run (RFC 4303 §3.3.3).
struct Numbers {
  std::uint64_t first;
  std::uint64_t last;  ///< less than a run's: the SA has no more
};

Numbers reserve_numbers(WorkerContext& ctx, OutboundSa& sa, const Burst& burst, Run run) {
  std::uint64_t octets = 0;
  for (unsigned i = run.first; i < run.end; ++i) octets += dpdk::meta(burst[i]).total_length;
  const unsigned count = run.end - run.first;
  const std::uint64_t first = sa.sequence.reserve(count, sa.shared);
  const std::uint64_t last = first + count - 1;
  const std::uint64_t bytes = sa.add_bytes(octets) + octets;
  if (last < sa.soft_packets && bytes < sa.soft_bytes) [[likely]]
    return {first, last};
  raise(ctx, sa, ipsec::kSoftRaised, SaEventKind::kSoftExpiry);
  const bool bytes_over = bytes - octets >= sa.hard_bytes;
  if (last >= sa.hard_packets || bytes >= sa.hard_bytes)
    raise(ctx, sa, ipsec::kHardRaised, SaEventKind::kHardExpiry);
  return {first, bytes_over ? 0 : std::min(last, sa.hard_packets)};
}

/// Traffic flow confidentiality (RFC 4303 §2.7): octets behind the inner packet, whose own length
/// tells them apart, as far as path and buffer have room. @return how many
unsigned pad_traffic(const WorkerContext& ctx, Packet* packet, const OutboundSa& sa) {
  const unsigned length = dpdk::meta(packet).total_length;
  const unsigned wanted = std::min<unsigned>(sa.tfc_padding, sa.inner_mtu(tunnel_mtu(ctx, sa)));
  if (wanted <= length) return 0;
  const unsigned octets = std::min(wanted - length, dpdk::tailroom(packet) - dpdk::kSealTailroom);
  std::memset(dpdk::data(packet) + length, 0, octets);
  dpdk::resize(packet, length + octets);
  return octets;
}

/// RFC 6438 §3: the same for all packets of an inner flow, and as good as random; never 0, which is
/// no label. Fragments of a packet show no ports, or not all of them.
std::uint32_t flow_label(const PacketMeta& inner, const std::uint8_t* inner_ip,
                         std::uint32_t seed) {
  std::uint64_t hash = std::uint64_t{seed} << 32U | inner.protocol;
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32U;
  };
  if ((inner.flags & (dpdk::kHasPorts | dpdk::kFragment)) == dpdk::kHasPorts)
    mix(std::uint64_t{inner.source_port} << 16U | inner.destination_port);
  mix(std::uint64_t{inner.source} << 32U | inner.destination);
  if (is_ipv6(inner)) {
    std::uint64_t addresses[4];
    std::memcpy(addresses, inner_ip + offsetof(net::Ipv6Header, source), sizeof(addresses));
    for (const std::uint64_t word : addresses) mix(word);
  }
  const auto label = static_cast<std::uint32_t>(hash >> 44U);
  return label == 0 ? 1U : label;
}

void write_flow_label(std::uint8_t* out, std::uint32_t label) {
  auto& ip = *reinterpret_cast<net::Ipv6Header*>(out);
  ip.version_class_flow.set(ip.version_class_flow.get() | label);
}

/// In front of it: the outer headers, ESP header and the IV of counter modes. The data starts at
/// the outer header then. @return the ESP header
std::uint8_t* write_headers(Packet* packet, const OutboundSa& sa, std::uint16_t fragment,
                            unsigned cipher) {
  const PacketMeta& meta = dpdk::meta(packet);
  const unsigned front = sa.prefix_octets + unsigned{sizeof(net::EspHeader)} + sa.session.iv_octets;
  const unsigned total = front + cipher + sa.session.icv_octets;
  dpdk::prepend(packet, front);
  dpdk::resize(packet, total);
  std::uint8_t* out = base::u8(dpdk::data(packet));
  std::uint8_t* esp = out + sa.prefix_octets;
  if (sa.v6) [[unlikely]] {
    write_outer6(out, meta, sa, total);
    if (sa.flow_label) write_flow_label(out, flow_label(meta, out + front, sa.spi));
  } else {
    write_outer(out, meta, sa, fragment, total);
  }
  write_sequence(esp, sa, meta.sequence);
  return esp;
}

bool no_room(WorkerContext& ctx, Packet* packet, OutboundSa& sa) {
  sa.errors.fetch_add(1, std::memory_order_relaxed);
  ctx.drop(packet, DropReason::kNoHeadroom);
  return false;
}

bool seal_shaped(WorkerContext& ctx, Packet* packet, OutboundSa& sa, std::uint16_t fragment,
                 Job& job) {
  const bool sealed =
      sa.has(ipsec::kAh) ? seal_ah(packet, sa, fragment, job) : seal_transport(packet, sa, job);
  return sealed || no_room(ctx, packet, sa);
}

/// RFC 4303 §3.3.3: the number never cycles; RFC 4301 §4.4.2.1: nor is a hard limit passed.
void drop_without_number(WorkerContext& ctx, Packet* packet, OutboundSa& sa) {
  sa.errors.fetch_add(1, std::memory_order_relaxed);
  const bool exhausted = sa.sequence.reserved() > ipsec::last_sequence(sa.session.esn());
  ctx.drop(packet, exhausted ? DropReason::kSequenceExhausted : DropReason::kSaHardExpired);
}

bool seal_one(WorkerContext& ctx, Packet* packet, OutboundSa& sa, std::uint16_t fragment,
              Job& job) {
  const PacketMeta& meta = dpdk::meta(packet);
  if ((sa.shape & (ipsec::kAh | ipsec::kTransport)) != 0) [[unlikely]]
    return seal_shaped(ctx, packet, sa, fragment, job);
  if (dpdk::headroom(packet) < dpdk::kSealHeadroom + dpdk::kLinkHeadroom ||
      dpdk::tailroom(packet) < dpdk::kSealTailroom) [[unlikely]]
    return no_room(ctx, packet, sa);
  unsigned text = meta.total_length;
  if (sa.tfc_padding != 0) [[unlikely]]
    text += pad_traffic(ctx, packet, sa);
  const unsigned cipher = write_trailer(packet, sa, text, kNextHeaders[meta.ip_version & 7U]);
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
  const auto& sas = state.outbound;
  unsigned kept = 0;
  for (Run run{0, 0}; run.first < burst.size(); run.first = run.end) {
    OutboundSa& sa = *sas[run.first];
    while (run.end < burst.size() && sas[run.end] == &sa) ++run.end;
    state.engine->key_lines().prefetch<2>(sa.session, dpdk::meta(burst[run.first]).total_length);
    const Numbers numbers = reserve_numbers(ctx, sa, burst, run);
    const PlainTunnel tunnel(sa);
    const bool plain = PlainTunnel::is_plain(sa);
    std::uint64_t sequence = numbers.first;
    for (unsigned i = run.first; i < run.end; ++i, ++sequence) {
      if (i + kPrefetchAhead < burst.size()) prefetch_ends(burst[i + kPrefetchAhead]);
      Packet* packet = burst[i];
      if (sequence > numbers.last) [[unlikely]] {
        drop_without_number(ctx, packet, sa);
        continue;
      }
      const std::uint16_t fragment = state.outer_fragment[i];
      if (plain) [[likely]] {
        if (!tunnel.seal(packet, sequence, fragment, state.jobs[kept])) [[unlikely]] {
          no_room(ctx, packet, sa);
          continue;
        }
      } else {
        dpdk::meta(packet).sequence = sequence;
        if (!seal_one(ctx, packet, sa, fragment, state.jobs[kept])) continue;
        mark_sealed(dpdk::meta(packet));
      }
      burst.raw()[kept++] = packet;
    }
  }
  burst.set_size(kept);
}

}  // namespace penstock::dataplane
