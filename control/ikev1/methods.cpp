// SPDX-License-Identifier: BSD-3-Clause
// The table of methods, and which of them a connection's configuration means.
#include "control/ikev1/methods.h"

#include <algorithm>
#include <array>

#include "lib/base/check.h"

namespace penstock::ikev1 {

using crypto::KeyKind;
using crypto::PrfId;

namespace {

constexpr auto kHash = Proof::kHash;
constexpr auto kSign = Proof::kSignature;
constexpr auto kNonce = Proof::kNonce;

// RFC 2409 §5.1: RSA by PKCS #1 around the bare HASH; DSS has SHA-1 of its own. RFC 4754 §4, §5:
// HASH by the PRF of the method's hash, and ECDSA of it as it is.
// clang-format off
constexpr std::array kMethods{
    Method{AuthMethod::kPsk, "a pre-shared key", kHash, kHash, SkeyidForm::kPsk,
           std::nullopt, PrfId::kNone},
    Method{AuthMethod::kRsaSignature, "RSA signatures", kSign, kSign, SkeyidForm::kSignature,
           KeyKind::kRsa, PrfId::kNone},
    Method{AuthMethod::kDsaSignature, "DSA signatures", kSign, kSign, SkeyidForm::kSignature,
           KeyKind::kDsa, PrfId::kHmacSha1},
    Method{AuthMethod::kEcdsa256, "ECDSA P-256 signatures", kSign, kSign, SkeyidForm::kSignature,
           KeyKind::kEcdsaP256, PrfId::kHmacSha256},
    Method{AuthMethod::kEcdsa384, "ECDSA P-384 signatures", kSign, kSign, SkeyidForm::kSignature,
           KeyKind::kEcdsaP384, PrfId::kHmacSha384},
    Method{AuthMethod::kEcdsa521, "ECDSA P-521 signatures", kSign, kSign, SkeyidForm::kSignature,
           KeyKind::kEcdsaP521, PrfId::kHmacSha512},
    Method{AuthMethod::kRsaEncryption, "RSA encryption", kNonce, kNonce, SkeyidForm::kNonces,
           KeyKind::kRsa, PrfId::kNone, Veil::kPublicKey},
    Method{AuthMethod::kRsaEncryptionRevised, "revised RSA encryption", kNonce, kNonce,
           SkeyidForm::kNonces, KeyKind::kRsa, PrfId::kNone, Veil::kRevised},
};
// clang-format on

}  // namespace

std::span<const Method> method_table() { return kMethods; }

const Method& method_of(AuthMethod number) {
  const auto* found = std::ranges::find(kMethods, number, &Method::number);
  PS_CHECK(found != kMethods.end());
  return *found;
}

bool is_taken(session::AuthMethod configured, const Method& method) {
  switch (configured) {
    case session::AuthMethod::kPsk:
      return method.number == AuthMethod::kPsk;
    case session::AuthMethod::kPubkey:
      return method.skeyid == SkeyidForm::kSignature;
    // The bare HASH of RFC 2409 §5.1 has no hash algorithm of its own.
    case session::AuthMethod::kRsa:
    case session::AuthMethod::kRsaSha1:
      return method.number == AuthMethod::kRsaSignature;
    case session::AuthMethod::kDsa:
      return method.number == AuthMethod::kDsaSignature;
    case session::AuthMethod::kEcdsa:
      return method.number >= AuthMethod::kEcdsa256 && method.number <= AuthMethod::kEcdsa521;
    case session::AuthMethod::kPubkeyEnc:
      return method.number == AuthMethod::kRsaEncryption;
    case session::AuthMethod::kPubkeyEncRevised:
      return method.number == AuthMethod::kRsaEncryptionRevised;
    default:
      return false;
  }
}

Proof own_proof(const IsakmpSa& sa) { return method_of(sa.auth).of(sa.initiator); }

Proof peer_proof(const IsakmpSa& sa) {
  return sa.auth == AuthMethod::kNone ? Proof::kAny : method_of(sa.auth).of(!sa.initiator);
}

bool encrypts(const IsakmpSa& sa) { return method_of(sa.auth).veil != Veil::kNone; }

bool needs_shared_secret(const IsakmpSa& sa) {
  return method_of(sa.auth).skeyid == SkeyidForm::kSignature;
}

std::vector<AuthMethod> methods_of(const session::ConnectionConfig& config) {
  std::vector<AuthMethod> methods;
  const auto add = [&](std::optional<KeyKind> key) {
    for (const Method& row : kMethods)
      if (row.key == key && is_taken(config.local.auth, row) && is_taken(config.remote.auth, row) &&
          std::ranges::find(methods, row.number) == methods.end())
        methods.push_back(row.number);
  };
  add(std::nullopt);
  // One method is for both directions: that of our key, if the peer may have such a one.
  for (const session::Credential& c : config.local.credentials) add(c.kind);
  // RFC 2409 §5.2: the peer's public key cannot be asked for.
  std::erase_if(methods, [&](AuthMethod m) {
    return method_of(m).veil != Veil::kNone && config.remote.certificate.empty();
  });
  return methods;
}

std::vector<AuthMethod> methods_for(isakmp::ExchangeType exchange,
                                    const session::ConnectionConfig& config) {
  std::vector<AuthMethod> methods = methods_of(config);
  if (proves_with_shared_secret(exchange)) return methods;
  // No place for encrypted nonces; and HASH without a pre-shared key would be anybody's.
  std::erase_if(methods, [](AuthMethod number) {
    const Method& row = method_of(number);
    return row.initiator != row.responder ||
           (row.skeyid != SkeyidForm::kPsk && row.skeyid != SkeyidForm::kSignature);
  });
  return methods;
}

const session::Credential* credential_for(const session::ConnectionConfig& config,
                                          AuthMethod method,
                                          std::span<const base::ByteVector> asked) {
  if (method == AuthMethod::kNone) return nullptr;
  const std::optional<KeyKind> wanted = method_of(method).key;
  const session::Credential* first = nullptr;
  for (const session::Credential& c : config.local.credentials) {
    if (!wanted || c.kind != *wanted) continue;
    if (first == nullptr) first = &c;
    if (std::ranges::find_first_of(c.authority_names, asked) != c.authority_names.end()) return &c;
  }
  return first;
}

}  // namespace penstock::ikev1
