// SPDX-License-Identifier: BSD-3-Clause
// Authentication methods (RFC 2409 §5.1 to §5.4, RFC 4754), a row each: by what each end proves
// itself, whose keys it takes, which form SKEYID has.
#pragma once

#include <optional>
#include <span>

#include "control/ikev1/isakmp_sa.h"
#include "lib/crypto/prf.h"

namespace penstock::ikev1 {

/// How an end proves who it is. A set of them in rows of transitions.
enum class Proof : std::uint8_t {
  kHash = 1,       ///< HASH by a pre-shared key, with its identity
  kSignature = 2,  ///< of HASH
  kNonce = 4,      ///< HASH alone: it could decrypt the other's nonce
  kClear = 3,      ///< those whose nonces and identities are not encrypted
  kAny = 7,
};
[[nodiscard]] constexpr bool has(Proof set, Proof one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// What SKEYID is made of (RFC 2409 §5).
enum class SkeyidForm : std::uint8_t {
  kPsk,        ///< the pre-shared key and the nonces
  kSignature,  ///< the nonces and the shared secret
  kNonces,     ///< nonces that nobody else knows, and the cookies
};

/// How nonces and identities travel.
enum class Veil : std::uint8_t {
  kNone,
  kPublicKey,  ///< both under the peer's public key (RFC 2409 §5.2)
  kRevised,    ///< the nonce under it, all behind the nonce under a key made of the nonce (§5.3)
};

struct Method {
  AuthMethod number;
  std::string_view name;
  Proof initiator;
  Proof responder;
  SkeyidForm skeyid;
  std::optional<crypto::KeyKind> key;  ///< of certificates
  crypto::PrfId prf;                   ///< makes the HASH that is signed; kNone: the negotiated one
  Veil veil = Veil::kNone;

  [[nodiscard]] Proof of(bool initiator_end) const { return initiator_end ? initiator : responder; }
};
[[nodiscard]] std::span<const Method> method_table();
/// It is in the table: a bug otherwise.
[[nodiscard]] const Method& method_of(AuthMethod number);
[[nodiscard]] bool is_taken(session::AuthMethod configured, const Method& method);

[[nodiscard]] Proof own_proof(const IsakmpSa& sa);
/// @return kAny before the method is agreed
[[nodiscard]] Proof peer_proof(const IsakmpSa& sa);
[[nodiscard]] inline bool we_sign(const IsakmpSa& sa) { return own_proof(sa) == Proof::kSignature; }
[[nodiscard]] inline bool peer_signs(const IsakmpSa& sa) {
  return peer_proof(sa) == Proof::kSignature;
}
[[nodiscard]] bool encrypts(const IsakmpSa& sa);
/// SKEYID needs the shared secret.
[[nodiscard]] bool needs_shared_secret(const IsakmpSa& sa);

/// Main and Aggressive Mode: what RFC 2409 defines. Base and Authentication Only prove identities
/// before there is a shared secret, or without one.
[[nodiscard]] constexpr bool proves_with_shared_secret(isakmp::ExchangeType exchange) {
  return exchange == isakmp::ExchangeType::kV1MainMode ||
         exchange == isakmp::ExchangeType::kV1AggressiveMode;
}
/// How both ends may prove who they are, the most wanted first.
[[nodiscard]] std::vector<AuthMethod> methods_of(const session::ConnectionConfig& config);
/// Those of them that the exchange has a place for.
[[nodiscard]] std::vector<AuthMethod> methods_for(isakmp::ExchangeType exchange,
                                                  const session::ConnectionConfig& config);
/// Ours, that the method needs, rather one that the peer can judge (RFC 4945 §3.2.7.1).
/// @param asked  names of authorities; empty: any
/// @return nullptr: it needs none, there is none, or none is agreed yet
[[nodiscard]] const session::Credential* credential_for(const session::ConnectionConfig& config,
                                                        AuthMethod method,
                                                        std::span<const base::ByteVector> asked);

}  // namespace penstock::ikev1
