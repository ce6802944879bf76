// SPDX-License-Identifier: BSD-3-Clause
// Steering: rules by which a port brings ESP and AH to receive queues by bits of their SPI
// (rte_flow). Nothing relies on it: what a driver refuses comes in by any queue.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct rte_flow;

namespace penstock::dpdk {

/// SPIs whose bits of `mask` are those of `spi` belong to `queue`. Host order.
struct SpiRule {
  std::uint32_t spi = 0;
  std::uint32_t mask = 0;
  std::uint16_t queue = 0;
};

/// How an SPI lies in a frame. A driver may take rules for some of these and refuse others.
struct SteeredKind {
  const char* name;  ///< as `show ports` has it
  bool tagged;       ///< behind a VLAN tag (IEEE 802.1Q)
  bool ipv6;
  enum class Header : std::uint8_t { kEsp, kUdpEsp, kAh } header;
};
using SteeredHeader = SteeredKind::Header;
inline constexpr std::array<SteeredKind, 12> kSteeredKinds{{
    {"ipv4_esp", false, false, SteeredHeader::kEsp},
    {"ipv6_esp", false, true, SteeredHeader::kEsp},
    {"ipv4_udp_esp", false, false, SteeredHeader::kUdpEsp},
    {"ipv6_udp_esp", false, true, SteeredHeader::kUdpEsp},
    {"ipv4_ah", false, false, SteeredHeader::kAh},
    {"ipv6_ah", false, true, SteeredHeader::kAh},
    {"vlan_ipv4_esp", true, false, SteeredHeader::kEsp},
    {"vlan_ipv6_esp", true, true, SteeredHeader::kEsp},
    {"vlan_ipv4_udp_esp", true, false, SteeredHeader::kUdpEsp},
    {"vlan_ipv6_udp_esp", true, true, SteeredHeader::kUdpEsp},
    {"vlan_ipv4_ah", true, false, SteeredHeader::kAh},
    {"vlan_ipv6_ah", true, true, SteeredHeader::kAh},
}};

/// The rules of one port; they go when it goes.
class Steering {
 public:
  Steering() = default;
  Steering(Steering&& other) noexcept;
  Steering& operator=(Steering&& other) noexcept;
  ~Steering() { remove(); }

  /// Asks the driver of a started port for the rules of each kind; it takes all of a kind or none.
  /// @param tagged  the port carries VLANs
  [[nodiscard]] static Steering install(std::uint16_t port, std::span<const SpiRule> rules,
                                        bool tagged);
  /// Before the port stops.
  void remove();

  [[nodiscard]] const std::vector<const char*>& steered() const { return steered_; }
  struct Refusal {
    const char* kind;
    std::string reason;  ///< the driver's
  };
  [[nodiscard]] const std::vector<Refusal>& refused() const { return refused_; }
  [[nodiscard]] std::size_t rules() const { return flows_.size(); }

 private:
  std::string add(const SteeredKind& kind, std::span<const SpiRule> rules, bool narrow);

  std::uint16_t port_ = 0;
  std::vector<rte_flow*> flows_;
  std::vector<const char*> steered_;
  std::vector<Refusal> refused_;
};

}  // namespace penstock::dpdk
