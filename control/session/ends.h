// SPDX-License-Identifier: BSD-3-Clause
// Both ends of an IKE SA: who they are by the configuration, the ports of NAT traversal, and how
// much a packet between them has room for.
#pragma once

#include <optional>

#include "control/session/connection_config.h"
#include "lib/policy/sa_spec.h"

namespace penstock::session {

inline constexpr net::Port kIkePort{500};
inline constexpr net::Port kNatPort{4500};
/// RFC 3948 §4: who is behind a NAT keeps its mapping by a keepalive after so long without a
/// message of his. ESP is not asked about: a keepalive too many does no harm.
inline constexpr base::Duration kNatKeepaliveInterval = base::seconds{20};

/// Ports that ESP in UDP uses beside an IKE SA between these ends.
[[nodiscard]] policy::UdpEncapsulation encapsulation_of(const net::Endpoint& local,
                                                        const net::Endpoint& remote);

/// What a packet of the connection's `fragment_size` has left for IKE, on either port, octets.
[[nodiscard]] std::size_t largest_message(const ConnectionConfig& config, net::Family family);
/// Are our own messages cut where the peer takes fragments?
[[nodiscard]] bool makes_fragments(const ConnectionConfig& config);

[[nodiscard]] policy::Identity identity_of(const net::IpAddress& address);
/// What we say of ourselves; `%any` is our certificate's subject or our address.
/// @param credential  that we sign by; nullptr: none
[[nodiscard]] base::Result<policy::Identity> own_identity(const ConnectionConfig& config,
                                                          const Credential* credential,
                                                          const net::IpAddress& local);
/// RFC 4945 §3.1.1: who names himself by an address comes from there.
/// @return kAuthentication
[[nodiscard]] base::Result<void> check_address(const policy::Identity& id,
                                               const net::IpAddress& from);
/// The peer's identity if the configuration names exactly one.
[[nodiscard]] std::optional<policy::Identity> expected_identity(const ConnectionConfig& config);

}  // namespace penstock::session
