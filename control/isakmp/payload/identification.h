// SPDX-License-Identifier: BSD-3-Clause
// Identification payloads IDi and IDr (RFC 7296 §3.5), and the same body in IKEv1 (RFC 2407
// §4.6.2).
#pragma once

#include <string>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

/// An identity is checked against what its type allows; `policy::Identity{IdType{type}, data}`
/// holds the same two values.
struct IdPayload {
  std::uint8_t type = 0;      ///< RFC 7296 §3.5; the numbers of policy::IdType
  std::uint8_t protocol = 0;  ///< IKEv1 only; reserved in IKEv2 and not looked at
  std::uint16_t port = 0;     ///< IKEv1 only
  base::Bytes data;
};

inline constexpr std::size_t kMaxIdOctets = 1024;

/// @return kTruncated; kMalformed if the data cannot be of its type (addresses of another length,
///         nothing at all); kLimit above kMaxIdOctets
[[nodiscard]] base::Result<IdPayload> parse_identification(base::Bytes body);

/// The body alone: what AUTH is computed over as RestOfInitIDPayload (RFC 7296 §2.15).
/// @param protocol, port  IKEv1 only (RFC 2407 §4.6.2)
[[nodiscard]] base::ByteVector identification_body(std::uint8_t type, base::Bytes data,
                                                   std::uint8_t protocol = 0,
                                                   std::uint16_t port = 0);
/// @param which  kIdInitiator or kIdResponder
void append_identification(MessageBuilder& builder, PayloadType which, std::uint8_t type,
                           base::Bytes data);
[[nodiscard]] std::string describe(const IdPayload& payload);  ///< "ID_FQDN moon.example"

}  // namespace penstock::isakmp
