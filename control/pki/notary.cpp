// SPDX-License-Identifier: BSD-3-Clause
// What a job of the pool asks for: chain › name › key › signature. Keys and trust sets are made
// ready at their first use; verified chains are remembered, their names and signatures never.
#include "control/pki/notary.h"

#include "control/pki/chain.h"
#include "lib/base/check.h"
#include "lib/crypto/signature_keys.h"

namespace penstock::pki {

using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::KeyId;
using crypto::SigningKey;
using crypto::VerifyingKey;

namespace {

using ChainId = std::array<std::byte, 32>;

/// A chain that was found good.
struct Remembered {
  ChainId id;
  base::UtcTime from;
  base::UtcTime until;
};

ChainId id_of_chain(const PeerProof& proof) {
  TrustSet as_set;
  as_set.anchors = proof.certificates;
  as_set.crls.emplace_back(proof.trust.begin(), proof.trust.end());
  return id_of(as_set);
}

Result<VerifyingKey> key_of(const crypto::CryptoContext& context, X509* certificate) {
  unsigned char* der = nullptr;
  const int octets = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  PS_CHECK(octets > 0);
  const BufferPtr owned(der);
  return VerifyingKey::from_spki(
      context, {reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(octets)});
}

}  // namespace

struct Notary::Impl {
  Impl(const crypto::CryptoContext& context_in, std::shared_ptr<const Vault> vault_in)
      : context(context_in), vault(std::move(vault_in)) {}

  const crypto::CryptoContext& context;
  std::shared_ptr<const Vault> vault;
  std::map<KeyId, SigningKey> keys;
  std::map<TrustId, ChainVerifier> verifiers;
  std::list<Remembered> remembered;  ///< the youngest first
  std::map<ChainId, std::list<Remembered>::iterator> by_chain;

  Result<const SigningKey*> signing_key(const KeyId& id);
  Result<ChainVerifier*> verifier(const TrustId& id);
  bool is_remembered(const ChainId& id, base::UtcTime now);
  void remember(const Remembered& chain);
  void forget(std::list<Remembered>::iterator chain);
  Result<void> verify_chain(const PeerProof& proof, std::span<const X509Ptr> certificates);
};

Result<const SigningKey*> Notary::Impl::signing_key(const KeyId& id) {
  const auto known = keys.find(id);
  if (known != keys.end()) return &known->second;
  const PrivateKey* key = vault ? vault->key(id) : nullptr;
  if (key == nullptr) return fail(ErrorCode::kNotFound, "the private key is not there");
  PS_ASSIGN(SigningKey made, SigningKey::from_pkcs8(context, key->pkcs8.bytes()));
  return &keys.emplace(id, std::move(made)).first->second;
}

Result<ChainVerifier*> Notary::Impl::verifier(const TrustId& id) {
  const auto known = verifiers.find(id);
  if (known != verifiers.end()) return &known->second;
  const TrustSet* trust = vault ? vault->trust(id) : nullptr;
  if (trust == nullptr) return fail(ErrorCode::kNotFound, "there is no trust anchor");
  PS_ASSIGN(ChainVerifier made, ChainVerifier::create(context, *trust));
  return &verifiers.emplace(id, std::move(made)).first->second;
}

void Notary::Impl::forget(std::list<Remembered>::iterator chain) {
  by_chain.erase(chain->id);
  remembered.erase(chain);
}

bool Notary::Impl::is_remembered(const ChainId& id, base::UtcTime now) {
  const auto found = by_chain.find(id);
  if (found == by_chain.end()) return false;
  if (now >= found->second->from && now < found->second->until) return true;
  forget(found->second);
  return false;
}

void Notary::Impl::remember(const Remembered& chain) {
  if (remembered.size() >= kMaxRemembered) forget(std::prev(remembered.end()));
  remembered.push_front(chain);
  by_chain.emplace(chain.id, remembered.begin());
}

Result<void> Notary::Impl::verify_chain(const PeerProof& proof,
                                        std::span<const X509Ptr> certificates) {
  const ChainId id = id_of_chain(proof);
  if (is_remembered(id, proof.now)) return {};
  PS_ASSIGN(ChainVerifier * judge, verifier(proof.trust));
  PS_ASSIGN(const base::UtcTime until, judge->verify(context, certificates, proof.now));
  remember({id, proof.now, std::min(until, proof.now + kRememberedTime)});
  return {};
}

Notary::Notary(const crypto::CryptoContext& context, std::shared_ptr<const Vault> vault)
    : impl_(std::make_unique<Impl>(context, std::move(vault))) {}
Notary::~Notary() = default;
std::size_t Notary::remembered() const { return impl_->remembered.size(); }

Result<base::ByteVector> Notary::sign(const KeyId& key, crypto::SignatureScheme scheme,
                                      base::Bytes octets) {
  PS_ASSIGN(const SigningKey* signer, impl_->signing_key(key));
  return signer->sign(impl_->context, scheme, octets);
}

Result<ProvedPeer> Notary::verify(const PeerProof& proof) {
  if (proof.certificates.empty()) return fail(ErrorCode::kRefused, "the peer sends no certificate");
  if (proof.certificates.size() > kMaxPeerCertificates)
    return fail(ErrorCode::kLimit,
                "the peer sends " + std::to_string(proof.certificates.size()) + " certificates");
  std::vector<X509Ptr> certificates;
  for (const base::ByteVector& der : proof.certificates) {
    PS_ASSIGN(X509Ptr certificate, parse_certificate(impl_->context, der));
    certificates.push_back(std::move(certificate));
  }
  X509* leaf = certificates.front().get();
  // The signature first: it is one operation, and without it a chain costs us nothing.
  PS_ASSIGN(const VerifyingKey key, key_of(impl_->context, leaf));
  if (proof.kind && *proof.kind != key.kind())
    return fail(ErrorCode::kRefused, subject_text(leaf) + ": its key is of " +
                                         std::string(crypto::name_of(key.kind())) + ", not of " +
                                         std::string(crypto::name_of(*proof.kind)));
  Result<void> verdict = fail(ErrorCode::kUnsupported, "no scheme that we accept");
  const crypto::SignatureScheme* made_by = nullptr;
  for (const crypto::SignatureScheme& scheme : proof.schemes) {
    verdict = key.verify(impl_->context, scheme, proof.octets, proof.signature);
    if (!verdict) continue;
    made_by = &scheme;
    break;
  }
  if (made_by == nullptr)
    return fail(verdict.error().code, subject_text(leaf) + ": " + verdict.error().text);
  PS_TRY(impl_->verify_chain(proof, certificates));
  PS_TRY(match_name(leaf, proof.name));
  return ProvedPeer{subject_text(leaf), *made_by};
}

}  // namespace penstock::pki
