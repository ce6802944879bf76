// SPDX-License-Identifier: BSD-3-Clause
// The chain of extension headers, bounded; addresses that follow from others; the pseudo header.
// Lies in parse and, for what was decapsulated, in close.
#include "lib/net/ipv6.h"

#include "lib/base/byte_io.h"
#include "lib/net/checksum.h"

namespace penstock::net {

namespace {

constexpr std::uint8_t kOptionPad1 = 0;
constexpr unsigned kShortestExtension = 8;

std::uint8_t octet(base::Bytes packet, unsigned at) {
  return std::to_integer<std::uint8_t>(packet[at]);
}

/// RFC 8200 §4.2: whether the options between `at` and `end` can be read.
bool options_are_fine(base::Bytes packet, unsigned at, unsigned end) {
  while (at < end) {
    if (octet(packet, at) == kOptionPad1) {
      ++at;
      continue;
    }
    if (at + 2 > end) return false;
    at += 2U + octet(packet, at + 1);
  }
  return at == end;
}

/// What follows the Fragment header at `at` is the middle of something.
bool is_later_fragment(base::Bytes packet, unsigned at) {
  const auto& header = *reinterpret_cast<const Ipv6FragmentHeader*>(packet.data() + at);
  return (header.offset_flags.get() & kIpv6OffsetMask) != 0;
}

bool is_extension(std::uint8_t header) {
  return header == kExtensionHopByHop || header == kExtensionRouting ||
         header == kExtensionFragment || header == kExtensionDestination;
}

/// One extension header at `at`, `octets` long, all of it there.
std::optional<DropReason> check_extension(base::Bytes packet, std::uint8_t kind, unsigned at,
                                          unsigned octets) {
  if (kind == kExtensionRouting) {
    // RFC 5095 §3: type 0 is not followed; no other type leads through us either.
    const std::uint8_t segments_left = octet(packet, at + 3);
    return segments_left != 0 ? std::optional(DropReason::kSourceRoute) : std::nullopt;
  }
  // RFC 8200 §4.1: hop-by-hop options only behind the IPv6 header itself.
  if (kind == kExtensionHopByHop && at != sizeof(Ipv6Header)) return DropReason::kExtensionHeaders;
  if (!options_are_fine(packet, at + 2, at + octets)) return DropReason::kExtensionHeaders;
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> follow_chain(base::Bytes packet, Ipv6Chain& chain) {
  chain = {};
  chain.protocol = reinterpret_cast<const Ipv6Header*>(packet.data())->next_header;
  chain.named_at = offsetof(Ipv6Header, next_header);
  unsigned at = sizeof(Ipv6Header);
  for (unsigned headers = 0; is_extension(chain.protocol); ++headers) {
    if (headers == kMaxExtensionHeaders || at + kShortestExtension > packet.size())
      return DropReason::kExtensionHeaders;
    const std::uint8_t kind = chain.protocol;
    const bool fragment = kind == kExtensionFragment;
    const unsigned octets =
        fragment ? sizeof(Ipv6FragmentHeader) : (octet(packet, at + 1) + 1U) * 8U;
    if (at + octets > packet.size() || at + octets > kMaxIpv6Headers)
      return DropReason::kExtensionHeaders;
    if (fragment) {
      if (chain.fragment_at != 0) return DropReason::kExtensionHeaders;
      chain.fragment_named_at = chain.named_at;
      const auto& header = *reinterpret_cast<const Ipv6FragmentHeader*>(packet.data() + at);
      chain.fragment_at = static_cast<std::uint16_t>(at);
      chain.fragment = header.offset_flags.get() & (kIpv6OffsetMask | kIpv6MoreFragments);
    } else {
      chain.has_extensions = true;
      if (const auto fault = check_extension(packet, kind, at, octets)) return fault;
    }
    chain.protocol = octet(packet, at);
    chain.named_at = static_cast<std::uint16_t>(at);
    const bool later = fragment && is_later_fragment(packet, at);
    at += octets;
    if (later) break;
  }
  chain.octets = static_cast<std::uint16_t>(at);
  return std::nullopt;
}

TransportPlace transport_place(base::Bytes packet) {
  TransportPlace place{sizeof(Ipv6Header), offsetof(Ipv6Header, next_header)};
  std::uint8_t kind = reinterpret_cast<const Ipv6Header*>(packet.data())->next_header;
  for (unsigned at = sizeof(Ipv6Header); is_extension(kind) && kind != kExtensionFragment;) {
    const unsigned end = at + (octet(packet, at + 1) + 1U) * 8U;
    if (kind != kExtensionDestination) place = {end, at};
    kind = octet(packet, at);
    at = end;
  }
  return place;
}

bool has_forbidding_option(base::Bytes packet) {
  std::uint8_t kind = reinterpret_cast<const Ipv6Header*>(packet.data())->next_header;
  for (unsigned at = sizeof(Ipv6Header); is_extension(kind);) {
    const bool fragment = kind == kExtensionFragment;
    const unsigned octets =
        fragment ? unsigned{sizeof(Ipv6FragmentHeader)} : (octet(packet, at + 1) + 1U) * 8U;
    if (fragment && is_later_fragment(packet, at)) return false;
    if (kind == kExtensionDestination)
      for (unsigned i = at + 2; i < at + octets;) {
        const std::uint8_t type = octet(packet, i);
        if ((type & 0xc0U) != 0) return true;
        i += type == kOptionPad1 ? 1U : 2U + octet(packet, i + 1);
      }
    kind = octet(packet, at);
    at += octets;
  }
  return false;
}

Ipv6Octets solicited_node(const Ipv6Octets& address) {
  return {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, address[13], address[14], address[15]};
}

std::array<std::uint8_t, 6> group_mac(const Ipv6Octets& group) {
  return {0x33, 0x33, group[12], group[13], group[14], group[15]};
}

Ipv6Octets link_local_of(const std::array<std::uint8_t, 6>& mac) {
  return {
      0xfe,   0x80,   0,    0,    0,      0,      0,     0, static_cast<std::uint8_t>(mac[0] ^ 2U),
      mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
}

std::uint16_t upper_checksum(const Ipv6Header& ip, std::uint8_t protocol, base::Bytes message) {
  struct PseudoHeader {
    Ipv6Octets source;
    Ipv6Octets destination;
    base::Be32 length;
    std::array<std::uint8_t, 3> zero;
    std::uint8_t next_header;
  };
  static_assert(sizeof(PseudoHeader) == 40);
  const PseudoHeader pseudo{
      ip.source, ip.destination, static_cast<std::uint32_t>(message.size()), {}, protocol};
  return finish_checksum(add_words(base::bytes_of(pseudo), add_words(message, 0)));
}

}  // namespace penstock::net
