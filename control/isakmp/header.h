// SPDX-License-Identifier: BSD-3-Clause
// The ISAKMP header of both versions: 28 octets (RFC 2408 §3.1, RFC 7296 §3.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "control/isakmp/registry.h"
#include "lib/base/bytes.h"
#include "lib/base/endian.h"
#include "lib/base/strong.h"

namespace penstock::isakmp {

using IkeSpi = base::Strong<struct IkeSpiTag, std::uint64_t>;  ///< RFC 2408: cookie
using MessageId = base::Strong<struct MessageIdTag, std::uint32_t>;

/// As on the wire.
struct WireHeader {
  base::Be64 initiator_spi;
  base::Be64 responder_spi;
  std::uint8_t next_payload;
  std::uint8_t version;  ///< major in the upper four bits
  std::uint8_t exchange;
  std::uint8_t flags;
  base::Be32 message_id;
  base::Be32 length;  ///< of the whole message, octets
};
static_assert(sizeof(WireHeader) == 28 && alignof(WireHeader) == 1);
inline constexpr std::size_t kHeaderOctets = sizeof(WireHeader);

/// IKEv2 flags (RFC 7296 §3.1).
inline constexpr std::uint8_t kFlagInitiator = 0x08;  ///< sent by the IKE SA's original initiator
inline constexpr std::uint8_t kFlagHigherVersion = 0x10;
inline constexpr std::uint8_t kFlagResponse = 0x20;
/// IKEv1 flags (RFC 2408 §3.1).
inline constexpr std::uint8_t kFlagV1Encryption = 0x01;
inline constexpr std::uint8_t kFlagV1Commit = 0x02;
inline constexpr std::uint8_t kFlagV1AuthenticationOnly = 0x04;

/// A header as plain values. Length and next payload are the builder's and the view's business.
struct Header {
  IkeSpi initiator_spi;
  IkeSpi responder_spi;  ///< 0 in the first request
  PayloadType next_payload = PayloadType::kNone;
  std::uint8_t major = 2;
  std::uint8_t minor = 0;  ///< RFC 7296 §2.5: ignored on receipt
  ExchangeType exchange = ExchangeType::kIkeSaInit;
  std::uint8_t flags = 0;
  MessageId message_id;
  std::uint32_t length = 0;

  /// The first 28 octets, without any judgement: enough to answer INVALID_MAJOR_VERSION and to find
  /// the SA that a message belongs to.
  /// @return kTruncated
  [[nodiscard]] static base::Result<Header> parse(base::Bytes message);

  [[nodiscard]] bool is_response() const { return (flags & kFlagResponse) != 0; }
  [[nodiscard]] bool from_initiator() const { return (flags & kFlagInitiator) != 0; }
  friend bool operator==(const Header&, const Header&) = default;
};

/// "IKE_AUTH request 1", "IKE_AUTH response 1", "quick mode 0x5f1c22a0"
[[nodiscard]] std::string describe(const Header& header);

/// "0x0123456789abcdef"
[[nodiscard]] std::string to_string(IkeSpi spi);

}  // namespace penstock::isakmp
