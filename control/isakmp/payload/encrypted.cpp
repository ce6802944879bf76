// SPDX-License-Identifier: BSD-3-Clause
// SK and SKF: from the encrypted part of a message to the chain of payloads inside.
#include "control/isakmp/payload/encrypted.h"

#include <fmt/format.h>

namespace penstock::isakmp {

base::Result<OpenedPayload> OpenedPayload::open(const crypto::SkCipher& cipher,
                                                const MessageView& message) {
  const std::optional<EncryptedView>& encrypted = message.encrypted();
  if (!encrypted || encrypted->is_fragment || message.version() != Version::kIkev2)
    return base::fail(base::ErrorCode::kNotFound, "the message has no SK payload");
  OpenedPayload out;
  PS_ASSIGN(out.plaintext_, cipher.open(encrypted->aad, encrypted->body));
  PS_ASSIGN(out.chain_, PayloadChain::parse(encrypted->inner_type, out.plaintext_.bytes()));
  return out;
}

std::string describe(const EncryptedView& payload) {
  if (payload.is_fragment)
    return fmt::format("SKF[{} of {}, {} octets]", payload.fragment, payload.fragments_total,
                       payload.body.size());
  return fmt::format("SK[{} octets]", payload.body.size());
}

}  // namespace penstock::isakmp
