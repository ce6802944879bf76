// SPDX-License-Identifier: BSD-3-Clause
// Files of the operator and certificates of strangers, both read by OpenSSL's decoders. A key in
// clear is only ever in memory that is wiped.
#include "control/pki/encoding.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

#include "control/pki/names.h"
#include "control/pki/openssl.h"
#include "lib/base/check.h"
#include "lib/crypto/signature_keys.h"

namespace penstock::pki {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

template <auto kEncode, class T>
ByteVector der_of(T* object) {
  unsigned char* out = nullptr;
  const int octets = kEncode(object, &out);
  PS_CHECK(octets >= 0);
  const BufferPtr owned(out);
  const auto* first = reinterpret_cast<const std::byte*>(out);
  return {first, first + octets};
}

ByteVector name_der(const X509_NAME* name) {
  if (X509_NAME_entry_count(name) == 0) return {};
  return der_of<i2d_X509_NAME>(name);
}

bool is_pem(Bytes file) {
  return base::as_text(file).find("-----BEGIN ") != std::string_view::npos;
}

BioPtr reader(Bytes file) {
  BioPtr bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  PS_CHECK(bio != nullptr);
  return bio;
}

/// The blocks of a PEM file with one of these labels, decoded; other blocks are passed over.
Result<std::vector<ByteVector>> pem_blocks(Bytes file, std::string_view label,
                                           std::string_view trusted) {
  std::vector<ByteVector> blocks;
  const BioPtr bio = reader(file);
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long octets = 0;
  while (PEM_read_bio(bio.get(), &name, &header, &data, &octets) == 1) {
    const bool wanted = name == label || name == trusted;
    const auto* first = reinterpret_cast<const std::byte*>(data);
    if (wanted) blocks.emplace_back(first, first + octets);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(octets));
    if (blocks.size() > kMaxPerFile)
      return fail(ErrorCode::kLimit, "more than " + std::to_string(kMaxPerFile) + " in one file");
  }
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
    return fail(ErrorCode::kMalformed, "the PEM is broken");
  return blocks;
}

template <class Parse>
Result<std::vector<ByteVector>> read_many(Bytes file, std::string_view label, Parse parse) {
  std::vector<ByteVector> all;
  if (is_pem(file)) {
    PS_ASSIGN(all, pem_blocks(file, label, label));
  } else if (!file.empty()) {
    all.push_back(base::to_vector(file));
  }
  if (all.empty()) return fail(ErrorCode::kNotFound, "there is none in it");
  for (const ByteVector& one : all) PS_TRY(parse(one));
  return all;
}

int give_passphrase(char* out, int size, int, void* user) {
  const Bytes passphrase = *static_cast<const Bytes*>(user);
  if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size)) return -1;
  std::ranges::copy(base::as_text(passphrase), out);
  return static_cast<int>(passphrase.size());
}

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpensslFree<PKCS8_PRIV_KEY_INFO_free>>;

Result<base::SecretBytes> pkcs8_of(EVP_PKEY* key) {
  const Pkcs8Ptr info(EVP_PKEY2PKCS8(key));
  const int octets = info ? i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr) : 0;
  if (octets <= 0) return fail(ErrorCode::kUnsupported, "the key cannot be kept as PKCS #8");
  base::SecretBytes out(static_cast<std::size_t>(octets));
  unsigned char* at = base::u8(out.mutable_bytes().data());
  PS_CHECK(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at) == octets);
  return out;
}

}  // namespace

Result<X509Ptr> parse_certificate(const crypto::CryptoContext& context, Bytes der) {
  if (der.size() > kMaxCertificateOctets)
    return fail(ErrorCode::kLimit, "a certificate of " + std::to_string(der.size()) + " octets");
  X509* made = X509_new_ex(context.impl().library.get(), nullptr);
  const unsigned char* at = base::u8(der.data());
  // A failed d2i frees what it was given.
  if (d2i_X509(&made, &at, static_cast<long>(der.size())) == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "not a certificate");
  }
  X509Ptr certificate(made);
  if (at != base::u8(der.data()) + der.size())
    return fail(ErrorCode::kMalformed, "octets are left after a certificate");
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::kUnsupported,
                subject_text(certificate.get()) + ": its public key cannot be read");
  }
  const auto kind = crypto::kind_of(key);
  if (!kind)
    return fail(kind.error().code, subject_text(certificate.get()) + ": " + kind.error().text);
  return certificate;
}

Result<CrlPtr> parse_crl(const crypto::CryptoContext& context, Bytes der) {
  X509_CRL* made = X509_CRL_new_ex(context.impl().library.get(), nullptr);
  const unsigned char* at = base::u8(der.data());
  if (d2i_X509_CRL(&made, &at, static_cast<long>(der.size())) == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "not a CRL");
  }
  CrlPtr crl(made);
  if (at != base::u8(der.data()) + der.size())
    return fail(ErrorCode::kMalformed, "octets are left after a CRL");
  return crl;
}

Result<OcspBasicPtr> parse_ocsp_response(Bytes der) {
  const unsigned char* at = base::u8(der.data());
  const OcspPtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response || at != base::u8(der.data()) + der.size()) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "not an OCSP response");
  }
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return fail(ErrorCode::kRefused,
                std::string("an OCSP response that says ") +
                    OCSP_response_status_str(OCSP_response_status(response.get())));
  OcspBasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return fail(ErrorCode::kUnsupported, "an OCSP response of another type than basic");
  return basic;
}

Result<std::vector<ByteVector>> read_certificates(const crypto::CryptoContext& context,
                                                  Bytes file) {
  return read_many(file, PEM_STRING_X509, [&](Bytes der) -> Result<void> {
    PS_TRY(parse_certificate(context, der));
    return {};
  });
}

Result<std::vector<ByteVector>> read_crls(const crypto::CryptoContext& context, Bytes file) {
  return read_many(file, PEM_STRING_X509_CRL, [&](Bytes der) -> Result<void> {
    PS_TRY(parse_crl(context, der));
    return {};
  });
}

Result<ByteVector> read_ocsp_response(Bytes file) {
  PS_TRY(parse_ocsp_response(file));
  return base::to_vector(file);
}

Result<PrivateKey> read_private_key(const crypto::CryptoContext& context, Bytes file,
                                    Bytes passphrase) {
  OSSL_LIB_CTX* library = context.impl().library.get();
  const BioPtr bio = reader(file);
  const crypto::PkeyPtr key(is_pem(file)
                                ? PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, give_passphrase,
                                                             &passphrase, library, nullptr)
                                : d2i_PrivateKey_ex_bio(bio.get(), nullptr, library, nullptr));
  if (!key) {
    ERR_clear_error();
    if (base::as_text(file).find("ENCRYPTED") != std::string_view::npos)
      return fail(ErrorCode::kAuthentication, passphrase.empty()
                                                  ? "it is encrypted, and there is no passphrase"
                                                  : "the passphrase does not open it");
    return fail(ErrorCode::kMalformed, "there is no private key in it");
  }
  PrivateKey out;
  PS_ASSIGN(out.kind, crypto::kind_of(key.get()));
  PS_ASSIGN(out.id, crypto::id_of(key.get()));
  PS_ASSIGN(out.pkcs8, pkcs8_of(key.get()));
  return out;
}

Result<CertificateFacts> facts_of(const crypto::CryptoContext& context, Bytes certificate) {
  PS_ASSIGN(const X509Ptr x, parse_certificate(context, certificate));
  CertificateFacts out;
  out.subject = subject_text(x.get());
  out.subject_der = name_der(X509_get_subject_name(x.get()));
  out.issuer_der = name_der(X509_get_issuer_name(x.get()));
  // Without the extension all bits are set.
  out.may_encrypt =
      (X509_get_key_usage(x.get()) & (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT)) != 0;
  PS_ASSIGN(out.kind, crypto::kind_of(X509_get0_pubkey(x.get())));
  PS_ASSIGN(out.key, crypto::id_of(X509_get0_pubkey(x.get())));
  const ByteVector spki = der_of<i2d_X509_PUBKEY>(X509_get_X509_PUBKEY(x.get()));
  PS_CHECK(EVP_Digest(spki.data(), spki.size(), base::u8(out.sha1_id.data()), nullptr,
                      context.impl().digest("SHA1"), nullptr) == 1);
  return out;
}

}  // namespace penstock::pki
