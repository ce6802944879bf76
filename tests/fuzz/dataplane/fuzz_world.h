// SPDX-License-Identifier: BSD-3-Clause
// The world of the fuzzed gateway: its addresses, and which SAs and policies there are.
#pragma once

#include <array>
#include <cstdio>
#include <vector>

#include "lib/base/check.h"
#include "lib/policy/policy_rule.h"

namespace penstock::fuzz {

using base::Bytes;
using base::ByteVector;

inline constexpr unsigned kLan = 0;
inline constexpr unsigned kWan = 1;
inline constexpr unsigned kPorts = 2;
/// A third interface: inside, behind the outside port, with a tag and a smaller MTU.
inline constexpr unsigned kVlan = 2;
inline constexpr std::uint16_t kVlanTag = 7;
inline constexpr std::uint16_t kVlanMtu = 1400;
inline constexpr unsigned kSas = 15;
inline constexpr unsigned kShortLived = 3;  ///< the SA of few packets
inline constexpr unsigned kBundleEsp = 12;  ///< what AH of kBundleAh goes around
inline constexpr unsigned kBundleAh = 13;
inline constexpr std::uint16_t kMtu = 1500;

/// Networks by what policy says of them. The lower and upper bound of what is bypassed over IPv6
/// are ports of UDP.
inline constexpr const char* kLan4 = "10.1.0.0/16";
inline constexpr const char* kLan6 = "2001:db8:1::/48";
inline constexpr const char* kBypass4 = "198.51.100.0/24";
inline constexpr const char* kBypass6 = "2001:db8:b::/64";
inline constexpr const char* kWanLink6 = "2001:db8:f::/64";  ///< ICMPv6 of its own is bypassed
inline constexpr std::uint16_t kBypassFirstPort = 1000;
inline constexpr std::uint16_t kBypassLastPort = 2000;

/// Addresses that the fuzzer names by a number; those of both versions are in the same order.
using Places = std::array<net::IpAddress, 16>;
inline constexpr unsigned kForwarded = 13;  ///< the first ones may be forwarded to
[[nodiscard]] const Places& places4();
[[nodiscard]] const Places& places6();
/// Ours: of the interface, of the version.
[[nodiscard]] const net::IpAddress& our_address(unsigned interface, bool v6);

/// A result without which nothing makes sense.
template <class T>
T must(base::Result<T> result) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().text.c_str());
  PS_CHECK(result.has_value());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// An SA in each direction, in the slot of its index + 1.
struct SaRow {
  crypto::EncrId encr;
  std::uint16_t key_bits;
  std::size_t key_octets;  ///< with the salt
  crypto::IntegId integ;
  std::size_t auth_octets;
  bool esn;
  bool encap;
  std::uint32_t window;
  const char* peer;
  std::vector<const char*> local_ts;
  std::vector<const char*> remote_ts;
  bool transport = false;

  [[nodiscard]] bool ah() const { return encr == crypto::EncrId::kNone; }
};
[[nodiscard]] const std::array<SaRow, kSas>& rows();

struct PolicyRow {
  std::uint32_t priority;
  policy::PolicyAction action;
  std::uint32_t slot;
  std::vector<const char*> local_ts;
  std::vector<const char*> remote_ts;
};
[[nodiscard]] const std::vector<PolicyRow>& policies();

[[nodiscard]] policy::TrafficSelectors selectors(const std::vector<const char*>& texts);
/// @param purpose  0: of the cipher, 1: of the ICV
[[nodiscard]] ByteVector key_of(unsigned index, std::size_t octets, unsigned purpose);
[[nodiscard]] net::Spi spi_of(policy::Direction direction, unsigned index);
[[nodiscard]] policy::SaSpec spec_of(policy::Direction direction, unsigned index);

}  // namespace penstock::fuzz
