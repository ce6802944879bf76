// SPDX-License-Identifier: BSD-3-Clause
// Traffic Selector payloads TSi and TSr (RFC 7296 §3.13).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"
#include "lib/net/address.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMaxSelectors = 128;  ///< in one payload; its count is one octet

/// One selector: the values of policy::TrafficSelector, member for member.
struct TsSelector {
  net::IpAddress first;
  net::IpAddress last;  ///< inclusive, of the same family, not below `first`
  std::uint8_t protocol = 0;
  std::uint16_t first_port = 0;  ///< ports as on the wire: OPAQUE is 65535..0
  std::uint16_t last_port = 0xffff;
  friend bool operator==(const TsSelector&, const TsSelector&) = default;
};

struct TsPayload {
  std::vector<TsSelector> selectors;
  std::size_t skipped = 0;  ///< of types that we do not know (§2.9: they are not narrowed to)
};

/// @return kTruncated, kMalformed (lengths, an empty or backward range, no selector) or kLimit
[[nodiscard]] base::Result<TsPayload> parse_traffic_selectors(base::Bytes body);
/// @param which  kTsInitiator or kTsResponder
/// @param selectors  1 to 255 of them
void append_traffic_selectors(MessageBuilder& builder, PayloadType which,
                              std::span<const TsSelector> selectors);
/// "[10.1.0.0-10.1.255.255, 10.2.0.1-10.2.0.1[6/80-80]]": to be read after "TSi" or "TSr"
[[nodiscard]] std::string describe(const TsPayload& payload);

}  // namespace penstock::isakmp
