// SPDX-License-Identifier: BSD-3-Clause
// Packets for the fuzzed gateway: whole ones of its peers, and octets of the fuzzer's that are made
// right so far that what lies behind is reached.
#pragma once

#include <vector>

#include "lib/net/ipv6.h"
#include "tests/fuzz/dataplane/fuzz_world.h"

namespace penstock::fuzz {

[[nodiscard]] bool is_v6(Bytes packet);

/// An IP packet without options or extension headers, of the addresses' family.
[[nodiscard]] ByteVector ip_packet(const net::IpAddress& source, const net::IpAddress& destination,
                                   std::uint8_t protocol, Bytes payload, std::uint8_t tos);
/// From and to the same port; a checksum over IPv6 alone.
[[nodiscard]] ByteVector udp_packet(const net::IpAddress& source, const net::IpAddress& destination,
                                    std::uint16_t port, Bytes payload, std::uint8_t tos);

/// Of IPv4, if there is a header.
void set_header_checksum(ByteVector& packet);
/// Of ICMP, ICMPv6 and UDP over IPv6, if the packet is whole and leads there.
void set_upper_checksum(ByteVector& packet);
/// Version, lengths and header checksum right; the rest is the fuzzer's.
void make_sound(ByteVector& packet);
void set_addresses(ByteVector& packet, const net::IpAddress& source,
                   const net::IpAddress& destination);
/// Addresses of the world: an index in each half of `addresses`.
void place(ByteVector& packet, std::uint8_t addresses);
/// Makes fragments of one packet those of another: the identification, or IPv6's flow label.
void number(ByteVector& packet, std::uint16_t value);
/// In pieces of `octets` (rounded to 8), at most 32; each one sound.
[[nodiscard]] std::vector<ByteVector> cut(const ByteVector& packet, std::uint16_t octets);
/// RFC 4303 §2.4: 1, 2, 3 …; then pad length and next header.
void pad(ByteVector& text, std::size_t block, std::uint8_t next);
/// What the header at its front names, and what it is in front of.
struct Carried {
  std::uint8_t protocol = 0;
  ByteVector octets;
};
[[nodiscard]] Carried carried_by(Bytes packet);
/// What AH's ICV takes as zero (RFC 4302 §3.3.3.1) of a packet without options.
void hide_mutable(ByteVector& packet);

}  // namespace penstock::fuzz
