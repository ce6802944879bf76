// SPDX-License-Identifier: BSD-3-Clause
// Reading an IPv4 header into the meta, inline: parse does it for every frame, close (inbound) for
// every packet that comes out of an SA.
#pragma once

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>
#include <optional>

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

/// From addresses and the octets behind the header, as they are on the wire, to the first twelve
/// octets of a meta: addresses and, in the second, both ports in host order.
inline constexpr std::uint8_t kNoOctet = 0x80;  // gives 0
alignas(16) inline constexpr std::uint8_t kToSelectors[3][16] = {
    {},
    {3, 2, 1, 0, 7, 6, 5, 4, kNoOctet, kNoOctet, kNoOctet, kNoOctet, kNoOctet, kNoOctet, kNoOctet,
     kNoOctet},
    {3, 2, 1, 0, 7, 6, 5, 4, 9, 8, 11, 10, kNoOctet, kNoOctet, kNoOctet, kNoOctet}};
/// Places in it by protocol: of ESP, and of TCP and UDP.
enum PlainProtocol : std::uint8_t { kNotPlain = 0, kPlainWithoutPorts = 1, kPlainWithPorts = 2 };
inline constexpr auto kPlainProtocols = [] {
  std::array<std::uint8_t, 256> table{};
  table[net::kProtocolEsp] = kPlainWithoutPorts;
  table[net::kProtocolTcp] = table[net::kProtocolUdp] = kPlainWithPorts;
  return table;
}();
static_assert(offsetof(dpdk::PacketMeta, source) == 0 &&
              offsetof(dpdk::PacketMeta, destination) == 4 &&
              offsetof(dpdk::PacketMeta, source_port) == 8 &&
              offsetof(dpdk::PacketMeta, destination_port) == 10 &&
              offsetof(dpdk::PacketMeta, protocol) == 12 &&
              offsetof(dpdk::PacketMeta, ip_version) == 13 &&
              offsetof(dpdk::PacketMeta, header_length) == 14 &&
              offsetof(dpdk::PacketMeta, nesting) == 15);

/// The common packet, as read_ipv4() would read it: whole, without options, of TCP, UDP or ESP,
/// between addresses that are fine. It is told by few words and read at once.
struct PlainIpv4 {
  __m128i selectors;  ///< the first sixteen octets of a meta, but for the nesting
  std::uint16_t total_length;
  std::uint8_t tos;
  std::uint32_t flags;  ///< of kHeaderFlags

  /// @param octets  from the header on
  /// @return nothing: another, or an ill one
  [[nodiscard, gnu::always_inline]] static std::optional<PlainIpv4> read(const std::byte* header,
                                                                         unsigned octets,
                                                                         HeaderChecksum checksum) {
    static_assert(std::endian::native == std::endian::little);
    constexpr unsigned kAddresses = 12;
    constexpr unsigned kLeast = kAddresses + sizeof(__m128i);  // what is read at once; UDP's least
    if (octets < kLeast) [[unlikely]]
      return std::nullopt;
    std::uint64_t first;  // version and length, tos, total length, identification, fragment
    std::memcpy(&first, header, sizeof(first));
    const unsigned total = __builtin_bswap16(static_cast<std::uint16_t>(first >> 16U));
    const auto protocol = std::to_integer<std::uint8_t>(header[9]);
    const std::uint8_t kind = kPlainProtocols[protocol];
    constexpr std::uint64_t kFragmentBits =
        std::uint64_t{__builtin_bswap16(net::kIpv4MoreFragments | net::kIpv4OffsetMask)} << 48U;
    const auto octet = [header](unsigned at) { return std::to_integer<unsigned>(header[at]); };
    const bool plain = (first & (kFragmentBits | 0xffU)) == 0x45 &&
                       total - kLeast <= octets - kLeast && kind != kNotPlain &&
                       ((kMartians[octet(kAddresses)] & kNoSource) |
                        (kMartians[octet(kAddresses + 4)] & kNoDestination)) == 0;
    if (!plain || (checksum == HeaderChecksum::kVerify &&
                   !checksum_is_right(header, sizeof(net::Ipv4Header)))) [[unlikely]]
      return std::nullopt;
    const __m128i wire = _mm_loadu_si128(reinterpret_cast<const __m128i*>(header + kAddresses));
    const __m128i order = _mm_load_si128(reinterpret_cast<const __m128i*>(kToSelectors[kind]));
    const unsigned rest = protocol | 4U << 8U | unsigned{sizeof(net::Ipv4Header)} << 16U;
    constexpr std::uint64_t kDf = std::uint64_t{__builtin_bswap16(net::kIpv4DontFragment)} << 48U;
    return PlainIpv4{
        .selectors = _mm_insert_epi32(_mm_shuffle_epi8(wire, order), static_cast<int>(rest), 3),
        .total_length = static_cast<std::uint16_t>(total),
        .tos = static_cast<std::uint8_t>(first >> 8U),
        .flags = (kind == kPlainWithPorts ? dpdk::kHasPorts : 0U) |
                 ((first & kDf) != 0 ? dpdk::kDontFragment : 0U)};
  }

  /// What it says of the packet; the nesting stays.
  [[gnu::always_inline]] void put(dpdk::PacketMeta& meta) const {
    const __m128i nesting = _mm_insert_epi8(_mm_setzero_si128(), meta.nesting, 15);
    _mm_store_si128(reinterpret_cast<__m128i*>(&meta.source), _mm_or_si128(selectors, nesting));
    meta.total_length = total_length;
    meta.tos = tos;
    meta.flags = (meta.flags & ~kHeaderFlags) | flags;
  }
};

/// Reads the common header into the meta as read_ipv4() does.
/// @param octets  from the header on
/// @return false: another, or an ill one; nothing was written
[[nodiscard, gnu::always_inline]] inline bool read_plain_ipv4(const std::byte* header,
                                                              unsigned octets,
                                                              HeaderChecksum checksum,
                                                              dpdk::PacketMeta& meta) {
  const auto plain = PlainIpv4::read(header, octets, checksum);
  if (!plain) return false;
  plain->put(meta);
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
