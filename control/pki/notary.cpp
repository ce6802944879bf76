// SPDX-License-Identifier: BSD-3-Clause
// What a job of the pool asks for: chain › name › key › signature. Keys and trust sets are made
// ready at their first use; verified chains are remembered with the peer's certificate and key, its
// names and signatures never.
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

/// The peer's own certificate and its key, ready for use.
struct Leaf {
  X509Ptr certificate;
  VerifyingKey key;
};

/// A chain that was found good.
struct Remembered {
  ChainId id;
  base::UtcTime from;
  base::UtcTime until;
  Leaf leaf;
};

ChainId id_of_chain(const PeerProof& proof) {
  TrustSet as_set;
  as_set.anchors = proof.certificates;
  as_set.crls.emplace_back(proof.trust.begin(), proof.trust.end());
  return id_of(as_set);
}

Result<std::vector<X509Ptr>> parse(const crypto::CryptoContext& context,
                                   const std::vector<base::ByteVector>& certificates) {
  std::vector<X509Ptr> parsed;
  for (const base::ByteVector& der : certificates) {
    PS_ASSIGN(X509Ptr certificate, parse_certificate(context, der));
    parsed.push_back(std::move(certificate));
  }
  return parsed;
}

Result<Leaf> leaf_of(X509* certificate) {
  PS_ASSIGN(VerifyingKey key, VerifyingKey::of(X509_get0_pubkey(certificate)));
  PS_CHECK(X509_up_ref(certificate) == 1);
  return Leaf{X509Ptr(certificate), std::move(key)};
}

/// Which of its schemes made the proof's signature.
Result<crypto::SignatureScheme> check_signature(const crypto::CryptoContext& context,
                                                const Leaf& leaf, const PeerProof& proof) {
  if (proof.kind && *proof.kind != leaf.key.kind())
    return fail(ErrorCode::kRefused, subject_text(leaf.certificate.get()) + ": its key is of " +
                                         std::string(crypto::name_of(leaf.key.kind())) +
                                         ", not of " + std::string(crypto::name_of(*proof.kind)));
  Result<void> verdict = fail(ErrorCode::kUnsupported, "no scheme that we accept");
  if (proof.of_hash) {
    verdict = leaf.key.verify_hash(context, proof.octets, proof.signature);
    if (verdict) return crypto::SignatureScheme{};
  }
  for (const crypto::SignatureScheme& scheme : proof.schemes) {
    verdict = leaf.key.verify(context, scheme, proof.octets, proof.signature);
    if (verdict) return scheme;
  }
  return fail(verdict.error().code,
              subject_text(leaf.certificate.get()) + ": " + verdict.error().text);
}

Result<ProvedPeer> named(const X509* certificate, const PeerProof& proof,
                         crypto::SignatureScheme scheme) {
  PS_TRY(match_name(certificate, proof.name));
  return ProvedPeer{subject_text(certificate), scheme};
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
  /// @return nullptr if it is not, or not any more
  const Leaf* find_remembered(const ChainId& id, base::UtcTime now);
  void remember(Remembered chain);
  void forget(std::list<Remembered>::iterator chain);
  Result<ProvedPeer> verify_new(const ChainId& id, const PeerProof& proof);
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

const Leaf* Notary::Impl::find_remembered(const ChainId& id, base::UtcTime now) {
  const auto found = by_chain.find(id);
  if (found == by_chain.end()) return nullptr;
  if (now >= found->second->from && now < found->second->until) return &found->second->leaf;
  forget(found->second);
  return nullptr;
}

void Notary::Impl::remember(Remembered chain) {
  if (remembered.size() >= kMaxRemembered) forget(std::prev(remembered.end()));
  remembered.push_front(std::move(chain));
  by_chain.emplace(remembered.front().id, remembered.begin());
}

Result<ProvedPeer> Notary::Impl::verify_new(const ChainId& id, const PeerProof& proof) {
  PS_ASSIGN(const std::vector<X509Ptr> certificates, parse(context, proof.certificates));
  X509* own = certificates.front().get();
  PS_ASSIGN(Leaf leaf, leaf_of(own));
  // The signature first: it is one operation, and without it a chain costs us nothing.
  PS_ASSIGN(const crypto::SignatureScheme scheme, check_signature(context, leaf, proof));
  PS_ASSIGN(ChainVerifier * judge, verifier(proof.trust));
  PS_ASSIGN(const base::UtcTime until, judge->verify(context, certificates, proof.now));
  remember({id, proof.now, std::min(until, proof.now + kRememberedTime), std::move(leaf)});
  return named(own, proof, scheme);
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

Result<base::ByteVector> Notary::sign_hash(const KeyId& key, base::Bytes hash) {
  PS_ASSIGN(const SigningKey* signer, impl_->signing_key(key));
  return signer->sign_hash(impl_->context, hash);
}

Result<base::ByteVector> Notary::encrypt(base::Bytes certificate, base::Bytes plaintext) {
  PS_ASSIGN(const X509Ptr parsed, parse_certificate(impl_->context, certificate));
  PS_ASSIGN(const Leaf leaf, leaf_of(parsed.get()));
  return crypto::rsa_encrypt(impl_->context, leaf.key, plaintext);
}

Result<base::SecretBytes> Notary::decrypt(const KeyId& key, base::Bytes ciphertext,
                                          const crypto::PlaintextOctets& octets) {
  PS_ASSIGN(const SigningKey* own, impl_->signing_key(key));
  return crypto::rsa_decrypt(impl_->context, *own, ciphertext, octets);
}

Result<ProvedPeer> Notary::verify(const PeerProof& proof) {
  if (proof.certificates.empty()) return fail(ErrorCode::kRefused, "the peer sends no certificate");
  if (proof.certificates.size() > kMaxPeerCertificates)
    return fail(ErrorCode::kLimit,
                "the peer sends " + std::to_string(proof.certificates.size()) + " certificates");
  const ChainId id = id_of_chain(proof);
  const Leaf* known = impl_->find_remembered(id, proof.now);
  if (known == nullptr) return impl_->verify_new(id, proof);
  PS_ASSIGN(const crypto::SignatureScheme scheme, check_signature(impl_->context, *known, proof));
  return named(known->certificate.get(), proof, scheme);
}

}  // namespace penstock::pki
