// SPDX-License-Identifier: BSD-3-Clause
// The rows of the algorithm table. Adding an algorithm is adding a row here, a line in an engine
// (lib/burst_crypto) or in sk_cipher.cpp, and its vectors. The numbers are IANA's ("Internet Key
// Exchange Version 2 (IKEv2) Parameters"); checks below prove that no row is there twice.
#include "lib/crypto/algorithms.h"

namespace penstock::crypto {
namespace {

using enum CipherKind;
constexpr bool kIke = true;
constexpr bool kEsp = true;
constexpr bool kNo = false;

// RFC 4303 §2.4: the ciphertext is aligned to 4 octets even if the cipher does not ask for it.
constexpr EncrRow kEncr[] = {
    // id, key bits, name, kind, salt, iv, block, icv, KEY_LENGTH, IKE, ESP, RFC
    {EncrId::k3Des, 192, "3des", kBlock, 0, 8, 8, 0, false, kIke, kEsp, "RFC 2451"},
    {EncrId::kNull, 0, "null", kNull, 0, 0, 4, 0, false, kNo, kEsp, "RFC 2410"},
    {EncrId::kAesCbc, 128, "aes128", kBlock, 0, 16, 16, 0, true, kIke, kEsp, "RFC 3602"},
    {EncrId::kAesCbc, 192, "aes192", kBlock, 0, 16, 16, 0, true, kIke, kEsp, "RFC 3602"},
    {EncrId::kAesCbc, 256, "aes256", kBlock, 0, 16, 16, 0, true, kIke, kEsp, "RFC 3602"},
    {EncrId::kAesCtr, 128, "aes128ctr", kCounter, 4, 8, 4, 0, true, kIke, kEsp, "RFC 3686"},
    {EncrId::kAesCtr, 192, "aes192ctr", kCounter, 4, 8, 4, 0, true, kIke, kEsp, "RFC 3686"},
    {EncrId::kAesCtr, 256, "aes256ctr", kCounter, 4, 8, 4, 0, true, kIke, kEsp, "RFC 3686"},
    {EncrId::kAesCcm8, 128, "aes128ccm8", kAead, 3, 8, 4, 8, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm8, 192, "aes192ccm8", kAead, 3, 8, 4, 8, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm8, 256, "aes256ccm8", kAead, 3, 8, 4, 8, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm12, 128, "aes128ccm12", kAead, 3, 8, 4, 12, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm12, 192, "aes192ccm12", kAead, 3, 8, 4, 12, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm12, 256, "aes256ccm12", kAead, 3, 8, 4, 12, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm16, 128, "aes128ccm16", kAead, 3, 8, 4, 16, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm16, 192, "aes192ccm16", kAead, 3, 8, 4, 16, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesCcm16, 256, "aes256ccm16", kAead, 3, 8, 4, 16, true, kIke, kEsp, "RFC 4309"},
    {EncrId::kAesGcm8, 128, "aes128gcm8", kAead, 4, 8, 4, 8, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm8, 192, "aes192gcm8", kAead, 4, 8, 4, 8, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm8, 256, "aes256gcm8", kAead, 4, 8, 4, 8, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm12, 128, "aes128gcm12", kAead, 4, 8, 4, 12, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm12, 192, "aes192gcm12", kAead, 4, 8, 4, 12, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm12, 256, "aes256gcm12", kAead, 4, 8, 4, 12, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm16, 128, "aes128gcm16", kAead, 4, 8, 4, 16, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm16, 192, "aes192gcm16", kAead, 4, 8, 4, 16, true, kIke, kEsp, "RFC 4106"},
    {EncrId::kAesGcm16, 256, "aes256gcm16", kAead, 4, 8, 4, 16, true, kIke, kEsp, "RFC 4106"},
    // RFC 4543 §3: the "cipher" only authenticates; its ICV is its own, as an AEAD's.
    {EncrId::kNullAesGmac, 128, "aes128gmac", kAuthOnly, 4, 8, 4, 16, true, kNo, kEsp, "RFC 4543"},
    {EncrId::kNullAesGmac, 192, "aes192gmac", kAuthOnly, 4, 8, 4, 16, true, kNo, kEsp, "RFC 4543"},
    {EncrId::kNullAesGmac, 256, "aes256gmac", kAuthOnly, 4, 8, 4, 16, true, kNo, kEsp, "RFC 4543"},
    {EncrId::kChaCha20Poly1305, 256, "chacha20poly1305", kAead, 4, 8, 4, 16, false, kIke, kEsp,
     "RFC 7634"},
};

constexpr IntegRow kInteg[] = {
    // id, name, key, icv, digest, OpenSSL's name, IKE, ESP and AH, RFC, salt, iv
    {IntegId::kHmacMd5_96, "md5", 16, 12, 16, "MD5", true, true, "RFC 2403"},
    {IntegId::kHmacSha1_96, "sha1", 20, 12, 20, "SHA1", true, true, "RFC 2404"},
    {IntegId::kAesXcbc96, "aesxcbc", 16, 12, 16, "", true, true, "RFC 3566"},
    {IntegId::kAesCmac96, "aescmac", 16, 12, 16, "", true, true, "RFC 4494"},
    {IntegId::kAes128Gmac, "aes128gmac", 16, 16, 16, "", false, true, "RFC 4543", 4, 8},
    {IntegId::kAes192Gmac, "aes192gmac", 24, 16, 16, "", false, true, "RFC 4543", 4, 8},
    {IntegId::kAes256Gmac, "aes256gmac", 32, 16, 16, "", false, true, "RFC 4543", 4, 8},
    {IntegId::kHmacSha256_128, "sha256", 32, 16, 32, "SHA256", true, true, "RFC 4868"},
    {IntegId::kHmacSha384_192, "sha384", 48, 24, 48, "SHA384", true, true, "RFC 4868"},
    {IntegId::kHmacSha512_256, "sha512", 64, 32, 64, "SHA512", true, true, "RFC 4868"},
    // A compatibility switch, never a default: what RFC 4868 says is 128 bits.
    {IntegId::kHmacSha256_96, "sha256_96", 32, 12, 32, "SHA256", false, true, "RFC 4868"},
};

constexpr PrfRow kPrf[] = {
    {PrfId::kHmacMd5, "prfmd5", 16, 16, "MD5", false, "RFC 2104"},
    {PrfId::kHmacSha1, "prfsha1", 20, 20, "SHA1", false, "RFC 2104"},
    {PrfId::kAes128Xcbc, "prfaesxcbc", 16, 16, "", true, "RFC 4434"},
    {PrfId::kHmacSha256, "prfsha256", 32, 32, "SHA256", false, "RFC 4868"},
    {PrfId::kHmacSha384, "prfsha384", 48, 48, "SHA384", false, "RFC 4868"},
    {PrfId::kHmacSha512, "prfsha512", 64, 64, "SHA512", false, "RFC 4868"},
    {PrfId::kAes128Cmac, "prfaescmac", 16, 16, "", true, "RFC 4615"},
};

// Weak by RFC 8247 §2.4: 768 and 1024 bits MUST NOT and SHOULD NOT, 1536 bits SHOULD NOT.
constexpr DhRow kDh[] = {
    {DhGroupId::kModp768, "modp768", DhKind::kModp, 96, 96, "", true, "RFC 2409"},
    {DhGroupId::kModp1024, "modp1024", DhKind::kModp, 128, 128, "", true, "RFC 2409"},
    {DhGroupId::kModp1536, "modp1536", DhKind::kModp, 192, 192, "modp_1536", true, "RFC 3526"},
    {DhGroupId::kModp2048, "modp2048", DhKind::kModp, 256, 256, "modp_2048", false, "RFC 3526"},
    {DhGroupId::kModp3072, "modp3072", DhKind::kModp, 384, 384, "modp_3072", false, "RFC 3526"},
    {DhGroupId::kModp4096, "modp4096", DhKind::kModp, 512, 512, "modp_4096", false, "RFC 3526"},
    {DhGroupId::kModp6144, "modp6144", DhKind::kModp, 768, 768, "modp_6144", false, "RFC 3526"},
    {DhGroupId::kModp8192, "modp8192", DhKind::kModp, 1024, 1024, "modp_8192", false, "RFC 3526"},
    {DhGroupId::kEcp256, "ecp256", DhKind::kEcp, 64, 32, "P-256", false, "RFC 5903"},
    {DhGroupId::kEcp384, "ecp384", DhKind::kEcp, 96, 48, "P-384", false, "RFC 5903"},
    {DhGroupId::kEcp521, "ecp521", DhKind::kEcp, 132, 66, "P-521", false, "RFC 5903"},
    // Of IKEv1's registry, and IKEv2's; 192 bits are as weak as 1536 of MODP.
    {DhGroupId{25}, "ecp192", DhKind::kEcp, 48, 24, "P-192", true, "RFC 5114"},
    {DhGroupId{26}, "ecp224", DhKind::kEcp, 56, 28, "P-224", false, "RFC 5114"},
    {DhGroupId{27}, "ecp224bp", DhKind::kEcp, 56, 28, "brainpoolP224r1", false, "RFC 6932"},
    {DhGroupId{28}, "ecp256bp", DhKind::kEcp, 64, 32, "brainpoolP256r1", false, "RFC 6932"},
    {DhGroupId{29}, "ecp384bp", DhKind::kEcp, 96, 48, "brainpoolP384r1", false, "RFC 6932"},
    {DhGroupId{30}, "ecp512bp", DhKind::kEcp, 128, 64, "brainpoolP512r1", false, "RFC 6932"},
    {DhGroupId::kX25519, "x25519", DhKind::kMontgomery, 32, 32, "X25519", false, "RFC 8031"},
    {DhGroupId::kX448, "x448", DhKind::kMontgomery, 56, 56, "X448", false, "RFC 8031"},
};

/// No name twice in a table, and no number twice (a cipher: number and key length).
template <class Row, std::size_t N, class Same>
constexpr bool is_sound(const Row (&rows)[N], Same same) {
  for (std::size_t i = 0; i < N; ++i)
    for (std::size_t j = i + 1; j < N; ++j)
      if (rows[i].name == rows[j].name || same(rows[i], rows[j])) return false;
  return true;
}
constexpr auto kSameId = [](const auto& a, const auto& b) { return a.id == b.id; };
static_assert(is_sound(kEncr, [](const EncrRow& a, const EncrRow& b) {
  return a.id == b.id && a.key_bits == b.key_bits;
}));
static_assert(is_sound(kInteg, kSameId));
static_assert(is_sound(kPrf, kSameId));
static_assert(is_sound(kDh, kSameId));

template <class Row, std::size_t N, class Id>
const Row* find_row(const Row (&rows)[N], Id id) {
  for (const Row& row : rows)
    if (row.id == id) return &row;
  return nullptr;
}

}  // namespace

std::span<const EncrRow> encr_table() { return kEncr; }
std::span<const IntegRow> integ_table() { return kInteg; }
std::span<const PrfRow> prf_table() { return kPrf; }
std::span<const DhRow> dh_table() { return kDh; }

const EncrRow* find_encr(EncrId id, std::uint16_t key_bits) {
  for (const EncrRow& row : kEncr) {
    if (row.id != id) continue;
    if (row.key_bits == key_bits || (key_bits == 0 && !row.key_length_attribute)) return &row;
  }
  return nullptr;
}

const IntegRow* find_integ(IntegId id) { return find_row(kInteg, id); }
const PrfRow* find_prf(PrfId id) { return find_row(kPrf, id); }
const DhRow* find_dh(DhGroupId id) { return find_row(kDh, id); }

}  // namespace penstock::crypto
