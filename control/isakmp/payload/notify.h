// SPDX-License-Identifier: BSD-3-Clause
// Notify payload of IKEv2 (RFC 7296 §3.10), with helpers for notifies that carry data.
#pragma once

#include <optional>
#include <string>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/message_view.h"
#include "lib/crypto/context.h"
#include "lib/net/address.h"

namespace penstock::isakmp {

struct NotifyPayload {
  ProtocolId protocol = ProtocolId::kNone;  ///< kNone unless there is an SPI
  NotifyType type{};                        ///< may be one without a name
  base::Bytes spi;
  base::Bytes data;

  [[nodiscard]] bool is_error() const { return isakmp::is_error(type); }
};

/// @return kTruncated; kMalformed if SPI Size does not fit
[[nodiscard]] base::Result<NotifyPayload> parse_notify(base::Bytes body);

/// A notify about the IKE SA or the exchange: Protocol ID and SPI Size are 0 (§3.10).
void append_notify(MessageBuilder& builder, NotifyType type, base::Bytes data = {});
/// A notify about a child SA.
void append_child_notify(MessageBuilder& builder, NotifyType type, ProtocolId protocol,
                         net::Spi spi, base::Bytes data = {});
/// "N(NAT_DETECTION_SOURCE_IP)", "N(REKEY_SA ESP 0x0badcafe)"
[[nodiscard]] std::string describe(const NotifyPayload& payload);

/// The first notify of the type in the chain; nothing also if it does not parse.
[[nodiscard]] std::optional<NotifyPayload> find_notify(const PayloadChain& chain, NotifyType type);
/// The first notify with an error type (RFC 7296 §3.10.1): why the peer refuses.
[[nodiscard]] std::optional<NotifyPayload> find_error_notify(const PayloadChain& chain);

/// NAT detection data: SHA-1(SPIi | SPIr | address | port), RFC 7296 §2.23.
[[nodiscard]] base::ByteVector nat_detection_hash(const crypto::CryptoContext& context,
                                                  IkeSpi spi_i, IkeSpi spi_r,
                                                  const net::Endpoint& endpoint);

/// COOKIE: 1 to 64 octets (RFC 7296 §2.6).
inline constexpr std::size_t kMaxCookieOctets = 64;
[[nodiscard]] base::Result<base::Bytes> cookie_of(const NotifyPayload& notify);

/// INVALID_KE_PAYLOAD: the group that the responder wants (RFC 7296 §1.3).
void append_invalid_ke(MessageBuilder& builder, crypto::DhGroupId wanted);
[[nodiscard]] base::Result<crypto::DhGroupId> invalid_ke_group_of(const NotifyPayload& notify);

/// UNSUPPORTED_CRITICAL_PAYLOAD: the payload type, one octet (RFC 7296 §2.5).
void append_unsupported_critical(MessageBuilder& builder, std::uint8_t payload_type);

/// SET_WINDOW_SIZE: four octets (RFC 7296 §2.3).
void append_window_size(MessageBuilder& builder, std::uint32_t messages);
[[nodiscard]] base::Result<std::uint32_t> window_size_of(const NotifyPayload& notify);

/// REKEY_SA, CHILD_SA_NOT_FOUND: the child's protocol and the sender's inbound SPI (§1.3.3, §2.25).
struct ChildReference {
  ProtocolId protocol;
  net::Spi spi;
  friend bool operator==(const ChildReference&, const ChildReference&) = default;
};
[[nodiscard]] base::Result<ChildReference> child_of(const NotifyPayload& notify);

}  // namespace penstock::isakmp
