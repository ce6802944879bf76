// SPDX-License-Identifier: BSD-3-Clause
// Multicast listener discovery for a host that listens to groups from all sources: reports of
// version 2 (RFC 3810) and version 1 (RFC 2710), and the queries that ask for them.
#pragma once

#include <span>

#include "lib/base/time.h"
#include "lib/net/ethernet.h"
#include "lib/net/ipv6.h"

namespace penstock::net {

inline constexpr std::uint8_t kMldQuery = 130;
inline constexpr std::uint8_t kMldReport1 = 131;  ///< RFC 2710 §3.1
inline constexpr std::uint8_t kMldReport2 = 143;  ///< RFC 3810 §5.2

/// RFC 3810 §5.2.12. Of a listener to all sources: the mode is "exclude none".
enum class MldRecord : std::uint8_t {
  kIsExclude = 2,        ///< the answer to a query
  kChangeToExclude = 4,  ///< it has begun to listen
};

/// Groups of one report; more are cut off. An interface has fewer addresses.
inline constexpr std::size_t kMldGroups = 16;

/// A whole frame, from a link-local address or from the unspecified one (RFC 3590 §4), hop limit 1,
/// with the Router Alert option.
[[nodiscard]] base::ByteVector mld_report(const MacAddress& mac, const Ipv6Octets& source,
                                          MldRecord record, std::span<const Ipv6Octets> groups);
/// For a querier of version 1 (RFC 3810 §8.2.1).
[[nodiscard]] base::ByteVector mld_report1(const MacAddress& mac, const Ipv6Octets& source,
                                           const Ipv6Octets& group);

struct MldQuery {
  bool version1 = false;
  base::Duration longest_delay{};  ///< of an answer
  Ipv6Octets group{};              ///< all 0: every group
};
/// Checks and reads an IPv6 packet that holds a query. Sources that it names are not read: who
/// listens to all of them says so.
/// @return nothing if RFC 3810 §5.1.14, §6.2 or §8.1 has it ignored
[[nodiscard]] std::optional<MldQuery> read_mld_query(base::Bytes packet, unsigned header_octets);

}  // namespace penstock::net
