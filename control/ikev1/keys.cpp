// SPDX-License-Identifier: BSD-3-Clause
// Key derivation of IKEv1. Called when phase 1's shared secret is there, for each protected
// message, and when a Quick Mode's keys are wanted.
#include "control/ikev1/keys.h"

#include <algorithm>

#include "lib/base/byte_io.h"

namespace penstock::ikev1 {
namespace {

using base::Bytes;
using base::ByteVector;
using base::SecretBytes;

ByteVector octets_of(const Cookies& cookies) {
  base::ByteWriter out;
  out.u64(cookies.i.value());
  out.u64(cookies.r.value());
  return out.release();
}

ByteVector octets_of(std::uint32_t value) {
  base::ByteWriter out;
  out.u32(value);
  return out.release();
}

ByteVector joined(Bytes a, Bytes b) {
  ByteVector out = base::to_vector(a);
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

/// K1 | K2 | …, cut to the length that is wanted.
template <class Next>
SecretBytes expand(std::size_t octets, SecretBytes first, Next next) {
  SecretBytes out(octets);
  SecretBytes block = std::move(first);
  for (std::size_t done = 0;;) {
    const std::size_t part = std::min(block.size(), octets - done);
    std::ranges::copy(block.bytes().first(part), out.mutable_bytes().subspan(done).begin());
    done += part;
    if (done == octets) return out;
    block = next(block.bytes());
  }
}

}  // namespace

SecretBytes skeyid_of_psk(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                          Bytes psk, const Nonces& nonces) {
  return crypto::prf(context, prf, psk, {nonces.i, nonces.r});
}

SecretBytes skeyid_of_signatures(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                                 const Nonces& nonces, Bytes g_xy) {
  return crypto::prf(context, prf, joined(nonces.i, nonces.r), {g_xy});
}

SecretBytes skeyid_of_encryption(const crypto::CryptoContext& context, const Algorithms& algorithms,
                                 const Nonces& nonces, const Cookies& cookies) {
  const ByteVector key = crypto::hash(context, algorithms.hash, {nonces.i, nonces.r});
  return crypto::prf(context, *algorithms.prf, key, {octets_of(cookies)});
}

SecretBytes nonce_key(const crypto::CryptoContext& context, const Algorithms& algorithms,
                      Bytes nonce, IkeSpi cookie) {
  base::ByteWriter octets;
  octets.u64(cookie.value());
  const SecretBytes ne = crypto::prf(context, *algorithms.prf, nonce, {octets.bytes()});
  return cipher_key(context, *algorithms.prf, ne.bytes(), algorithms.encr->key_bits / 8U);
}

Skeyids derive_skeyids(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                       SecretBytes skeyid, Bytes g_xy, const Cookies& cookies) {
  const ByteVector both = octets_of(cookies);
  const auto next = [&](Bytes before, std::byte counter) {
    return crypto::prf(context, prf, skeyid.bytes(), {before, g_xy, both, {&counter, 1}});
  };
  Skeyids out;
  out.d = next({}, std::byte{0});
  out.a = next(out.d.bytes(), std::byte{1});
  out.e = next(out.a.bytes(), std::byte{2});
  out.skeyid = std::move(skeyid);
  return out;
}

SecretBytes cipher_key(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                       Bytes skeyid_e, std::size_t octets) {
  if (octets <= skeyid_e.size()) return SecretBytes::copy_of(skeyid_e.first(octets));
  const std::byte zero{0};
  return expand(octets, crypto::prf(context, prf, skeyid_e, {{&zero, 1}}),
                [&](Bytes block) { return crypto::prf(context, prf, skeyid_e, {block}); });
}

namespace {

ByteVector iv_of(const crypto::CryptoContext& context, const Algorithms& algorithms, Bytes a,
                 Bytes b) {
  ByteVector iv = crypto::hash(context, algorithms.hash, {a, b});
  iv.resize(algorithms.encr->block_octets);
  return iv;
}

}  // namespace

ByteVector phase1_iv(const crypto::CryptoContext& context, const Algorithms& algorithms, Bytes g_xi,
                     Bytes g_xr) {
  return iv_of(context, algorithms, g_xi, g_xr);
}

ByteVector phase2_iv(const crypto::CryptoContext& context, const Algorithms& algorithms,
                     Bytes last_block, std::uint32_t message_id) {
  return iv_of(context, algorithms, last_block, octets_of(message_id));
}

SecretBytes phase1_hash(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                        Bytes skeyid, const Phase1Hash& what) {
  // The cookies too: those of whose hash it is come first (§5).
  const Cookies& c = what.cookies;
  const ByteVector cookies = octets_of(what.of_initiator ? c : Cookies{c.r, c.i});
  return crypto::prf(context, prf, skeyid,
                     {what.own_public, what.peer_public, cookies, what.sai_b, what.id_b});
}

SecretBytes phase2_hash(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                        Bytes skeyid_a, std::uint32_t message_id, Bytes ni, Bytes rest) {
  return crypto::prf(context, prf, skeyid_a, {octets_of(message_id), ni, rest});
}

SecretBytes phase2_last_hash(const crypto::CryptoContext& context, const crypto::PrfRow& prf,
                             Bytes skeyid_a, std::uint32_t message_id, const Nonces& nonces) {
  const std::byte zero{0};
  return crypto::prf(context, prf, skeyid_a,
                     {{&zero, 1}, octets_of(message_id), nonces.i, nonces.r});
}

SecretBytes keymat(const crypto::CryptoContext& context, const crypto::PrfRow& prf, Bytes skeyid_d,
                   const KeymatOf& what, std::size_t octets) {
  const ByteVector spi = octets_of(what.spi);
  const std::byte protocol{what.protocol};
  const auto next = [&](Bytes before) {
    return crypto::prf(
        context, prf, skeyid_d,
        {before, what.shared_secret, {&protocol, 1}, spi, what.nonces.i, what.nonces.r});
  };
  return expand(octets, next({}), next);
}

}  // namespace penstock::ikev1
