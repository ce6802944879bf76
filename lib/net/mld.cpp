// SPDX-License-Identifier: BSD-3-Clause
// Reports and queries of multicast listener discovery, made and read.
#include "lib/net/mld.h"

#include <algorithm>

#include "lib/base/byte_io.h"
#include "lib/net/ipv4.h"

namespace penstock::net {

namespace {

/// RFC 3810 §5.2.14.
constexpr Ipv6Octets kAllMldv2Routers{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16};
constexpr std::uint32_t kVersion6 = 6U << 28;
constexpr std::uint8_t kMldHopLimit = 1;  // RFC 3810 §5
constexpr std::uint8_t kOptionPad1 = 0;
constexpr std::uint8_t kOptionRouterAlert = 5;
constexpr std::size_t kQuery1Octets = 24;          // RFC 3810 §8.1
constexpr std::size_t kShortestQuery2Octets = 28;  // RFC 3810 §5.1

/// Hop-by-hop options with Router Alert for MLD (RFC 2711 §2.1) and padding.
struct RouterAlert {
  std::uint8_t next_header = kProtocolIcmpv6;
  std::uint8_t length = 0;
  std::array<std::uint8_t, 6> options{kOptionRouterAlert, 2, 0, 0, 1, 0};
};
struct ReportHeader {
  std::uint8_t type;
  std::uint8_t reserved;
  base::Be16 checksum;
  base::Be16 reserved2;
  base::Be16 records;
};
struct Record {
  MldRecord type;
  std::uint8_t auxiliary_words;
  base::Be16 sources;
  Ipv6Octets group;
};
/// A query, and a report of version 1 (RFC 2710 §3, RFC 3810 §5.1).
struct Message1 {
  std::uint8_t type;
  std::uint8_t code;
  base::Be16 checksum;
  base::Be16 longest_delay;
  base::Be16 reserved;
  Ipv6Octets group;
};
static_assert(sizeof(RouterAlert) == 8 && sizeof(ReportHeader) == 8 && sizeof(Record) == 20 &&
              sizeof(Message1) == kQuery1Octets);
constexpr std::size_t kChecksumOffset = offsetof(ReportHeader, checksum);

template <class T>
void put(base::ByteVector& out, const T& wire) {
  const base::Bytes bytes = base::bytes_of(wire);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Headers in front of a message whose checksum is 0 yet.
base::ByteVector frame_of(const MacAddress& mac, const Ipv6Octets& source,
                          const Ipv6Octets& destination, const base::ByteVector& message) {
  const Ipv6Header ip{kVersion6,
                      static_cast<std::uint16_t>(sizeof(RouterAlert) + message.size()),
                      kExtensionHopByHop,
                      kMldHopLimit,
                      source,
                      destination};
  base::ByteVector frame;
  put(frame, EthernetHeader{group_mac(destination), mac, kEtherTypeIpv6});
  put(frame, ip);
  put(frame, RouterAlert{});
  const std::size_t at = frame.size() + kChecksumOffset;
  frame.insert(frame.end(), message.begin(), message.end());
  base::Be16 checksum;
  checksum.set(upper_checksum(ip, kProtocolIcmpv6, message));
  std::ranges::copy(base::bytes_of(checksum), frame.begin() + static_cast<std::ptrdiff_t>(at));
  return frame;
}

/// RFC 3810 §5.1.14: a query without Router Alert is not listened to.
bool has_router_alert(base::Bytes packet, unsigned end) {
  const auto octet = [&packet](unsigned at) { return std::to_integer<std::uint8_t>(packet[at]); };
  if (octet(offsetof(Ipv6Header, next_header)) != kExtensionHopByHop) return false;
  unsigned at = sizeof(Ipv6Header);
  end = std::min(end, at + (octet(at + 1) + 1U) * 8U);
  at += 2;
  while (at + 4 <= end) {
    if (octet(at) == kOptionPad1) {
      ++at;
      continue;
    }
    if (octet(at) == kOptionRouterAlert)  // the value 0: MLD (RFC 2711 §2.1)
      return octet(at + 1) == 2 && octet(at + 2) == 0 && octet(at + 3) == 0;
    at += 2U + octet(at + 1);
  }
  return false;
}

/// RFC 3810 §5.1.3: above 32,767 it is a floating point number.
std::uint32_t milliseconds_of(std::uint16_t code) {
  if (code < 0x8000U) return code;
  const unsigned exponent = code >> 12U & 7U;
  return ((code & 0xfffU) | 0x1000U) << (exponent + 3U);
}

}  // namespace

base::ByteVector mld_report(const MacAddress& mac, const Ipv6Octets& source, MldRecord record,
                            std::span<const Ipv6Octets> groups) {
  groups = groups.first(std::min(groups.size(), kMldGroups));
  base::ByteVector message;
  put(message, ReportHeader{kMldReport2, 0, std::uint16_t{0}, std::uint16_t{0},
                            static_cast<std::uint16_t>(groups.size())});
  for (const Ipv6Octets& group : groups) put(message, Record{record, 0, std::uint16_t{0}, group});
  return frame_of(mac, source, kAllMldv2Routers, message);
}

base::ByteVector mld_report1(const MacAddress& mac, const Ipv6Octets& source,
                             const Ipv6Octets& group) {
  base::ByteVector message;
  put(message,
      Message1{kMldReport1, 0, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}, group});
  return frame_of(mac, source, group, message);
}

std::optional<MldQuery> read_mld_query(base::Bytes packet, unsigned header_octets) {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(packet.data());
  const base::Bytes message = packet.subspan(header_octets);
  if (ip.hop_limit != kMldHopLimit || !is_link_local_v6(ip.source) ||
      !has_router_alert(packet, header_octets) || message.size() < kQuery1Octets ||
      upper_checksum(ip, kProtocolIcmpv6, message) != 0)
    return std::nullopt;
  const bool version1 = message.size() == kQuery1Octets;
  if (!version1 && message.size() < kShortestQuery2Octets) return std::nullopt;
  const auto& query = *reinterpret_cast<const Message1*>(message.data());
  if (!is_unspecified_v6(query.group) && !is_multicast_v6(query.group)) return std::nullopt;
  const std::uint16_t code = query.longest_delay.get();
  return MldQuery{.version1 = version1,
                  .longest_delay = base::milliseconds{version1 ? code : milliseconds_of(code)},
                  .group = query.group};
}

}  // namespace penstock::net
