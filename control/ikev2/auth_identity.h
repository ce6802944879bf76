// SPDX-License-Identifier: BSD-3-Clause
// Who both ends of an IKE_AUTH are, and AUTH by a shared secret (RFC 7296 §2.15, §3.5).
#pragma once

#include "control/ikev2/machine.h"

namespace penstock::ikev2 {

/// What we say of ourselves; `%any` is our certificate's subject or our address.
[[nodiscard]] base::Result<policy::Identity> own_identity(const IkeSa& sa,
                                                          const session::ConnectionConfig& config);
[[nodiscard]] base::Result<policy::Identity> read_identity(const isakmp::PayloadView& payload);
void append_id(isakmp::MessageBuilder& builder, isakmp::PayloadType which,
               const policy::Identity& id);

/// AUTH of the original initiator (`of_initiator`) or responder, by the secret for both identities.
[[nodiscard]] base::Result<base::SecretBytes> auth_value(session::Services& services,
                                                         const IkeSa& sa, bool of_initiator);
/// Is it the peer's AUTH by that secret?
[[nodiscard]] base::Result<void> verify_auth(session::Services& services, const IkeSa& sa,
                                             const isakmp::PayloadView& payload);

}  // namespace penstock::ikev2
