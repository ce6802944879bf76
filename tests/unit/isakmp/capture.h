// SPDX-License-Identifier: BSD-3-Clause
// UDP payloads of a pcap or pcapng file, as far as the captures under test need it: little-endian
// files, Ethernet or raw IPv4, no fragments.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace penstock::test {

struct CapturedDatagram {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  base::ByteVector data;
};

namespace capture_detail {

inline std::uint32_t little32(const std::string& file, std::size_t at) {
  std::uint32_t out = 0;
  if (at + 4 <= file.size()) std::memcpy(&out, file.data() + at, 4);
  return out;
}
inline unsigned octet(const std::string& text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}
inline std::uint16_t big16(const std::string& text, std::size_t at) {
  return static_cast<std::uint16_t>(octet(text, at) << 8U | octet(text, at + 1));
}

inline void add_datagram(std::vector<CapturedDatagram>& out, std::string frame, bool ethernet) {
  if (ethernet) {
    if (big16(frame, 12) != 0x0800) return;
    frame.erase(0, 14);
  }
  const std::size_t header = (octet(frame, 0) & 15U) * 4;
  const std::size_t total = big16(frame, 2);
  if (octet(frame, 0) >> 4U != 4 || octet(frame, 9) != 17 || total > frame.size()) return;
  const std::string udp = frame.substr(header, total - header);
  if (udp.size() < 8) return;
  CapturedDatagram datagram{big16(udp, 0), big16(udp, 2), {}};
  std::string data = udp.substr(8, big16(udp, 4) - 8U);
  // RFC 3948 §2.2: the non-ESP marker of port 4500.
  if (datagram.source_port == 4500 || datagram.destination_port == 4500) {
    if (data.size() < 4 || data.compare(0, 4, std::string(4, '\0')) != 0) return;
    data.erase(0, 4);
  }
  datagram.data = base::to_vector(base::as_bytes(data));
  out.push_back(std::move(datagram));
}

}  // namespace capture_detail

inline std::vector<CapturedDatagram> ike_datagrams(const std::string& file) {
  using namespace capture_detail;
  constexpr std::uint32_t kPcap = 0xa1b2c3d4;
  constexpr std::uint32_t kPcapng = 0x0a0d0d0a;
  constexpr std::uint32_t kEnhancedPacketBlock = 6;
  constexpr std::uint32_t kEthernet = 1;
  std::vector<CapturedDatagram> out;
  if (little32(file, 0) == kPcap) {
    const bool ethernet = little32(file, 20) == kEthernet;
    for (std::size_t at = 24; at + 16 <= file.size();) {
      const std::size_t octets = little32(file, at + 8);
      add_datagram(out, file.substr(at + 16, octets), ethernet);
      at += 16 + octets;
    }
  } else if (little32(file, 0) == kPcapng) {
    for (std::size_t at = 0; at + 12 <= file.size();) {
      const std::size_t octets = little32(file, at + 4);
      if (little32(file, at) == kEnhancedPacketBlock)
        add_datagram(out, file.substr(at + 28, little32(file, at + 20)), true);
      if (octets < 12) break;
      at += octets;
    }
  }
  return out;
}

}  // namespace penstock::test
