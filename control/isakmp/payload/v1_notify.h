// SPDX-License-Identifier: BSD-3-Clause
// Notification and Delete payloads of IKEv1 (RFC 2408 §3.14, §3.15, RFC 2407 §4.6.3).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"
#include "lib/net/address.h"

namespace penstock::isakmp {

inline constexpr std::size_t kCookiePairOctets = 16;
inline constexpr std::size_t kMaxV1DeletedSpis = 1024;  ///< in one payload

struct V1NotifyPayload {
  std::uint8_t protocol = 0;  ///< 1 ISAKMP, 2 AH, 3 ESP; 0 is seen too
  V1NotifyType type{};        ///< may be one without a name
  base::Bytes spi;
  base::Bytes data;
};
/// @return kDoi for another DOI than 0 and IPsec's, else kNotification
[[nodiscard]] V1Result<V1NotifyPayload> parse_v1_notify(base::Bytes body);
void append_v1_notify(MessageBuilder& builder, const V1NotifyPayload& notify);
/// "N(R_U_THERE)", "N(NO_PROPOSAL_CHOSEN ESP)"
[[nodiscard]] std::string describe(const V1NotifyPayload& payload);

/// Both cookies: the SPI of an ISAKMP SA (RFC 2407 §4.6.3.3, RFC 3706 §5.3).
[[nodiscard]] base::ByteVector cookie_pair(IkeSpi initiator, IkeSpi responder);

struct V1DeletePayload {
  ProtocolId protocol = ProtocolId::kNone;
  std::size_t spi_octets = 0;
  base::Bytes spis;  ///< of spi_octets each

  [[nodiscard]] std::size_t count() const { return spis.size() / spi_octets; }
  [[nodiscard]] base::Bytes spi(std::size_t index) const {
    return spis.subspan(index * spi_octets, spi_octets);
  }
};
/// @return kDoi, or kDelete if SPI Size and the number of SPIs do not fit protocol and payload
[[nodiscard]] V1Result<V1DeletePayload> parse_v1_delete(base::Bytes body);
void append_v1_delete_isakmp(MessageBuilder& builder, IkeSpi initiator, IkeSpi responder);
/// @param spis  the sender's inbound SPIs
void append_v1_delete_children(MessageBuilder& builder, ProtocolId protocol,
                               std::span<const net::Spi> spis);
[[nodiscard]] std::string describe(const V1DeletePayload& payload);  ///< "D[ESP 0x0badcafe]"

}  // namespace penstock::isakmp
