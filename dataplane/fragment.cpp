// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation beside resolve: what is too big for its link and may be cut.
#include "dataplane/fragment.h"

#include <rte_random.h>

#include <algorithm>
#include <cstring>

#include "dataplane/addresses.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using net::DropReason;
using net::Ipv4Header;

namespace {

/// The header of the later fragments: options with the copied bit, padded with END.
struct LaterHeader {
  std::array<std::byte, net::kIpv4MaxHeader> octets{};
  unsigned length = sizeof(Ipv4Header);
};

LaterHeader later_header(const Packet* packet, unsigned header) {
  LaterHeader later;
  const std::byte* from = dpdk::data(packet);
  std::memcpy(later.octets.data(), from, sizeof(Ipv4Header));
  // parse has checked that the list can be read.
  for (unsigned i = sizeof(Ipv4Header); i < header;) {
    const auto type = std::to_integer<std::uint8_t>(from[i]);
    if (type == net::kIpv4OptionEnd) break;
    const unsigned size = type == net::kIpv4OptionNop ? 1U : std::to_integer<unsigned>(from[i + 1]);
    if ((type & net::kIpv4OptionCopied) != 0) {
      std::memcpy(later.octets.data() + later.length, from + i, size);
      later.length += size;
    }
    i += size;
  }
  later.length = (later.length + 3U) / 4U * 4U;
  later.octets[0] = static_cast<std::byte>(0x40U | later.length / 4U);
  return later;
}

void finish(Packet* packet, unsigned header, unsigned payload, std::uint16_t fragment) {
  auto& ip = *reinterpret_cast<Ipv4Header*>(dpdk::data(packet));
  ip.total_length.set(static_cast<std::uint16_t>(header + payload));
  ip.fragment.set(fragment);
  net::set_checksum(ip);
  auto& meta = dpdk::meta(packet);
  meta.header_length = static_cast<std::uint8_t>(header);
  meta.total_length = static_cast<std::uint16_t>(header + payload);
  meta.flags |= dpdk::kFragment;
}

constexpr unsigned kIpv6Front = sizeof(net::Ipv6Header) + sizeof(net::Ipv6FragmentHeader);

void finish_ipv6(Packet* packet, const net::Ipv6Header& original, std::uint32_t identification,
                 unsigned offset_and_more) {
  net::Ipv6Header ip = original;
  const net::Ipv6FragmentHeader header{ip.next_header, 0,
                                       static_cast<std::uint16_t>(offset_and_more), identification};
  ip.next_header = net::kExtensionFragment;
  ip.payload_length.set(static_cast<std::uint16_t>(packet->data_len - sizeof(ip)));
  std::memcpy(dpdk::data(packet), &ip, sizeof(ip));
  std::memcpy(dpdk::data(packet) + sizeof(ip), &header, sizeof(header));
  auto& meta = dpdk::meta(packet);
  meta.header_length = kIpv6Front;
  meta.total_length = packet->data_len;
  meta.flags |= dpdk::kFragment;
}

}  // namespace

bool fragment_ipv6(WorkerContext& ctx, Packet* packet, unsigned mtu, Burst& pieces) {
  const net::Ipv6Header ip = ipv6_of(packet);
  const unsigned payload = packet->data_len - unsigned{sizeof(ip)};
  const unsigned step = (mtu - kIpv6Front) / 8U * 8U;
  const auto identification = static_cast<std::uint32_t>(rte_rand());
  const auto give_up = [&](DropReason reason) {
    for (Packet* piece : pieces) ctx.drop(piece, reason);
    pieces.clear();
    return false;
  };
  pieces.push(packet);
  if (dpdk::headroom(packet) < sizeof(net::Ipv6FragmentHeader))
    return give_up(DropReason::kNoHeadroom);
  for (unsigned offset = step; offset < payload; offset += step) {
    const unsigned size = std::min(step, payload - offset);
    Packet* piece = pieces.full() ? nullptr : ctx.make_packet();
    if (piece == nullptr) return give_up(DropReason::kNoMbuf);
    dpdk::meta(piece) = dpdk::meta(packet);
    std::memcpy(dpdk::data(piece) + kIpv6Front, dpdk::data(packet) + sizeof(ip) + offset, size);
    dpdk::resize(piece, kIpv6Front + size);
    finish_ipv6(piece, ip, identification,
                offset | (offset + size == payload ? 0U : unsigned{net::kIpv6MoreFragments}));
    pieces.push(piece);
  }
  dpdk::resize(packet, unsigned{sizeof(ip)} + step);
  dpdk::prepend(packet, sizeof(net::Ipv6FragmentHeader));
  finish_ipv6(packet, ip, identification, net::kIpv6MoreFragments);
  return true;
}

bool fragment(WorkerContext& ctx, Packet* packet, unsigned mtu, Burst& pieces) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(dpdk::data(packet));
  const unsigned header = ip.header_length();
  const unsigned payload = packet->data_len - header;
  const std::uint16_t original = ip.fragment.get();
  const unsigned original_offset = original & net::kIpv4OffsetMask;
  const LaterHeader later = later_header(packet, header);
  const unsigned first = (mtu - header) / 8U * 8U;
  const unsigned step = (mtu - later.length) / 8U * 8U;
  const auto give_up = [&](DropReason reason) {
    for (Packet* piece : pieces) ctx.drop(piece, reason);
    pieces.clear();
    return false;
  };
  pieces.push(packet);
  for (unsigned offset = first; offset < payload;) {
    const unsigned size = std::min(step, payload - offset);
    const bool last = offset + size == payload;
    Packet* piece = pieces.full() ? nullptr : ctx.make_packet();
    if (piece == nullptr) return give_up(DropReason::kNoMbuf);
    dpdk::meta(piece) = dpdk::meta(packet);
    std::memcpy(dpdk::data(piece), later.octets.data(), later.length);
    std::memcpy(dpdk::data(piece) + later.length, dpdk::data(packet) + header + offset, size);
    dpdk::resize(piece, later.length + size);
    const std::uint32_t more = last ? original & net::kIpv4MoreFragments : net::kIpv4MoreFragments;
    finish(piece, later.length, size,
           static_cast<std::uint16_t>(more | (original_offset + offset / 8U)));
    pieces.push(piece);
    offset += size;
  }
  dpdk::resize(packet, header + first);
  finish(packet, header, first,
         static_cast<std::uint16_t>(net::kIpv4MoreFragments | original_offset));
  return true;
}

}  // namespace penstock::dataplane
