// SPDX-License-Identifier: BSD-3-Clause
// A message in one line for logs, as strongSwan's users know it; it never fails and holds no
// secret.
#pragma once

#include <string>

#include "control/isakmp/message_view.h"

namespace penstock::isakmp {

/// "N(REKEY_SA ESP 0x0badcafe)", "KE[x25519, 32 octets]"; "Ni(malformed: …)" for a bad one.
[[nodiscard]] std::string describe(const PayloadView& payload);
/// "IKE_SA_INIT request 0 [SA[…] KE[…] No[…] N(…)]"
[[nodiscard]] std::string describe(const MessageView& message);
/// The same for a message whose SK payload was opened, or that was deciphered.
[[nodiscard]] std::string describe(const MessageView& message, const PayloadChain& inside);

}  // namespace penstock::isakmp
