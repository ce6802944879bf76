// SPDX-License-Identifier: BSD-3-Clause
// Reading an IPv4 header into the meta, inline: parse does it for every frame, close (inbound) for
// every packet that comes out of an SA.
#pragma once

#include <array>
#include <cstring>

#include "dataplane/parse.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

[[nodiscard]] inline std::uint16_t be16_at(const std::byte* p) {
  base::Be16 value;
  std::memcpy(&value, p, sizeof(value));
  return value.get();
}

[[nodiscard]] inline std::uint32_t be32_at(const std::byte* p) {
  base::Be32 value;
  std::memcpy(&value, p, sizeof(value));
  return value.get();
}
[[nodiscard]] inline std::uint64_t be64_at(const std::byte* p) {
  base::Be64 value;
  std::memcpy(&value, p, sizeof(value));
  return value.get();
}

/// RFC 1071 §2: the sum of a header without options may be of longer words, with the carry coming
/// in at the other end. It is right if it is a multiple of 0xffff (it is not 0: a version is in
/// it), which for an odd divisor one multiplication by its inverse modulo 2^64 tells.
[[nodiscard, gnu::always_inline]] inline bool checksum_is_right(const std::byte* header,
                                                                unsigned octets) {
  if (octets != net::kIpv4MinHeader) [[unlikely]]
    return net::internet_checksum({header, octets}) == 0;
  constexpr std::uint64_t kDivisor = 0xffff;
  constexpr std::uint64_t kInverse = 0xfffefffefffeffff;
  static_assert(kDivisor * kInverse == 1);
  std::array<std::uint64_t, 2> words;
  std::uint32_t last = 0;
  std::memcpy(words.data(), header, sizeof(words));
  std::memcpy(&last, header + sizeof(words), sizeof(last));
  std::uint64_t sum = words[0] + words[1];
  sum += sum < words[1] ? 1U : 0U;
  sum += last;
  sum += sum < last ? 1U : 0U;
  return sum * kInverse <= ~std::uint64_t{0} / kDivisor;
}

/// RFC 1812 §5.2.4: an option list that can be read and holds no source route. (RFC 7126 §4.3,
/// §4.4: source-routed packets are dropped by default.)
[[nodiscard]] bool options_are_fine(const std::byte* option, unsigned length);

/// read_ports() of what is neither TCP nor UDP.
void read_other_ports(dpdk::Packet* packet);

/// Only the selectors that lie behind the IP header: protocol is set, and ports as far as the
/// packet holds them (RFC 4301 §4.4.1.1).
[[gnu::always_inline]] inline void read_ports(dpdk::Packet* packet) {
  dpdk::PacketMeta& meta = dpdk::meta(packet);
  meta.source_port = 0;
  meta.destination_port = 0;
  if (meta.protocol != net::kProtocolUdp && meta.protocol != net::kProtocolTcp)
    return read_other_ports(packet);
  if (meta.total_length - meta.header_length < 4) return;
  const std::byte* upper = dpdk::data(packet) + meta.header_length;
  meta.source_port = be16_at(upper);
  meta.destination_port = be16_at(upper + 2);
  meta.flags |= dpdk::kHasPorts;
}

enum MartianBit : std::uint8_t { kNoSource = 1, kNoDestination = 2 };
/// What an address cannot be, by its first octet (RFC 1812 §5.3.7): this network, loopback,
/// multicast, class E with the broadcast.
inline constexpr auto kMartians = [] {
  std::array<std::uint8_t, 256> table{};
  table[0] = table[127] = kNoSource | kNoDestination;
  for (unsigned first = 0xe0; first < table.size(); ++first)
    table[first] = kNoSource | kNoDestination;
  return table;
}();

/// Which martian it is.
[[nodiscard]] net::DropReason martian_of(std::uint32_t source, std::uint32_t destination);

/// Whether these addresses may be in a packet that is forwarded or delivered (RFC 1812 §5.3.7,
/// §4.2.2.11).
[[nodiscard, gnu::always_inline]] inline bool are_fine(std::uint32_t source,
                                                       std::uint32_t destination) {
  return ((kMartians[source >> 24U] & kNoSource) |
          (kMartians[destination >> 24U] & kNoDestination)) == 0;
}
/// What of the flags is read from the header.
inline constexpr std::uint32_t kHeaderFlags =
    dpdk::kFragment | dpdk::kHasPorts | dpdk::kDontFragment | dpdk::kHasOptions;

/// Reads the common header into the meta as read_ipv4() does: whole, without options, of TCP, UDP
/// or ESP, between addresses that are fine. It is told by few words and read at once.
/// @param octets  from the header on
/// @return false: another, or an ill one; nothing was written
[[nodiscard, gnu::always_inline]] inline bool read_plain_ipv4(const std::byte* header,
                                                              unsigned octets,
                                                              HeaderChecksum checksum,
                                                              dpdk::PacketMeta& meta) {
  constexpr unsigned kLeast = sizeof(net::Ipv4Header) + 4;  // with ports
  if (octets < kLeast) [[unlikely]]
    return false;
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(header);
  const unsigned total = ip.total_length.get();
  const unsigned fragment = ip.fragment.get();
  const std::uint8_t protocol = ip.protocol;
  const std::uint32_t source = ip.source.get();
  const std::uint32_t destination = ip.destination.get();
  const bool has_ports = protocol == net::kProtocolUdp || protocol == net::kProtocolTcp;
  const bool plain = ip.version_ihl == 0x45 && total >= kLeast && total <= octets &&
                     (fragment & (net::kIpv4MoreFragments | net::kIpv4OffsetMask)) == 0 &&
                     (has_ports || protocol == net::kProtocolEsp) && are_fine(source, destination);
  if (!plain || (checksum == HeaderChecksum::kVerify &&
                 !checksum_is_right(header, sizeof(net::Ipv4Header)))) [[unlikely]]
    return false;
  const std::uint32_t ports = has_ports ? be32_at(header + sizeof(net::Ipv4Header)) : 0U;
  meta.source = source;
  meta.destination = destination;
  meta.source_port = static_cast<std::uint16_t>(ports >> 16U);
  meta.destination_port = static_cast<std::uint16_t>(ports);
  meta.protocol = protocol;
  meta.ip_version = 4;
  meta.header_length = sizeof(net::Ipv4Header);
  meta.total_length = static_cast<std::uint16_t>(total);
  meta.tos = ip.tos;
  meta.flags = (meta.flags & ~kHeaderFlags) | (has_ports ? dpdk::kHasPorts : 0U) |
               ((fragment & net::kIpv4DontFragment) != 0 ? dpdk::kDontFragment : 0U);
  return true;
}

/// Checks the IPv4 header where the data starts (RFC 1812 §5.2.2), cuts off padding behind the
/// total length, and writes selectors, lengths, tos, kFragment, kHasPorts, kDontFragment,
/// kHasOptions. The other flags, ingress, nesting and the rest of the meta stay as they are.
/// @return nothing if it is well-formed, else why not
[[nodiscard, gnu::always_inline]] inline std::optional<net::DropReason> read_ipv4(
    dpdk::Packet* packet, HeaderChecksum checksum) {
  using net::DropReason;
  using net::Ipv4Header;
  const unsigned length = packet->data_len;
  if (length < sizeof(Ipv4Header)) return DropReason::kTruncated;
  const std::byte* data = dpdk::data(packet);
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(data);
  if (ip.version() != 4) return DropReason::kBadIpVersion;
  const unsigned header = ip.header_length();
  if (header < net::kIpv4MinHeader || header > length) return DropReason::kBadIpHeaderLength;
  const unsigned total = ip.total_length.get();
  if (total < header || total > length) return DropReason::kBadIpTotalLength;
  if (checksum == HeaderChecksum::kVerify && !checksum_is_right(data, header))
    return DropReason::kBadIpChecksum;
  if (header > sizeof(Ipv4Header) &&
      !options_are_fine(data + sizeof(Ipv4Header), header - net::kIpv4MinHeader))
    return DropReason::kIpOptions;
  // RFC 791: no packet ends beyond 65,535 octets. Cut again, such a fragment's offset would wrap,
  // and a piece of it would pass for the first one, with ports that no policy has seen.
  const std::uint16_t fragment = ip.fragment.get();
  if ((fragment & net::kIpv4OffsetMask) * 8U + total > net::kIpv4MaxPacket)
    return DropReason::kFragmentTooLong;
  if (total < length) dpdk::resize(packet, total);  // padding of short frames

  dpdk::PacketMeta& meta = dpdk::meta(packet);
  meta.source = ip.source.get();
  meta.destination = ip.destination.get();
  meta.protocol = ip.protocol;
  meta.ip_version = 4;
  meta.header_length = static_cast<std::uint8_t>(header);
  meta.total_length = static_cast<std::uint16_t>(total);
  meta.tos = ip.tos;
  std::uint32_t flags = meta.flags & ~kHeaderFlags;
  if ((fragment & (net::kIpv4MoreFragments | net::kIpv4OffsetMask)) != 0) flags |= dpdk::kFragment;
  if ((fragment & net::kIpv4DontFragment) != 0) flags |= dpdk::kDontFragment;
  if (header > sizeof(Ipv4Header)) flags |= dpdk::kHasOptions;
  meta.flags = flags;
  if ((fragment & net::kIpv4OffsetMask) == 0) {
    read_ports(packet);
  } else {
    meta.source_port = 0;
    meta.destination_port = 0;
  }
  return std::nullopt;
}

/// Inner packets are checked too.
[[nodiscard, gnu::always_inline]] inline std::optional<net::DropReason> check_martian(
    std::uint32_t source, std::uint32_t destination) {
  if (are_fine(source, destination)) [[likely]]
    return std::nullopt;
  return martian_of(source, destination);
}

}  // namespace penstock::dataplane
