// SPDX-License-Identifier: BSD-3-Clause
// Interface: a port as routing sees it. The table is written before the workers start; later only
// `up` and the states of addresses change.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/dpdk/packet.h"
#include "lib/net/address.h"
#include "lib/net/ipv6.h"

namespace penstock::fib {

using dpdk::InterfaceIndex;

inline constexpr unsigned kMaxPorts = 64;
inline constexpr unsigned kMaxInterfaces = 1024;  ///< ports, and VLANs behind them
inline constexpr unsigned kMaxAddresses = 8;      ///< of one interface
inline constexpr unsigned kAddressStateBits = 2;

enum class Side : std::uint8_t { kInside, kOutside };  ///< RFC 4301 §3.1

/// What is known of an address of ours on its link (RFC 4862 §5.4). IPv4's are kAssigned.
enum class AddressState : std::uint8_t {
  kAssigned,
  kTentative,  ///< used, but neighbour discovery says nothing of it yet
  kDuplicate,  ///< somebody else has it: not used
};

/// The first cache line is what workers touch.
struct alignas(64) Interface {
  net::MacAddress mac{};
  std::uint16_t mtu = 1500;   ///< of the IP packet, octets
  std::uint16_t port_id = 0;  ///< DPDK's
  InterfaceIndex index;
  InterfaceIndex port;     ///< itself; of a VLAN: the port that its frames use
  std::uint16_t vlan = 0;  ///< IEEE 802.1Q; 0: frames without a tag
  net::Vrf vrf;
  Side side = Side::kInside;
  bool rx_checksum = false;    ///< the port checks IPv4 header checksums
  std::atomic<bool> up{true};  ///< link state, kept by the control core
  std::uint32_t address = 0;   ///< its first IPv4 address, host order: the source of ICMP errors
  /// AddressState of each of `addresses`, two bits each, kept by the control core.
  std::atomic<std::uint32_t> address_states{0};
  // the control core's
  std::string name;
  /// With IPv6 among them also the link-local one, made from the MAC (RFC 4291 appendix A).
  std::vector<net::InterfaceAddress> addresses;

  [[nodiscard]] AddressState state_at(std::size_t place) const {
    return static_cast<AddressState>(address_states.load(std::memory_order_relaxed) >>
                                         (kAddressStateBits * place) &
                                     ((1U << kAddressStateBits) - 1));
  }
  /// Nothing: it is none of ours.
  [[nodiscard]] std::optional<AddressState> state_of(const net::Ipv6Octets& own) const {
    for (std::size_t place = 0; place < addresses.size(); ++place)
      if (!addresses[place].address.is_v4() && addresses[place].address.octets() == own)
        return state_at(place);
    return std::nullopt;
  }
};
// With the link-local address that none of them asked for.
static_assert((kMaxAddresses + 1) * kAddressStateBits <= 32);

struct InterfaceOptions {
  std::string name;
  std::uint16_t port_id = 0;
  Side side = Side::kInside;
  std::uint16_t mtu = 1500;
  net::MacAddress mac{};
  bool rx_checksum = false;
  net::Vrf vrf{};
  /// Of a VLAN: its number, and the port that was added before. port_id, MAC and checksum work are
  /// the port's then.
  std::uint16_t vlan = 0;
  InterfaceIndex port = dpdk::kNoInterface;
  std::vector<net::InterfaceAddress> addresses{};
};

}  // namespace penstock::fib
