// SPDX-License-Identifier: BSD-3-Clause
// Sealing and opening the SK payload: IV | ciphertext | ICV, where the ciphertext is payloads,
// padding and Pad Length (RFC 7296 §3.14). AEADs take the message up to SK's body as associated
// data (RFC 5282 §5.1); other ciphers are followed by an integrity check over the whole message. A
// cipher keeps its keys only: IKE messages of one SA are rare, and a context an SA would be most of
// the memory of an idle tunnel.
#include "lib/crypto/sk_cipher.h"

#include <openssl/core_names.h>

#include <array>

#include "lib/base/check.h"
#include "lib/crypto/context_impl.h"
#include "lib/crypto/prf.h"

namespace penstock::crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::MutableBytes;
using base::Result;
using base::SecretBytes;

enum class Mode : std::uint8_t { kCbc, kCtr, kCcm, kGcm, kChaCha };

struct ModeRow {
  EncrId id;
  Mode mode;
  std::string_view openssl_suffix;  ///< after the key length, if the cipher has several
};
constexpr ModeRow kModes[] = {
    {EncrId::k3Des, Mode::kCbc, "DES-EDE3-CBC"},
    {EncrId::kAesCbc, Mode::kCbc, "-CBC"},
    {EncrId::kAesCtr, Mode::kCtr, "-CTR"},
    {EncrId::kAesCcm8, Mode::kCcm, "-CCM"},
    {EncrId::kAesCcm12, Mode::kCcm, "-CCM"},
    {EncrId::kAesCcm16, Mode::kCcm, "-CCM"},
    {EncrId::kAesGcm8, Mode::kGcm, "-GCM"},
    {EncrId::kAesGcm12, Mode::kGcm, "-GCM"},
    {EncrId::kAesGcm16, Mode::kGcm, "-GCM"},
    {EncrId::kChaCha20Poly1305, Mode::kChaCha, "ChaCha20-Poly1305"},
};

constexpr std::size_t kMaxNonceOctets = 16;

struct Nonce {
  std::array<std::byte, kMaxNonceOctets> octets{};
  std::size_t size = 0;
};

/// The IV as the cipher wants it: salt and IV of AEADs (RFC 5282 §4, RFC 7634 §2), with a block
/// counter of 1 after it in CTR mode (RFC 3686 §4).
Nonce nonce_of(Mode mode, Bytes salt, Bytes iv) {
  Nonce out;
  for (const Bytes part : {salt, iv})
    for (const std::byte octet : part) out.octets.at(out.size++) = octet;
  if (mode == Mode::kCtr) {
    out.octets[15] = std::byte{1};
    out.size = 16;
  }
  return out;
}

}  // namespace

struct SkCipher::Impl {
  const CryptoContext& context;
  const EncrRow& encr;
  const IntegRow* integ;
  const EVP_CIPHER* cipher;
  Mode mode;
  SecretBytes encr_key;  ///< without the salt
  SecretBytes salt;
  SecretBytes integ_key;

  [[nodiscard]] std::size_t icv_octets() const {
    return integ != nullptr ? integ->icv_octets : encr.icv_octets;
  }
  /// Only a block mode is padded (RFC 7296 §3.14); the others may be of any length (RFC 5282 §3,
  /// RFC 5930 §2).
  [[nodiscard]] std::size_t padding(std::size_t plaintext_octets) const {
    if (mode != Mode::kCbc) return 0;
    const std::size_t block = encr.block_octets;
    return (block - (plaintext_octets + 1) % block) % block;
  }
  [[nodiscard]] CipherCtxPtr start(Bytes iv, bool sealing, std::size_t length, Bytes tag) const;
  void associate(EVP_CIPHER_CTX* ctx, Bytes aad) const;
  [[nodiscard]] bool decipher(Bytes aad, Bytes iv, Bytes ciphertext, Bytes tag,
                              MutableBytes out) const;
};

/// A context with key and nonce set; for CCM also the lengths that it wants beforehand.
CipherCtxPtr SkCipher::Impl::start(Bytes iv, bool sealing, std::size_t length, Bytes tag) const {
  const Nonce nonce = nonce_of(mode, salt.bytes(), iv);
  CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  const int direction = sealing ? 1 : 0;
  PS_CHECK(ctx != nullptr &&
           EVP_CipherInit_ex2(ctx.get(), cipher, nullptr, nullptr, direction, nullptr) == 1);
  if (encr.icv_octets != 0) {
    PS_CHECK(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size),
                                 nullptr) == 1);
    // CCM's tag length is part of what it authenticates; the others take the tag to compare.
    std::array<std::byte, kMaxNonceOctets> expected{};
    std::ranges::copy(tag, expected.begin());
    if (mode == Mode::kCcm || !sealing)
      PS_CHECK(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, encr.icv_octets,
                                   sealing ? nullptr : expected.data()) == 1);
  }
  PS_CHECK(EVP_CipherInit_ex2(ctx.get(), nullptr, base::u8(encr_key.bytes().data()),
                              base::u8(nonce.octets.data()), direction, nullptr) == 1);
  EVP_CIPHER_CTX_set_padding(ctx.get(), 0);
  if (mode == Mode::kCcm) {
    int ignored = 0;
    PS_CHECK(EVP_CipherUpdate(ctx.get(), nullptr, &ignored, nullptr, static_cast<int>(length)) ==
             1);
  }
  return ctx;
}

void SkCipher::Impl::associate(EVP_CIPHER_CTX* ctx, Bytes aad) const {
  if (encr.icv_octets == 0) return;
  int ignored = 0;
  PS_CHECK(EVP_CipherUpdate(ctx, nullptr, &ignored, base::u8(aad.data()),
                            static_cast<int>(aad.size())) == 1);
}

bool SkCipher::Impl::decipher(Bytes aad, Bytes iv, Bytes ciphertext, Bytes tag,
                              MutableBytes out) const {
  const CipherCtxPtr ctx = start(iv, false, ciphertext.size(), tag);
  associate(ctx.get(), aad);
  int written = 0;
  if (EVP_CipherUpdate(ctx.get(), base::u8(out.data()), &written, base::u8(ciphertext.data()),
                       static_cast<int>(ciphertext.size())) != 1)
    return false;
  if (mode == Mode::kCcm) return true;  // it compares in the update; a final has nothing to do
  int rest = 0;
  std::array<std::uint8_t, 32> spare{};
  return EVP_CipherFinal_ex(ctx.get(), spare.data(), &rest) == 1;
}

SkCipher::SkCipher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SkCipher::SkCipher(SkCipher&&) noexcept = default;
SkCipher& SkCipher::operator=(SkCipher&&) noexcept = default;
SkCipher::~SkCipher() = default;

Result<SkCipher> SkCipher::create(const CryptoContext& context, const EncrRow& encr,
                                  const IntegRow* integ, Bytes encr_key, Bytes integ_key) {
  const ModeRow* mode = nullptr;
  for (const ModeRow& row : kModes)
    if (row.id == encr.id) mode = &row;
  if (mode == nullptr || !encr.for_ike)
    return fail(ErrorCode::kUnsupported, std::string(encr.name) + " cannot protect an IKE SA");
  if ((encr.icv_octets == 0) != (integ != nullptr) || (integ != nullptr && !integ->for_ike))
    return fail(ErrorCode::kUnsupported,
                std::string(encr.name) + " does not go with this integrity algorithm");
  const std::size_t key_octets = encr.key_bits / 8U;
  if (encr_key.size() != key_octets + encr.salt_octets ||
      integ_key.size() != (integ != nullptr ? integ->key_octets : 0U))
    return fail(ErrorCode::kMalformed, std::string(encr.name) + ": a key of the wrong length");
  const std::string suffix(mode->openssl_suffix);
  const std::string name =
      suffix.front() == '-' ? "AES-" + std::to_string(encr.key_bits) + suffix : suffix;
  return SkCipher(std::unique_ptr<Impl>(new Impl{
      context, encr, integ, context.impl().cipher(name), mode->mode,
      SecretBytes::copy_of(encr_key.first(key_octets)),
      SecretBytes::copy_of(encr_key.subspan(key_octets)), SecretBytes::copy_of(integ_key)}));
}

std::size_t SkCipher::overhead(std::size_t plaintext_octets) const {
  return impl_->encr.iv_octets + impl_->padding(plaintext_octets) + 1 + impl_->icv_octets();
}

ByteVector SkCipher::seal(Bytes aad, Bytes plaintext, std::uint64_t message_counter,
                          base::RandomSource& iv_source) const {
  const Impl& impl = *impl_;
  const std::size_t iv_octets = impl.encr.iv_octets;
  const std::size_t padding = impl.padding(plaintext.size());
  ByteVector body(plaintext.size() + overhead(plaintext.size()));
  const MutableBytes out(body);
  const MutableBytes iv = out.first(iv_octets);
  const MutableBytes text = out.subspan(iv_octets, plaintext.size() + padding + 1);
  const MutableBytes icv = out.subspan(iv_octets + text.size());

  // RFC 7296 §3.14: the IV of CBC is unpredictable; RFC 5282 §3.1, RFC 5930 §2: that of a counter
  // mode only never repeats.
  if (impl.mode == Mode::kCbc) {
    iv_source.fill(iv);
  } else {
    for (std::size_t i = 0; i < iv_octets; ++i)
      iv[i] = static_cast<std::byte>((message_counter >> (8 * (iv_octets - 1 - i))) & 0xff);
  }
  std::ranges::copy(plaintext, text.begin());
  text.back() = static_cast<std::byte>(padding);

  const CipherCtxPtr ctx = impl.start(iv, true, text.size(), {});
  impl.associate(ctx.get(), aad);
  int written = 0;
  PS_CHECK(EVP_CipherUpdate(ctx.get(), base::u8(text.data()), &written, base::u8(text.data()),
                            static_cast<int>(text.size())) == 1);
  PS_CHECK(static_cast<std::size_t>(written) == text.size());
  std::array<std::uint8_t, 32> spare{};
  PS_CHECK(EVP_CipherFinal_ex(ctx.get(), spare.data(), &written) == 1 && written == 0);
  if (impl.integ == nullptr) {
    PS_CHECK(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(icv.size()),
                                 icv.data()) == 1);
  } else {
    const ByteVector sum = integrity(impl.context, *impl.integ, impl.integ_key.bytes(),
                                     {aad, Bytes(out).first(iv_octets + text.size())});
    std::ranges::copy(sum, icv.begin());
  }
  return body;
}

Result<SecretBytes> SkCipher::open(Bytes aad, Bytes body) const {
  const Impl& impl = *impl_;
  const std::size_t iv_octets = impl.encr.iv_octets;
  const std::size_t icv_octets = impl.icv_octets();
  // At least the Pad Length octet is enciphered.
  if (body.size() < iv_octets + 1 + icv_octets)
    return fail(ErrorCode::kMalformed, "the encrypted payload is too short");
  const Bytes iv = body.first(iv_octets);
  const Bytes text = body.subspan(iv_octets, body.size() - iv_octets - icv_octets);
  const Bytes icv = body.last(icv_octets);
  if (impl.mode == Mode::kCbc && text.size() % impl.encr.block_octets != 0)
    return fail(ErrorCode::kMalformed, "the encrypted payload is not a whole number of blocks");
  if (impl.integ != nullptr) {
    const ByteVector sum = integrity(impl.context, *impl.integ, impl.integ_key.bytes(),
                                     {aad, body.first(iv_octets + text.size())});
    if (!base::equal_constant_time(sum, icv))
      return fail(ErrorCode::kAuthentication, "the integrity check of the message failed");
  }
  SecretBytes plain(text.size());
  if (!impl.decipher(aad, iv, text, impl.integ == nullptr ? icv : Bytes{}, plain.mutable_bytes()))
    return fail(ErrorCode::kAuthentication, "the integrity check of the message failed");
  // RFC 7296 §3.14: the octets of the padding may have any value.
  const auto padding = std::to_integer<std::size_t>(plain.bytes().back());
  if (padding + 1 > plain.size())
    return fail(ErrorCode::kMalformed, "Pad Length exceeds the encrypted payload");
  return SecretBytes::copy_of(plain.bytes().first(plain.size() - padding - 1));
}

}  // namespace penstock::crypto
