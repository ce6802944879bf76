// SPDX-License-Identifier: BSD-3-Clause
// PRF, prf+ and the ICV of integrity algorithms: which MAC, which key, how much of it.
#include "lib/crypto/prf.h"

#include <array>
#include <vector>

#include "lib/base/check.h"
#include "lib/crypto/mac.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using base::MutableBytes;
using base::SecretBytes;

constexpr std::size_t kFixedKeyOctets = 16;  // of the PRFs on AES

/// A key of any length for a PRF that wants 16 octets: a longer one is hashed by the PRF itself
/// under a key of zeros, a shorter one is filled with zeros (XCBC, RFC 4434 §2) or hashed as well
/// (CMAC, RFC 4615 §3).
using BlockMac = void (*)(CryptoContext::Impl&, Bytes, Parts, MutableBytes);
SecretBytes fixed_key(CryptoContext::Impl& impl, BlockMac mac, bool fill_short, Bytes key) {
  SecretBytes out(kFixedKeyOctets);
  if (key.size() == kFixedKeyOctets || (fill_short && key.size() < kFixedKeyOctets)) {
    std::ranges::copy(key, out.mutable_bytes().begin());
  } else {
    const std::array<std::byte, kFixedKeyOctets> zeros{};
    mac(impl, zeros, std::array{key}, out.mutable_bytes());
  }
  return out;
}

void prf_into(CryptoContext::Impl& impl, const PrfRow& row, Bytes key, Parts parts,
              MutableBytes out) {
  if (row.id == PrfId::kAes128Xcbc) {
    aes_xcbc(impl, fixed_key(impl, aes_xcbc, true, key).bytes(), parts, out);
  } else if (row.id == PrfId::kAes128Cmac) {
    aes_cmac(impl, fixed_key(impl, aes_cmac, false, key).bytes(), parts, out);
  } else {
    hmac(impl, row.openssl_digest, key, parts, out);
  }
}

}  // namespace

SecretBytes prf(const CryptoContext& context, const PrfRow& row, Bytes key,
                std::initializer_list<Bytes> parts) {
  SecretBytes out(row.output_octets);
  prf_into(context.impl(), row, key, parts, out.mutable_bytes());
  return out;
}

SecretBytes prf_plus(const CryptoContext& context, const PrfRow& row, Bytes key,
                     std::initializer_list<Bytes> seed, std::size_t octets) {
  // RFC 7296 §2.13: T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n); one octet counts.
  const std::size_t rounds = (octets + row.output_octets - 1) / row.output_octets;
  PS_CHECK(rounds <= 255);
  SecretBytes blocks(rounds * row.output_octets);
  std::vector<Bytes> parts;
  parts.reserve(seed.size() + 2);
  for (std::size_t n = 1; n <= rounds; ++n) {
    const auto counter = static_cast<std::byte>(n);
    const std::size_t at = (n - 1) * row.output_octets;
    parts.clear();
    if (n > 1) parts.push_back(blocks.bytes().subspan(at - row.output_octets, row.output_octets));
    parts.insert(parts.end(), seed.begin(), seed.end());
    parts.emplace_back(&counter, 1);
    prf_into(context.impl(), row, key, parts,
             blocks.mutable_bytes().subspan(at, row.output_octets));
  }
  return SecretBytes::copy_of(blocks.bytes().first(octets));
}

ByteVector hash(const CryptoContext& context, std::string_view openssl_digest,
                std::initializer_list<Bytes> parts) {
  const EVP_MD* digest = context.impl().digest(openssl_digest);
  const DigestCtxPtr ctx(EVP_MD_CTX_new());
  PS_CHECK(ctx != nullptr && EVP_DigestInit_ex2(ctx.get(), digest, nullptr) == 1);
  for (const Bytes part : parts)
    PS_CHECK(EVP_DigestUpdate(ctx.get(), part.data(), part.size()) == 1);
  ByteVector out(static_cast<std::size_t>(EVP_MD_get_size(digest)));
  PS_CHECK(EVP_DigestFinal_ex(ctx.get(), base::u8(out.data()), nullptr) == 1);
  return out;
}

ByteVector integrity(const CryptoContext& context, const IntegRow& row, Bytes key,
                     std::initializer_list<Bytes> parts) {
  ByteVector out(row.digest_octets);
  if (row.id == IntegId::kAesXcbc96) {
    aes_xcbc(context.impl(), key, parts, out);
  } else if (row.id == IntegId::kAesCmac96) {
    aes_cmac(context.impl(), key, parts, out);
  } else {
    hmac(context.impl(), row.openssl_digest, key, parts, out);
  }
  out.resize(row.icv_octets);
  return out;
}

}  // namespace penstock::crypto
