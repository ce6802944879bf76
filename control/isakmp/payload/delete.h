// SPDX-License-Identifier: BSD-3-Clause
// Delete payload of IKEv2 (RFC 7296 §3.11).
#pragma once

#include <span>
#include <string>

#include "control/isakmp/message_builder.h"
#include "lib/net/address.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMaxDeletedSpis = 1024;  ///< in one payload

struct DeletePayload {
  ProtocolId protocol = ProtocolId::kNone;
  base::Bytes spis;  ///< of four octets each; empty for the IKE SA

  [[nodiscard]] std::size_t count() const { return spis.size() / 4; }
  /// @param index  below count()
  [[nodiscard]] net::Spi spi(std::size_t index) const;
};

/// @return kTruncated, kMalformed (SPI Size is 0 for IKE and 4 for AH and ESP) or kLimit
[[nodiscard]] base::Result<DeletePayload> parse_delete(base::Bytes body);
void append_delete_ike(MessageBuilder& builder);
/// @param spis  the sender's inbound SPIs (§1.4.1), at most kMaxDeletedSpis
void append_delete_children(MessageBuilder& builder, ProtocolId protocol,
                            std::span<const net::Spi> spis);
[[nodiscard]] std::string describe(const DeletePayload& payload);  ///< "D[ESP 0x0badcafe]"

}  // namespace penstock::isakmp
