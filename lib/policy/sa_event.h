// SPDX-License-Identifier: BSD-3-Clause
// SaEvent: what the data plane tells the control plane about its SAs. A plain value without
// pointers: it crosses the ring by copy.
#pragma once

#include <cstdint>
#include <type_traits>

#include "lib/policy/sa_spec.h"

namespace penstock::policy {

enum class SaEventKind : std::uint8_t {
  kSoftExpiry,   ///< soft bytes or packets reached, or the sequence number nears its end: rekey now
  kHardExpiry,   ///< hard limit reached: the SA passes no packet any more
  kAcquire,      ///< a packet met a PROTECT policy whose slot has no outbound SA
  kFirstPacket,  ///< the first good packet on an inbound SA: its peer has switched (design §4.5)
  kPeerMoved,    ///< a verified packet came from another address or port (RFC 7296 §2.23)
  kUnknownSpi,   ///< ESP or AH for an SPI that nobody knows; rate-limited
  kIcvFailed,    ///< RFC 4303 §3.4.4, RFC 4302 §3.4.4: for the audit log; rate-limited
  kPathMtu,      ///< ICMP says that a packet of ours was too big (RFC 4301 §8.2); rate-limited
};

struct SaEvent {
  SaEventKind kind{};
  Direction direction = Direction::kInbound;
  ChildSlot slot;       ///< 0 for kUnknownSpi and kPathMtu
  net::Spi spi;         ///< 0 for kAcquire
  net::Endpoint local;  ///< outer addresses for the last four kinds; kPathMtu, port 0: not UDP
  net::Endpoint remote;
  std::uint64_t sequence =
      0;                   ///< kUnknownSpi, kIcvFailed: as far as it is known; kPathMtu: 32 bits
  PacketSelectors packet;  ///< for kAcquire: the packet that asked (RFC 7296 §2.9)
  std::uint16_t mtu = 0;   ///< kPathMtu
  IpsecProtocol protocol = IpsecProtocol::kEsp;  ///< kPathMtu: what the packet was
};
static_assert(std::is_trivially_copyable_v<SaEvent>);

}  // namespace penstock::policy
