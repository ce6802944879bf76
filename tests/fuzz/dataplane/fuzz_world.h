// SPDX-License-Identifier: BSD-3-Clause
// The world of the fuzzed gateway: which SAs and policies there are, and packets of its peers.
#pragma once

#include <array>
#include <cstdio>
#include <vector>

#include "lib/base/check.h"
#include "lib/policy/policy_rule.h"

namespace penstock::fuzz {

using base::Bytes;
using base::ByteVector;

inline constexpr unsigned kSas = 4;
inline constexpr std::uint32_t kOurWanAddress = 0xc0000201;  // 192.0.2.1
inline constexpr std::uint32_t kBypassNetwork = 0xc6336400;  // 198.51.100.0/24

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

[[nodiscard]] ByteVector ip_packet(std::uint32_t source, std::uint32_t destination,
                                   std::uint8_t protocol, Bytes payload, std::uint8_t tos);
/// From and to the same port, without a checksum.
[[nodiscard]] ByteVector udp_packet(std::uint32_t source, std::uint32_t destination,
                                    std::uint16_t port, Bytes payload, std::uint8_t tos);

}  // namespace penstock::fuzz
