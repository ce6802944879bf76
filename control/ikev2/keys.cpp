// SPDX-License-Identifier: BSD-3-Clause
// Key derivation of IKEv2. Called when a key exchange's shared secret is there, before the first
// protected message and before a child SA's specifications are built.
#include "control/ikev2/keys.h"

#include <algorithm>

#include "lib/base/byte_io.h"

namespace penstock::ikev2 {
namespace {

using base::SecretBytes;

constexpr std::size_t kFixedKeyNonceOctets = 8;

/// Takes keys from the front of keying material.
class Cutter {
 public:
  explicit Cutter(base::Bytes material) : rest_(material) {}
  SecretBytes take(std::size_t octets) {
    SecretBytes key = SecretBytes::copy_of(rest_.first(octets));
    rest_ = rest_.subspan(octets);
    return key;
  }

 private:
  base::Bytes rest_;
};

std::size_t cipher_key_octets(const crypto::EncrRow& row) {
  return row.key_bits / 8U + row.salt_octets;
}

base::ByteVector spi_octets(session::IkeSpi spi) {
  base::ByteWriter w;
  w.u64(spi.value());
  return w.release();
}

}  // namespace

base::Result<IkeAlgorithms> algorithms_of(const session::Agreed& agreed) {
  IkeAlgorithms a;
  a.encr = crypto::find_encr(agreed.encr.id, agreed.encr.key_bits);
  a.prf = crypto::find_prf(agreed.prf);
  const bool aead = crypto::is_aead(agreed.encr);
  if (!aead) a.integ = crypto::find_integ(agreed.integ);
  if (a.encr == nullptr || a.prf == nullptr || (!aead && a.integ == nullptr))
    return base::fail(base::ErrorCode::kUnsupported, agreed.to_string());
  return a;
}

SecretBytes skeyseed(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                     const Nonces& nonces, base::Bytes shared_secret) {
  // RFC 7296 §2.14: the PRFs on AES take the first 64 bits of each nonce here, and here alone.
  const auto part = [&prf](base::Bytes nonce) {
    return prf.fixed_key ? nonce.first(std::min(kFixedKeyNonceOctets, nonce.size())) : nonce;
  };
  base::ByteVector key = base::to_vector(part(nonces.i));
  const base::Bytes rest = part(nonces.r);
  key.insert(key.end(), rest.begin(), rest.end());
  return crypto::prf(context, prf, key, {shared_secret});
}

SecretBytes skeyseed_of_rekey(const crypto::CryptoContext& context, const crypto::PrfRow& old_prf,
                              base::Bytes old_sk_d, base::Bytes shared_secret,
                              const Nonces& nonces) {
  return crypto::prf(context, old_prf, old_sk_d, {shared_secret, nonces.i, nonces.r});
}

IkeKeys derive_ike_keys(const crypto::CryptoContext& context, const IkeAlgorithms& algorithms,
                        base::Bytes skeyseed, const Nonces& nonces, session::IkeSpi spi_i,
                        session::IkeSpi spi_r) {
  const std::size_t prf_octets = algorithms.prf->key_octets;
  const std::size_t integ_octets = algorithms.integ != nullptr ? algorithms.integ->key_octets : 0U;
  const std::size_t encr_octets = cipher_key_octets(*algorithms.encr);
  const base::ByteVector i = spi_octets(spi_i);
  const base::ByteVector r = spi_octets(spi_r);
  const SecretBytes material =
      crypto::prf_plus(context, *algorithms.prf, skeyseed, {nonces.i, nonces.r, i, r},
                       3 * prf_octets + 2 * integ_octets + 2 * encr_octets);
  Cutter cut(material.bytes());
  IkeKeys keys;
  keys.d = cut.take(prf_octets);
  keys.ai = cut.take(integ_octets);
  keys.ar = cut.take(integ_octets);
  keys.ei = cut.take(encr_octets);
  keys.er = cut.take(encr_octets);
  keys.pi = cut.take(prf_octets);
  keys.pr = cut.take(prf_octets);
  return keys;
}

base::Result<ChildKeys> derive_child_keys(const crypto::CryptoContext& context,
                                          const crypto::PrfRow& prf, base::Bytes sk_d,
                                          base::Bytes shared_secret, const Nonces& nonces,
                                          const session::Agreed& agreed) {
  const bool ah = agreed.protocol == crypto::ProtocolId::kAh;
  const crypto::EncrRow* encr =
      ah ? nullptr : crypto::find_encr(agreed.encr.id, agreed.encr.key_bits);
  const bool aead = encr != nullptr && crypto::is_aead(agreed.encr);
  const crypto::IntegRow* integ = aead ? nullptr : crypto::find_integ(agreed.integ);
  if ((!ah && encr == nullptr) || (!aead && integ == nullptr))
    return base::fail(base::ErrorCode::kUnsupported, agreed.to_string());
  const std::size_t encr_octets = encr != nullptr ? cipher_key_octets(*encr) : 0U;
  // RFC 4543 §5.4: AES-GMAC takes its salt from KEYMAT too.
  const std::size_t integ_octets =
      integ != nullptr ? std::size_t{integ->key_octets} + integ->salt_octets : 0U;
  const SecretBytes material = crypto::prf_plus(
      context, prf, sk_d, {shared_secret, nonces.i, nonces.r}, 2 * (encr_octets + integ_octets));
  // RFC 7296 §2.17: the initiator's direction first, the encryption key before the integrity key.
  Cutter cut(material.bytes());
  ChildKeys keys;
  keys.enc_i = cut.take(encr_octets);
  keys.auth_i = cut.take(integ_octets);
  keys.enc_r = cut.take(encr_octets);
  keys.auth_r = cut.take(integ_octets);
  return keys;
}

}  // namespace penstock::ikev2
