// SPDX-License-Identifier: BSD-3-Clause
// Identities as configured and as they came, and AUTH where both ends have a secret.
#include "control/ikev2/auth_identity.h"

#include "control/ikev2/auth_signature.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/identification.h"
#include "control/session/ends.h"

namespace penstock::ikev2 {

using isakmp::PayloadType;
using policy::Identity;

base::Result<Identity> own_identity(const IkeSa& sa, const session::ConnectionConfig& config) {
  return session::own_identity(config, credential_for(sa, config), sa.local.address);
}

base::Result<Identity> read_identity(const isakmp::PayloadView& payload) {
  PS_ASSIGN(const isakmp::IdPayload id, isakmp::parse_identification(payload.body));
  return Identity{policy::IdType{id.type}, base::to_vector(id.data)};
}

base::Result<base::SecretBytes> auth_value(session::Services& s, const IkeSa& sa,
                                           bool of_initiator) {
  const session::SharedSecret* secret = s.secrets.find(sa.local_id, sa.remote_id);
  if (secret == nullptr)
    return base::fail(base::ErrorCode::kNotFound, "no secret for " + sa.local_id.to_string() +
                                                      " and " + sa.remote_id.to_string());
  PS_ASSIGN(const IkeAlgorithms algorithms, algorithms_of(sa.agreed));
  const base::ByteVector body = identity_body(sa, of_initiator);
  const session::SignedOctets octets = signed_parts(sa, of_initiator, body);
  return session::psk_auth(s.crypto, *algorithms.prf, secret->secret.bytes(), octets);
}

base::Result<void> verify_auth(session::Services& s, const IkeSa& sa,
                               const isakmp::PayloadView& payload) {
  PS_ASSIGN(const isakmp::AuthPayload auth, isakmp::parse_authentication(payload.body));
  if (auth.method != isakmp::AuthenticationMethod::kSharedKey)
    return base::fail(
        base::ErrorCode::kAuthentication,
        "the peer authenticates by " + isakmp::name_of(auth.method) + ", we ask for a shared key");
  PS_ASSIGN(const base::SecretBytes wanted, auth_value(s, sa, !sa.initiator));
  if (!base::equal_constant_time(auth.data, wanted.bytes()))
    return base::fail(base::ErrorCode::kAuthentication,
                      "the AUTH value is wrong: the secrets differ");
  return {};
}

void append_id(isakmp::MessageBuilder& builder, PayloadType which, const Identity& id) {
  isakmp::append_identification(builder, which, static_cast<std::uint8_t>(id.type), id.data);
}

}  // namespace penstock::ikev2
