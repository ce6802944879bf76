// SPDX-License-Identifier: BSD-3-Clause
// Tables of methods and schemes. Called by IKE_AUTH before a signature is made or judged.
#include "control/session/signatures.h"

#include <algorithm>

namespace penstock::session {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::KeyKind;
using crypto::SignatureFamily;
using crypto::SignatureHash;
using crypto::SignatureRow;
using crypto::SignatureScheme;
using isakmp::AuthenticationMethod;

namespace {

/// RFC 4754 §3: a curve with its hash.
struct EcdsaMethod {
  AuthenticationMethod method;
  KeyKind kind;
  SignatureScheme scheme;
};
constexpr std::array kEcdsaMethods{
    EcdsaMethod{AuthenticationMethod::kEcdsaSha256P256, KeyKind::kEcdsaP256,
                SignatureScheme::kEcdsaSha256},
    EcdsaMethod{AuthenticationMethod::kEcdsaSha384P384, KeyKind::kEcdsaP384,
                SignatureScheme::kEcdsaSha384},
    EcdsaMethod{AuthenticationMethod::kEcdsaSha512P521, KeyKind::kEcdsaP521,
                SignatureScheme::kEcdsaSha512},
};

/// What each kind of key makes, the most wanted first: RFC 8247 §3.2 has PSS before PKCS #1 v1.5;
/// ECDSA takes the hash of its curve's strength.
using enum SignatureScheme;
struct Preference {
  KeyKind kind;
  std::array<SignatureScheme, 7> schemes;
  std::size_t count;
};
constexpr std::array kPreferences{
    Preference{KeyKind::kRsa,
               {kRsaPssSha256, kRsaPssSha384, kRsaPssSha512, kRsaPkcs1Sha256, kRsaPkcs1Sha384,
                kRsaPkcs1Sha512, kRsaPkcs1Sha1},
               7},
    Preference{KeyKind::kEcdsaP256, {kEcdsaSha256, kEcdsaSha384, kEcdsaSha512}, 3},
    Preference{KeyKind::kEcdsaP384, {kEcdsaSha384, kEcdsaSha512, kEcdsaSha256}, 3},
    Preference{KeyKind::kEcdsaP521, {kEcdsaSha512, kEcdsaSha384, kEcdsaSha256}, 3},
    Preference{KeyKind::kEd25519, {kEd25519}, 1},
    Preference{KeyKind::kEd448, {kEd448}, 1},
    Preference{KeyKind::kDsa, {}, 0},
};

std::optional<SignatureChoice> old_method(KeyKind key, AuthMethod auth) {
  for (const EcdsaMethod& row : kEcdsaMethods)
    if (row.kind == key && is_taken(auth, row.scheme))
      return SignatureChoice{row.method, row.scheme};
  if (key != KeyKind::kRsa) return std::nullopt;
  // RFC 7296 §3.8: method 1 is PKCS #1 v1.5; peers that know nothing newer may want SHA-1.
  if (auth == AuthMethod::kRsaSha1)
    return SignatureChoice{AuthenticationMethod::kRsaSignature, kRsaPkcs1Sha1};
  if (auth == AuthMethod::kPubkey || auth == AuthMethod::kRsa)
    return SignatureChoice{AuthenticationMethod::kRsaSignature, kRsaPkcs1Sha256};
  return std::nullopt;
}

/// RFC 7427 §3: length, AlgorithmIdentifier, signature.
Result<ReadSignature> read_digital_signature(AuthMethod remote, Bytes data) {
  const std::size_t octets = data.empty() ? 0 : std::to_integer<std::size_t>(data.front());
  if (octets == 0 || data.size() < 1 + octets + 1)
    return fail(ErrorCode::kMalformed, "AUTH: no algorithm or no signature");
  const auto scheme = crypto::read_algorithm_identifier(data.subspan(1, octets));
  if (!scheme) return fail(ErrorCode::kAuthentication, scheme.error().text);
  if (!is_taken(remote, *scheme))
    return fail(ErrorCode::kAuthentication, std::string(crypto::row_of(*scheme).name) +
                                                " is not what the configuration asks for");
  return ReadSignature{{*scheme}, std::nullopt, base::to_vector(data.subspan(1 + octets))};
}

Result<ReadSignature> read_rsa_signature(AuthMethod remote, Bytes data) {
  ReadSignature out;
  for (const SignatureRow& row : crypto::signature_table())
    if (row.family == SignatureFamily::kRsaPkcs1 && is_taken(remote, row.scheme))
      out.schemes.push_back(row.scheme);
  if (out.schemes.empty())
    return fail(ErrorCode::kAuthentication, "the configuration asks for no PKCS #1 v1.5");
  out.signature = base::to_vector(data);
  return out;
}

}  // namespace

bool fits(AuthMethod auth, KeyKind key) {
  if (encrypts(auth)) return key == KeyKind::kRsa;
  if (key == KeyKind::kDsa) return auth == AuthMethod::kDsa || auth == AuthMethod::kPubkey;
  return std::ranges::any_of(crypto::signature_table(), [&](const SignatureRow& row) {
    return crypto::can_make(key, row.family) && is_taken(auth, row.scheme);
  });
}

bool is_taken(AuthMethod auth, SignatureScheme scheme) {
  const SignatureRow& row = crypto::row_of(scheme);
  if (row.hash == SignatureHash::kSha1) return auth == AuthMethod::kRsaSha1;
  switch (auth) {
    case AuthMethod::kPsk:
    case AuthMethod::kDsa:
    case AuthMethod::kPubkeyEnc:
    case AuthMethod::kPubkeyEncRevised:
      return false;
    case AuthMethod::kPubkey:
      return true;
    case AuthMethod::kRsa:
    case AuthMethod::kRsaSha1:
      return row.family == SignatureFamily::kRsaPkcs1;
    case AuthMethod::kRsaPss:
      return row.family == SignatureFamily::kRsaPss;
    case AuthMethod::kEcdsa:
      return row.family == SignatureFamily::kEcdsa;
    case AuthMethod::kEd25519:
      return row.family == SignatureFamily::kEd25519;
    case AuthMethod::kEd448:
      return row.family == SignatureFamily::kEd448;
  }
  return false;
}

std::vector<SignatureHash> announced_hashes(AuthMethod remote) {
  std::vector<SignatureHash> hashes;
  for (const SignatureRow& row : crypto::signature_table())
    if (is_taken(remote, row.scheme) && std::ranges::find(hashes, row.hash) == hashes.end())
      hashes.push_back(row.hash);
  return hashes;
}

std::optional<SignatureChoice> choose_signature(KeyKind key, AuthMethod auth,
                                                const HashSet& hashes) {
  const auto* row = std::ranges::find(kPreferences, key, &Preference::kind);
  for (const SignatureScheme scheme : std::span(row->schemes).first(row->count))
    if (is_taken(auth, scheme) && hashes.has(crypto::row_of(scheme).hash))
      return SignatureChoice{AuthenticationMethod::kDigitalSignature, scheme};
  return old_method(key, auth);
}

const Credential* choose_credential(const PeerAuth& local, std::span<const AuthorityHash> asked,
                                    const HashSet& hashes) {
  const auto readable = [&](const Credential& c) {
    return choose_signature(c.kind, local.auth, hashes).has_value();
  };
  const auto judged = [&](const Credential& c) {
    return std::ranges::any_of(c.authorities, [&](const AuthorityHash& a) {
      return std::ranges::find(asked, a) != asked.end();
    });
  };
  const auto& all = local.credentials;
  auto best =
      std::ranges::find_if(all, [&](const Credential& c) { return readable(c) && judged(c); });
  // RFC 7296 §3.7: what is asked for is a wish.
  if (best == all.end()) best = std::ranges::find_if(all, readable);
  if (best == all.end()) best = all.begin();
  return best == all.end() ? nullptr : &*best;
}

Result<ByteVector> auth_data(const SignatureChoice& choice, KeyKind key, Bytes signature) {
  if (choice.method == AuthenticationMethod::kRsaSignature) return base::to_vector(signature);
  if (choice.method != AuthenticationMethod::kDigitalSignature)
    return crypto::ecdsa_raw_of_der(key, signature);
  const ByteVector algorithm = crypto::algorithm_identifier(choice.scheme);
  ByteVector data{static_cast<std::byte>(algorithm.size())};
  data.insert(data.end(), algorithm.begin(), algorithm.end());
  data.insert(data.end(), signature.begin(), signature.end());
  return data;
}

Result<ReadSignature> read_signature(AuthMethod remote, AuthenticationMethod method, Bytes data) {
  if (signs(remote) && method == AuthenticationMethod::kDigitalSignature)
    return read_digital_signature(remote, data);
  if (signs(remote) && method == AuthenticationMethod::kRsaSignature)
    return read_rsa_signature(remote, data);
  const auto* row = std::ranges::find(kEcdsaMethods, method, &EcdsaMethod::method);
  if (row == kEcdsaMethods.end() || !is_taken(remote, row->scheme))
    return fail(ErrorCode::kAuthentication, "the peer authenticates by " + isakmp::name_of(method) +
                                                ", the configuration asks for another proof");
  PS_ASSIGN(ByteVector der, crypto::ecdsa_der_of_raw(row->kind, data));
  return ReadSignature{{row->scheme}, row->kind, std::move(der)};
}

}  // namespace penstock::session
