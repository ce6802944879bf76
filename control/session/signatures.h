// SPDX-License-Identifier: BSD-3-Clause
// Which signature is made and which are taken (RFC 7427, RFC 7296 §2.15, RFC 4754), and which
// certificate goes with it: what both versions decide before a job is started.
#pragma once

#include <optional>
#include <span>

#include "control/isakmp/registry.h"
#include "control/session/connection_config.h"

namespace penstock::session {

/// The hash algorithms that a peer announced, a bit each (RFC 7427 §4).
class HashSet {
 public:
  void add(std::uint16_t number) {
    if (number < 16) bits_ |= 1U << number;
  }
  [[nodiscard]] bool has(crypto::SignatureHash hash) const {
    return (bits_ >> static_cast<unsigned>(hash) & 1U) != 0;
  }
  [[nodiscard]] bool empty() const { return bits_ == 0; }

 private:
  unsigned bits_ = 0;
};

[[nodiscard]] constexpr bool signs(AuthMethod auth) { return auth != AuthMethod::kPsk; }
/// Methods that IKEv2 does not have.
[[nodiscard]] constexpr bool is_of_ikev1(AuthMethod auth) { return auth >= AuthMethod::kDsa; }
/// By RSA encryption, which shows nothing that was signed.
[[nodiscard]] constexpr bool encrypts(AuthMethod auth) { return auth >= AuthMethod::kPubkeyEnc; }
/// Does a key of this kind prove anything by this method?
[[nodiscard]] bool fits(AuthMethod auth, crypto::KeyKind key);
/// Does the connection's configuration take this scheme of that end?
[[nodiscard]] bool is_taken(AuthMethod auth, crypto::SignatureScheme scheme);

/// What we announce: the hashes of what is taken of the peer.
[[nodiscard]] std::vector<crypto::SignatureHash> announced_hashes(AuthMethod remote);

/// How one signature goes into AUTH.
struct SignatureChoice {
  isakmp::AuthenticationMethod method{};
  crypto::SignatureScheme scheme{};
};
/// The best that our key makes, our configuration wants and the peer can read.
/// @param hashes  empty: the peer knows the old methods alone
[[nodiscard]] std::optional<SignatureChoice> choose_signature(crypto::KeyKind key, AuthMethod auth,
                                                              const HashSet& hashes);

/// The credential that the peer can judge, by the authorities that it asks for, and whose signature
/// it can read; else the first.
/// @return nullptr if there is none
[[nodiscard]] const Credential* choose_credential(const PeerAuth& local,
                                                  std::span<const AuthorityHash> asked,
                                                  const HashSet& hashes);

/// The data of an AUTH payload: raw for methods 9 to 11, with its algorithm for method 14.
/// @param signature  as a job makes it
/// @return kMalformed if it is not such a signature
[[nodiscard]] base::Result<base::ByteVector> auth_data(const SignatureChoice& choice,
                                                       crypto::KeyKind key, base::Bytes signature);

/// What an AUTH payload's signature is to be verified by.
struct ReadSignature {
  std::vector<crypto::SignatureScheme> schemes;  ///< any of them
  std::optional<crypto::KeyKind> kind;
  base::ByteVector signature;  ///< ECDSA's as DER
};
/// @return kMalformed; kAuthentication for a method or algorithm that is not taken
[[nodiscard]] base::Result<ReadSignature> read_signature(AuthMethod remote,
                                                         isakmp::AuthenticationMethod method,
                                                         base::Bytes data);

}  // namespace penstock::session
