// SPDX-License-Identifier: BSD-3-Clause
// Beside fit the MTU (out) and close (in). The walk ends with the TCP header, 40 octets of options
// at most.
#include "dataplane/clamp_mss.h"

#include "lib/net/checksum.h"
#include "lib/net/ipv4.h"
#include "lib/net/tcp.h"

namespace penstock::dataplane {

using dpdk::PacketMeta;

namespace {

/// The TCP header, or nothing where it is not whole.
base::MutableBytes tcp_of(dpdk::Packet* packet) {
  const unsigned header = dpdk::meta(packet).header_length;
  if (packet->data_len < header + sizeof(net::TcpHeader)) return {};
  const base::MutableBytes segment = dpdk::bytes(packet).subspan(header);
  const unsigned length = reinterpret_cast<const net::TcpHeader*>(segment.data())->header_length();
  if (length < sizeof(net::TcpHeader) || length > segment.size()) return {};
  return segment.first(length);
}

/// Where the value of the MSS option lies (RFC 9293 §3.2); 0: nowhere.
std::size_t find_mss(base::Bytes tcp) {
  for (std::size_t at = sizeof(net::TcpHeader); at < tcp.size();) {
    const auto kind = std::to_integer<std::uint8_t>(tcp[at]);
    if (kind == net::kTcpOptionEnd) return 0;
    if (kind == net::kTcpOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= tcp.size()) return 0;
    const auto length = std::to_integer<std::size_t>(tcp[at + 1]);
    if (length < 2 || at + length > tcp.size()) return 0;
    if (kind == net::kTcpOptionMss) return length == net::kTcpMssLength ? at + 2 : 0;
    at += length;
  }
  return 0;
}

/// RFC 1624 §3. A value at an odd place lies across two words, its octets exchanged (RFC 1071 §2
/// B).
std::uint16_t as_summed(std::uint16_t value, std::size_t place) {
  return place % 2 == 0 ? value : __builtin_bswap16(value);
}

}  // namespace

bool is_syn(const dpdk::Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  if (meta.protocol != net::kProtocolTcp || (meta.flags & dpdk::kHasPorts) == 0) return false;
  if (packet->data_len < meta.header_length + sizeof(net::TcpHeader)) return false;
  const auto* tcp =
      reinterpret_cast<const net::TcpHeader*>(dpdk::data(packet) + meta.header_length);
  return (tcp->flags & net::kTcpSyn) != 0;
}

void clamp_mss(dpdk::Packet* packet, unsigned largest) {
  const base::MutableBytes tcp = tcp_of(packet);
  const std::size_t place = find_mss(tcp);
  if (place == 0) return;
  auto& mss = *reinterpret_cast<base::Be16*>(tcp.data() + place);
  const std::uint16_t before = mss.get();
  if (before <= largest) return;
  const auto after = static_cast<std::uint16_t>(largest);
  mss.set(after);
  auto& header = *reinterpret_cast<net::TcpHeader*>(tcp.data());
  header.checksum.set(net::updated_checksum(header.checksum.get(), as_summed(before, place),
                                            as_summed(after, place)));
}

}  // namespace penstock::dataplane
